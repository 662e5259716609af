//! Progress that other sessions see while a transaction is still open, in the places that Postgres keeps for
//! `pg_stat_progress_*`.
#![allow(unsafe_code)]

use std::ffi::c_int;

use pgrx::pg_sys;

/// The command number under which we report: none of Postgres' own (small integers), so that no `pg_stat_progress_` view
/// takes our numbers for its own.
const COMMAND: pg_sys::ProgressCommandType::Type = 0x5243_4d44;

/// How many numbers a report carries.
pub const NUMBERS: usize = 4;

/// Another backend's report.
pub struct Report {
    /// Its process id.
    pub pid: i32,
    /// The database it is connected to.
    pub database: pg_sys::Oid,
    /// The numbers as last set.
    pub numbers: [i64; NUMBERS],
}

/// Begin to report; all numbers are 0.
pub fn start() {
    // SAFETY: writes this backend's own entry.
    unsafe { pg_sys::pgstat_progress_start_command(COMMAND, pg_sys::InvalidOid) }
}

/// Set one number.
pub fn set(index: usize, value: i64) {
    debug_assert!(index < NUMBERS);
    // SAFETY: as above; Postgres checks the index.
    unsafe { pg_sys::pgstat_progress_update_param(index as c_int, value) }
}

/// End the report.
pub fn end() {
    // SAFETY: as above.
    unsafe { pg_sys::pgstat_progress_end_command() }
}

/// The reports of all backends.
pub fn reports() -> Vec<Report> {
    // SAFETY: the entries are copies that live until the transaction ends; indexes count from 1.
    unsafe {
        (1..=pg_sys::pgstat_fetch_stat_numbackends())
            .filter_map(|index| {
                #[cfg(any(feature = "pg14", feature = "pg15"))]
                let entry = pg_sys::pgstat_fetch_stat_local_beentry(index);
                #[cfg(not(any(feature = "pg14", feature = "pg15")))]
                let entry = pg_sys::pgstat_get_local_beentry_by_index(index);
                let status = &entry.as_ref()?.backendStatus;
                (status.st_progress_command == COMMAND).then(|| Report {
                    pid: status.st_procpid,
                    database: status.st_databaseid,
                    numbers: std::array::from_fn(|number| status.st_progress_param[number]),
                })
            })
            .collect()
    }
}
