//! Doing something as another role, as maintenance commands of Postgres do it.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};

use pgrx::pg_sys;

use super::memory;

/// Puts the role, the security context and the settings back, also when an error unwinds through it.
struct Restore {
    user: pg_sys::Oid,
    context: c_int,
    settings: c_int,
}

impl Drop for Restore {
    fn drop(&mut self) {
        // SAFETY: the values were read by GetUserIdAndSecContext and NewGUCNestLevel in this very transaction.
        unsafe {
            pg_sys::AtEOXact_GUC(false, self.settings);
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
        }
    }
}

/// Run `work` as role `user` in a security-restricted operation with `search_path` set to `pg_catalog, pg_temp`:
/// neither code nor objects of the calling session can slip in.
pub fn as_user<T>(user: pg_sys::Oid, work: impl FnOnce() -> T) -> T {
    let mut restore = Restore { user: pg_sys::InvalidOid, context: 0, settings: 0 };
    // SAFETY: the pointers are to live locals; the new identity ends with `restore`.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut restore.user, &mut restore.context);
        restore.settings = pg_sys::NewGUCNestLevel();
        pg_sys::SetUserIdAndSecContext(
            user,
            restore.context | (pg_sys::SECURITY_RESTRICTED_OPERATION | pg_sys::SECURITY_LOCAL_USERID_CHANGE) as c_int,
        );
    }
    let _restore = restore;
    set_local(c"search_path", c"pg_catalog, pg_temp");
    // A policy that hides rows from this role becomes an error instead of a gap in the state.
    set_local(c"row_security", c"off");
    work()
}

/// Within [`as_user`] or another nest level of settings: sort with as much memory as maintenance may take.
pub fn use_maintenance_memory() {
    if let Ok(value) = std::ffi::CString::new((memory::for_maintenance() / 1024).to_string()) {
        set_local(c"work_mem", &value);
    }
}

/// Sets what every user may set, until the nest level of settings ends.
pub fn set_local(name: &CStr, value: &CStr) {
    // SAFETY: a plain SET LOCAL below the nest level that the caller has opened; both strings are NUL-terminated.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}

/// The role whose privileges apply now.
pub fn current_user() -> pg_sys::Oid {
    // SAFETY: reads a global of the backend.
    unsafe { pg_sys::GetUserId() }
}

/// Whether role `member` has the privileges of role `role`.
pub fn has_privileges_of(member: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::has_privs_of_role(member, role) }
}

/// Whether row security is never applied to `role`.
pub fn bypasses_row_security(role: pg_sys::Oid) -> bool {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::has_bypassrls_privilege(role) }
}

/// A role's name.
pub fn role_name(role: pg_sys::Oid) -> String {
    // SAFETY: a catalog lookup that raises an ERROR for an unknown role, and else gives a NUL-terminated name.
    unsafe { CStr::from_ptr(pg_sys::GetUserNameFromId(role, false)) }.to_string_lossy().into_owned()
}

/// The role of that name; `None` if there is none.
pub fn role_named(name: &str) -> Option<pg_sys::Oid> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: a catalog lookup with a NUL-terminated name.
    let role = unsafe { pg_sys::get_role_oid(name.as_ptr(), true) };
    (role != pg_sys::InvalidOid).then_some(role)
}

/// Whether the current user is a superuser.
pub fn is_superuser() -> bool {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::superuser() }
}
