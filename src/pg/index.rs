//! Indexes of a table.
#![allow(unsafe_code)]

use pgrx::{PgList, pg_sys};

use super::relation::Relation;

/// Whether a valid unique index, without a condition and checked at once, stands on exactly this column.
pub fn is_unique(table: &Relation, column: i16) -> bool {
    // SAFETY: an open relation's list of indexes, a copy of ours; each index is open while it is looked at.
    unsafe {
        let indexes: PgList<pg_sys::Oid> = PgList::from_pg(pg_sys::RelationGetIndexList(table.as_ptr()));
        indexes.iter_oid().any(|index| {
            let Some(index) = Relation::try_open(index, pg_sys::AccessShareLock as i32) else { return false };
            let form = &*(*index.as_ptr()).rd_index;
            let whole = pg_sys::RelationGetIndexPredicate(index.as_ptr()).is_null();
            whole
                && form.indisunique
                && form.indisvalid
                && form.indimmediate
                && form.indnkeyatts == 1
                && *form.indkey.values.as_ptr() == column
        })
    }
}
