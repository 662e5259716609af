//! `recommend.gpu_status`: the service of the GPU, and how often the CPU had to do its work.

use gpu_service::protocol::Status;
use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::{Number, State, client};
use crate::pg::function::{Call, CallError};
use crate::sql_function;

sql_function!(gpu_status, pg_finfo_gpu_status, row);

fn row(call: &Call) -> Result<pg_sys::Datum, CallError> {
    let mut rows = call.rows()?;
    let state = State::now();
    let status: Option<Status> = client::status().ok();
    let number = |of: fn(&Status) -> u64| status.as_ref().map(|status| of(status) as i64).into_datum();
    rows.push(&[
        state.text().into_datum(),
        status.as_ref().map(|status| status.device.clone()).into_datum(),
        number(|status| status.memory),
        number(|status| status.used),
        number(|status| u64::from(status.segments)),
        number(|status| status.searches),
        number(|status| status.batches),
        number(|status| u64::from(status.largest_batch)),
        number(|status| status.refused),
        status.as_ref().map(|status| status.busy as f64 / 1e3).into_datum(),
        (Number::Fallbacks.get() as i64).into_datum(),
        (Number::Starts.get() as i64).into_datum(),
    ]);
    Ok(rows.finish(call))
}
