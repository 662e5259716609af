//! Vectors in the types that tables keep them in: `real[]`, `float8[]`, and `vector` and `halfvec` of the extension pgvector.
//!
//! pgvector's types are found by their names among the members of the extension `vector`, wherever it is installed. Their values are
//! a varlena header, the number of dimensions and an unused word, of 16 bits each, and the numbers: of 32 bits, or of 16 in `halfvec`.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::ops::Deref;

use half::f16;
use half::slice::HalfFloatSliceExt;
use pgrx::pg_sys;

use super::array::{Reals, VectorError};
use super::relation;
use super::varlena::Bytes;

/// The extension that has `vector` and `halfvec`.
const PGVECTOR: &CStr = c"vector";
/// What stands before the numbers of pgvector's types, behind the varlena header.
const PGVECTOR_HEADER: usize = 4;

/// A type of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VectorType {
    /// `real[]`
    Real,
    /// `float8[]`, rounded to 32 bits.
    Double,
    /// pgvector's `vector`.
    Single,
    /// pgvector's `halfvec`.
    Half,
}

/// How many types there are.
pub const VECTOR_TYPES: u32 = 4;

impl VectorType {
    /// As a number below [`VECTOR_TYPES`].
    pub fn number(self) -> u32 {
        match self {
            Self::Real => 0,
            Self::Double => 1,
            Self::Single => 2,
            Self::Half => 3,
        }
    }

    /// What [`Self::number`] says.
    pub fn numbered(number: u32) -> Self {
        match number % VECTOR_TYPES {
            0 => Self::Real,
            1 => Self::Double,
            2 => Self::Single,
            _ => Self::Half,
        }
    }

    /// The kind of a column's or argument's type, domains seen through; `None` for what is no vector.
    pub fn of(type_oid: pg_sys::Oid) -> Option<Self> {
        match relation::base_type(type_oid) {
            pg_sys::FLOAT4ARRAYOID => Some(Self::Real),
            pg_sys::FLOAT8ARRAYOID => Some(Self::Double),
            other => match pgvector_type(other)?.as_str() {
                "vector" => Some(Self::Single),
                "halfvec" => Some(Self::Half),
                _ => None,
            },
        }
    }

    /// The number of dimensions that a column's type modifier fixes, as in `vector(3)`.
    pub fn declared_dimensions(self, modifier: i32) -> Option<i32> {
        (matches!(self, Self::Single | Self::Half) && modifier > 0).then_some(modifier)
    }

    /// Hands the numbers of a vector to `work`, in place where they are stored plainly and in 32 bits, else as a copy. The datum must really
    /// be of this type.
    pub fn with<T>(self, datum: pg_sys::Datum, work: impl FnOnce(&[f32]) -> T) -> Result<T, VectorError> {
        // SAFETY: the datum is of this type, and the numbers are let go of before this returns.
        unsafe { self.read(datum) }.map(|vector| work(&vector))
    }

    /// Hands the numbers of a vector that are stored plainly and in 32 bits to `work`, in place; `None` for others. The datum must really be of this
    /// type.
    #[inline]
    pub fn in_place<T>(self, datum: pg_sys::Datum, work: impl FnOnce(&[f32]) -> T) -> Option<T> {
        let value = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: the datum is of this type, and the numbers are let go of before this returns.
        let numbers = unsafe {
            match self {
                Self::Real => Reals::in_place(value),
                Self::Single => Single::in_place(value),
                Self::Double | Self::Half => None,
            }
        };
        numbers.map(work)
    }

    /// The numbers of a vector.
    ///
    /// # Safety
    /// `datum` is of this type, and lives and is not written to at least as long as the value returned.
    unsafe fn read(self, datum: pg_sys::Datum) -> Result<Vector, VectorError> {
        // SAFETY: by the contract above.
        unsafe {
            match self {
                Self::Real => Ok(Vector(Numbers::Array(Reals::of(datum)?))),
                Self::Double => Ok(Vector(Numbers::Own(super::array::doubles(datum)?))),
                Self::Single => Single::of(datum).map(|single| Vector(Numbers::Single(single))),
                Self::Half => halves(&Bytes::of(datum)).map(|own| Vector(Numbers::Own(own))).ok_or(VectorError::ElementType),
            }
        }
    }
}

/// The name of a type of the extension pgvector.
fn pgvector_type(type_oid: pg_sys::Oid) -> Option<String> {
    // SAFETY: catalog lookups; the names are NUL-terminated or NULL.
    unsafe {
        let extension = pg_sys::getExtensionOfObject(pg_sys::TypeRelationId, type_oid);
        if extension == pg_sys::InvalidOid {
            return None;
        }
        let name = pg_sys::get_extension_name(extension);
        if name.is_null() || CStr::from_ptr(name) != PGVECTOR {
            return None;
        }
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as i32, pg_sys::Datum::from(type_oid));
        if tuple.is_null() {
            return None;
        }
        let row = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>();
        // Who owns the extension can put a type of their own in; a base type of variable length only a superuser can make.
        if (*row).typtype as u8 != pg_sys::TYPTYPE_BASE || (*row).typlen != -1 || (*row).typelem != pg_sys::InvalidOid {
            pg_sys::ReleaseSysCache(tuple);
            return None;
        }
        let name = CStr::from_ptr((*row).typname.data.as_ptr().cast::<c_char>()).to_string_lossy().into_owned();
        pg_sys::ReleaseSysCache(tuple);
        Some(name)
    }
}

/// The numbers of a halfvec's bytes.
fn halves(bytes: &[u8]) -> Option<Vec<f32>> {
    let (header, numbers) = bytes.split_at_checked(PGVECTOR_HEADER)?;
    let dimensions = usize::try_from(i16::from_ne_bytes([header[0], header[1]])).ok()?;
    let halves: Vec<f16> = numbers.chunks_exact(size_of::<f16>()).map(|half| f16::from_ne_bytes([half[0], half[1]])).collect();
    let mut own = vec![0.0; dimensions];
    halves.get(..dimensions)?.convert_to_f32_slice(&mut own);
    Some(own)
}

/// A plain `vector`.
struct Single {
    value: *mut pg_sys::varlena,
    length: usize,
    owned: bool,
}

impl Single {
    /// # Safety
    /// As for [`VectorType::read`].
    unsafe fn of(datum: pg_sys::Datum) -> Result<Self, VectorError> {
        let original = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: by the contract; the bytes of a plain varlena begin behind a header of 4 bytes, aligned to 4.
        unsafe {
            let plain = pgrx::varlena::varatt_is_4b_u(original);
            let value = if plain { original } else { pg_sys::pg_detoast_datum(original) };
            let size = pgrx::varlena::varsize_4b(value);
            let single = Self { value, length: size.saturating_sub(pg_sys::VARHDRSZ + PGVECTOR_HEADER) / size_of::<f32>(), owned: !plain };
            let dimensions =
                if size < pg_sys::VARHDRSZ + PGVECTOR_HEADER { -1 } else { *value.cast::<u8>().add(pg_sys::VARHDRSZ).cast::<i16>() };
            if usize::try_from(dimensions) == Ok(single.length) { Ok(single) } else { Err(VectorError::ElementType) }
        }
    }
}

impl Single {
    /// The numbers of a plain value; `None` for another one.
    ///
    /// # Safety
    /// As for [`VectorType::read`].
    #[inline]
    unsafe fn in_place<'a>(value: *mut pg_sys::varlena) -> Option<&'a [f32]> {
        // SAFETY: by the contract; the bytes of a plain varlena begin behind a header of 4 bytes, aligned to 4.
        unsafe {
            if !pgrx::varlena::varatt_is_4b_u(value) {
                return None;
            }
            let size = pgrx::varlena::varsize_4b(value).checked_sub(pg_sys::VARHDRSZ + PGVECTOR_HEADER)?;
            let start = value.cast::<u8>().add(pg_sys::VARHDRSZ);
            let dimensions = usize::from(*start.cast::<u16>());
            (dimensions * size_of::<f32>() == size).then(|| std::slice::from_raw_parts(start.add(PGVECTOR_HEADER).cast(), dimensions))
        }
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        if self.owned && !std::thread::panicking() {
            // SAFETY: allocated by pg_detoast_datum above, and not handed out.
            unsafe { pg_sys::pfree(self.value.cast()) }
        }
    }
}

/// The numbers of one vector.
struct Vector(Numbers);

enum Numbers {
    Array(Reals),
    Single(Single),
    Own(Vec<f32>),
}

impl Deref for Vector {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.0 {
            Numbers::Array(reals) => reals,
            Numbers::Own(own) => own,
            // SAFETY: as many numbers as the value has room for, behind both headers, aligned to 4 bytes.
            Numbers::Single(single) => unsafe {
                let start = single.value.cast::<u8>().add(pg_sys::VARHDRSZ + PGVECTOR_HEADER).cast::<f32>();
                std::slice::from_raw_parts(start, single.length)
            },
        }
    }
}
