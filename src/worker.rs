//! The background worker that compacts.

use pgrx::pg_sys;

/// Start a worker for `_database` when the transaction commits.
pub fn start_after_commit(_database: pg_sys::Oid) {}

/// Wake the compactor, or start one: a backlog has built up.
pub fn wake() {}
