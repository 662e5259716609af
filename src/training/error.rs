//! What can go wrong with labelled rows.

use engine::metrics::MetricsError;
use pgrx::PgSqlErrorCode;

use crate::models::ModelsError;
use crate::pg::column;
use crate::pg::error::SqlError;
use crate::pg::function::CallError;
use crate::pg::spi::SpiError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A column that the query does not give.
    #[error("the query has no column \"{name}\"")]
    Column {
        /// What it would be.
        argument: &'static str,
        /// Its name.
        name: String,
        /// The columns that there are.
        existing: Vec<String>,
    },
    /// Labels of a type that says neither yes nor no.
    #[error("label \"{column}\" has type {found}")]
    LabelType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A label that is neither yes nor no.
    #[error("label \"{column}\" of row {row} is {value}")]
    Label {
        /// The column.
        column: String,
        /// Which row of the query, counted from 1.
        row: u64,
        /// What it is.
        value: String,
    },
    /// An argument out of its range.
    #[error("{argument} must be {allowed}: {given}")]
    Range {
        /// The argument.
        argument: &'static str,
        /// What it may be.
        allowed: &'static str,
        /// What was given.
        given: String,
    },
    /// More segments than there is memory for.
    #[error("{segments} segments of {rows} rows need more memory than there is")]
    Segments {
        /// How many so far.
        segments: usize,
        /// Of how many rows.
        rows: u64,
    },
    /// A score that is no number.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The model.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A statement.
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl TrainingError {
    fn cause(&self) -> Option<&dyn SqlError> {
        match self {
            Self::Models(error) => Some(error),
            Self::Call(error) => Some(error),
            Self::Spi(error) => Some(error),
            _ => None,
        }
    }
}

impl SqlError for TrainingError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        use PgSqlErrorCode as S;
        match self {
            Self::Column { .. } => S::ERRCODE_UNDEFINED_COLUMN,
            Self::LabelType { .. } => S::ERRCODE_DATATYPE_MISMATCH,
            Self::Label { .. } | Self::Range { .. } => S::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Segments { .. } => S::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Self::Metrics(_) => S::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            other => other.cause().map_or(S::ERRCODE_INTERNAL_ERROR, SqlError::sqlstate),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Column { argument, name, existing } => {
                let meant = column::nearest(name, existing).map(|name| format!(" Perhaps you mean \"{name}\".")).unwrap_or_default();
                format!("Its columns are: {}. Name one of them: {argument} => ....{meant}", existing.join(", "))
            }
            Self::LabelType { .. } => "Labels are boolean, or the numbers 0 and 1: write for instance (rating > 3) AS label.".into(),
            Self::Label { .. } => "Labels are false and true, or 0 and 1; rows whose label is NULL are left out.".into(),
            Self::Range { argument, .. } => format!("Leave {argument} out for its default."),
            Self::Segments { .. } => "Take a column of fewer values, or raise maintenance_work_mem.".into(),
            other => return other.cause()?.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        self.cause()?.detail()
    }
}

/// The module's result.
pub type Result<T> = std::result::Result<T, TrainingError>;
