//! Which copies of a set are good, as snapshots show it.

use crate::pg::fetch::{INTEGER, Scan};
use crate::pg::{relation, snapshot};
use crate::totals::{int4, int8};

/// A row of `recommend.vector_state`, with the epoch beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Two snapshots that show the same one are told apart by the visible changes alone.
    pub generation: i64,
    /// Raised by TRUNCATE.
    pub epoch: i32,
    /// The length of the vectors; `None` as long as there was none.
    pub dimensions: Option<u32>,
    /// Changes go unseen, because a trigger is disabled.
    pub suspended: bool,
}

impl State {
    /// As the active snapshot shows it; `None` where the set was created after it.
    pub fn read(set: i32) -> Option<Self> {
        let open = |table: &str| {
            Some(Scan::open(relation::state_relation(table)?, relation::state_relation(&format!("{table}_pkey"))?, &[INTEGER]))
        };
        let id = [pgrx::pg_sys::Datum::from(set)];
        let epoch = open("epochs")?.get(&id).and_then(|row| row.datum(2)).map(int4)?;
        let mut states = open("vector_state")?;
        let row = states.get(&id)?;
        Some(Self {
            generation: row.datum(2).map(int8)?,
            epoch,
            dimensions: row.datum(3).map(|dimensions| int4(dimensions).unsigned_abs()),
            suspended: row.datum(4).is_some_and(|flag| flag.value() != 0),
        })
    }

    /// As the active snapshot shows it, where it may be answered from a copy. TRUNCATE empties the table for older snapshots too, so what has
    /// happened by now counts; the caller holds the table, so that nothing of the kind happens meanwhile.
    pub fn of_copies(set: i32) -> Option<Self> {
        let (seen, latest) = (Self::read(set)?, snapshot::with_latest(|| Self::read(set))?);
        (seen.epoch == latest.epoch && !seen.suspended && !latest.suspended).then_some(seen)
    }
}
