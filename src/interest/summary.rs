//! The type `decayed_summary`: a decayed count and sum that can be stored, merged and read at any time.

use engine::interest::{Decayed, Grid, InterestError as MathError, Sum, VERSION};
use pgrx::pg_sys;

use super::io::{self, Stored};
use super::text::Fields;
use super::{Result, arguments};
use crate::pg::function::{Call, CallError};
use crate::pg::varlena;
use crate::sql_function;

/// The type.
pub struct Summary;

impl Stored for Summary {
    const NAME: &'static str = "decayed_summary";

    fn check(bytes: &[u8]) -> std::result::Result<(), MathError> {
        Decayed::parse(bytes).map(|_| ())
    }

    fn to_text(bytes: &[u8]) -> std::result::Result<String, MathError> {
        let Decayed { grid, scale, count, sum } = Decayed::parse(bytes)?;
        Ok(format!(
            r#"{{"version":{VERSION},"half_life_us":{},"scale":{scale},"count":[{:?},{:?}],"sum":[{:?},{:?}]}}"#,
            grid.half_life(),
            count.high,
            count.low,
            sum.high,
            sum.low
        ))
    }

    fn from_text(fields: &mut Fields) -> std::result::Result<Vec<u8>, String> {
        let half_life = fields.integer("half_life_us")?;
        let mut sum = |name| match fields.numbers(name)?[..] {
            [high, low] => Ok(Sum { high, low }),
            _ => Err(format!("\"{name}\" must be an array of two numbers")),
        };
        let (count, sum) = (sum("count")?, sum("sum")?);
        let grid = Grid::new(half_life).map_err(|error| error.to_string())?;
        let decayed = Decayed { grid, scale: fields.integer("scale")?, count, sum };
        decayed.validate().map_err(|error| error.to_string())?;
        Ok(decayed.to_bytes().to_vec())
    }
}

fn add(call: &Call) -> Result<pg_sys::Datum> {
    let state = call.state()?;
    let row = (arguments::number(call, 1, "value")?, arguments::time(call, 2, "at")?);
    let (Some(value), Some(at)) = row else {
        return Ok(state.map_or_else(|| call.null(), |state| state.datum()));
    };
    let grid = arguments::half_life(call, 3)?;
    let place = grid.place(at);
    let mut state = match state {
        None => {
            let mut decayed = Decayed::new(grid, place);
            decayed.add(value, place)?;
            return Ok(varlena::from_bytes(&decayed.to_bytes()));
        }
        Some(state) => state,
    };
    let mut decayed = Decayed::parse(&state)?;
    decayed.grid.check_same(grid)?;
    decayed.add(value, place)?;
    state.copy_from_slice(&decayed.to_bytes());
    Ok(state.datum())
}

/// The sums of both arguments.
fn merged(call: &Call) -> Result<Decayed> {
    let mut decayed = read(call)?;
    decayed.merge(Decayed::parse(&call.bytes(1).ok_or(CallError::Null("summary"))?)?)?;
    Ok(decayed)
}

fn merge(call: &Call) -> Result<pg_sys::Datum> {
    let mut state = call.state()?.ok_or(CallError::Null("state"))?;
    state.copy_from_slice(&merged(call)?.to_bytes());
    Ok(state.datum())
}

fn plus(call: &Call) -> Result<pg_sys::Datum> {
    Ok(varlena::from_bytes(&merged(call)?.to_bytes()))
}

fn read(call: &Call) -> Result<Decayed> {
    Ok(Decayed::parse(&call.bytes(0).ok_or(CallError::Null("summary"))?)?)
}

fn count(call: &Call) -> Result<pg_sys::Datum> {
    Ok(call.value(Some(read(call)?.count_at(arguments::as_of(call, 1)?)?)))
}

fn sum(call: &Call) -> Result<pg_sys::Datum> {
    Ok(call.value(Some(read(call)?.sum_at(arguments::as_of(call, 1)?)?)))
}

/// With or without an `as_of`, on which the average does not depend.
fn avg(call: &Call) -> Result<pg_sys::Datum> {
    arguments::time(call, 1, "as_of")?;
    Ok(call.value(Some(read(call)?.average())))
}

sql_function!(decayed_summary_in, pg_finfo_decayed_summary_in, io::input::<Summary>);
sql_function!(decayed_summary_out, pg_finfo_decayed_summary_out, io::output::<Summary>);
sql_function!(decayed_summary_recv, pg_finfo_decayed_summary_recv, io::receive::<Summary>);
sql_function!(decayed_summary_send, pg_finfo_decayed_summary_send, io::send);
sql_function!(decayed_summary_add, pg_finfo_decayed_summary_add, add);
sql_function!(decayed_summary_merge, pg_finfo_decayed_summary_merge, merge);
sql_function!(decayed_summary_plus, pg_finfo_decayed_summary_plus, plus);
sql_function!(decayed_summary_count, pg_finfo_decayed_summary_count, count);
sql_function!(decayed_summary_sum, pg_finfo_decayed_summary_sum, sum);
sql_function!(decayed_summary_avg, pg_finfo_decayed_summary_avg, avg);
