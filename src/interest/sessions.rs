//! The window function `session_number`.

use engine::interest::Sessions;
use pgrx::pg_sys;

use super::{InterestError, Result};
use crate::pg::function::{Call, CallError};
use crate::pg::interval;
use crate::sql_function;

/// Of `(at, gap)`. A row without a time belongs to no session and ends none.
fn session_number(call: &Call) -> Result<pg_sys::Datum> {
    let mut window = call.window()?;
    window.forget_earlier_rows();
    let Some(at) = window.argument(0) else { return Ok(call.null()) };
    let gap = interval::micros(window.argument(1).ok_or(CallError::Null("gap"))?);
    if gap < 0 {
        return Err(InterestError::Gap(gap));
    }
    let [number, last_at] = window.memory::<2>();
    let mut sessions = Sessions { number: *number, last_at: *last_at };
    let current = sessions.next(at.value() as i64, gap);
    (*number, *last_at) = (sessions.number, sessions.last_at);
    Ok(call.value(Some(current)))
}

sql_function!(interest_session_number, pg_finfo_interest_session_number, session_number);
