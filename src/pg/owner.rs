//! Doing something as another role, as maintenance commands of Postgres do it.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};

use pgrx::pg_sys;

use super::memory;

/// The search path of the extension's own statements.
const OWN_NAMES: &CStr = c"pg_catalog, pg_temp";

/// Puts the settings back, also when an error unwinds through it.
struct Settings(c_int);

impl Drop for Settings {
    fn drop(&mut self) {
        // SAFETY: the nest level that the maker has opened in this very transaction.
        unsafe { pg_sys::AtEOXact_GUC(false, self.0) }
    }
}

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
    as_reader(user, || {
        // A policy that hides rows from this role becomes an error instead of a gap in the state.
        set_local(c"row_security", c"off");
        work()
    })
}

/// [`as_user`], but that policies apply to the role as they do where it asks itself.
pub fn as_reader<T>(user: pg_sys::Oid, work: impl FnOnce() -> T) -> T {
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
    set_local(c"search_path", OWN_NAMES);
    work()
}

/// Run `work`, whose statements are the extension's own, so that their names mean what they say: in as_user() and its like they do anyway.
pub fn with_own_names<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: Postgres keeps the setting as a NUL-terminated string.
    if unsafe { CStr::from_ptr(pg_sys::namespace_search_path) } == OWN_NAMES {
        return work();
    }
    // SAFETY: opens a nest level, which the value below ends.
    let _settings = Settings(unsafe { pg_sys::NewGUCNestLevel() });
    set_local(c"search_path", OWN_NAMES);
    work()
}

/// A role that nobody can log in as, and that may do no more than read settings (`pg_read_all_settings`).
const NOBODY: u32 = 3374;

/// Run `work` without rights, as a worker does until it knows for whom it works.
pub fn without_rights<T>(work: impl FnOnce() -> T) -> T {
    as_user(pg_sys::Oid::from(NOBODY), work)
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

/// Whether role `actor` may do whatever role `role` may: it has its privileges, or is a superuser.
pub fn may_act_for(actor: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    // SAFETY: catalog lookups.
    unsafe { pg_sys::superuser_arg(actor) || pg_sys::has_privs_of_role(actor, role) }
}

/// Whether `role` is or belongs to `owner`; a superuser belongs to no role by that alone.
pub fn belongs_to(role: pg_sys::Oid, owner: pg_sys::Oid) -> bool {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::is_member_of_role_nosuper(role, owner) }
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

/// Whether the current user is a superuser.
pub fn is_superuser() -> bool {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::superuser() }
}
