//! What is known of an item by itself, and of all items together.

use super::ItemDelta;
use crate::Micros;
use crate::decay::{HalfLife, LogSum};

/// How many windows popularity is kept in, besides the recommender's own half-life.
pub const WINDOWS: usize = 4;

const DAY: f64 = 86_400e6;

/// The windows' half-lives, the longest first: each smooths the next one.
pub const WINDOW_HALF_LIVES: [HalfLife; WINDOWS] =
    [HalfLife::of(30.0 * DAY), HalfLife::of(7.0 * DAY), HalfLife::of(DAY), HalfLife::of(DAY / 24.0)];

/// Forward-decayed popularities in the windows.
pub type Windows = [LogSum; WINDOWS];

/// What is known of an item by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ItemStats {
    /// Its forward-decayed popularity.
    pub score: LogSum,
    /// The same with the half-lives of [`WINDOW_HALF_LIVES`].
    pub windows: Windows,
    /// The sessions that met it, forward-decayed.
    pub sessions: LogSum,
    /// The users who met it, forward-decayed to their first meetings.
    pub users: LogSum,
    /// Its events, dislikes left out.
    pub events: i64,
    /// Those of them that were not the first of their user.
    pub repeats: i64,
    /// The sum of the times of its events, in whole seconds since 2000-01-01: sums can be taken back, a first event could not.
    pub seconds: i64,
    /// Its newest event, to the second.
    pub last_at: Micros,
}

impl ItemStats {
    /// An item without events.
    pub const NONE: ItemStats = ItemStats {
        score: LogSum::EMPTY,
        windows: [LogSum::EMPTY; WINDOWS],
        sessions: LogSum::EMPTY,
        users: LogSum::EMPTY,
        events: 0,
        repeats: 0,
        seconds: 0,
        last_at: i64::MIN,
    };

    /// The stats after a batch whose landmark is given. `newest_visit` is what the item's visit row says after the batch; it bounds the newest event when
    /// that may have been removed.
    pub fn merged(&self, delta: &ItemDelta, landmark: Micros, newest_visit: Option<Micros>) -> ItemStats {
        let events = self.events + delta.events;
        if events <= 0 {
            return Self::NONE;
        }
        let came = whole_second(delta.last_at);
        let last_at = match newest_visit {
            Some(newest) if delta.last_removed >= self.last_at => newest.max(came),
            _ => self.last_at.max(came),
        };
        ItemStats {
            score: delta.score.apply(self.score),
            windows: delta.apply_windows(self.windows, landmark),
            sessions: delta.sessions.apply(self.sessions),
            users: delta.users.apply(self.users),
            events,
            repeats: (self.repeats + delta.repeats).clamp(0, events),
            seconds: self.seconds.saturating_add(delta.seconds),
            last_at,
        }
    }
}

impl ItemStats {
    /// The mean time of its events.
    pub fn mean_at(&self) -> Micros {
        (self.seconds as f64 / self.events.max(1) as f64 * 1e6) as Micros
    }
}

fn whole_second(at: Micros) -> Micros {
    at.saturating_sub(at.rem_euclid(1_000_000))
}

/// What is known of a recommender as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    /// The forward-decayed popularity of all items together.
    pub score: LogSum,
    /// The same with the half-lives of [`WINDOW_HALF_LIVES`].
    pub windows: Windows,
    /// All events, dislikes left out.
    pub events: i64,
    /// Those of them that were not their user's first of their item.
    pub repeats: i64,
    /// Those of them that share their instant with an event of their user before them.
    pub grouped: i64,
    /// The newest event.
    pub newest: Micros,
    /// How many numbers of items are given.
    pub items: u32,
    /// How many numbers of sessions are given.
    pub sessions: u32,
}

impl Totals {
    /// A recommender without events.
    pub const NONE: Totals = Totals {
        score: LogSum::EMPTY,
        windows: [LogSum::EMPTY; WINDOWS],
        events: 0,
        repeats: 0,
        grouped: 0,
        newest: i64::MIN,
        items: 0,
        sessions: 0,
    };

    /// The totals after a batch whose landmark is given; numbers of items and sessions stay.
    pub fn merged(&self, delta: &ItemDelta, landmark: Micros, grouped: i64, newest: Micros) -> Totals {
        let events = (self.events + delta.events).max(0);
        Totals {
            score: delta.score.apply(self.score),
            windows: delta.apply_windows(self.windows, landmark),
            events,
            repeats: (self.repeats + delta.repeats).clamp(0, events),
            grouped: (self.grouped + grouped).clamp(0, events),
            newest: self.newest.max(newest),
            ..*self
        }
    }

    /// The time that a question at `now` decays weights to: that of the newest event, if it is earlier. All weights decay alike, so
    /// a pause of the whole log changes nothing but their size; and size against a fixed smoothing is what evidence is. A log of last
    /// year answers as it did then.
    pub fn weighed_at(&self, now: Micros) -> Micros {
        if self.newest == i64::MIN { now } else { now.min(self.newest) }
    }

    /// Whether the log is one of baskets: more than half of its events come at the instant of another one of their user, so that what
    /// comes first says nothing.
    pub fn is_orderless(&self) -> bool {
        2 * self.grouped > self.events
    }
}
