//! What a batch of events does to an item, and to all items together.

use super::{WINDOW_HALF_LIVES, WINDOWS, Windows};
use crate::Micros;
use crate::decay::LogSum;

/// Whether events come or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    pub(crate) fn number(self) -> i64 {
        if self == Self::Plus { 1 } else { -1 }
    }
}

/// What a batch does to a forward-decayed sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SumDelta {
    /// What came.
    pub added: LogSum,
    /// What went.
    pub removed: LogSum,
}

impl SumDelta {
    const NONE: SumDelta = SumDelta { added: LogSum::EMPTY, removed: LogSum::EMPTY };

    fn merge(&mut self, other: &SumDelta) {
        self.added = self.added.plus(other.added);
        self.removed = self.removed.plus(other.removed);
    }

    /// Adds what came or went.
    pub(crate) fn count(&mut self, sign: Sign, weight: LogSum) {
        let side = if sign == Sign::Plus { &mut self.added } else { &mut self.removed };
        *side = side.plus(weight);
    }

    /// The sum after the batch.
    pub fn apply(&self, sum: LogSum) -> LogSum {
        sum.plus(self.added).minus(self.removed)
    }
}

/// What a batch does to an item, or to all items together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ItemDelta {
    /// To its popularity.
    pub score: SumDelta,
    /// To its popularities in windows: what came less what went, relative to the batch's landmark.
    pub windows: [f64; WINDOWS],
    /// To the sessions that met it.
    pub sessions: SumDelta,
    /// To the users who met it.
    pub users: SumDelta,
    /// Events that came less those that went.
    pub events: i64,
    /// Those of them that were not the first of their user.
    pub repeats: i64,
    /// The sum of the times of the events that came less those that went, in whole seconds since 2000-01-01.
    pub seconds: i64,
    /// The newest event that came.
    pub last_at: Micros,
    /// The newest event that went.
    pub last_removed: Micros,
}

impl Default for ItemDelta {
    fn default() -> Self {
        Self {
            score: SumDelta::NONE,
            windows: [0.0; WINDOWS],
            sessions: SumDelta::NONE,
            users: SumDelta::NONE,
            events: 0,
            repeats: 0,
            seconds: 0,
            last_at: i64::MIN,
            last_removed: i64::MIN,
        }
    }
}

impl ItemDelta {
    /// Adds another batch's delta.
    pub fn merge(&mut self, other: &ItemDelta) {
        self.score.merge(&other.score);
        self.windows.iter_mut().zip(&other.windows).for_each(|(sum, other)| *sum += other);
        self.sessions.merge(&other.sessions);
        self.users.merge(&other.users);
        self.events += other.events;
        self.repeats += other.repeats;
        self.seconds = self.seconds.saturating_add(other.seconds);
        self.last_at = self.last_at.max(other.last_at);
        self.last_removed = self.last_removed.max(other.last_removed);
    }

    /// Whether something went.
    pub fn has_removals(&self) -> bool {
        self.last_removed != i64::MIN
    }

    /// The popularities in windows after the batch, whose landmark is given.
    pub fn apply_windows(&self, windows: Windows, landmark: Micros) -> Windows {
        std::array::from_fn(|place| {
            let (sum, change) = (windows[place], self.windows[place]);
            let size = LogSum::of(change.abs(), landmark, WINDOW_HALF_LIVES[place]);
            if change >= 0.0 { sum.plus(size) } else { sum.minus(size) }
        })
    }

    /// Counts an event.
    pub(crate) fn count(&mut self, sign: Sign, weights: &EventWeights, at: Micros) {
        self.score.count(sign, weights.score);
        self.seconds = self.seconds.saturating_add(sign.number() * at.div_euclid(1_000_000));
        self.windows.iter_mut().zip(weights.windows).for_each(|(sum, weight)| *sum += sign.number() as f64 * weight);
        if sign == Sign::Plus {
            self.events += 1;
            self.last_at = self.last_at.max(at);
        } else {
            self.events -= 1;
            self.last_removed = self.last_removed.max(at);
        }
    }
}

/// What one event adds to popularities.
pub(crate) struct EventWeights {
    pub score: LogSum,
    pub windows: [f64; WINDOWS],
}
