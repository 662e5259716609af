//! The type `interest`: a decayed, weighted sum of vectors, and the aggregate that makes it.

use engine::interest::{
    InterestError as MathError, InterestFields, InterestMut, InterestView, VERSION, direction, drift, interest_bytes, similarity,
};
use pgrx::pg_sys;

use super::io::{self, Stored};
use super::text::Fields;
use super::{Result, arguments};
use crate::pg::array;
use crate::pg::function::{Call, CallError};
use crate::pg::varlena::{Bytes, Writable};
use crate::sql_function;

/// The type.
pub struct Interest;

impl Stored for Interest {
    const NAME: &'static str = "interest";

    fn check(bytes: &[u8]) -> std::result::Result<(), MathError> {
        InterestView::parse_unknown(bytes).map(|_| ())
    }

    fn to_text(bytes: &[u8]) -> std::result::Result<String, MathError> {
        let InterestFields { half_life, first_at, last_at, count, strength, vector } = InterestView::parse(bytes)?.fields();
        Ok(format!(
            r#"{{"version":{VERSION},"half_life_us":{half_life},"first_us":{first_at},"last_us":{last_at},"count":{count},"strength":{strength:?},"sum":{vector:?}}}"#
        ))
    }

    fn from_text(fields: &mut Fields) -> std::result::Result<Vec<u8>, String> {
        let interest = InterestFields {
            half_life: fields.integer("half_life_us")?,
            first_at: fields.integer("first_us")?,
            last_at: fields.integer("last_us")?,
            count: fields.integer("count")?,
            strength: fields.number("strength")?,
            vector: fields.numbers("sum")?,
        };
        interest.to_bytes().map_err(|error| error.to_string())
    }
}

/// The transition of `(vector, at [, weight], half_life)`.
fn add(call: &Call) -> Result<pg_sys::Datum> {
    let state = call.state()?;
    let weight = if call.arg_count() > 4 { arguments::number(call, 3, "weight")? } else { Some(1.0) };
    let row = (call.reals(1)?, arguments::time(call, 2, "at")?, weight);
    let (Some(vector), Some(at), Some(weight)) = row else {
        return Ok(state.map_or_else(|| call.null(), |state| state.datum()));
    };
    let grid = arguments::half_life(call, call.arg_count() - 1)?;
    match state {
        Some(mut state) => {
            InterestMut::parse(&mut state)?.add(&vector, at, weight, grid)?;
            Ok(state.datum())
        }
        None => {
            let mut state = Writable::zeroed(interest_bytes(vector.len())?);
            InterestMut::begin(&mut state, grid)?.add(&vector, at, weight, grid)?;
            Ok(state.datum())
        }
    }
}

fn merge_into(mut sum: Writable, other: &[u8]) -> Result<pg_sys::Datum> {
    InterestMut::parse(&mut sum)?.merge(&InterestView::parse(other)?)?;
    Ok(sum.datum())
}

fn merge(call: &Call) -> Result<pg_sys::Datum> {
    let state = call.state()?.ok_or(CallError::Null("state"))?;
    merge_into(state, &interest(call, 1)?)
}

fn plus(call: &Call) -> Result<pg_sys::Datum> {
    let left = interest(call, 0)?;
    let mut sum = Writable::zeroed(left.len());
    sum.copy_from_slice(&left);
    merge_into(sum, &interest(call, 1)?)
}

fn interest(call: &Call, index: usize) -> Result<Bytes> {
    Ok(call.bytes(index).ok_or(CallError::Null("interest"))?)
}

/// With or without an `as_of`, on which the direction does not depend.
fn vector_of(call: &Call) -> Result<pg_sys::Datum> {
    arguments::time(call, 1, "as_of")?;
    let bytes = interest(call, 0)?;
    Ok(direction(&InterestView::parse(&bytes)?).map_or_else(|| call.null(), |direction| array::of_reals(&direction)))
}

fn strength(call: &Call) -> Result<pg_sys::Datum> {
    let bytes = interest(call, 0)?;
    Ok(call.value(Some(InterestView::parse(&bytes)?.strength(arguments::as_of(call, 1)?)?)))
}

fn count(call: &Call) -> Result<pg_sys::Datum> {
    let bytes = interest(call, 0)?;
    Ok(call.value(Some(InterestView::parse(&bytes)?.count())))
}

fn first_at(call: &Call) -> Result<pg_sys::Datum> {
    let bytes = interest(call, 0)?;
    Ok(call.value(Some(InterestView::parse(&bytes)?.first_at())))
}

fn last_at(call: &Call) -> Result<pg_sys::Datum> {
    let bytes = interest(call, 0)?;
    Ok(call.value(Some(InterestView::parse(&bytes)?.last_at())))
}

fn similarity_to(call: &Call) -> Result<pg_sys::Datum> {
    let bytes = interest(call, 0)?;
    let vector = call.reals(1)?.ok_or(CallError::Null("vector"))?;
    Ok(call.value(similarity(&InterestView::parse(&bytes)?, &vector)?))
}

fn drift_between(call: &Call) -> Result<pg_sys::Datum> {
    let (a, b) = (interest(call, 0)?, interest(call, 1)?);
    Ok(call.value(drift(&InterestView::parse(&a)?, &InterestView::parse(&b)?)?))
}

sql_function!(interest_in, pg_finfo_interest_in, io::input::<Interest>);
sql_function!(interest_out, pg_finfo_interest_out, io::output::<Interest>);
sql_function!(interest_recv, pg_finfo_interest_recv, io::receive::<Interest>);
sql_function!(interest_send, pg_finfo_interest_send, io::send);
sql_function!(interest_add, pg_finfo_interest_add, add);
sql_function!(interest_merge, pg_finfo_interest_merge, merge);
sql_function!(interest_plus, pg_finfo_interest_plus, plus);
sql_function!(interest_vector, pg_finfo_interest_vector, vector_of);
sql_function!(interest_strength, pg_finfo_interest_strength, strength);
sql_function!(interest_count, pg_finfo_interest_count, count);
sql_function!(interest_first_at, pg_finfo_interest_first_at, first_at);
sql_function!(interest_last_at, pg_finfo_interest_last_at, last_at);
sql_function!(interest_similarity, pg_finfo_interest_similarity, similarity_to);
sql_function!(interest_drift, pg_finfo_interest_drift, drift_between);
