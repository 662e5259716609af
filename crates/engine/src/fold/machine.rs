//! One user's events, in order, as a state machine.

use super::moment::{Moments, Running};
use super::{Changes, Moment};
use crate::event::{Event, MAX_OPEN_SESSIONS, NEXT_WINDOW, Rules, SESSION_WINDOW, SessionRule, USER_WINDOW};
use crate::packed::{History, HistoryEdge, OpenSession, PairDelta, Session};
use crate::popularity::Sign;
use crate::{ItemId, SessionId, UserId};
use rustc_hash::FxHashMap;

/// The state machine of one user.
pub(super) struct Machine<'a> {
    user: UserId,
    history: History,
    rules: &'a Rules,
    sign: Sign,
    /// The number that the next session gets when the machine takes back: such sessions are in no row.
    next_session: SessionId,
}

impl<'a> Machine<'a> {
    pub(super) fn new(user: UserId, history: History, rules: &'a Rules, sign: Sign) -> Self {
        Self { user, history, rules, sign, next_session: 0 }
    }

    /// Runs events in order. `sessions` holds the stored rows of the sessions that may go on. The user's new
    /// history and sessions are left in `changes` when the sign is plus.
    ///
    /// Where `moments` says so, instants are noted before they are run.
    pub(super) fn run(
        mut self,
        events: &[Event],
        sessions: &mut FxHashMap<SessionId, Session>,
        moments: Option<&Moments>,
        changes: &mut Changes,
    ) {
        let stored: Vec<Running> = moments.map_or(Vec::new(), |_| self.history.open.iter().map(|open| running(open, sessions)).collect());
        for instant in events.chunk_by(|a, b| a.at == b.at) {
            if let Some(hash) = moments.and_then(|moments| moments.choose(instant)) {
                changes.moments.push(self.moment(hash, instant, &stored, sessions));
            }
            for event in instant {
                if event.weight > 0.0 {
                    self.meet(event, sessions, changes);
                }
                self.history.push(event, self.rules.max_edges);
            }
        }
        if self.sign == Sign::Plus {
            for id in self.history.open.iter().filter_map(OpenSession::row) {
                if let Some(session) = sessions.remove(&id) {
                    changes.sessions.insert(id, Some(session));
                }
            }
            changes.histories.insert(self.user, Some(self.history));
        }
    }

    fn moment(&self, hash: u64, instant: &[Event], stored: &[Running], sessions: &FxHashMap<SessionId, Session>) -> Moment {
        let open = self.history.open.iter().find(|open| self.goes_on(open, &instant[0]));
        let session = open.map(|open| running(open, sessions)).unwrap_or_default();
        let stored = stored.iter().find(|stored| stored.is(&session)).cloned().unwrap_or_default();
        let mut answers: Vec<ItemId> = instant.iter().filter(|event| event.weight > 0.0).map(|event| event.item).collect();
        answers.sort_unstable();
        answers.dedup();
        Moment { at: instant[0].at, hash, answers, context: instant[0].context, history: self.history.clone(), session, stored }
    }

    /// Whether an event goes on with a session.
    fn goes_on(&self, open: &OpenSession, event: &Event) -> bool {
        self.rules.continues(open.last_at.get(), open.value.get(), event.at, event.session.unwrap_or(0))
    }

    fn meet(&mut self, event: &Event, sessions: &mut FxHashMap<SessionId, Session>, changes: &mut Changes) {
        if self.history.events() > 0 && self.history.position().0 == event.at {
            changes.grouped += self.sign.number();
        }
        let known = self.history.edges.iter().any(|edge| edge.item.get() == event.item);
        changes.count_user(event, known, self.sign);
        self.follow(event, changes);
        if !known {
            let others = self.history.others(event.item).take(USER_WINDOW);
            self.pair(event, others, changes, |weight| PairDelta { user: weight, ..PairDelta::default() });
        }
        self.join_session(event, sessions, changes);
    }

    /// Lets the event follow the items that the user met before; what happens at one instant has no order, and a repeat of the last item
    /// follows nothing.
    fn follow(&self, event: &Event, changes: &mut Changes) {
        if self.history.edges.first().is_some_and(|last| last.item.get() == event.item) {
            return;
        }
        let before = self.history.others(event.item).filter(|edge| edge.last_at.get() < event.at).take(NEXT_WINDOW);
        for (place, edge) in before.enumerate() {
            let next = self.weight(event, edge, changes) / (place + 1) as f64;
            let delta = PairDelta { count: self.sign.number(), last_at: event.at, next, ..PairDelta::default() };
            changes.pair(edge.item.get(), event.item, delta);
        }
    }

    /// Pairs the event's item with others, both ways.
    fn pair<'h>(
        &self,
        event: &Event,
        others: impl Iterator<Item = &'h HistoryEdge>,
        changes: &mut Changes,
        delta: impl Fn(f64) -> PairDelta,
    ) {
        for edge in others {
            let weight = self.weight(event, edge, changes);
            let delta = PairDelta { count: self.sign.number(), last_at: event.at, ..delta(weight) };
            changes.pair(edge.item.get(), event.item, delta);
            changes.pair(event.item, edge.item.get(), delta);
        }
    }

    /// What a pair of the event and the newest event of another item counts, relative to the landmark.
    fn weight(&self, event: &Event, edge: &HistoryEdge, changes: &Changes) -> f64 {
        let weight = (f64::from(event.weight) * f64::from(edge.last_weight.get())).sqrt();
        self.sign.number() as f64 * weight * changes.landmark.gain(event.at)
    }

    fn join_session(&mut self, event: &Event, sessions: &mut FxHashMap<SessionId, Session>, changes: &mut Changes) {
        let continued = self.history.open.iter().position(|open| self.goes_on(open, event));
        let mut open = match continued {
            Some(place) => {
                let mut open = self.history.open.remove(place);
                self.go_on(event, &mut open, sessions, changes);
                open
            }
            None => {
                changes.count_session(event, self.sign);
                let (node, value) = (OpenSession::ALONE.into(), event.session.unwrap_or(0));
                OpenSession { node, first: event.item.into(), value: value.into(), last_at: event.at.into() }
            }
        };
        open.last_at = event.at.into();
        match open.row() {
            None => changes.count_alone(event.item, event.at, self.sign.number()),
            Some(id) if self.sign == Sign::Plus => changes.visit(event.item, id, event.at),
            Some(_) => {}
        }
        self.history.open.insert(0, open);
        let kept = match self.rules.session {
            SessionRule::Gap(_) => 1,
            SessionRule::Column => MAX_OPEN_SESSIONS,
        };
        for closed in self.history.open.drain(kept.min(self.history.open.len())..) {
            if let Some(id) = closed.row() {
                close(id, self.sign, sessions, changes);
            }
        }
    }

    /// Adds the event to a session that has met something already: an item that it has not met pairs with those that it has.
    fn go_on(&mut self, event: &Event, open: &mut OpenSession, sessions: &mut FxHashMap<SessionId, Session>, changes: &mut Changes) {
        let (first, before) = (open.first.get(), open.last_at.get());
        let alone = open.row().is_none();
        if alone {
            changes.count_alone(first, before, -self.sign.number());
            if first == event.item {
                return;
            }
            open.node = self.number(changes).into();
        }
        let id = open.node.get();
        let session = sessions.entry(id).or_insert_with(|| Session::new(self.user));
        if alone {
            session.push(first, before);
            if self.sign == Sign::Plus {
                changes.visit(first, id, before);
            }
        }
        if !session.has(event.item) {
            changes.count_session(event, self.sign);
            let met: Vec<ItemId> = session.items().collect();
            let others = self.history.others(event.item).filter(|edge| met.contains(&edge.item.get())).take(SESSION_WINDOW);
            self.pair(event, others, changes, |weight| PairDelta { session: weight, ..PairDelta::default() });
        }
        if let Some(session) = sessions.get_mut(&id) {
            session.push(event.item, event.at);
        }
    }

    fn number(&mut self, changes: &mut Changes) -> SessionId {
        let next = if self.sign == Sign::Plus { &mut changes.next_session } else { &mut self.next_session };
        *next += 1;
        *next - 1
    }
}

/// The items that an open session has met.
fn running(open: &OpenSession, sessions: &FxHashMap<SessionId, Session>) -> Running {
    let row = open.row();
    let items = match row.and_then(|id| sessions.get(&id)) {
        Some(session) => session.items().collect(),
        None => vec![open.first.get()],
    };
    Running { row, first: Some((open.first.get(), open.value.get())), items }
}

/// Leaves a session that no further event can continue in the changes.
fn close(id: SessionId, sign: Sign, sessions: &mut FxHashMap<SessionId, Session>, changes: &mut Changes) {
    if let Some(session) = sessions.remove(&id)
        && sign == Sign::Plus
    {
        changes.sessions.insert(id, Some(session));
    }
}
