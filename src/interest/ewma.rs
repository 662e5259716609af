//! The aggregate `ewma_interest`: an average over sessions, in their order.

use engine::interest::{ewma_add, ewma_begin, ewma_bytes, ewma_vector};
use pgrx::pg_sys;

use super::Result;
use crate::pg::array;
use crate::pg::function::{Call, CallError};
use crate::pg::varlena::Writable;
use crate::sql_function;

/// How much of the past a new session leaves, unless the call says it.
const ALPHA: f64 = 0.95;

/// The transition of `(session_vector [, alpha])`.
fn add(call: &Call) -> Result<pg_sys::Datum> {
    let state = call.state()?;
    let Some(session) = call.reals(1)? else {
        return Ok(state.map_or_else(|| call.null(), |state| state.datum()));
    };
    let alpha = if call.arg_count() > 2 { call.required(2, "alpha")? } else { ALPHA };
    match state {
        Some(mut state) => {
            ewma_add(&mut state, &session, alpha)?;
            Ok(state.datum())
        }
        None => {
            let mut state = Writable::zeroed(ewma_bytes(session.len())?);
            ewma_begin(&mut state, &session, alpha)?;
            Ok(state.datum())
        }
    }
}

fn vector(call: &Call) -> Result<pg_sys::Datum> {
    let state = call.bytes(0).ok_or(CallError::Null("state"))?;
    Ok(array::of_reals(&ewma_vector(&state)?))
}

sql_function!(ewma_interest_add, pg_finfo_ewma_interest_add, add);
sql_function!(ewma_interest_final, pg_finfo_ewma_interest_final, vector);
