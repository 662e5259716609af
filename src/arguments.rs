//! Arguments that several kinds of questions take: numbers of rows, times, half-lives, contexts.

use engine::Micros;
use pgrx::PgSqlErrorCode;

use crate::pg::error::SqlError;
use crate::pg::function::{Call, CallError};
use crate::pg::{clock, interval};
use crate::totals::int8;

/// What can be wrong with one.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// A negative number of rows.
    #[error("n must not be negative: {0}")]
    NegativeCount(i32),
    /// An infinite time.
    #[error("as_of must be finite, not {0}")]
    InfiniteTime(&'static str),
    /// An interval that is not positive.
    #[error("{name} must be positive: {value}")]
    Interval {
        /// The argument.
        name: &'static str,
        /// What was given.
        value: String,
    },
    /// A context that is no object.
    #[error("context must be a JSON object, but is {0}")]
    ContextShape(&'static str),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl SqlError for ArgumentError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::InfiniteTime(_) => PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            Self::Call(error) => error.sqlstate(),
            Self::NegativeCount(_) | Self::Interval { .. } | Self::ContextShape(_) => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Call(error) => return error.hint(),
            Self::NegativeCount(_) => "Ask for 0 rows or more.".into(),
            Self::InfiniteTime(_) => "Leave as_of out to ask as of now.".into(),
            Self::Interval { .. } => "Give a positive interval, such as '1 day'.".into(),
            Self::ContextShape(_) => "Give the values of context columns by name, such as '{\"device\": \"ios\"}'.".into(),
        })
    }
}

type Result<T> = std::result::Result<T, ArgumentError>;

/// A number of rows; NULL is `default`.
pub fn count(call: &Call, place: usize, default: i32) -> Result<usize> {
    let n = call.arg(place).unwrap_or(default);
    usize::try_from(n).map_err(|_| ArgumentError::NegativeCount(n))
}

/// A time; NULL is now.
pub fn time(call: &Call, place: usize) -> Result<Micros> {
    match call.datum(place).map(int8) {
        None => Ok(clock::transaction_start()),
        Some(i64::MIN) => Err(ArgumentError::InfiniteTime("-infinity")),
        Some(i64::MAX) => Err(ArgumentError::InfiniteTime("infinity")),
        Some(at) => Ok(at),
    }
}

/// A positive interval in microseconds.
pub fn positive_interval(call: &Call, place: usize, name: &'static str) -> Result<Option<Micros>> {
    match call.datum(place).map(interval::micros) {
        None => Ok(None),
        Some(micros) if micros > 0 => Ok(Some(micros)),
        Some(_) => Err(ArgumentError::Interval { name, value: call.text(place).unwrap_or_default() }),
    }
}

/// The values asked for by the names of context columns; those that are null are left out.
pub fn context(call: &Call, place: usize) -> Result<Vec<(String, String)>> {
    let Some(value) = call.json(place, "context")? else { return Ok(Vec::new()) };
    let object = value.as_object().ok_or_else(|| ArgumentError::ContextShape(shape(&value)))?;
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(object.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), text(value))).collect())
}

fn shape(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "a boolean",
        serde_json::Value::Number(_) => "a number",
        serde_json::Value::String(_) => "a string",
        serde_json::Value::Array(_) => "an array",
        serde_json::Value::Object(_) => "an object",
    }
}
