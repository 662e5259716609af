//! Interest aggregates: decayed counts, sums and averages, interest vectors, session numbers. The sums are the engine's.

mod arguments;
mod decayed;
mod ewma;
mod io;
mod sessions;
mod states;
mod summary;
pub mod text;
mod vector;

use engine::interest as math;
use pgrx::PgSqlErrorCode;

use crate::pg::array::VectorError;
use crate::pg::error::SqlError;
use crate::pg::function::CallError;

/// What can be wrong with a call of an interest function.
#[derive(Debug, thiserror::Error)]
pub enum InterestError {
    /// An infinite time.
    #[error("{name} must be finite, not {value}")]
    InfiniteTime {
        /// The argument.
        name: &'static str,
        /// What it is.
        value: &'static str,
    },
    /// A negative pause, in microseconds.
    #[error("gap must not be negative: {}", math::Length(*.0))]
    Gap(i64),
    /// Text that is no value of the type.
    #[error("invalid input syntax for type {type_name}: \"{text}\"")]
    Syntax {
        /// The type.
        type_name: &'static str,
        /// How the text begins.
        text: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Bytes or numbers that no aggregate wrote.
    #[error("invalid {type_name}: {source}")]
    Invalid {
        /// The type.
        type_name: &'static str,
        /// What is wrong.
        source: math::InterestError,
    },
    /// A value that the sums do not take.
    #[error(transparent)]
    Math(#[from] math::InterestError),
    /// An array that is no vector.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl SqlError for InterestError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::InfiniteTime { .. } => PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            Self::Gap(_) => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Syntax { .. } => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            Self::Invalid { .. } => PgSqlErrorCode::ERRCODE_INVALID_BINARY_REPRESENTATION,
            Self::Math(error) => sqlstate_of(error),
            Self::Vector(error) => error.sqlstate(),
            Self::Call(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::InfiniteTime { name: "as_of", .. } => Some("Leave as_of out to read as of now.".into()),
            Self::InfiniteTime { .. } => Some("Leave such rows out: FILTER (WHERE isfinite(at)).".into()),
            Self::Gap(_) => Some("Give the longest pause within a session, such as '30 minutes'.".into()),
            Self::Syntax { type_name, .. } | Self::Invalid { type_name, .. } => {
                Some(format!("Values of type {type_name} are made by the aggregate of that name; the text form is for dumps."))
            }
            Self::Math(error) => hint_of(error).map(Into::into),
            Self::Vector(error) => error.hint(),
            Self::Call(error) => error.hint(),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Syntax { detail, .. } => Some(detail.clone()),
            _ => None,
        }
    }
}

fn sqlstate_of(error: &math::InterestError) -> PgSqlErrorCode {
    use math::InterestError as E;
    match error {
        E::Dimensions { .. } | E::DimensionCount(_) | E::HalfLives { .. } => PgSqlErrorCode::ERRCODE_DATA_EXCEPTION,
        E::NotFinite { .. } | E::HalfLife(_) | E::Alpha(_) => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        E::OutOfRange => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        E::Corrupt(_) => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
    }
}

fn hint_of(error: &math::InterestError) -> Option<&'static str> {
    use math::InterestError as E;
    match error {
        E::Dimensions { .. } => Some("All vectors of one interest, and what it is compared with, must come from the same model."),
        E::DimensionCount(_) => None,
        E::NotFinite { .. } => Some("Leave such rows out with FILTER (WHERE ...)."),
        E::HalfLife(_) => Some("Give a positive interval, such as '7 days'; a month counts 30 days."),
        E::HalfLives { .. } => Some("Sums that decay differently cannot be added: use one half_life, or one aggregate for each."),
        E::Alpha(_) => Some("Give the share of the past that a new session leaves, such as 0.95."),
        E::OutOfRange => Some("Times long before an event weigh it more than 1: read at a later as_of, or use smaller values."),
        E::Corrupt(_) => Some("Build the value anew from its events."),
    }
}

/// The module's result.
type Result<T> = std::result::Result<T, InterestError>;
