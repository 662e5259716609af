//! Whether the caller may read a table.
#![allow(unsafe_code)]

use pgrx::pg_sys;

use super::owner::current_user;

/// Whether the current user may SELECT the columns: by a privilege on the table, or on each of them.
pub fn may_select(table: pg_sys::Oid, columns: &[i16]) -> bool {
    let (user, select) = (current_user(), pg_sys::AclMode::from(pg_sys::ACL_SELECT));
    // SAFETY: catalog lookups.
    unsafe {
        pg_sys::pg_class_aclcheck(table, user, select) == pg_sys::AclResult::ACLCHECK_OK
            || columns.iter().all(|&column| pg_sys::pg_attribute_aclcheck(table, column, user, select) == pg_sys::AclResult::ACLCHECK_OK)
    }
}

/// Whether row level security hides rows of the table from the current user.
pub fn hides_rows(table: pg_sys::Oid) -> bool {
    // SAFETY: a catalog lookup; "no error" is asked for.
    unsafe { pg_sys::check_enable_rls(table, pg_sys::InvalidOid, true) == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32 }
}
