//! What was met last, and what follows what.

use super::{Knowledge, Scores};
use crate::data::Line;
use pg_recommend_engine::{ItemId, Micros, UserId};
use rustc_hash::FxHashMap;

/// Longer than any log, in microseconds: what a user met comes before what others met.
const EVER: f64 = 1e18;

/// The last time of every item, by user and overall, and how often.
#[derive(Default)]
pub struct Recency {
    by_user: FxHashMap<UserId, FxHashMap<ItemId, (Micros, f64)>>,
    overall: FxHashMap<ItemId, Micros>,
}

impl Recency {
    /// LocalGlobal: the user's own items, newest first, then those of all, newest first.
    pub fn local_global(&self, user: Option<UserId>) -> Scores {
        let mut scores: Scores = self.overall.iter().map(|(item, at)| (*item, *at as f64)).collect();
        scores.extend(self.own(user).map(|(item, (at, _))| (item, at as f64 + EVER)));
        scores
    }

    /// EdgeBank with unlimited memory: whatever the user met before.
    pub fn edge_bank(&self, user: Option<UserId>) -> Scores {
        self.own(user).map(|(item, _)| (item, 1.0)).collect()
    }

    /// The user's items, those met most often first.
    pub fn most_often(&self, user: Option<UserId>) -> Scores {
        self.own(user).map(|(item, (at, count))| (item, count + (at as f64 / EVER).clamp(-0.5, 0.5))).collect()
    }

    fn own(&self, user: Option<UserId>) -> impl Iterator<Item = (ItemId, (Micros, f64))> + '_ {
        let items = user.and_then(|user| self.by_user.get(&user));
        items.into_iter().flatten().map(|(item, last)| (*item, *last))
    }
}

impl Knowledge for Recency {
    fn learn(&mut self, line: &Line) {
        self.overall.insert(line.event.item, line.event.at);
        let last = self.by_user.entry(line.user).or_default().entry(line.event.item).or_default();
        *last = (line.event.at, last.1 + 1.0);
    }
}

/// The given items, newest first.
pub fn last_items(given: &[ItemId]) -> Scores {
    given.iter().enumerate().map(|(place, item)| (*item, place as f64)).collect()
}

/// How often each item came next after each other, within a session or, without a session column, in a user's history.
#[derive(Default)]
pub struct Markov {
    last: FxHashMap<(u32, Option<i64>), ItemId>,
    next: FxHashMap<ItemId, FxHashMap<ItemId, f64>>,
}

impl Markov {
    /// What came after the newest given item.
    pub fn scores(&self, given: &[ItemId]) -> Scores {
        given.last().and_then(|item| self.next.get(item)).cloned().unwrap_or_default()
    }
}

impl Knowledge for Markov {
    fn learn(&mut self, line: &Line) {
        let key = if line.event.session.is_some() { (0, line.event.session) } else { (line.user, None) };
        if let Some(last) = self.last.insert(key, line.event.item) {
            *self.next.entry(last).or_default().entry(line.event.item).or_default() += 1.0;
        }
    }
}
