//! Values of single columns as features: numbers and texts.
#![allow(unsafe_code)]

use std::ffi::CStr;

use engine::model::Value;
use pgrx::pg_sys;

use super::relation;
use super::varlena::Bytes;

/// How values of one type are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// boolean
    Bool,
    /// smallint
    Int2,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// real
    Float4,
    /// double precision
    Float8,
    /// numeric
    Numeric,
    /// text, varchar and char.
    Plain,
    /// name, uuid and enumerations, by their output function.
    Text(pg_sys::Oid),
}

impl Kind {
    /// That of a type, domains seen through; `None` for types that are neither number nor text.
    pub fn of(type_oid: pg_sys::Oid) -> Option<Self> {
        let base = relation::base_type(type_oid);
        Some(match base {
            pg_sys::BOOLOID => Self::Bool,
            pg_sys::INT2OID => Self::Int2,
            pg_sys::INT4OID => Self::Int4,
            pg_sys::INT8OID => Self::Int8,
            pg_sys::FLOAT4OID => Self::Float4,
            pg_sys::FLOAT8OID => Self::Float8,
            pg_sys::NUMERICOID => Self::Numeric,
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Self::Plain,
            pg_sys::NAMEOID | pg_sys::UUIDOID | pg_sys::UNKNOWNOID => text(base),
            // SAFETY: a catalog lookup.
            other if unsafe { pg_sys::type_is_enum(other) } => text(other),
            _ => return None,
        })
    }

    /// Whether it is text, and no number.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Plain | Self::Text(_))
    }

    /// Whether it is an integer type.
    pub fn is_integer(self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8)
    }

    /// The value of a datum.
    ///
    /// # Safety
    /// `datum` is of a type that this is the kind of.
    pub unsafe fn read(self, datum: pg_sys::Datum) -> Value {
        match self {
            Self::Bool => Value::Integer(i64::from(datum.value() as u8 != 0)),
            Self::Int2 => Value::Integer(i64::from(datum.value() as i16)),
            Self::Int4 => Value::Integer(i64::from(datum.value() as i32)),
            Self::Int8 => Value::Integer(datum.value() as i64),
            Self::Float4 => Value::Number(f64::from(f32::from_bits(datum.value() as u32))),
            Self::Float8 => Value::Number(f64::from_bits(datum.value() as u64)),
            Self::Numeric => {
                // SAFETY: by the contract above; the function gives infinity where others raise an error.
                let double = unsafe { pgrx::direct_function_call_as_datum(pg_sys::numeric_float8_no_overflow, &[Some(datum)]) };
                Value::Number(double.map_or(f64::NAN, |double| f64::from_bits(double.value() as u64)))
            }
            Self::Plain => {
                // SAFETY: by the contract above, a varlena with the text's bytes.
                let bytes = unsafe { Bytes::of(datum) };
                Value::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            Self::Text(output) => {
                // SAFETY: the output function of its type gives a NUL-terminated string.
                let text = unsafe { CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, datum)) };
                Value::Text(text.to_string_lossy().into_owned())
            }
        }
    }
}

fn text(type_oid: pg_sys::Oid) -> Kind {
    let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
    // SAFETY: a catalog lookup; the out pointers are to live locals.
    unsafe { pg_sys::getTypeOutputInfo(type_oid, &mut output, &mut is_varlena) };
    Kind::Text(output)
}
