//! Whether this server follows another one.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Whether nothing can be written: the server replays what a primary has written.
pub fn is_standby() -> bool {
    // SAFETY: reads shared memory.
    unsafe { pg_sys::RecoveryInProgress() }
}
