//! One user's events, in order, as a state machine.

use super::Changes;
use crate::event::{Event, MAX_OPEN_SESSIONS, PAIR_WINDOW, Rules, SessionRule};
use crate::packed::{History, OpenSession, PairDelta, Session};
use crate::{SessionId, UserId};
use rustc_hash::FxHashMap;

/// Whether the machine brings what events bring, or takes back what they had brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

/// The state machine of one user.
pub(super) struct Machine<'a> {
    user: UserId,
    history: History,
    rules: &'a Rules,
    sign: Sign,
}

impl<'a> Machine<'a> {
    pub(super) fn new(user: UserId, history: History, rules: &'a Rules, sign: Sign) -> Self {
        Self { user, history, rules, sign }
    }

    /// Runs events in order. `sessions` holds the stored rows of the sessions that may go on. The user's new
    /// history and sessions are left in `changes` when the sign is plus.
    pub(super) fn run(mut self, events: &[Event], sessions: &mut FxHashMap<SessionId, Session>, changes: &mut Changes) {
        for event in events {
            if event.weight > 0.0 {
                self.pair(event, changes);
                if self.sign == Sign::Plus {
                    self.join_session(event, sessions, changes);
                }
            }
            self.history.push(event, self.rules.max_edges);
        }
        if self.sign == Sign::Plus {
            for open in &self.history.open {
                if let Some(session) = sessions.remove(&open.node.get()) {
                    changes.sessions.insert(open.node.get(), Some(session));
                }
            }
            changes.histories.insert(self.user, Some(self.history));
        }
    }

    /// Pairs the event with the user's previous distinct items; a repeat of the last item pairs with nothing.
    fn pair(&self, event: &Event, changes: &mut Changes) {
        if self.history.edges.first().is_some_and(|last| last.item.get() == event.item) {
            return;
        }
        let (count, sign) = if self.sign == Sign::Plus { (1, 1.0) } else { (-1, -1.0) };
        let weight = sign * f64::from(event.weight) * changes.landmark.gain(event.at);
        for (place, item) in self.history.recent_items(PAIR_WINDOW, event.item).enumerate() {
            let delta = PairDelta { count, last_at: event.at, next: weight / (place + 1) as f64, together: weight };
            changes.pair(item, event.item, delta);
            changes.pair(event.item, item, PairDelta { next: 0.0, ..delta });
        }
    }

    fn join_session(&mut self, event: &Event, sessions: &mut FxHashMap<SessionId, Session>, changes: &mut Changes) {
        let value = event.session.unwrap_or(0);
        let goes_on = |open: &OpenSession| self.rules.continues(open.last_at.get(), open.value.get(), event.at, value);
        let continued = self.history.open.iter().position(goes_on);
        let mut open = match continued {
            Some(place) => self.history.open.remove(place),
            None => {
                let node = changes.next_session;
                changes.next_session += 1;
                OpenSession { node: node.into(), value: value.into(), last_at: event.at.into() }
            }
        };
        let id = open.node.get();
        open.last_at = event.at.into();
        self.history.open.insert(0, open);
        sessions.entry(id).or_insert_with(|| Session::new(self.user)).push(event.item, event.at);
        changes.visit(event.item, id, event.at);
        let kept = match self.rules.session {
            SessionRule::Gap(_) => 1,
            SessionRule::Column => MAX_OPEN_SESSIONS,
        };
        for closed in self.history.open.drain(kept.min(self.history.open.len())..) {
            close(closed.node.get(), sessions, changes);
        }
    }
}

/// Leaves a session that no further event can continue in the changes.
fn close(id: SessionId, sessions: &mut FxHashMap<SessionId, Session>, changes: &mut Changes) {
    if let Some(session) = sessions.remove(&id) {
        changes.sessions.insert(id, Some(session));
    }
}
