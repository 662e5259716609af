//! Keys of users and items: the caller's own, in five types.
#![allow(unsafe_code)]

use std::fmt;

use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::{PgSqlErrorCode, pg_sys};

use crate::pg::error::SqlError;
use crate::pg::heap::Columns;
use crate::pg::{hash, interrupt, relation, varlena};

/// The longest text key in bytes. A btree page takes 2,704 bytes a row, and a key stands in several indexes; an event
/// whose key is longer is counted as skipped.
pub const MAX_TEXT_BYTES: usize = 1024;

/// What can be wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No key type.
    #[error("type {type_name} cannot be a key")]
    UnsupportedType {
        /// As SQL writes it.
        type_name: String,
    },
    /// An integer that the column's type does not hold.
    #[error("key {value} is out of range for type {type_name}")]
    OutOfRange {
        /// The key.
        value: i64,
        /// The narrower type.
        type_name: String,
    },
    /// A key of one kind where another is used.
    #[error("a key of type {found} was given where keys are of type {expected}")]
    Mismatch {
        /// The type given.
        found: String,
        /// The type in use.
        expected: String,
    },
    /// Text that is no key of a type.
    #[error("invalid key for type {type_name}: \"{text}\"")]
    Syntax {
        /// Its beginning.
        text: String,
        /// The type.
        type_name: String,
    },
    /// Text that is not UTF-8.
    #[error("a text key is not valid UTF-8")]
    Encoding,
}

impl SqlError for KeyError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::UnsupportedType { .. } | Self::Mismatch { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::OutOfRange { .. } => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            Self::Syntax { .. } => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            Self::Encoding => PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnsupportedType { .. } => {
                Some("Keys may be smallint, integer, bigint, uuid, text or varchar, and domains over these.".into())
            }
            Self::OutOfRange { .. } => Some("Ask with a value of the key column's own type.".into()),
            Self::Mismatch { expected, .. } => Some(format!("Cast the argument: ...::{expected}.")),
            Self::Syntax { type_name, .. } => Some(format!("Nodes of that type have keys of type {type_name}.")),
            Self::Encoding => None,
        }
    }
}

/// The type of a key column, domains and varchar seen through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// smallint
    Int2,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// uuid
    Uuid,
    /// text, varchar
    Text,
}

impl KeyType {
    /// The key type that a column or argument of type `type_oid` has.
    pub fn of(type_oid: pg_sys::Oid) -> Result<Self, KeyError> {
        match relation::base_type(type_oid) {
            pg_sys::INT2OID => Ok(Self::Int2),
            pg_sys::INT4OID => Ok(Self::Int4),
            pg_sys::INT8OID => Ok(Self::Int8),
            pg_sys::UUIDOID => Ok(Self::Uuid),
            pg_sys::TEXTOID | pg_sys::VARCHAROID => Ok(Self::Text),
            _ => Err(KeyError::UnsupportedType { type_name: relation::type_name(type_oid) }),
        }
    }

    /// The type that state tables and result columns use.
    pub fn oid(self) -> pg_sys::Oid {
        match self {
            Self::Int2 => pg_sys::INT2OID,
            Self::Int4 => pg_sys::INT4OID,
            Self::Int8 => pg_sys::INT8OID,
            Self::Uuid => pg_sys::UUIDOID,
            Self::Text => pg_sys::TEXTOID,
        }
    }

    /// Its name in SQL.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Uuid => "uuid",
            Self::Text => "text",
        }
    }

    /// The key type of that name in SQL.
    pub fn named(sql: &str) -> Option<Self> {
        [Self::Int2, Self::Int4, Self::Int8, Self::Uuid, Self::Text].into_iter().find(|key| key.sql() == sql)
    }

    /// What a key column's definition ends with, so that order and equality are those of [`Key`].
    pub fn sql_collation(self) -> &'static str {
        match self {
            Self::Text => " COLLATE \"C\"",
            _ => "",
        }
    }

    fn is_integer(self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8)
    }

    /// Whether two datums of this type are the same key.
    pub fn same(self, left: pg_sys::Datum, right: pg_sys::Datum) -> bool {
        match self {
            Self::Int2 | Self::Int4 | Self::Int8 => left.value() == right.value(),
            // SAFETY: both datums point to the 16 bytes of a uuid.
            Self::Uuid => unsafe { *left.cast_mut_ptr::<[u8; 16]>() == *right.cast_mut_ptr::<[u8; 16]>() },
            Self::Text => varlena::same_bytes(left, right),
        }
    }

    /// Whether keys of these two types can be equal: integers of any width, else the same type.
    pub fn comparable(self, other: Self) -> bool {
        self == other || (self.is_integer() && other.is_integer())
    }
}

/// A key's value. Ordered as its column is: integers by value, uuid and text by bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Key {
    /// Any integer width.
    Int(i64),
    /// The 16 bytes as stored.
    Uuid([u8; 16]),
    /// UTF-8 text.
    Text(Box<str>),
}

impl Key {
    /// The key in a datum of type `type_oid`. The datum must really be of that type.
    pub fn from_datum(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> Result<Self, KeyError> {
        Self::read(datum, KeyType::of(type_oid)?)
    }

    /// A datum of type `type_oid`, in the current memory context.
    pub fn to_datum(&self, type_oid: pg_sys::Oid) -> Result<pg_sys::Datum, KeyError> {
        self.write(KeyType::of(type_oid)?)
    }

    /// A datum of the type that `key_type` uses, in the current memory context, without looking types up.
    pub fn write(&self, key_type: KeyType) -> Result<pg_sys::Datum, KeyError> {
        let out_of_range = |value| KeyError::OutOfRange { value, type_name: key_type.sql().into() };
        let datum = match (self, key_type) {
            (Self::Int(value), KeyType::Int2) => i16::try_from(*value).map_err(|_| out_of_range(*value))?.into_datum(),
            (Self::Int(value), KeyType::Int4) => i32::try_from(*value).map_err(|_| out_of_range(*value))?.into_datum(),
            (Self::Int(value), KeyType::Int8) => value.into_datum(),
            (Self::Uuid(bytes), KeyType::Uuid) => pgrx::Uuid::from_bytes(*bytes).into_datum(),
            (Self::Text(text), KeyType::Text) => Some(varlena::from_bytes(text.as_bytes())),
            _ => None,
        };
        datum.ok_or_else(|| KeyError::Mismatch { found: self.kind().into(), expected: key_type.sql().into() })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "integer",
            Self::Uuid(_) => "uuid",
            Self::Text(_) => "text",
        }
    }

    /// The key in a datum of the type that `key_type` uses, without looking types up.
    pub fn read(datum: pg_sys::Datum, key_type: KeyType) -> Result<Self, KeyError> {
        // Keys come in arrays, as long as a caller likes.
        interrupt::check();
        // SAFETY: the datum is of the type that `key_type` stands for; varlena bytes are copied before they go away.
        unsafe {
            Ok(match key_type {
                KeyType::Int2 => Self::Int(i64::from(datum.value() as i16)),
                KeyType::Int4 => Self::Int(i64::from(datum.value() as i32)),
                KeyType::Int8 => Self::Int(i64::from_datum(datum, false).ok_or(KeyError::Encoding)?),
                KeyType::Uuid => Self::Uuid(*datum.cast_mut_ptr::<[u8; 16]>()),
                KeyType::Text => {
                    let bytes = varlena::Bytes::of(datum);
                    Self::Text(std::str::from_utf8(&bytes).map_err(|_| KeyError::Encoding)?.into())
                }
            })
        }
    }

    /// The key that a text stands for, as [`fmt::Display`] writes it and as Postgres reads it.
    pub fn parse(text: &str, key_type: KeyType) -> Result<Self, KeyError> {
        let refuse = || KeyError::Syntax { text: text.chars().take(40).collect(), type_name: key_type.sql().into() };
        match key_type {
            KeyType::Int2 | KeyType::Int4 | KeyType::Int8 => text.trim().parse().map(Self::Int).map_err(|_| refuse()),
            KeyType::Uuid => parse_uuid(text).map(Self::Uuid).ok_or_else(refuse),
            KeyType::Text => Ok(Self::Text(text.into())),
        }
    }

    /// A number that orders events of equal time, the same on every machine and after every rebuild: an integer key itself
    /// (its sign bit flipped), a 64-bit hash of uuid and text.
    pub fn tie(&self) -> u64 {
        match self {
            Self::Int(value) => (*value as u64) ^ (1 << 63),
            Self::Uuid(bytes) => hash::bytes(bytes),
            Self::Text(text) => hash::bytes(text.as_bytes()),
        }
    }
}

/// The key in a column of a row, unless it is NULL or too long for an event's.
pub fn of_row(row: Columns, (number, key): (i16, KeyType)) -> Option<pg_sys::Datum> {
    row.get(number).filter(|value| {
        // SAFETY: a text column's value is a varlena.
        key != KeyType::Text || unsafe { varlena::length(*value) } <= MAX_TEXT_BYTES
    })
}

/// 32 hexadecimal digits, hyphens left out and braces taken off.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.strip_prefix('{').map_or(Some(text), |inner| inner.strip_suffix('}'))?;
    let digits: Vec<u8> = text.chars().filter(|c| *c != '-').map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 32 { bytes.try_into().ok() } else { None }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Uuid(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    if matches!(index, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}
