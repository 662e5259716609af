//! What a batch of events changes.

use super::Moment;
use crate::decay::{HalfLife, LogSum};
use crate::event::Event;
use crate::packed::{History, Landmark, PairDelta, Session, VisitsDelta};
use crate::popularity::{EventWeights, ItemDelta, Sign, WINDOW_HALF_LIVES};
use crate::{ContextId, ItemId, Micros, NO_CONTEXT, SessionId, UserId};
use rustc_hash::FxHashMap;

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
    /// By item, the sessions that met it.
    pub visits: FxHashMap<ItemId, VisitsDelta>,
    /// The popularity of all items together.
    pub total: ItemDelta,
    /// Events that came, less those that went, at the instant of an event of their user before them.
    pub grouped: i64,
    /// The newest event that came.
    pub newest: Micros,
    /// The instants that were to be asked about.
    pub moments: Vec<Moment>,
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
            grouped: 0,
            newest: i64::MIN,
            moments: Vec::new(),
            next_session,
        }
    }

    /// Counts events in the popularities; dislikes do not count.
    pub(super) fn count(&mut self, added: &[Event], removed: &[Event]) {
        added.iter().for_each(|event| self.count_event(event, Sign::Plus));
        removed.iter().for_each(|event| self.count_event(event, Sign::Minus));
        self.newest = added.iter().map(|event| event.at).max().unwrap_or(i64::MIN).max(self.newest);
    }

    fn count_event(&mut self, event: &Event, sign: Sign) {
        if event.weight <= 0.0 {
            return;
        }
        let weight = f64::from(event.weight);
        let weights = EventWeights {
            score: LogSum::of(weight, event.at, self.landmark.half_life),
            windows: WINDOW_HALF_LIVES.map(|half_life| weight * half_life.between(self.landmark.at, event.at).exp2()),
        };
        self.total.count(sign, &weights, event.at);
        self.items.entry(event.item).or_default().count(sign, &weights, event.at);
        if event.context != NO_CONTEXT {
            self.context_items.entry((event.context, event.item)).or_default().score.count(sign, weights.score);
            self.context_items.entry((event.context, event.item)).or_default().events += sign.number();
        }
    }

    /// Counts that a session met an item.
    pub(super) fn count_session(&mut self, event: &Event, sign: Sign) {
        let weight = LogSum::of(f64::from(event.weight), event.at, self.landmark.half_life);
        self.items.entry(event.item).or_default().sessions.count(sign, weight);
    }

    /// Counts that a user met an item for the first time (`known` is not set), or once more.
    pub(super) fn count_user(&mut self, event: &Event, known: bool, sign: Sign) {
        let item = self.items.entry(event.item).or_default();
        if known {
            item.repeats += sign.number();
            self.total.repeats += sign.number();
        } else {
            item.users.count(sign, LogSum::of(f64::from(event.weight), event.at, self.landmark.half_life));
        }
    }

    pub(super) fn pair(&mut self, from: ItemId, to: ItemId, delta: PairDelta) {
        self.pairs.entry(from).or_default().entry(to).or_default().merge(&delta);
    }

    /// Counts a session that met one item only.
    pub(super) fn count_alone(&mut self, item: ItemId, at: Micros, count: i64) {
        self.visits.entry(item).or_default().count_alone(at, count);
    }

    pub(super) fn visit(&mut self, item: ItemId, session: SessionId, at: Micros) {
        self.visits.entry(item).or_default().sessions.insert(session, Some(at));
    }

    pub(super) fn remove_session(&mut self, id: SessionId, session: &Session) {
        self.sessions.insert(id, None);
        for item in session.items() {
            self.visits.entry(item).or_default().sessions.insert(id, None);
        }
    }
}
