//! Postgres' own hash of bytes, which is the same on every machine of one byte order and from release to release.
#![allow(unsafe_code)]

use std::ffi::c_int;

unsafe extern "C-unwind" {
    fn hash_bytes_extended(bytes: *const u8, length: c_int, seed: u64) -> u64;
}

/// The 64-bit hash that `hashtextextended(text, 0)` gives for text of a deterministic collation.
pub fn bytes(bytes: &[u8]) -> u64 {
    seeded(bytes, 0)
}

/// The same with a seed. The lower half of what seed 0 gives is Postgres' 32-bit hash.
pub fn seeded(bytes: &[u8], seed: u64) -> u64 {
    // SAFETY: reads exactly the bytes of the slice; a varlena holds fewer than 2^30.
    unsafe { hash_bytes_extended(bytes.as_ptr(), bytes.len() as c_int, seed) }
}
