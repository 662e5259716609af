//! The arguments that interest functions have in common.

use engine::Micros;
use engine::interest::{Grid, InterestError as MathError};

use super::{InterestError, Result};
use crate::pg::function::{Call, CallError};
use crate::pg::interval;

/// A timestamptz that must be finite; `None` for NULL.
pub fn time(call: &Call, index: usize, name: &'static str) -> Result<Option<Micros>> {
    match call.arg(index) {
        Some(i64::MIN) => Err(InterestError::InfiniteTime { name, value: "-infinity" }),
        Some(i64::MAX) => Err(InterestError::InfiniteTime { name, value: "infinity" }),
        at => Ok(at),
    }
}

/// The `as_of` of a strict function.
pub fn as_of(call: &Call, index: usize) -> Result<Micros> {
    Ok(time(call, index, "as_of")?.ok_or(CallError::Null("as_of"))?)
}

/// A half-life, an interval; a month counts 30 days.
pub fn half_life(call: &Call, index: usize) -> Result<Grid> {
    Ok(Grid::new(interval::micros(call.datum(index).ok_or(CallError::Null("half_life"))?))?)
}

/// A double that must be finite; `None` for NULL.
pub fn number(call: &Call, index: usize, what: &'static str) -> Result<Option<f64>> {
    match call.arg::<f64>(index) {
        Some(value) if !value.is_finite() => Err(MathError::NotFinite { what, value }.into()),
        value => Ok(value),
    }
}
