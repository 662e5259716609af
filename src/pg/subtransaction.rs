//! Work whose failure undoes that work alone.
#![allow(unsafe_code)]

use std::panic::AssertUnwindSafe;
use std::ptr;

use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};

use super::error::SqlError;

/// Why some work failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
    hint: Option<String>,
    code: PgSqlErrorCode,
}

impl SqlError for Failure {
    fn sqlstate(&self) -> PgSqlErrorCode {
        self.code
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl Failure {
    fn of(report: &ErrorReportWithLevel) -> Self {
        Self { message: report.message().to_owned(), hint: report.hint().map(str::to_owned), code: report.sql_error_code() }
    }
}

/// Does `work` in a subtransaction, which an ERROR rolls back. A cancel, a timeout or a shutdown is no failure of the work: it goes on as it came.
///
/// Where no subtransaction can be had, in a parallel query, an ERROR ends all.
pub fn attempt<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    // SAFETY: reads a state of the backend.
    if unsafe { pg_sys::IsInParallelMode() } {
        return Ok(work());
    }
    // SAFETY: variables of the backend, which are put back below in both ways.
    let (context, owner) = unsafe { (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner) };
    // SAFETY: within a transaction, as any function is called.
    unsafe {
        pg_sys::BeginInternalSubTransaction(ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
    }
    let result = PgTryBuilder::new(AssertUnwindSafe(|| Ok(work()))).catch_others(Err).catch_rust_panic(Err).execute();
    // SAFETY: ends the subtransaction begun above, in one way or the other.
    unsafe {
        pg_sys::MemoryContextSwitchTo(context);
        if result.is_ok() {
            pg_sys::ReleaseCurrentSubTransaction()
        } else {
            pg_sys::RollbackAndReleaseCurrentSubTransaction()
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
    }
    result.map_err(|caught| {
        let failure = match &caught {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) | CaughtError::RustPanic { ereport: report, .. } => {
                Failure::of(report)
            }
        };
        match failure.code {
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED | PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN => caught.rethrow(),
            _ => failure,
        }
    })
}
