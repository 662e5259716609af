//! How an error becomes an SQL error: every noun has one enum that implements [`SqlError`], functions return
//! `Result`, and the outermost function raises it here with its SQLSTATE, DETAIL and HINT.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};

/// An error that a user may see.
pub trait SqlError: std::error::Error {
    /// The five-character code a program reacts to.
    fn sqlstate(&self) -> PgSqlErrorCode;

    /// What to do about it.
    fn hint(&self) -> Option<String> {
        None
    }

    /// The offending values, where the message does not carry them.
    fn detail(&self) -> Option<String> {
        None
    }
}

/// The one conversion of an error of ours into a report of Postgres.
#[track_caller]
pub fn report<E: SqlError + ?Sized>(error: &E) -> ErrorReport {
    let mut report = ErrorReport::new(error.sqlstate(), error.to_string(), "pg_recommend");
    if let Some(detail) = error.detail() {
        report = report.set_detail(detail);
    }
    if let Some(hint) = error.hint() {
        report = report.set_hint(hint);
    }
    report
}

/// Raise `error` as an SQL ERROR: unwinds to the nearest guarded function and aborts the statement.
#[track_caller]
pub fn raise<E: SqlError + ?Sized>(error: &E) -> ! {
    report(error).report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// The value, or the error as an SQL ERROR.
#[track_caller]
pub fn or_raise<T, E: SqlError>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => raise(&error),
    }
}

/// Give `message` as a WARNING with the SQLSTATE, DETAIL and HINT of `error`.
#[track_caller]
pub fn warn<E: SqlError + ?Sized>(message: String, error: &E) {
    let mut report = ErrorReport::new(error.sqlstate(), message, "pg_recommend");
    if let Some(detail) = error.detail() {
        report = report.set_detail(detail);
    }
    if let Some(hint) = error.hint() {
        report = report.set_hint(hint);
    }
    report.report(PgLogLevel::WARNING);
}
