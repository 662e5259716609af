//! Whether a running statement is changing a table.
#![allow(unsafe_code)]

use pgrx::pg_sys;

use super::relation::{self, Relation};
use super::snapshot;
use super::spi::{self, Arg, SpiError};

/// Whether a statement of this session that is not finished may be changing a table: then some of its rows have changed that AFTER
/// triggers have not been called for. It is asked from within such a statement only: in a trigger, or in a function that the statement calls.
pub fn is_written_by_running_statement(table: pg_sys::Oid) -> bool {
    // SAFETY: reads a variable of the backend.
    if unsafe { pg_sys::GetTopTransactionIdIfAny() } == pg_sys::InvalidTransactionId {
        return false;
    }
    if is_open_and_locked(table) {
        return true;
    }
    if relation::kind(table) != Some(b'p') {
        return false;
    }
    let sql = "SELECT relid::oid FROM pg_catalog.pg_partition_tree($1::oid::regclass) WHERE relid <> $1";
    let partitions: Result<Vec<pg_sys::Oid>, SpiError> =
        snapshot::with_latest(|| spi::read_prepared(sql, &[Arg::of(table)], |row| row.value::<pg_sys::Oid>(1)));
    partitions.map_or(true, |partitions| partitions.into_iter().any(is_open_and_locked))
}

/// Whether a running statement has the table open, and this transaction has locked it to write.
fn is_open_and_locked(table: pg_sys::Oid) -> bool {
    let Some(relation) = Relation::try_open(table, pg_sys::AccessShareLock as i32) else { return false };
    // SAFETY: an open relation, whose count includes this opening.
    unsafe {
        (*relation.as_ptr()).rd_refcnt > 1
            && pg_sys::CheckRelationLockedByMe(relation.as_ptr(), pg_sys::RowExclusiveLock as pg_sys::LOCKMODE, true)
    }
}
