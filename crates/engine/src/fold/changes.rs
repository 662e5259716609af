//! What a batch of events changes.

use crate::decay::{HalfLife, LogSum};
use crate::event::Event;
use crate::packed::{History, Landmark, PairDelta, Session};
use crate::{ContextId, ItemId, Micros, NO_CONTEXT, SessionId, UserId};
use rustc_hash::FxHashMap;

/// What a batch does to a popularity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ItemDelta {
    /// Forward-decayed weight that came.
    pub added: LogSum,
    /// Forward-decayed weight that went.
    pub removed: LogSum,
    /// Events that came less those that went.
    pub events: i64,
    /// The newest event that came.
    pub last_at: Micros,
}

impl Default for ItemDelta {
    fn default() -> Self {
        Self { added: LogSum::EMPTY, removed: LogSum::EMPTY, events: 0, last_at: i64::MIN }
    }
}

impl ItemDelta {
    /// Adds another batch's delta.
    pub fn merge(&mut self, other: &ItemDelta) {
        self.added = self.added.plus(other.added);
        self.removed = self.removed.plus(other.removed);
        self.events += other.events;
        self.last_at = self.last_at.max(other.last_at);
    }

    fn add(&mut self, weight: LogSum, at: Micros) {
        self.added = self.added.plus(weight);
        self.events += 1;
        self.last_at = self.last_at.max(at);
    }

    fn remove(&mut self, weight: LogSum) {
        self.removed = self.removed.plus(weight);
        self.events -= 1;
    }
}

/// All that a batch of events changes, by row.
#[derive(Debug, Clone)]
pub struct Changes {
    /// What pair weights are relative to.
    pub landmark: Landmark,
    /// New history rows; `None` where no event is left.
    pub histories: FxHashMap<UserId, Option<History>>,
    /// Popularity by item.
    pub items: FxHashMap<ItemId, ItemDelta>,
    /// Popularity by context and item.
    pub context_items: FxHashMap<(ContextId, ItemId), ItemDelta>,
    /// Pairs: by item, then by the other item.
    pub pairs: FxHashMap<ItemId, FxHashMap<ItemId, PairDelta>>,
    /// New session rows; `None` for those that go.
    pub sessions: FxHashMap<SessionId, Option<Session>>,
    /// By item, the sessions that met it and when; `None` for those that no longer do.
    pub visits: FxHashMap<ItemId, FxHashMap<SessionId, Option<Micros>>>,
    /// The popularity of all items together.
    pub total: ItemDelta,
    /// The newest event that came.
    pub newest: Micros,
    /// The number that the next new session gets.
    pub next_session: SessionId,
}

impl Changes {
    pub(super) fn new(half_life: HalfLife, landmark: Micros, next_session: SessionId) -> Self {
        Self {
            landmark: Landmark { at: landmark, half_life },
            histories: FxHashMap::default(),
            items: FxHashMap::default(),
            context_items: FxHashMap::default(),
            pairs: FxHashMap::default(),
            sessions: FxHashMap::default(),
            visits: FxHashMap::default(),
            total: ItemDelta::default(),
            newest: i64::MIN,
            next_session,
        }
    }

    /// Counts events in the popularities; dislikes do not count.
    pub(super) fn count(&mut self, added: &[Event], removed: &[Event]) {
        for event in added.iter().filter(|event| event.weight > 0.0) {
            let weight = LogSum::of(f64::from(event.weight), event.at, self.landmark.half_life);
            self.popularities(event, |delta| delta.add(weight, event.at));
        }
        for event in removed.iter().filter(|event| event.weight > 0.0) {
            let weight = LogSum::of(f64::from(event.weight), event.at, self.landmark.half_life);
            self.popularities(event, |delta| delta.remove(weight));
        }
        self.newest = added.iter().map(|event| event.at).max().unwrap_or(i64::MIN).max(self.newest);
    }

    fn popularities(&mut self, event: &Event, mut change: impl FnMut(&mut ItemDelta)) {
        change(&mut self.total);
        change(self.items.entry(event.item).or_default());
        if event.context != NO_CONTEXT {
            change(self.context_items.entry((event.context, event.item)).or_default());
        }
    }

    pub(super) fn pair(&mut self, from: ItemId, to: ItemId, delta: PairDelta) {
        let none = PairDelta { last_at: i64::MIN, ..PairDelta::default() };
        let sum = self.pairs.entry(from).or_default().entry(to).or_insert(none);
        sum.count += delta.count;
        sum.next += delta.next;
        sum.together += delta.together;
        sum.last_at = if delta.count > 0 { sum.last_at.max(delta.last_at) } else { sum.last_at };
    }

    pub(super) fn visit(&mut self, item: ItemId, session: SessionId, at: Micros) {
        self.visits.entry(item).or_default().insert(session, Some(at));
    }

    pub(super) fn remove_session(&mut self, id: SessionId, session: &Session) {
        self.sessions.insert(id, None);
        for item in session.items() {
            self.visits.entry(item).or_default().insert(id, None);
        }
    }
}
