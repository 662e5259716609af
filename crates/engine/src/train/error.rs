//! Why a model cannot be trained.

use crate::error::Error;

/// The trainer's result.
pub type Result<T> = std::result::Result<T, TrainError>;

/// Why a model cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// No features at all.
    #[error("there are no features to learn from")]
    NoColumns,
    /// More columns or crosses than there may be.
    #[error("{given} {what} are given, where {limit} are allowed")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        given: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A name that is empty or comes twice.
    #[error("feature name \"{0}\" is empty or comes twice")]
    ColumnName(String),
    /// A cross of a column that is no feature.
    #[error("cross \"{cross}\" is of \"{name}\", which is no feature")]
    UnknownColumn {
        /// The cross as it was given.
        cross: String,
        /// The name in it.
        name: String,
        /// The features.
        existing: Vec<String>,
    },
    /// A cross of one column, of one column twice, or of more than three.
    #[error("cross \"{0}\" is not of two or three different columns")]
    Cross(String),
    /// A setting out of its range.
    #[error("{name} cannot be {value}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it was given as.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// A row of more or fewer values than there are columns.
    #[error("row {row} has {given} values, where there are {expected} features")]
    Width {
        /// The row, counted from 1.
        row: u64,
        /// Its values.
        given: usize,
        /// The columns.
        expected: usize,
    },
    /// A value of another type than its column.
    #[error("feature \"{column}\" of row {row} is not {expected}")]
    Kind {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: u64,
        /// What the column holds.
        expected: &'static str,
    },
    /// A number that is infinite, or is so as 32-bit floating point.
    #[error("feature \"{column}\" of row {row} is {value:?}, which is beyond what a model takes")]
    Infinite {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: u64,
        /// The value.
        value: f64,
    },
    /// A label that is neither 0 nor 1.
    #[error("the label of row {row} is {value}, which is neither 0 nor 1")]
    Label {
        /// The row, counted from 1.
        row: u64,
        /// The value.
        value: f64,
    },
    /// Too few rows with a label.
    #[error("{rows} rows have a label, where at least {needed} are needed")]
    Rows {
        /// The rows that have one.
        rows: u64,
        /// How many are needed.
        needed: u64,
    },
    /// All rows have one label: there is nothing to tell apart.
    #[error("all {rows} rows that are learnt from have the label {label}")]
    OneClass {
        /// How many rows.
        rows: u64,
        /// Their label.
        label: u8,
    },
    /// More weights than a model may have.
    #[error("the model would have {weights} weights, where {limit} are allowed")]
    TooLarge {
        /// How many it would have.
        weights: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The log of rows failed, or the caller asked to stop.
    #[error(transparent)]
    Engine(#[from] Error),
}
