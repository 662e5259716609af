//! What can go wrong with labelled rows.

use engine::metrics::MetricsError;
use engine::train::TrainError;
use pgrx::PgSqlErrorCode;

use super::options::OPTIONS;
use crate::models::ModelsError;
use crate::pg::array::VectorError;
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
    /// A column that no model learns from.
    #[error("column \"{column}\" has type {found}, which is no feature")]
    FeatureType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A column that is taken as categories and has none.
    #[error("column \"{column}\" has type {found}, which is no category")]
    CategoryType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A column that is taken as categories and is not learnt from.
    #[error("category \"{0}\" is none of the features")]
    NotChosen(String),
    /// More than one array of features.
    #[error("there are several features of type real[]: {}", .0.join(", "))]
    Arrays(Vec<String>),
    /// Names for the elements of an array that is not there.
    #[error("feature_names are given, but none of the features is of type real[]")]
    NoArray,
    /// An array of another length than there are names.
    #[error("row {row} has {given} features in \"{column}\", where there are {expected}")]
    Length {
        /// The column.
        column: String,
        /// Which row of the query, counted from 1.
        row: u64,
        /// How many elements it has.
        given: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A setting of the trainer that it does not know.
    #[error("unknown option \"{0}\"")]
    Option(String),
    /// A setting of the wrong type.
    #[error("option \"{name}\" must be {expected}: {given}")]
    OptionType {
        /// The option.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What was given.
        given: String,
    },
    /// A method of training that there is not.
    #[error("unknown method \"{0}\"")]
    Method(String),
    /// The threads could not be started.
    #[error("could not start the threads to train with: {0}")]
    Threads(String),
    /// The training.
    #[error("{source} (model \"{name}\")")]
    Train {
        /// The model.
        name: String,
        /// What went wrong.
        source: TrainError,
    },
    /// An array that is no vector.
    #[error(transparent)]
    Vector(#[from] VectorError),
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
            Self::Vector(error) => Some(error),
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
            Self::LabelType { .. } | Self::FeatureType { .. } | Self::CategoryType { .. } | Self::NoArray => S::ERRCODE_DATATYPE_MISMATCH,
            Self::Label { .. }
            | Self::Range { .. }
            | Self::NotChosen(_)
            | Self::Arrays(_)
            | Self::Length { .. }
            | Self::Option(_)
            | Self::OptionType { .. }
            | Self::Method(_) => S::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Threads(_) => S::ERRCODE_INSUFFICIENT_RESOURCES,
            Self::Train { source, .. } => train_state(source),
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
            Self::FeatureType { .. } => {
                "Features may be of integer and floating point types, numeric, boolean, text, uuid and enumerations, or one real[]: cast it, a time for instance \
                 by extract(hour FROM at), or leave it out by features => ...."
                    .into()
            }
            Self::CategoryType { .. } => "Categories may be of integer types, boolean, text, uuid and enumerations: cast it.".into(),
            Self::NotChosen(name) => format!("Name it among the features, or leave it out of the categories: {name}."),
            Self::Arrays(_) => "Name the one to learn from, and other columns if need be: features => ....".into(),
            Self::NoArray => "Leave feature_names out, or name the column of type real[] among the features.".into(),
            Self::Length { .. } => "All rows have as many features, and feature_names names each.".into(),
            Self::Option(_) => format!("Options are: {}.", OPTIONS.join(", ")),
            Self::OptionType { name, .. } => format!("Write options => '{{\"{name}\": ...}}'."),
            Self::Method(_) => "Methods are: logistic, fwfm.".into(),
            Self::Threads(_) => "max_parallel_maintenance_workers says how many.".into(),
            Self::Train { source, .. } => return train_hint(source),
            other => return other.cause()?.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        self.cause()?.detail()
    }
}

fn train_state(error: &TrainError) -> PgSqlErrorCode {
    use PgSqlErrorCode as S;
    match error {
        TrainError::TooMany { .. } => S::ERRCODE_TOO_MANY_COLUMNS,
        TrainError::ColumnName(_) => S::ERRCODE_DUPLICATE_COLUMN,
        TrainError::UnknownColumn { .. } => S::ERRCODE_UNDEFINED_COLUMN,
        TrainError::Kind { .. } => S::ERRCODE_DATATYPE_MISMATCH,
        TrainError::Infinite { .. } => S::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
        TrainError::TooLarge { .. } => S::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        TrainError::Engine(_) => S::ERRCODE_INTERNAL_ERROR,
        _ => S::ERRCODE_INVALID_PARAMETER_VALUE,
    }
}

fn train_hint(error: &TrainError) -> Option<String> {
    Some(match error {
        TrainError::NoColumns => "Give columns beside the label.".into(),
        TrainError::TooMany { .. } => "Leave some out: features => ..., crosses => ....".into(),
        TrainError::ColumnName(_) => "Give each feature a name of its own: SELECT a.x AS x_of_a, ....".into(),
        TrainError::UnknownColumn { name, existing, .. } => {
            let meant = column::nearest(name, existing).map(|name| format!(" Perhaps you mean \"{name}\".")).unwrap_or_default();
            format!("Features are: {}.{meant}", existing.join(", "))
        }
        TrainError::Cross(_) => "Write 'country * device', of two or three features, or '*' for all pairs.".into(),
        TrainError::Setting { name, allowed, .. } => format!("{name} may be {allowed}."),
        TrainError::Infinite { .. } => "Make it NULL where it is so large: NULL stands for what is missing.".into(),
        TrainError::Rows { .. } | TrainError::OneClass { .. } => "Give rows of both labels: false and true, or 0 and 1.".into(),
        TrainError::TooLarge { .. } => {
            "Give fewer features or crosses, or smaller vocabulary, table_bits or factors: options => ....".into()
        }
        _ => return None,
    })
}

/// The module's result.
pub type Result<T> = std::result::Result<T, TrainingError>;
