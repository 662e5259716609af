//! Intervals as microseconds.
#![allow(unsafe_code)]

use pgrx::pg_sys;

use super::array;

const DAY_US: i128 = 86_400_000_000;

/// An interval's length in microseconds, a month counting 30 days. Saturates where 64 bits are too few, which is so
/// for Postgres 17's infinite intervals too.
pub fn micros(datum: pg_sys::Datum) -> i64 {
    // SAFETY: the caller passes a datum of type interval, which is a pointer to a plain struct.
    let interval = unsafe { &*datum.cast_mut_ptr::<pg_sys::Interval>() };
    let days = i128::from(interval.day) + 30 * i128::from(interval.month);
    let micros = i128::from(interval.time) + days * DAY_US;
    micros.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// The lengths of the elements of an array of intervals, as [`micros`] gives them.
pub fn array_micros(datum: pg_sys::Datum) -> Vec<i64> {
    // SAFETY: the caller passes a datum of type interval[].
    unsafe { array::elements(datum, pg_sys::INTERVALOID) }.into_iter().flatten().map(micros).collect()
}
