//! The states of the direct aggregates as types: partial aggregates hand them over, and nobody can make up their bytes.

use engine::interest::{AsOf, Decayed, Grid, InterestError as MathError, Running, Sum, VERSION, ewma_check, ewma_numbers, ewma_of};

use super::io::{self, Stored};
use super::text::Fields;
use crate::sql_function;

/// The state of decayed_count(), decayed_sum() and decayed_avg().
struct DecayedState;

impl Stored for DecayedState {
    const NAME: &'static str = "recommend.decayed_state";

    fn check(bytes: &[u8]) -> Result<(), MathError> {
        Running::parse_unknown(bytes).map(|_| ())
    }

    fn to_text(bytes: &[u8]) -> Result<String, MathError> {
        let Running { decayed, as_of, rows, magnitude, churn, count_churn } = Running::parse(bytes)?;
        let (half_life, scale, count, sum) =
            decayed.map_or((0, 0, Sum::default(), Sum::default()), |it| (it.grid.half_life(), it.scale, it.count, it.sum));
        let (as_of, as_of_rows) = as_of.latest.unwrap_or_default();
        // What is so large says only that the rest is to be added up anew.
        let [churn, count_churn] = [churn, count_churn].map(|churn| churn.min(f64::MAX));
        Ok(format!(
            r#"{{"version":{VERSION},"half_life_us":{half_life},"scale":{scale},"count":[{:?},{:?}],"sum":[{:?},{:?}],"magnitude":{magnitude:?},"churn":{churn:?},"count_churn":{count_churn:?},"rows":{rows},"as_of_us":{as_of},"as_of_rows":{as_of_rows}}}"#,
            count.high, count.low, sum.high, sum.low
        ))
    }

    fn from_text(fields: &mut Fields) -> Result<Vec<u8>, String> {
        let half_life = fields.integer("half_life_us")?;
        let scale = fields.integer("scale")?;
        let mut sum = |name| match fields.numbers(name)?[..] {
            [high, low] => Ok(Sum { high, low }),
            _ => Err(format!("\"{name}\" must be an array of two numbers")),
        };
        let (count, sum) = (sum("count")?, sum("sum")?);
        let decayed = match half_life {
            0 => None,
            half_life => Some(Decayed { grid: Grid::new(half_life).map_err(|error| error.to_string())?, scale, count, sum }),
        };
        let latest = (fields.integer("as_of_us")?, fields.integer("as_of_rows")?);
        let running = Running {
            decayed,
            as_of: AsOf { latest: (latest.1 != 0).then_some(latest) },
            rows: fields.integer("rows")?,
            magnitude: fields.number("magnitude")?,
            churn: fields.number("churn")?,
            count_churn: fields.number("count_churn")?,
        };
        running.validate().map_err(|error| error.to_string())?;
        Ok(running.to_bytes().to_vec())
    }
}

/// The state of ewma_interest().
struct EwmaState;

impl Stored for EwmaState {
    const NAME: &'static str = "recommend.ewma_state";

    fn check(bytes: &[u8]) -> Result<(), MathError> {
        ewma_check(bytes)
    }

    fn to_text(bytes: &[u8]) -> Result<String, MathError> {
        Ok(format!(r#"{{"version":{VERSION},"average":{:?}}}"#, ewma_numbers(bytes)?))
    }

    fn from_text(fields: &mut Fields) -> Result<Vec<u8>, String> {
        ewma_of(&fields.numbers("average")?).map_err(|error| error.to_string())
    }
}

sql_function!(decayed_state_in, pg_finfo_decayed_state_in, io::input::<DecayedState>);
sql_function!(decayed_state_out, pg_finfo_decayed_state_out, io::output::<DecayedState>);
sql_function!(decayed_state_recv, pg_finfo_decayed_state_recv, io::receive::<DecayedState>);
sql_function!(decayed_state_send, pg_finfo_decayed_state_send, io::send);
sql_function!(ewma_state_in, pg_finfo_ewma_state_in, io::input::<EwmaState>);
sql_function!(ewma_state_out, pg_finfo_ewma_state_out, io::output::<EwmaState>);
sql_function!(ewma_state_recv, pg_finfo_ewma_state_recv, io::receive::<EwmaState>);
sql_function!(ewma_state_send, pg_finfo_ewma_state_send, io::send);
