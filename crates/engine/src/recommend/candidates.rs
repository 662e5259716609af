//! Candidates and what each source says of them.

use super::{Profile, Query, SessionNeighbors};
use crate::ItemId;
use crate::decay::LogSum;
use crate::error::Result;
use crate::event::PAIR_WINDOW;
use crate::store::{ItemStats, Store, Totals};
use rustc_hash::FxHashMap;

/// Where a candidate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Source {
    /// The user met it before.
    History = 1,
    /// It followed one of the last items.
    Transitions = 2,
    /// It was met together with one of the last items.
    Covisits = 4,
    /// Sessions like this one met it.
    Sessions = 8,
    /// Many meet it now.
    Trending = 16,
    /// Many meet it now in this context.
    Context = 32,
}

impl Source {
    /// All sources.
    pub const ALL: [Source; 6] =
        [Source::History, Source::Transitions, Source::Covisits, Source::Sessions, Source::Trending, Source::Context];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Source::History => "history",
            Source::Transitions => "transitions",
            Source::Covisits => "covisits",
            Source::Sessions => "sessions",
            Source::Trending => "trending",
            Source::Context => "context",
        }
    }
}

/// What the sources say of one item; weights are decayed to the query's time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub item: ItemId,
    /// The [`Source`]s that brought it, as bits.
    pub sources: u8,
    /// Its place in the profile.
    pub place: Option<usize>,
    /// Transitions from each of the last items, newest first.
    pub next: [f64; PAIR_WINDOW],
    /// Co-visits with each of the last items, newest first.
    pub together: [f64; PAIR_WINDOW],
    /// The sum over session neighbours.
    pub sessions: f64,
    pub stats: ItemStats,
    /// Popularity in the query's contexts.
    pub context: LogSum,
}

/// The candidates of one query, and the sums that their features are relative to.
pub(super) struct Candidates {
    pub list: Vec<Candidate>,
    by_item: FxHashMap<ItemId, usize>,
    /// True when sources may bring items; false when the caller brought them.
    open: bool,
    pub totals: Totals,
    pub next_total: [f64; PAIR_WINDOW],
    pub together_total: [f64; PAIR_WINDOW],
    pub sessions_total: f64,
    /// The popularity of all items in the query's contexts.
    pub context_total: f64,
    /// True when trending has no more items to bring.
    pub exhausted: bool,
}

impl Candidates {
    /// Asks all sources; trending brings its `popular` best.
    pub fn collect(store: &dyn Store, query: &Query<'_>, popular: usize) -> Result<Self> {
        let mut candidates = Self::empty(store.totals()?, true);
        candidates.ask(store, query)?;
        let trending = store.trending(popular)?;
        candidates.exhausted = trending.len() < popular;
        for (item, _) in trending {
            candidates.bring(item, Source::Trending);
        }
        for &context in query.contexts {
            for (item, _) in store.context_trending(context, popular)? {
                candidates.bring(item, Source::Context);
            }
        }
        candidates.look_up(store, query)?;
        Ok(candidates)
    }

    /// Takes the caller's items and asks all sources what they say of them.
    pub fn given(store: &dyn Store, query: &Query<'_>, items: &[ItemId]) -> Result<Self> {
        let mut candidates = Self::empty(store.totals()?, false);
        for &item in items {
            candidates.insert(item);
        }
        candidates.ask(store, query)?;
        candidates.look_up(store, query)?;
        Ok(candidates)
    }

    fn empty(totals: Totals, open: bool) -> Self {
        Self {
            list: Vec::new(),
            by_item: FxHashMap::default(),
            open,
            totals,
            next_total: [0.0; PAIR_WINDOW],
            together_total: [0.0; PAIR_WINDOW],
            sessions_total: 0.0,
            context_total: 0.0,
            exhausted: false,
        }
    }

    fn insert(&mut self, item: ItemId) -> &mut Candidate {
        let next = self.list.len();
        let place = *self.by_item.entry(item).or_insert(next);
        if place == next {
            self.list.push(Candidate {
                item,
                sources: 0,
                place: None,
                next: [0.0; PAIR_WINDOW],
                together: [0.0; PAIR_WINDOW],
                sessions: 0.0,
                stats: ItemStats::NONE,
                context: LogSum::EMPTY,
            });
        }
        &mut self.list[place]
    }

    /// The candidate for an item that a source brings; `None` when the caller did not ask for it.
    fn bring(&mut self, item: ItemId, source: Source) -> Option<&mut Candidate> {
        if !self.open && !self.by_item.contains_key(&item) {
            return None;
        }
        let candidate = self.insert(item);
        candidate.sources |= source as u8;
        Some(candidate)
    }

    fn ask(&mut self, store: &dyn Store, query: &Query<'_>) -> Result<()> {
        self.ask_history(query.profile);
        self.ask_neighbors(store, query)?;
        self.ask_sessions(store, query, &query.weights.sessions)
    }

    fn ask_history(&mut self, profile: &Profile) {
        for (place, known) in profile.items.iter().enumerate() {
            if let Some(candidate) = self.bring(known.item, Source::History) {
                candidate.place = Some(place);
            }
        }
    }

    fn ask_neighbors(&mut self, store: &dyn Store, query: &Query<'_>) -> Result<()> {
        let last = query.profile.recent(PAIR_WINDOW);
        store.neighbors(&last, &mut |item, row| {
            let Some(place) = last.iter().position(|&other| other == item) else { return };
            let loss = row.landmark(query.half_life).loss(query.now);
            self.next_total[place] = row.header.next_total.get() * loss;
            self.together_total[place] = row.header.together_total.get() * loss;
            let end = row.edges.partition_point(|edge| edge.last_at.get() >= query.since);
            for edge in &row.edges[..end] {
                let (next, together) = (f64::from(edge.next.get()) * loss, f64::from(edge.together.get()) * loss);
                let source = if next > 0.0 { Source::Transitions } else { Source::Covisits };
                if let Some(candidate) = self.bring(edge.item.get(), source) {
                    candidate.next[place] = next;
                    candidate.together[place] = together;
                }
            }
        })
    }

    fn ask_sessions(&mut self, store: &dyn Store, query: &Query<'_>, search: &SessionNeighbors) -> Result<()> {
        let recent = query.profile.recent(search.items);
        let mut total = 0.0;
        search.score(store, &recent, query.now, query.half_life, &mut |item, score| {
            total += score;
            if let Some(candidate) = self.bring(item, Source::Sessions) {
                candidate.sessions += score;
            }
        })?;
        self.sessions_total = total;
        Ok(())
    }

    fn look_up(&mut self, store: &dyn Store, query: &Query<'_>) -> Result<()> {
        let items: Vec<ItemId> = self.list.iter().map(|candidate| candidate.item).collect();
        store.items(&items, &mut |item, stats| self.list[self.by_item[&item]].stats = stats)?;
        for &context in query.contexts {
            store.context_items(context, &items, &mut |item, score| {
                let candidate = &mut self.list[self.by_item[&item]];
                candidate.context = candidate.context.plus(score);
            })?;
        }
        self.context_total = self.list.iter().map(|candidate| candidate.context.at(query.now, query.half_life)).sum();
        Ok(())
    }
}
