//! Number columns as f32, whatever their type.
#![allow(unsafe_code)]

use pgrx::pg_sys;

use super::relation;

/// The greatest size of a number that counts; what is larger would not fit f32.
pub const LARGEST: f64 = 3.4e38;
/// The least size of a number other than 0; what is smaller is taken as 0.
pub const SMALLEST: f64 = 1e-37;

/// A type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberType {
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
}

impl NumberType {
    /// The number type that a column of type `type_oid` has, domains seen through.
    pub fn of(type_oid: pg_sys::Oid) -> Option<Self> {
        match relation::base_type(type_oid) {
            pg_sys::INT2OID => Some(Self::Int2),
            pg_sys::INT4OID => Some(Self::Int4),
            pg_sys::INT8OID => Some(Self::Int8),
            pg_sys::FLOAT4OID => Some(Self::Float4),
            pg_sys::FLOAT8OID => Some(Self::Float8),
            pg_sys::NUMERICOID => Some(Self::Numeric),
            _ => None,
        }
    }

    /// The number in a datum of this type; infinite or NaN where it is beyond [`LARGEST`].
    ///
    /// # Safety
    /// `datum` is of this type.
    pub unsafe fn read(self, datum: pg_sys::Datum) -> f32 {
        let value = match self {
            Self::Int2 => f64::from(datum.value() as i16),
            Self::Int4 => f64::from(datum.value() as i32),
            Self::Int8 => datum.value() as i64 as f64,
            Self::Float4 => f64::from(f32::from_bits(datum.value() as u32)),
            Self::Float8 => f64::from_bits(datum.value() as u64),
            Self::Numeric => {
                // SAFETY: by the contract above; the function gives infinity where others raise an error.
                let double = unsafe { pgrx::direct_function_call_as_datum(pg_sys::numeric_float8_no_overflow, &[Some(datum)]) };
                double.map_or(f64::NAN, |double| f64::from_bits(double.value() as u64))
            }
        };
        match value.abs() {
            size if size < SMALLEST => 0.0,
            size if size > LARGEST => f32::INFINITY,
            _ => value as f32,
        }
    }

    /// SQL that gives what [`NumberType::read`] reads from `column` as real: NULL where that is not finite.
    pub fn sql(self, column: &str) -> String {
        match self {
            Self::Int2 | Self::Int4 | Self::Int8 => format!("{column}::real"),
            Self::Numeric => {
                format!("CASE WHEN abs({column}) < {SMALLEST:e} THEN 0 WHEN abs({column}) <= {LARGEST:e} THEN {column}::real END")
            }
            Self::Float4 | Self::Float8 => format!(
                "CASE WHEN abs({column}) < '{SMALLEST:e}'::float8 THEN 0 WHEN abs({column}) <= '{LARGEST:e}'::float8 THEN {column}::real END"
            ),
        }
    }
}
