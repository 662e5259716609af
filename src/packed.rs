//! `recommend.packed`: the SQL type of the engine's packed rows. Its text form is hexadecimal, as bytea's.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};

use engine::packed::{Kind, validate};
use pgrx::{PgSqlErrorCode, pg_sys};

use crate::pg::error::SqlError;
use crate::pg::function::{Call, CallError};
use crate::pg::varlena;
use crate::sql_function;

/// What can be wrong with a packed row that a user gives.
#[derive(Debug, thiserror::Error)]
pub enum PackedError {
    /// No hexadecimal text.
    #[error("invalid input syntax for type recommend.packed: \"{0}\"")]
    Syntax(String),
    /// Bytes that are no packed row.
    #[error("invalid packed row: {0}")]
    Invalid(#[from] engine::Error),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl SqlError for PackedError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Syntax(_) => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            Self::Invalid(_) => PgSqlErrorCode::ERRCODE_INVALID_BINARY_REPRESENTATION,
            Self::Call(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some("Packed rows are written by the compactor and dumped by pg_dump; rebuild_recommender() makes them anew.".into())
    }
}

fn checked(bytes: &[u8]) -> Result<pg_sys::Datum, PackedError> {
    validate(bytes)?;
    Ok(varlena::from_bytes(bytes))
}

fn input(call: &Call) -> Result<pg_sys::Datum, PackedError> {
    let datum = call.datum(0).ok_or(CallError::Null("value"))?;
    // SAFETY: an input function's argument is a cstring.
    let text = unsafe { CStr::from_ptr(datum.cast_mut_ptr()) }.to_string_lossy();
    let syntax = || PackedError::Syntax(text.chars().take(40).collect());
    let digits = text.strip_prefix("\\x").ok_or_else(syntax)?;
    // from_str_radix would take a sign for a digit.
    if digits.len() % 2 != 0 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(syntax());
    }
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(|place| u8::from_str_radix(&digits[place..place + 2], 16).ok()).collect();
    checked(&bytes.ok_or_else(syntax)?)
}

fn output(call: &Call) -> Result<pg_sys::Datum, PackedError> {
    let datum = call.datum(0).ok_or(CallError::Null("value"))?;
    // SAFETY: the argument is a packed row, a varlena.
    let bytes = unsafe { varlena::Bytes::of(datum) };
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes.iter() {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    let text = CString::new(text).map_err(|error| PackedError::Syntax(error.to_string()))?;
    // SAFETY: pstrdup copies a NUL-terminated string into the current context.
    Ok(unsafe { pg_sys::pstrdup(text.as_ptr()) }.into())
}

fn receive(call: &Call) -> Result<pg_sys::Datum, PackedError> {
    let datum = call.datum(0).ok_or(CallError::Null("message"))?;
    // SAFETY: a receive function's argument is a StringInfo, whose rest is the value.
    let bytes = unsafe {
        let message = datum.cast_mut_ptr::<pg_sys::StringInfoData>();
        let length = (*message).len - (*message).cursor;
        let start = pg_sys::pq_getmsgbytes(message, length);
        std::slice::from_raw_parts(start.cast::<u8>(), length as usize)
    };
    checked(bytes)
}

/// A packed row's bytes as bytea: both are varlenas of the same bytes.
fn send(call: &Call) -> Result<pg_sys::Datum, PackedError> {
    from_bytea(call)
}

fn from_bytea(call: &Call) -> Result<pg_sys::Datum, PackedError> {
    let datum = call.datum(0).ok_or(CallError::Null("value"))?;
    // SAFETY: the argument is a bytea or a packed row.
    let bytes = unsafe { varlena::Bytes::of(datum) };
    checked(&bytes)
}

fn kind(call: &Call) -> Result<pg_sys::Datum, PackedError> {
    let datum = call.datum(0).ok_or(CallError::Null("value"))?;
    // SAFETY: the argument is a packed row.
    let bytes = unsafe { varlena::Bytes::of(datum) };
    let name = match validate(&bytes)? {
        Kind::History => "history",
        Kind::Neighbors => "neighbors",
        Kind::Visits => "visits",
        Kind::Session => "session",
        Kind::Edges => "edges",
        Kind::UserInterest => "user_interest",
        Kind::Features => "features",
        Kind::Leaders => "leaders",
        Kind::Learnt => "learnt",
    };
    Ok(varlena::from_bytes(name.as_bytes()))
}

sql_function!(packed_in, pg_finfo_packed_in, input);
sql_function!(packed_out, pg_finfo_packed_out, output);
sql_function!(packed_recv, pg_finfo_packed_recv, receive);
sql_function!(packed_send, pg_finfo_packed_send, send);
sql_function!(packed_from_bytea, pg_finfo_packed_from_bytea, from_bytea);
sql_function!(packed_kind, pg_finfo_packed_kind, kind);
