//! What time it is.
#![allow(unsafe_code)]

use engine::Micros;
use pgrx::pg_sys;

/// The time now, as `clock_timestamp()`.
pub fn now() -> Micros {
    // SAFETY: reads the system's clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// The time at which the transaction began, as `now()`.
pub fn transaction_start() -> Micros {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::GetCurrentTransactionStartTimestamp() }
}
