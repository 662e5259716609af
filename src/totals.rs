//! What a recommender's packed rows hold in total, as the active snapshot sees it.

use engine::Micros;
use engine::decay::LogSum;
use engine::store::Totals;
use pgrx::pg_sys;

use crate::pg::fetch::{INTEGER, Scan};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{relation, snapshot};

/// A row of `recommend.state`, with the epoch beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Counts compactions and rebuilds: two snapshots that see the same number see the same packed rows.
    pub generation: i64,
    /// The epoch of the event table; events of an older one are gone.
    pub epoch: i32,
    /// The epoch that the packed rows belong to.
    pub packed_epoch: i32,
    /// The events behind the packed rows, and the numbers that the next new item and session get.
    pub totals: Totals,
    /// The number that the next new user gets.
    pub next_user: u32,
    /// ... context.
    pub next_context: u32,
    /// Rows that were no events.
    pub skipped: i64,
    /// When they were written.
    pub last_compaction: Option<Micros>,
    /// True when the packed rows are known not to be those of the event table.
    pub needs_rebuild: bool,
}

impl State {
    /// True when TRUNCATE has made the packed rows void.
    pub fn is_void(&self) -> bool {
        self.epoch != self.packed_epoch
    }
}

/// A float8 in a datum.
pub fn float8(datum: pg_sys::Datum) -> f64 {
    f64::from_bits(datum.value() as u64)
}

/// A float4 in a datum.
pub fn float4(datum: pg_sys::Datum) -> f32 {
    f32::from_bits(datum.value() as u32)
}

/// An int8 or timestamptz in a datum.
pub fn int8(datum: pg_sys::Datum) -> i64 {
    datum.value() as i64
}

/// An int4 in a datum.
pub fn int4(datum: pg_sys::Datum) -> i32 {
    datum.value() as i32
}

/// A dense number in a datum.
pub fn number(datum: pg_sys::Datum) -> u32 {
    int4(datum) as u32
}

/// A dense number as a datum.
pub fn number_datum(number: u32) -> pg_sys::Datum {
    pg_sys::Datum::from(number as i32)
}

/// Reads the state of recommender `id`; `None` when there is no such recommender in the snapshot.
pub fn read(id: i32) -> Option<State> {
    let epoch = {
        let mut epochs = Scan::open(relation::state_relation("epochs")?, relation::state_relation("epochs_pkey")?, &[INTEGER]);
        epochs.get(&[pg_sys::Datum::from(id)]).and_then(|row| row.datum(2)).map_or(0, int4)
    };
    let mut states = Scan::open(relation::state_relation("state")?, relation::state_relation("state_pkey")?, &[INTEGER]);
    let row = states.get(&[pg_sys::Datum::from(id)])?;
    let count = |column| row.datum(column).map_or(0, int8);
    let next = |column| row.datum(column).map_or(0, number);
    let sum = |column| row.datum(column).map_or(LogSum::EMPTY, |score| LogSum(float8(score)));
    Some(State {
        epoch,
        generation: count(2),
        packed_epoch: row.datum(3).map_or(0, int4),
        totals: Totals {
            score: sum(11),
            windows: [14, 15, 16, 17].map(sum),
            events: count(4),
            repeats: count(18),
            grouped: count(19),
            newest: row.datum(5).map_or(i64::MIN, int8),
            items: next(7),
            sessions: next(8),
        },
        next_user: next(6),
        next_context: next(9),
        skipped: count(10),
        last_compaction: row.datum(12).map(int8),
        needs_rebuild: row.datum(13).is_some_and(|flag| flag.value() != 0),
    })
}

/// About how many rows the event table of recommender `id` has, as the planner knows it.
pub fn estimated_events(id: i32) -> Result<f64, SpiError> {
    let read = || spi::read(include_str!("../sql/estimated_rows.sql"), &[Arg::of(id)], |row| row.value::<f64>(1));
    Ok(snapshot::with_latest(read)?.first().copied().unwrap_or(0.0))
}
