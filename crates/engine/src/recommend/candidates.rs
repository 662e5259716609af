//! Candidates and what each source says of them.

use super::features::shortlist_score;
use super::{Profile, Query};
use crate::decay::LogSum;
use crate::error::Result;
use crate::event::PAIR_WINDOW;
use crate::store::{ItemStats, Store, Totals};
use crate::{ItemId, Micros};
use rustc_hash::{FxHashMap, FxHashSet};

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
    /// Its vector lies near what the user is interested in.
    Interest = 64,
}

impl Source {
    /// All sources.
    pub const ALL: [Source; 7] =
        [Source::History, Source::Transitions, Source::Covisits, Source::Sessions, Source::Trending, Source::Context, Source::Interest];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Source::History => "history",
            Source::Transitions => "transitions",
            Source::Covisits => "covisits",
            Source::Sessions => "sessions",
            Source::Trending => "trending",
            Source::Context => "context",
            Source::Interest => "interest",
        }
    }
}

/// The sources whose items are never cut from the shortlist: trending fills an answer up to its length whatever the
/// filters take, and a history is short.
const ALWAYS_LOOKED_UP: u8 = Source::History as u8 | Source::Trending as u8 | Source::Context as u8;

/// How many items the interest brings.
const NEAREST: usize = 200;

/// Items by the cosine of their vectors and one user's interest.
pub trait Nearest {
    /// The `n` items with the greatest cosines, greatest first. Items without events may be among them, under numbers that the
    /// store does not know.
    fn nearest(&self, n: usize) -> Result<Vec<(ItemId, f32)>>;
    /// The cosines of `items`; those without a vector are left out.
    fn cosines(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, f32)) -> Result<()>;
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
    /// The cosine of its vector and the interest; 0 where one of them is unknown.
    pub interest: f32,
}

/// Which items become candidates.
pub(super) struct Reach<'a> {
    /// Items that are not to be shown, whatever their score.
    pub hidden: &'a FxHashSet<ItemId>,
    /// How many trending items are asked for.
    pub popular: usize,
    /// How many items of the other sources are looked up.
    pub shortlist: usize,
}

/// The candidates of one query, and the sums that their features are relative to.
pub(super) struct Candidates {
    pub list: Vec<Candidate>,
    by_item: FxHashMap<ItemId, usize>,
    pub totals: Totals,
    /// The time that weights are decayed to: see [`Totals::weighed_at`].
    pub weighed_at: Micros,
    pub next_total: [f64; PAIR_WINDOW],
    pub together_total: [f64; PAIR_WINDOW],
    pub sessions_total: f64,
    /// True when trending has no more items to bring.
    pub exhausted: bool,
}

impl Candidates {
    /// Asks all sources.
    pub fn collect(store: &dyn Store, query: &Query<'_>, reach: &Reach<'_>) -> Result<Self> {
        let mut candidates = Self::empty(store.totals()?, query);
        candidates.ask(store, query, &|item| !reach.hidden.contains(&item))?;
        let trending = store.trending(reach.popular)?;
        candidates.exhausted = trending.len() < reach.popular;
        let mut popular = |list: Vec<(ItemId, LogSum)>, source| {
            for (item, _) in list.into_iter().filter(|(item, _)| !reach.hidden.contains(item)) {
                candidates.insert(item).sources |= source as u8;
            }
        };
        popular(trending, Source::Trending);
        for &context in query.contexts {
            popular(store.context_trending(context, reach.popular)?, Source::Context);
        }
        candidates.shorten(query, reach.shortlist);
        candidates.look_up(store, query)?;
        Ok(candidates)
    }

    /// Takes the caller's items and asks all sources what they say of them.
    pub fn given(store: &dyn Store, query: &Query<'_>, items: &[ItemId]) -> Result<Self> {
        let mut candidates = Self::empty(store.totals()?, query);
        let wanted: FxHashSet<ItemId> = items.iter().copied().collect();
        for &item in items {
            candidates.insert(item);
        }
        candidates.ask(store, query, &|item| wanted.contains(&item))?;
        candidates.look_up(store, query)?;
        Ok(candidates)
    }

    fn empty(totals: Totals, query: &Query<'_>) -> Self {
        Self {
            weighed_at: totals.weighed_at(query.now),
            list: Vec::new(),
            by_item: FxHashMap::default(),
            totals,
            next_total: [0.0; PAIR_WINDOW],
            together_total: [0.0; PAIR_WINDOW],
            sessions_total: 0.0,
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
                interest: 0.0,
            });
        }
        &mut self.list[place]
    }

    /// Asks the sources that depend on the profile for the `wanted` items.
    fn ask(&mut self, store: &dyn Store, query: &Query<'_>, wanted: &dyn Fn(ItemId) -> bool) -> Result<()> {
        self.ask_history(query.profile, wanted);
        self.ask_neighbors(store, query, wanted)?;
        self.ask_sessions(store, query, wanted)?;
        self.ask_interest(query, wanted)
    }

    fn ask_history(&mut self, profile: &Profile, wanted: &dyn Fn(ItemId) -> bool) {
        for (place, known) in profile.items.iter().enumerate().filter(|(_, known)| wanted(known.item)) {
            let candidate = self.insert(known.item);
            candidate.sources |= Source::History as u8;
            candidate.place = Some(place);
        }
    }

    fn ask_neighbors(&mut self, store: &dyn Store, query: &Query<'_>, wanted: &dyn Fn(ItemId) -> bool) -> Result<()> {
        let last = query.profile.recent(PAIR_WINDOW);
        store.neighbors(&last, &mut |item, row| {
            let Some(place) = last.iter().position(|&other| other == item) else { return };
            let loss = row.landmark(query.half_life).loss(self.weighed_at);
            self.next_total[place] = row.header.next_total.get() * loss;
            self.together_total[place] = row.header.together_total.get() * loss;
            let end = row.edges.partition_point(|edge| edge.last_at.get() >= query.since);
            for edge in row.edges[..end].iter().filter(|edge| wanted(edge.item.get())) {
                let next = f64::from(edge.next.get()) * loss;
                let candidate = self.insert(edge.item.get());
                candidate.sources |= if next > 0.0 { Source::Transitions } else { Source::Covisits } as u8;
                candidate.next[place] = next;
                candidate.together[place] = f64::from(edge.together.get()) * loss;
            }
        })
    }

    fn ask_sessions(&mut self, store: &dyn Store, query: &Query<'_>, wanted: &dyn Fn(ItemId) -> bool) -> Result<()> {
        let search = &query.weights.sessions;
        let recent = query.profile.recent(search.items);
        let mut total = 0.0;
        search.score(store, &recent, self.weighed_at, query.half_life, &mut |item, score| {
            total += score;
            if wanted(item) {
                let candidate = self.insert(item);
                candidate.sources |= Source::Sessions as u8;
                candidate.sessions += score;
            }
        })?;
        self.sessions_total = total;
        Ok(())
    }

    fn ask_interest(&mut self, query: &Query<'_>, wanted: &dyn Fn(ItemId) -> bool) -> Result<()> {
        let Some(interest) = query.interest else { return Ok(()) };
        for (item, cosine) in interest.nearest(NEAREST)? {
            if cosine > 0.0 && wanted(item) {
                let candidate = self.insert(item);
                candidate.sources |= Source::Interest as u8;
                candidate.interest = cosine;
            }
        }
        Ok(())
    }

    /// Keeps the best `most` of the candidates whose popularity would cost a row each, by the score that they have if all items are
    /// equally popular; equal ones by number.
    fn shorten(&mut self, query: &Query<'_>, most: usize) {
        let (kept, others): (Vec<Candidate>, Vec<Candidate>) =
            self.list.iter().partition(|candidate| candidate.sources & ALWAYS_LOOKED_UP != 0);
        if others.len() <= most {
            return;
        }
        let mut scored: Vec<(f32, ItemId, usize)> =
            others.iter().enumerate().map(|(place, candidate)| (shortlist_score(candidate, self, query), candidate.item, place)).collect();
        if most > 0 {
            scored.select_nth_unstable_by(most - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        scored.truncate(most);
        self.list = kept;
        self.list.extend(scored.iter().map(|&(_, _, place)| others[place]));
        self.by_item = self.list.iter().enumerate().map(|(place, candidate)| (candidate.item, place)).collect();
    }

    fn look_up(&mut self, store: &dyn Store, query: &Query<'_>) -> Result<()> {
        let items: Vec<ItemId> = self.list.iter().map(|candidate| candidate.item).collect();
        if let Some(interest) = query.interest {
            interest.cosines(&items, &mut |item, cosine| self.list[self.by_item[&item]].interest = cosine)?;
        }
        store.items(&items, &mut |item, stats| self.list[self.by_item[&item]].stats = stats)?;
        for &context in query.contexts {
            store.context_items(context, &items, &mut |item, score| {
                let candidate = &mut self.list[self.by_item[&item]];
                candidate.context = candidate.context.plus(score);
            })?;
        }
        Ok(())
    }
}
