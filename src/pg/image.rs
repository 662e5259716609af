//! Values of any type as bytes, and back: what an aggregate keeps of the ids that it met.
#![allow(unsafe_code)]

use pgrx::pg_sys;

use super::relation;
use super::varlena::{self, Bytes};

/// How the values of a type become bytes. The order of the bytes is that of the values for integers, uuid and text (in collation "C"); for
/// other types it is some order that is always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// An integer of so many bytes, the most significant one first, its sign bit flipped.
    Integer(u32),
    /// Another type that is passed by value.
    ByValue,
    /// So many bytes.
    Fixed(u32),
    /// A varlena's bytes without its header.
    Varlena,
}

impl Image {
    /// The image of a type; `None` for a type without values of its own, as `unknown`.
    pub fn of(type_oid: pg_sys::Oid) -> Option<Self> {
        let base = relation::base_type(type_oid);
        if base == pg_sys::InvalidOid {
            return None;
        }
        let (mut length, mut by_value) = (0i16, false);
        // SAFETY: a catalog lookup that raises an ERROR for an unknown type; the out pointers are to live locals.
        unsafe { pg_sys::get_typlenbyval(base, &mut length, &mut by_value) };
        match (base, length) {
            (pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID, length) if by_value => Some(Self::Integer(length.unsigned_abs().into())),
            (_, 1..) if by_value => Some(Self::ByValue),
            (_, 1..) => Some(Self::Fixed(length.unsigned_abs().into())),
            (_, -1) => Some(Self::Varlena),
            _ => None,
        }
    }

    /// As a number.
    pub fn number(self) -> u32 {
        match self {
            Self::Integer(length) => length,
            Self::ByValue => 16,
            Self::Varlena => 17,
            Self::Fixed(length) => 18 + length,
        }
    }

    /// What [`Self::number`] says.
    pub fn numbered(number: u32) -> Self {
        match number {
            0..16 => Self::Integer(number),
            16 => Self::ByValue,
            17 => Self::Varlena,
            _ => Self::Fixed(number - 18),
        }
    }

    /// About how long the bytes are.
    pub fn length(self) -> usize {
        match self {
            Self::Integer(_) | Self::ByValue => 8,
            Self::Fixed(length) => length as usize,
            Self::Varlena => 32,
        }
    }

    /// Hands the bytes of a value to `work`. The datum must really be of such a type.
    pub fn with<T>(self, datum: pg_sys::Datum, work: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Self::Integer(length) => {
                let value = match length {
                    2 => i64::from(datum.value() as i16),
                    4 => i64::from(datum.value() as i32),
                    _ => datum.value() as i64,
                };
                work(&((value as u64) ^ (1 << 63)).to_be_bytes())
            }
            Self::ByValue => work(&(datum.value() as u64).to_be_bytes()),
            // SAFETY: a value of a type of that length, passed by reference.
            Self::Fixed(length) => work(unsafe { std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), length as usize) }),
            // SAFETY: a varlena, which lives as long as the call.
            Self::Varlena => work(&unsafe { Bytes::of(datum) }),
        }
    }

    /// The value, in the current memory context; `None` for bytes that no value has.
    pub fn read(self, bytes: &[u8]) -> Option<pg_sys::Datum> {
        let number = || bytes.try_into().ok().map(u64::from_be_bytes);
        match self {
            Self::Integer(_) => Some(pg_sys::Datum::from((number()? ^ (1 << 63)) as i64)),
            Self::ByValue => Some(pg_sys::Datum::from(number()? as i64)),
            Self::Varlena => Some(varlena::from_bytes(bytes)),
            Self::Fixed(length) if bytes.len() == length as usize => {
                // SAFETY: palloc gives as many bytes as are copied.
                unsafe {
                    let copy = pg_sys::palloc(bytes.len()).cast::<u8>();
                    std::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
                    Some(copy.into())
                }
            }
            Self::Fixed(_) => None,
        }
    }
}
