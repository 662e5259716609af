//! The aggregates `decayed_count`, `decayed_sum` and `decayed_avg`. One state serves all three, so that a query that asks for
//! two of them over the same arguments adds up once; windows take rows out of it.

use engine::Micros;
use engine::interest::{Decayed, Grid, RUNNING_BYTES, Running};
use pgrx::pg_sys;

use super::{Result, arguments};
use crate::pg::clock;
use crate::pg::function::{Call, CallError};
use crate::pg::varlena::Writable;
use crate::sql_function;

/// One row of an aggregate.
struct Row {
    value: f64,
    at: Micros,
    grid: Grid,
    as_of: Option<Micros>,
}

impl Row {
    /// The arguments from `at` on: `at, half_life`, and `as_of` where the aggregate has it. `None` for a row to skip.
    fn read(call: &Call, value: Option<f64>, first: usize) -> Result<Option<Self>> {
        let (Some(value), Some(at)) = (value, arguments::time(call, first, "at")?) else { return Ok(None) };
        let as_of = if call.arg_count() > first + 2 {
            let Some(as_of) = arguments::time(call, first + 2, "as_of")? else { return Ok(None) };
            Some(as_of)
        } else {
            None
        };
        Ok(Some(Self { value, at, grid: arguments::half_life(call, first + 1)?, as_of }))
    }

    /// Of `(state, at, half_life [, as_of])`: each row counts 1.
    fn to_count(call: &Call) -> Result<Option<Self>> {
        Self::read(call, Some(1.0), 1)
    }

    /// Of `(state, value, at, half_life [, as_of])`.
    fn to_sum(call: &Call) -> Result<Option<Self>> {
        Self::read(call, arguments::number(call, 1, "value")?, 2)
    }
}

fn add(call: &Call, row: Option<Row>) -> Result<pg_sys::Datum> {
    // A state from the first row on, skipped or not: a window's transition must not give NULL.
    let mut state = call.state()?.unwrap_or_else(|| {
        let mut empty = Writable::zeroed(RUNNING_BYTES);
        empty.copy_from_slice(&Running::EMPTY.to_bytes());
        empty
    });
    if let Some(row) = row {
        let mut running = Running::parse(&state)?;
        running.add(row.value, row.at, row.grid, row.as_of)?;
        state.copy_from_slice(&running.to_bytes());
    }
    Ok(state.datum())
}

/// Takes a row out; NULL asks Postgres to add the frame up anew.
fn take(call: &Call, row: Option<Row>) -> Result<pg_sys::Datum> {
    let mut state = call.state()?.ok_or(CallError::Null("state"))?;
    if let Some(row) = row {
        let mut running = Running::parse(&state)?;
        if !running.take(row.value, row.at, row.grid, row.as_of)? {
            return Ok(call.null());
        }
        state.copy_from_slice(&running.to_bytes());
    }
    Ok(state.datum())
}

fn count_add(call: &Call) -> Result<pg_sys::Datum> {
    add(call, Row::to_count(call)?)
}

fn count_take(call: &Call) -> Result<pg_sys::Datum> {
    take(call, Row::to_count(call)?)
}

fn sum_add(call: &Call) -> Result<pg_sys::Datum> {
    add(call, Row::to_sum(call)?)
}

fn sum_take(call: &Call) -> Result<pg_sys::Datum> {
    take(call, Row::to_sum(call)?)
}

fn merge(call: &Call) -> Result<pg_sys::Datum> {
    let mut state = call.state()?.ok_or(CallError::Null("state"))?;
    let mut running = Running::parse(&state)?;
    running.merge(Running::parse(&call.bytes(1).ok_or(CallError::Null("state"))?)?)?;
    state.copy_from_slice(&running.to_bytes());
    Ok(state.datum())
}

/// What a state says at the time that it is to be read; `None` without any row.
fn read(call: &Call, value: impl FnOnce(&Decayed, Micros) -> Result<f64>) -> Result<Option<f64>> {
    let Some(state) = call.bytes(0) else { return Ok(None) };
    let running = Running::parse(&state)?;
    let as_of = running.as_of.latest.map_or_else(clock::transaction_start, |(at, _)| at);
    running.decayed.map(|decayed| value(&decayed, as_of)).transpose()
}

/// The count of no rows is 0, as `count()`'s.
fn count_final(call: &Call) -> Result<pg_sys::Datum> {
    let count = read(call, |decayed, as_of| Ok(decayed.count_at(as_of)?))?;
    Ok(call.value(Some(count.unwrap_or(0.0))))
}

/// The sum of no rows is NULL, as `sum()`'s.
fn sum_final(call: &Call) -> Result<pg_sys::Datum> {
    Ok(call.value(read(call, |decayed, as_of| Ok(decayed.sum_at(as_of)?))?))
}

fn avg_final(call: &Call) -> Result<pg_sys::Datum> {
    Ok(call.value(read(call, |decayed, _| Ok(decayed.average()))?))
}

sql_function!(decayed_count_add, pg_finfo_decayed_count_add, count_add);
sql_function!(decayed_count_take, pg_finfo_decayed_count_take, count_take);
sql_function!(decayed_sum_add, pg_finfo_decayed_sum_add, sum_add);
sql_function!(decayed_sum_take, pg_finfo_decayed_sum_take, sum_take);
sql_function!(decayed_merge, pg_finfo_decayed_merge, merge);
sql_function!(decayed_count_final, pg_finfo_decayed_count_final, count_final);
sql_function!(decayed_sum_final, pg_finfo_decayed_sum_final, sum_final);
sql_function!(decayed_avg_final, pg_finfo_decayed_avg_final, avg_final);
