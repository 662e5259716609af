//! Byte views of variable-length values, without a copy where Postgres needs none.
#![allow(unsafe_code)]

use std::ops::Deref;

use pgrx::pg_sys;

/// The bytes of a detoasted value. Borrowed from the datum where it was stored plainly; its own copy, freed on
/// drop, where it had to be fetched or decompressed.
pub struct Bytes {
    value: *mut pg_sys::varlena,
    owned: bool,
}

impl Bytes {
    /// The bytes of a varlena datum (bytea, text, recommend.packed, ...).
    ///
    /// # Safety
    /// `datum` points to a varlena that lives, and is not written to, at least as long as the value returned.
    pub unsafe fn of(datum: pg_sys::Datum) -> Self {
        let original = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: by the contract above. A short header stays as it is, so the bytes may be unaligned.
        let value = unsafe { pg_sys::pg_detoast_datum_packed(original) };
        Self { value, owned: !std::ptr::eq(value, original) }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: a detoasted varlena with a 1-byte or a 4-byte header.
        unsafe { pgrx::varlena::varlena_to_byte_slice(self.value) }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        if self.owned && !std::thread::panicking() {
            // SAFETY: allocated by pg_detoast_datum_packed above, and not handed out.
            unsafe { pg_sys::pfree(self.value.cast()) }
        }
    }
}

/// A new varlena with these bytes, in the current memory context: right for bytea, text and recommend.packed.
pub fn from_bytes(bytes: &[u8]) -> pg_sys::Datum {
    // SAFETY: cstring_to_text_with_len copies exactly `len` bytes behind a varlena header; it does not look at them.
    unsafe { pg_sys::cstring_to_text_with_len(bytes.as_ptr().cast(), bytes.len() as i32) }.into()
}

/// How many bytes a varlena holds once detoasted, found without detoasting it.
///
/// # Safety
/// `datum` points to a varlena.
#[inline]
pub unsafe fn length(datum: pg_sys::Datum) -> usize {
    // SAFETY: by the contract above.
    unsafe { pg_sys::toast_raw_datum_size(datum) }.saturating_sub(pg_sys::VARHDRSZ)
}
