//! Byte views of variable-length values, without a copy where Postgres needs none.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};

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

/// The bytes of a varlena as it is stored: of a pointer to what lies out of line, those of the pointer.
///
/// # Safety
/// `datum` points to a varlena that lives, and is not written to, as long as the bytes are used.
pub unsafe fn stored<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    let value = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: by the contract above.
    unsafe { std::slice::from_raw_parts(value.cast::<u8>(), pgrx::varlena::varsize_any(value)) }
}

/// Whether the bytes that [`stored`] gives are those of a pointer to what lies out of line.
pub fn is_external(stored: &[u8]) -> bool {
    // The header that no length has: see varatt.h.
    stored.first() == Some(&if cfg!(target_endian = "little") { 0x01 } else { 0x80 })
}

/// Whether they are those of a pointer into memory, as a variable of a function is passed: what it leads to may change, and the pointer stay.
pub fn is_in_memory(stored: &[u8]) -> bool {
    is_external(stored) && stored.get(1).is_none_or(|tag| u32::from(*tag) != pg_sys::vartag_external::VARTAG_ONDISK)
}

/// Whether two varlenas hold the same bytes.
pub fn same_bytes(left: pg_sys::Datum, right: pg_sys::Datum) -> bool {
    // SAFETY: the caller passes varlenas, of a row or made from one.
    unsafe { *Bytes::of(left) == *Bytes::of(right) }
}

/// The bytes of a varlena of ours that may be written: plain, with a 4-byte header, in memory of Postgres that outlives
/// the value.
pub struct Writable(*mut pg_sys::varlena);

impl Writable {
    /// A new one of `length` zeros, in the current memory context.
    pub fn zeroed(length: usize) -> Self {
        let size = pg_sys::VARHDRSZ + length;
        // SAFETY: palloc0 gives `size` bytes or raises an ERROR; the header is written before anything reads it.
        unsafe {
            let value = pg_sys::palloc0(size).cast::<pg_sys::varlena>();
            pgrx::varlena::set_varsize_4b(value, size as i32);
            Self(value)
        }
    }

    /// A varlena to write to in place where it is plain, else a plain copy of it in the current memory context.
    ///
    /// # Safety
    /// `datum` points to a varlena that nobody else reads or writes as long as the value returned lives.
    pub unsafe fn of(datum: pg_sys::Datum) -> Self {
        let value = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: by the contract above. Extended are all but plain ones: short, compressed and out of line.
        unsafe {
            let plain = pgrx::varlena::varatt_is_4b_u(value);
            Self(if plain { value } else { pg_sys::pg_detoast_datum_copy(value) })
        }
    }

    /// A plain copy of a varlena, in the current memory context.
    ///
    /// # Safety
    /// `datum` points to a varlena.
    pub unsafe fn copy_of(datum: pg_sys::Datum) -> Self {
        // SAFETY: by the contract above.
        Self(unsafe { pg_sys::pg_detoast_datum_copy(datum.cast_mut_ptr()) })
    }

    /// As a datum.
    pub fn datum(&self) -> pg_sys::Datum {
        self.0.into()
    }
}

impl Deref for Writable {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: a plain varlena.
        unsafe { pgrx::varlena::varlena_to_byte_slice(self.0) }
    }
}

impl DerefMut for Writable {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: a plain varlena: its bytes begin behind a 4-byte header, and nobody else holds them.
        unsafe {
            let length = pgrx::varlena::varsize_4b(self.0) - pg_sys::VARHDRSZ;
            std::slice::from_raw_parts_mut(self.0.cast::<u8>().add(pg_sys::VARHDRSZ), length)
        }
    }
}
