//! Events, as the engine sees them: one user's act on one item at one time.

use crate::{ContextId, ItemId, Micros};
use std::cmp::Ordering;

/// One event of one user.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// The item.
    pub item: ItemId,
    /// When it happened.
    pub at: Micros,
    /// Orders events of equal time; derived from the item's key, so that a rebuild finds the same order.
    pub tie: u64,
    /// Its weight; negative for a dislike, never zero, finite.
    pub weight: f32,
    /// The hash of the session column, where the recommender has one.
    pub session: Option<i64>,
    /// The context, or [`crate::NO_CONTEXT`].
    pub context: ContextId,
}

impl Event {
    /// Where the event stands in its user's total order.
    pub fn position(&self) -> (Micros, u64) {
        (self.at, self.tie)
    }

    /// Orders a user's events; only equal events compare as equal, so that every replay takes them in the same order.
    pub fn order(&self, other: &Event) -> Ordering {
        let rest = |event: &Event| (event.position(), event.item, event.session, event.context);
        rest(self).cmp(&rest(other)).then(self.weight.total_cmp(&other.weight))
    }
}

/// How a user's events are cut into sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRule {
    /// A pause longer than this many microseconds starts a new session.
    Gap(i64),
    /// Events of one value of the session column are one session.
    Column,
}

/// What a recommender's rows are made by. Changing any of it calls for a rebuild.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// How fast weights decay.
    pub half_life: crate::decay::HalfLife,
    /// How sessions are cut.
    pub session: SessionRule,
    /// The most items that one history row keeps, the newest, and how many neighbours one neighbour row does, the strongest.
    pub max_edges: usize,
    /// The most sessions that an item's visit row keeps, newest first.
    pub max_visits: usize,
}

impl Rules {
    /// How long after its newest event a session still says what the user wants now, and how fast its own events fade.
    pub fn session_gap(&self) -> Micros {
        match self.session {
            SessionRule::Gap(gap) => gap,
            SessionRule::Column => DEFAULT_SESSION_GAP,
        }
    }

    /// Whether an event goes on with the session that ends at `last_at`; `value` is the session column's.
    pub fn continues(&self, last_at: Micros, last_value: i64, at: Micros, value: i64) -> bool {
        match self.session {
            SessionRule::Gap(gap) => at.saturating_sub(last_at) <= gap,
            SessionRule::Column => value == last_value,
        }
    }
}

/// The gap of sessions that are told apart by a column: 30 minutes, in microseconds.
pub const DEFAULT_SESSION_GAP: Micros = 30 * 60 * 1_000_000;

/// The default of [`Rules::max_visits`]: VMIS-kNN's `m` in its authors' example.
pub const DEFAULT_MAX_VISITS: usize = 500;

/// The most items that a session row keeps: its newest.
pub const MAX_SESSION_ITEMS: usize = 64;

/// How many of the user's previous distinct items an event follows.
pub const NEXT_WINDOW: usize = 5;

/// How many other items of its session an item is paired with: the latest, and of a basket whose lines share one instant any.
pub const SESSION_WINDOW: usize = MAX_SESSION_ITEMS;

/// How many of the user's previous distinct items an item is paired with when the user meets it for the first time.
pub const USER_WINDOW: usize = 30;

/// How many sessions of one user may be open at a time, when sessions are cut by a column.
pub const MAX_OPEN_SESSIONS: usize = 4;
