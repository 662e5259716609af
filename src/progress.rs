//! `recommend.progress`: what backfills, rebuilds and compactions are at, watched from any session.

use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use crate::catalog;
use crate::pg::function::{Call, CallError};
use crate::pg::{privilege, progress, relation};
use crate::sql_function;

sql_function!(recommend_progress, pg_finfo_recommend_progress, rows);

/// What a long operation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Phase {
    /// Reading all events of the event table.
    ReadingEvents = 1,
    /// Folding a batch of the delta.
    Compacting = 2,
    /// Writing packed rows.
    WritingRows = 3,
    /// Reading all edges of a graph, and embedding its nodes.
    Embedding = 4,
    /// Reading all vectors of a set, and packing them.
    ReadingVectors = 5,
}

impl Phase {
    fn name(number: i64) -> &'static str {
        match number {
            1 => "reading events",
            2 => "compacting",
            3 => "writing rows",
            4 => "embedding",
            5 => "reading vectors",
            _ => "starting",
        }
    }
}

// The places of the numbers in a report.
const RECOMMENDER: usize = 0;
const PHASE: usize = 1;
const DONE: usize = 2;
const TOTAL: usize = 3;

/// A report of this backend, from its start until it is dropped. One at a time.
pub struct Progress {
    done: i64,
}

impl Progress {
    /// Begin to report on a recommender, with `total` events ahead, 0 where nobody knows.
    pub fn start(recommender: i32, phase: Phase, total: u64) -> Self {
        progress::start();
        progress::set(RECOMMENDER, i64::from(recommender));
        progress::set(TOTAL, i64::try_from(total).unwrap_or(i64::MAX));
        let mut started = Self { done: 0 };
        started.phase(phase);
        started
    }

    /// Go on to another phase.
    pub fn phase(&mut self, phase: Phase) {
        progress::set(PHASE, phase as i64);
    }

    /// `events` more are done.
    pub fn advance(&mut self, events: u64) {
        self.done = self.done.saturating_add_unsigned(events);
        progress::set(DONE, self.done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // After an error Postgres ends the report when it aborts the transaction.
        if !std::thread::panicking() {
            progress::end();
        }
    }
}

/// Whether the caller may know how many rows a feed has.
fn may_watch(id: i32) -> bool {
    let Ok(tracked) = catalog::tracked(id) else { return false };
    let columns: Vec<i16> = tracked.columns().iter().filter_map(|column| relation::column_number(tracked.table(), column)).collect();
    privilege::may_learn(tracked.table(), &columns)
}

/// (pid, recommender id, phase, events done, events in total), of this database, for those who may learn what the rows say, and for pg_monitor.
fn rows(call: &Call) -> Result<pg_sys::Datum, CallError> {
    let mut rows = call.rows()?;
    for report in progress::reports() {
        if report.database == relation::database() {
            if !privilege::may_monitor() && !may_watch(report.numbers[RECOMMENDER] as i32) {
                continue;
            }
            let total = report.numbers[TOTAL];
            rows.push(&[
                report.pid.into_datum(),
                (report.numbers[RECOMMENDER] as i32).into_datum(),
                Phase::name(report.numbers[PHASE]).into_datum(),
                report.numbers[DONE].into_datum(),
                (total > 0).then_some(total).and_then(IntoDatum::into_datum),
            ]);
        }
    }
    Ok(rows.finish(call))
}
