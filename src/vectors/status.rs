//! `recommend.vector_set_status`: what the copy of each set holds, and what waits to get in.

use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::catalog as sets;
use super::copy::Copy;
use super::error::Result;
use super::memory;
use super::state::State;
use crate::catalog;
use crate::pg::error::or_raise;
use crate::pg::function::Call;
use crate::pg::spi::{self, SpiError};
use crate::pg::{guc, owner, privilege, snapshot, subtransaction};
use crate::sql_function;
use crate::status::known;

sql_function!(vector_set_status, pg_finfo_vector_set_status, rows);

/// One row per set whose columns the caller may read.
fn rows(call: &Call) -> Result<pg_sys::Datum> {
    let mut rows = call.rows()?;
    for (id, name) in sets::names()? {
        if sets::check_reader(id, owner::current_user()).is_err() && !privilege::may_monitor() {
            continue;
        }
        let set = match sets::by_id(id) {
            // Dropped meanwhile.
            Err(super::error::VectorsError::UnknownId(_)) => continue,
            set => match known("vector set", &name, set) {
                Some(set) => set,
                None => continue,
            },
        };
        let sql = format!("SELECT count(*) FROM recommend.vector_changes_{id}");
        let count = || snapshot::with_latest(|| spi::read(&sql, &[], |row| row.value::<i64>(1)));
        let count = || or_raise::<Vec<i64>, SpiError>(or_raise(catalog::as_owner(count)));
        let Some(waiting) = known("vector set", &name, subtransaction::attempt(count)) else { continue };
        let state = snapshot::with_latest(|| State::read(id));
        let copy = state.and_then(|state| Copy::peek(&set, &state));
        let bytes = copy.as_ref().map(|copy| copy.segments.iter().map(|segment| segment.bytes() as i64).sum::<i64>());
        let manifest = copy.as_ref().map(|copy| &copy.manifest);
        let what = match (&state, manifest) {
            _ if !set.is_unique => "no unique index",
            (Some(state), _) if state.suspended => "suspended",
            (_, Some(_)) => "ready",
            _ if guc::vector_memory() == 0 || memory::too_large(id).is_some() => "too large",
            _ => "no copy",
        };
        rows.push(&[
            name.into_datum(),
            set.table().into_datum(),
            manifest.and_then(|manifest| (manifest.rows() as i64).into_datum()),
            manifest.and_then(|manifest| (manifest.skipped.len() as i64).into_datum()),
            state.and_then(|state| state.dimensions).and_then(|dimensions| (dimensions as i32).into_datum()),
            waiting.first().copied().and_then(IntoDatum::into_datum),
            bytes.and_then(IntoDatum::into_datum),
            state.and_then(|state| state.generation.into_datum()),
            manifest.map(|manifest| pg_sys::Datum::from(manifest.built_at)),
            what.into_datum(),
        ]);
    }
    Ok(rows.finish(call))
}
