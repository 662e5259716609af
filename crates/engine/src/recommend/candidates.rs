//! Candidates and what each source says of them.

use super::neighbors_of_sessions::{self, Share};
use super::profile::Listed;
use super::{Profile, Query};
use crate::decay::LogSum;
use crate::error::Result;
use crate::store::{ItemStats, Order, Store, Totals, WINDOW_HALF_LIVES, WINDOWS};
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

/// What is added to the counts of an item of the list and of a candidate before one is divided by them.
const SUPPORT: f64 = 5.0;

/// The half-life of what an item of the history says about its neighbours among users, in microseconds: 60 days.
const NEIGHBOR_HALF_LIFE: f64 = 60.0 * 86_400e6;

/// Sums over the items of the list, each with its counts n(v); c(v, z) are the sums of the neighbour rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evidence {
    /// c / (n + 1) of what followed the items of place 0.
    pub next_of_last: f64,
    /// ... all items, those of place p weighing 1 / (1 + p).
    pub next: f64,
    /// c / (n + 1) of sessions, over all items.
    pub session: f64,
    /// ... over the items of place 0.
    pub session_of_last: f64,
    /// c / (n + 1) of users.
    pub user: f64,
    /// c / sqrt(n) of sessions.
    pub session_cosine: f64,
    /// c / sqrt(n) of users.
    pub user_cosine: f64,
    /// c / (n + 5) of sessions.
    pub session_rate: f64,
    /// c / sqrt(n + 5) of users, fading with the age of the item in the history.
    pub user_rate: f64,
    /// What session neighbours add.
    pub neighbors: Share,
}

/// An item that a source has named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub item: ItemId,
    /// The [`Source`]s that brought it, as bits.
    pub sources: u8,
    /// Its place in the profile.
    pub place: Option<u32>,
    /// Its place in the list.
    pub listed: Option<u32>,
    /// The cosine of its vector and the interest; 0 where one of them is unknown.
    pub interest: f32,
    pub evidence: Evidence,
}

/// What the sources say of one item; weights are decayed to the query's time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub found: Found,
    pub stats: ItemStats,
    /// Popularity in the query's contexts.
    pub context: LogSum,
}

/// Which items become candidates.
pub(super) struct Reach<'a> {
    /// Items that are not to be shown, whatever their score.
    pub hidden: &'a FxHashSet<ItemId>,
    /// How many items of each order of popularity are asked for.
    pub leaders: usize,
    /// How many trending items are asked for; 0 where the orders are enough.
    pub popular: usize,
    /// How many of the best items of each other source are looked up.
    pub best: usize,
}

/// The candidates of one query, and the sums that their features are relative to.
pub(super) struct Candidates {
    pub list: Vec<Candidate>,
    found: Vec<Found>,
    by_item: FxHashMap<ItemId, usize>,
    pub totals: Totals,
    /// All popularities in windows, decayed.
    pub windows: [f64; WINDOWS],
    /// The time that weights are decayed to: see [`Totals::weighed_at`].
    pub weighed_at: Micros,
    /// The items that the sources were asked with.
    pub asked: Vec<Listed>,
    /// The sums of weight / (n + 1) over the list: what smooths the evidence.
    pub smoothing: Evidence,
    /// The sums over all that session neighbours add, and how many there were.
    pub neighbors: Share,
    pub neighbor_count: usize,
    /// True when trending has no more items to bring.
    pub exhausted: bool,
}

impl Found {
    /// Adds what an item of the list and this one have to do with each other.
    fn meet(&mut self, listed: &Listed, [events, sessions, users]: &[f64; 3], [next, session, user]: [f64; 3]) {
        let sum = &mut self.evidence;
        sum.next += next / (events + 1.0) / (1 + listed.place) as f64;
        if listed.place == 0 {
            sum.next_of_last += next / (events + 1.0);
            sum.session_of_last += session / (sessions + 1.0);
        }
        sum.session += session / (sessions + 1.0);
        sum.user += user / (users + 1.0);
        sum.session_cosine += session / sessions.max(session).max(f64::MIN_POSITIVE).sqrt();
        sum.user_cosine += user / users.max(user).max(f64::MIN_POSITIVE).sqrt();
        sum.session_rate += session / (sessions + SUPPORT);
        sum.user_rate += user / (users + SUPPORT).sqrt() * (-(listed.age as f64) / NEIGHBOR_HALF_LIFE).exp2();
        self.sources |= if next > 0.0 { Source::Transitions as u8 } else { 0 };
        self.sources |= if session + user > 0.0 { Source::Covisits as u8 } else { 0 };
    }
}

impl Candidates {
    /// Asks all sources.
    pub fn collect(store: &dyn Store, query: &Query<'_>, reach: &Reach<'_>) -> Result<Self> {
        let mut candidates = Self::empty(store.totals()?, query);
        candidates.ask(store, query, &|item| !reach.hidden.contains(&item))?;
        for order in Order::ALL {
            store.leaders(order, &mut |list| {
                let shown = list.items().filter(|item| !reach.hidden.contains(item)).take(reach.leaders);
                shown.for_each(|item| candidates.insert(item).sources |= Source::Trending as u8);
            })?;
        }
        let trending = store.trending(reach.popular)?;
        candidates.exhausted = reach.popular > 0 && trending.len() < reach.popular;
        let mut popular = |list: Vec<(ItemId, LogSum)>, source| {
            for (item, _) in list.into_iter().filter(|(item, _)| !reach.hidden.contains(item)) {
                candidates.insert(item).sources |= source as u8;
            }
        };
        popular(trending, Source::Trending);
        for &context in query.contexts {
            popular(store.context_trending(context, reach.popular.max(reach.leaders))?, Source::Context);
        }
        candidates.shorten(reach.best);
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
        let weighed_at = totals.weighed_at(query.now);
        Self {
            weighed_at,
            windows: std::array::from_fn(|place| totals.windows[place].at(weighed_at, WINDOW_HALF_LIVES[place])),
            list: Vec::new(),
            found: Vec::new(),
            by_item: FxHashMap::default(),
            asked: query.profile.list(totals.is_orderless()),
            totals,
            smoothing: Evidence::default(),
            neighbors: Share::default(),
            neighbor_count: 0,
            exhausted: false,
        }
    }

    fn insert(&mut self, item: ItemId) -> &mut Found {
        let next = self.found.len();
        let place = *self.by_item.entry(item).or_insert(next);
        if place == next {
            self.found.push(Found { item, sources: 0, place: None, listed: None, interest: 0.0, evidence: Evidence::default() });
        }
        &mut self.found[place]
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
            candidate.place = Some(place as u32);
        }
        for listed in self.asked.clone() {
            if let Some(&place) = self.by_item.get(&listed.item) {
                self.found[place].listed = Some(listed.place as u32);
            }
        }
    }

    fn ask_neighbors(&mut self, store: &dyn Store, query: &Query<'_>, wanted: &dyn Fn(ItemId) -> bool) -> Result<()> {
        let items: Vec<ItemId> = self.asked.iter().map(|listed| listed.item).collect();
        let mut counts: FxHashMap<ItemId, [f64; 3]> = FxHashMap::default();
        let at = self.weighed_at;
        store.items(&items, &mut |item, stats| {
            counts.insert(item, [stats.score, stats.sessions, stats.users].map(|sum| sum.at(at, query.half_life)));
        })?;
        for listed in self.asked.clone() {
            let own = query.own.map_or(0.0, |own| own.of(listed.item, listed.item));
            let counts = counts.entry(listed.item).or_insert([0.0; 3]);
            counts.iter_mut().for_each(|count| *count = (*count - own).max(0.0));
            self.expect(&listed, counts);
        }
        store.neighbors(&items, &mut |item, row| {
            let Some(listed) = self.asked.iter().copied().find(|listed| listed.item == item) else { return };
            let loss = row.landmark(query.half_life).loss(at);
            for edge in row.edges.iter().filter(|edge| edge.last_at() >= query.since && wanted(edge.item.get())) {
                let own = query.own.map_or(0.0, |own| own.of(item, edge.item.get()));
                let [next, session, user] = [edge.next, edge.session, edge.user].map(|sum| (f64::from(sum.get()) * loss - own).max(0.0));
                if next + session + user > 0.0 {
                    self.insert(edge.item.get()).meet(&listed, &counts[&item], [next, session, user]);
                }
            }
        })
    }

    /// Adds an item of the list to the sums that evidence is relative to.
    fn expect(&mut self, listed: &Listed, [events, sessions, users]: &[f64; 3]) {
        let prior = &mut self.smoothing;
        prior.next += 1.0 / (events + 1.0) / (1 + listed.place) as f64;
        prior.session += 1.0 / (sessions + 1.0);
        prior.user += 1.0 / (users + 1.0);
        if listed.place == 0 {
            prior.next_of_last += 1.0 / (events + 1.0);
            prior.session_of_last += 1.0 / (sessions + 1.0);
        }
    }

    fn ask_sessions(&mut self, store: &dyn Store, query: &Query<'_>, wanted: &dyn Fn(ItemId) -> bool) -> Result<()> {
        let (asked, totals) = (std::mem::take(&mut self.asked), self.totals);
        let mut all = Share::default();
        let own = query.own.and_then(|own| own.session);
        self.neighbor_count = neighbors_of_sessions::score(store, &asked, &totals, own, query.since, &mut |item, share| {
            all.add(&share);
            if wanted(item) {
                let candidate = self.insert(item);
                candidate.sources |= Source::Sessions as u8;
                candidate.evidence.neighbors.add(&share);
            }
        })?;
        (self.asked, self.neighbors) = (asked, all);
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

    /// Keeps those of the candidates whose popularity would cost a row each that are among the `best` of some source; equal ones by number.
    fn shorten(&mut self, best: usize) {
        let (mut kept, others): (Vec<Found>, Vec<Found>) =
            self.found.iter().partition(|found| found.sources & ALWAYS_LOOKED_UP != 0 || found.interest > 0.0);
        let mut chosen = vec![false; others.len()];
        let strengths: [fn(&Evidence) -> f64; 4] =
            [|sum| sum.next, |sum| sum.session_rate, |sum| sum.user_rate, |sum| sum.neighbors.unordered];
        for strength in strengths {
            let mut named: Vec<(f64, usize)> =
                others.iter().map(|found| strength(&found.evidence)).zip(0..).filter(|(sum, _)| *sum > 0.0).collect();
            if named.len() > best {
                let order = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(others[a.1].item.cmp(&others[b.1].item));
                named.select_nth_unstable_by(best, order);
                named.truncate(best);
            }
            named.iter().for_each(|(_, place)| chosen[*place] = true);
        }
        kept.extend(others.iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(found, _)| *found));
        self.found = kept;
        self.by_item = self.found.iter().enumerate().map(|(place, found)| (found.item, place)).collect();
    }

    fn look_up(&mut self, store: &dyn Store, query: &Query<'_>) -> Result<()> {
        let items: Vec<ItemId> = self.found.iter().map(|found| found.item).collect();
        if let Some(interest) = query.interest {
            interest.cosines(&items, &mut |item, cosine| self.found[self.by_item[&item]].interest = cosine)?;
        }
        let candidate = |found: &Found| Candidate { found: *found, stats: ItemStats::NONE, context: LogSum::EMPTY };
        self.list = self.found.iter().map(candidate).collect();
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

/// The items of the list that what followed, what sessions and what users met with `item` owe most to.
pub(super) fn leading(store: &dyn Store, query: &Query<'_>, item: ItemId) -> Result<[Option<ItemId>; 3]> {
    let totals = store.totals()?;
    let asked = query.profile.list(totals.is_orderless());
    let items: Vec<ItemId> = asked.iter().map(|listed| listed.item).collect();
    let mut leading = [(0.0, None); 3];
    store.neighbors(&items, &mut |other, row| {
        let Some(listed) = asked.iter().find(|listed| listed.item == other) else { return };
        let Ok(place) = row.edges.binary_search_by_key(&item, |edge| edge.item.get()) else { return };
        let (edge, loss) = (&row.edges[place], row.landmark(query.half_life).loss(totals.weighed_at(query.now)));
        let next = f64::from(edge.next.get()) / (1 + listed.place) as f64;
        for (best, strength) in leading.iter_mut().zip([next, edge.session.get().into(), edge.user.get().into()]) {
            if strength * loss > best.0 {
                *best = (strength * loss, Some(other));
            }
        }
    })?;
    Ok(leading.map(|(_, item)| item))
}
