//! decay(): what is left of a weight.

use engine::decay::HalfLife;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::Datum;

use crate::arguments::{self, ArgumentError};
use crate::pg::error::SqlError;
use crate::pg::function::Call;
use crate::sql_function;
use crate::totals::int8;

sql_function!(graph_decay, pg_finfo_graph_decay, decay);

/// What can be wrong.
#[derive(Debug, thiserror::Error)]
enum DecayError {
    #[error("lambda must be positive and finite: {0}")]
    Lambda(f64),
    #[error("a time must be finite to have an age")]
    Infinite,
    #[error("either half_life or lambda must be given")]
    Rate,
    #[error(transparent)]
    Argument(#[from] ArgumentError),
}

impl SqlError for DecayError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Lambda(_) | Self::Rate => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Infinite => PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            Self::Argument(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lambda(_) => Some("Give a rate per second: ln(2) / seconds of half-life, such as ln(2) / 86400 for a day.".into()),
            Self::Rate => Some("Write decay(at, '7 days'), or decay(at, lambda => 1e-6).".into()),
            Self::Infinite => Some("Leave out rows whose time is infinity or -infinity.".into()),
            Self::Argument(error) => error.hint(),
        }
    }
}

fn decay(call: &Call) -> Result<Datum, DecayError> {
    let (Some(at), Some(as_of)) = (call.datum(0).map(int8), call.datum(2).map(int8)) else { return Ok(call.null()) };
    if [at, as_of].iter().any(|at| matches!(*at, i64::MIN | i64::MAX)) {
        return Err(DecayError::Infinite);
    }
    let half_life = arguments::positive_interval(call, 1, "half_life")?.and_then(HalfLife::from_micros);
    let left = match (half_life, call.arg::<f64>(3)) {
        (Some(half_life), None) => (-half_life.between(at, as_of)).exp2(),
        (None, Some(lambda)) if lambda > 0.0 && lambda.is_finite() => (-lambda * (i128::from(as_of) - i128::from(at)) as f64 / 1e6).exp(),
        (None, Some(lambda)) => return Err(DecayError::Lambda(lambda)),
        _ => return Err(DecayError::Rate),
    };
    Ok(call.value(Some(left)))
}
