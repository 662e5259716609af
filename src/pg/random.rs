//! Numbers that do not come again.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// A random number, from the source that Postgres uses for uuids.
pub fn number() -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: writes as many bytes as the array has.
    let enough = unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), bytes.len()) };
    assert!(enough, "the system has no random numbers");
    u64::from_ne_bytes(bytes)
}
