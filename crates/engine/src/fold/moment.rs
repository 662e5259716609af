//! Instants that are asked about before they are folded: what would have been answered?

use crate::event::Event;
use crate::packed::History;
use crate::popularity::Totals;
use crate::{ContextId, ItemId, Micros, SessionId};

/// What was known at one instant of one user, and what the user took then.
#[derive(Debug, Clone)]
pub struct Moment {
    /// The instant.
    pub at: Micros,
    /// A number that is the same for the same events, to draw by.
    pub hash: u64,
    /// What the user took, each item once, in order.
    pub answers: Vec<ItemId>,
    /// The context of the first of them.
    pub context: ContextId,
    /// The history up to then.
    pub history: History,
    /// The session that goes on, up to then; one without items where none does.
    pub session: Running,
    /// What of it was stored when the fold began.
    pub stored: Running,
}

/// A session that may go on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Running {
    /// Its row, if it has one.
    pub row: Option<SessionId>,
    /// The item that it met first, and the value of the session column.
    pub(super) first: Option<(ItemId, i64)>,
    /// Its items, oldest first.
    pub items: Vec<ItemId>,
}

impl Running {
    /// Whether both are the same session, this one earlier.
    pub(super) fn is(&self, later: &Running) -> bool {
        if self.row.is_some() { self.row == later.row } else { self.first.is_some() && self.first == later.first }
    }
}

/// Which instants are asked about.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    mask: u64,
}

/// So many instants are asked about before the log has that many of them, and about half as many again whenever it has doubled.
const QUESTIONS: i64 = 4000;

impl Moments {
    /// Of a log that has so many events: one in a power of two, so that those asked about later are among those that would have been earlier.
    pub fn of(totals: &Totals) -> Self {
        let instants = totals.events - totals.grouped;
        Self { mask: (1 << (instants / QUESTIONS).max(1).ilog2()) - 1 }
    }

    /// A number for an instant that is asked about: it depends on its events alone, so that a rebuild asks about the same ones.
    pub(super) fn choose(&self, instant: &[Event]) -> Option<u64> {
        let taken = instant.iter().filter(|event| event.weight > 0.0);
        taken.map(|event| spread(event.at as u64 ^ event.tie.rotate_left(32))).min().filter(|hash| (hash >> 8) & self.mask == 0)
    }
}

/// Spreads the bits of a number over all of them: the mixer of SplitMix64.
fn spread(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
