//! Whether the caller may read a table.
#![allow(unsafe_code)]

use pgrx::pg_sys;

use super::owner::current_user;

/// The role `pg_monitor`.
const MONITOR: u32 = 3373;

/// Whether the current user may SELECT the columns: by a privilege on the table, or on each of them.
pub fn may_select(table: pg_sys::Oid, columns: &[i16]) -> bool {
    may_role_select(current_user(), table, columns)
}

/// Whether `user` may SELECT the columns.
pub fn may_role_select(user: pg_sys::Oid, table: pg_sys::Oid, columns: &[i16]) -> bool {
    let select = pg_sys::AclMode::from(pg_sys::ACL_SELECT);
    // SAFETY: catalog lookups.
    unsafe {
        may_role_read(user, table)
            || !columns.is_empty()
                && columns
                    .iter()
                    .all(|&column| pg_sys::pg_attribute_aclcheck(table, column, user, select) == pg_sys::AclResult::ACLCHECK_OK)
    }
}

/// Whether `user` may SELECT from all of a relation.
pub fn may_role_read(user: pg_sys::Oid, relation: pg_sys::Oid) -> bool {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::pg_class_aclcheck(relation, user, pg_sys::AclMode::from(pg_sys::ACL_SELECT)) == pg_sys::AclResult::ACLCHECK_OK }
}

/// Whether the current user may learn what is derived from all rows of these columns.
pub fn may_learn(table: pg_sys::Oid, columns: &[i16]) -> bool {
    may_select(table, columns) && !hides_rows(table)
}

/// Whether the current user watches the server (`pg_monitor`): totals are no secret then.
pub fn may_monitor() -> bool {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::has_privs_of_role(current_user(), pg_sys::Oid::from(MONITOR)) }
}

/// Whether row level security hides rows of the table from the current user.
pub fn hides_rows(table: pg_sys::Oid) -> bool {
    hides_rows_from(current_user(), table)
}

/// Whether row level security hides rows of the table from `user`.
pub fn hides_rows_from(user: pg_sys::Oid, table: pg_sys::Oid) -> bool {
    // SAFETY: a catalog lookup; "no error" is asked for.
    unsafe { pg_sys::check_enable_rls(table, user, true) == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32 }
}
