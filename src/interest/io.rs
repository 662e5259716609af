//! Input, output, equality and hash of the stored types. Whatever comes in is checked field by field.

use engine::interest::InterestError as MathError;
use pgrx::pg_sys;

use super::text::Fields;
use super::{InterestError, Result};
use crate::pg::function::{Call, CallError};
use crate::pg::{hash, varlena};
use crate::sql_function;

/// The longest text form: the sums of a vector of the most dimensions take less.
const LONGEST_TEXT: usize = 1 << 20;

/// A type whose values are versioned bytes.
pub trait Stored {
    /// Its name in SQL.
    const NAME: &'static str;

    /// An error unless the bytes are a value.
    fn check(bytes: &[u8]) -> std::result::Result<(), MathError>;

    /// The text form of a value: a JSON object that gives every bit of it.
    fn to_text(bytes: &[u8]) -> std::result::Result<String, MathError>;

    /// The value of a text form, checked; else what is wrong with it.
    fn from_text(fields: &mut Fields) -> std::result::Result<Vec<u8>, String>;
}

pub fn input<T: Stored>(call: &Call) -> Result<pg_sys::Datum> {
    let text = call.cstring(0).ok_or(CallError::Null("value"))?;
    if text.len() > LONGEST_TEXT {
        return Err(InterestError::Syntax {
            type_name: T::NAME,
            text: text.chars().take(40).collect(),
            detail: format!("it has {} bytes", text.len()),
        });
    }
    let bytes = Fields::parse(&text)
        .and_then(|mut fields| {
            let bytes = T::from_text(&mut fields)?;
            fields.finish()?;
            Ok(bytes)
        })
        .map_err(|detail| InterestError::Syntax { type_name: T::NAME, text: text.chars().take(40).collect(), detail })?;
    Ok(varlena::from_bytes(&bytes))
}

pub fn output<T: Stored>(call: &Call) -> Result<pg_sys::Datum> {
    let bytes = call.bytes(0).ok_or(CallError::Null("value"))?;
    Ok(call.to_cstring(&T::to_text(&bytes)?))
}

pub fn receive<T: Stored>(call: &Call) -> Result<pg_sys::Datum> {
    let bytes = call.message(0).ok_or(CallError::Null("message"))?;
    T::check(&bytes).map_err(|source| InterestError::Invalid { type_name: T::NAME, source })?;
    Ok(varlena::from_bytes(&bytes))
}

/// A value's bytes as bytea; both types have them in little-endian order everywhere.
pub fn send(call: &Call) -> Result<pg_sys::Datum> {
    Ok(varlena::from_bytes(&call.bytes(0).ok_or(CallError::Null("value"))?))
}

fn same(call: &Call) -> Result<bool> {
    let (left, right) = (call.bytes(0).ok_or(CallError::Null("left"))?, call.bytes(1).ok_or(CallError::Null("right"))?);
    Ok(*left == *right)
}

fn equal(call: &Call) -> Result<pg_sys::Datum> {
    Ok(call.value(Some(same(call)?)))
}

fn unequal(call: &Call) -> Result<pg_sys::Datum> {
    Ok(call.value(Some(!same(call)?)))
}

fn hash32(call: &Call) -> Result<pg_sys::Datum> {
    let bytes = call.bytes(0).ok_or(CallError::Null("value"))?;
    Ok(call.value(Some(hash::bytes(&bytes) as i32)))
}

fn hash64(call: &Call) -> Result<pg_sys::Datum> {
    let bytes = call.bytes(0).ok_or(CallError::Null("value"))?;
    let seed: i64 = call.required(1, "seed")?;
    Ok(call.value(Some(hash::seeded(&bytes, seed as u64) as i64)))
}

// The same for both types.
sql_function!(interest_eq, pg_finfo_interest_eq, equal);
sql_function!(interest_ne, pg_finfo_interest_ne, unequal);
sql_function!(interest_hash, pg_finfo_interest_hash, hash32);
sql_function!(interest_hash_extended, pg_finfo_interest_hash_extended, hash64);
