//! Settings that hold for a part of a statement.
#![allow(unsafe_code)]

use std::ffi::c_int;

use pgrx::pg_sys;

use super::owner;

/// Puts settings back, also when an error unwinds through it.
struct Restore(c_int);

impl Drop for Restore {
    fn drop(&mut self) {
        // SAFETY: the nest level was opened in this very transaction. What a statement within has set for the session stays, as after a function.
        unsafe { pg_sys::AtEOXact_GUC(true, self.0) }
    }
}

/// Does `work`, in which queries sort with as much memory as maintenance may take, and scans of tables begin at their beginning: what another session
/// reads at that time does not change the order of rows.
pub fn in_steady_order<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: opens a nest level, which the drop closes.
    let _restore = Restore(unsafe { pg_sys::NewGUCNestLevel() });
    owner::use_maintenance_memory();
    owner::set_local(c"synchronize_seqscans", c"off");
    work()
}
