//! What can go wrong with features.

use pgrx::PgSqlErrorCode;

use crate::arguments::ArgumentError;
use crate::bulk::WriteError;
use crate::catalog::CatalogError;
use crate::definition::DefinitionError;
use crate::features::serve::MAX_PATTERNS;
use crate::key::KeyError;
use crate::pg::error::SqlError;
use crate::pg::function::CallError;
use crate::pg::spi::SpiError;
use crate::serve::ServeError;

/// Why features could not be declared, kept or read.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// The recommender has none.
    #[error("recommender \"{0}\" has no features")]
    None(String),
    /// None of that number.
    #[error("features {0} do not exist")]
    UnknownId(i32),
    /// The recommender has some already.
    #[error("recommender \"{0}\" has features already")]
    Duplicate(String),
    /// What a change of the recommender would take away.
    #[error("features of recommender \"{0}\" are made from the columns that are to change")]
    Needed(String),
    /// A relation or column that is named is missing.
    #[error("the features of recommender \"{name}\" have lost {missing}")]
    Damaged {
        /// The recommender.
        name: String,
        /// What is missing.
        missing: String,
    },
    /// No such entity.
    #[error("there is no entity \"{name}\"")]
    Entity {
        /// What was asked for.
        name: String,
        /// What there is.
        allowed: Vec<String>,
    },
    /// Categories are asked for that nobody knows.
    #[error("entity \"{0}\" needs to know the categories of items")]
    NoCategories(String),
    /// Only some of the three arguments that name the categories.
    #[error("categories, category_item_column and category_column go together")]
    HalfCategories,
    /// What cannot give the categories of items.
    #[error("\"{relation}\" cannot give the categories of items: it is {what}")]
    Categories {
        /// The relation.
        relation: String,
        /// What is wrong with it.
        what: String,
    },
    /// No event types, or too many.
    #[error("features need 1 to 64 event types with names, not {0}")]
    TypeCount(usize),
    /// An event type that is listed twice.
    #[error("event type \"{0}\" is listed twice")]
    TypeTwice(String),
    /// Types of events that have none.
    #[error("event types are asked for, but the recommender has no event column")]
    TypesWithoutColumn,
    /// A window or half-life that is too short or too long.
    #[error("{argument} must be positive and at most {}, but one is {seconds} seconds", if *argument == "windows" { "100 years" } else { "10000 years" })]
    Span {
        /// The argument.
        argument: &'static str,
        /// What was given.
        seconds: f64,
    },
    /// Too many windows or half-lives.
    #[error("{argument} must not be more than 32, but are {count}")]
    SpanCount {
        /// The argument.
        argument: &'static str,
        /// How many were given.
        count: usize,
    },
    /// Rates that are none.
    #[error("rates is not valid: {reason}")]
    Rates {
        /// Why.
        reason: String,
    },
    /// A smoothing that is none.
    #[error("smoothing must be between 0 and 1e12, but is {0}")]
    Smoothing(f64),
    /// Patterns that no name is like.
    #[error("no feature is {}", if .0.is_empty() { "left".into() } else { format!("like {}", first_of(.0)) })]
    NoFeature(Vec<String>),
    /// A pattern longer than any name.
    #[error("a pattern of {0} bytes is longer than any feature's name")]
    Pattern(usize),
    /// Too many patterns.
    #[error("{0} patterns with wildcards are too many, {MAX_PATTERNS} being the most")]
    Patterns(usize),
    /// What is not kept of the past, for many labels.
    #[error("what the first phase of recommender \"{0}\" has said cannot be told for many labels at once: it has vectors")]
    PastOfVectors(String),
    /// Too many features.
    #[error("{0} features are more than 10000")]
    FeatureCount(usize),
    /// Items asked for in another type than the item column.
    #[error("recommender \"{name}\" has items of type {expected}, not {given}")]
    ItemType {
        /// The recommender.
        name: String,
        /// The column's type.
        expected: &'static str,
        /// The argument's.
        given: String,
    },
    /// Labels without a column that they need.
    #[error("the labels have no column for the {wanted}")]
    LabelColumn {
        /// What is missing.
        wanted: &'static str,
        /// What it may be called.
        names: Vec<String>,
        /// The columns that there are.
        existing: Vec<String>,
    },
    /// A label's column of a type that does not do.
    #[error("column \"{column}\" of the labels has type {found}, not {expected}")]
    LabelType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What it has to be.
        expected: String,
    },
    /// A label whose time is NULL or infinite.
    #[error("label {0} has no time")]
    LabelTime(i64),
    /// A label that lies in the future.
    #[error("label {row} lies in the future")]
    FutureLabel {
        /// Its number.
        row: i64,
    },
    /// The engine, or the rows under it.
    #[error("could not read the features of recommender \"{name}\": {source}")]
    Engine {
        /// The recommender.
        name: String,
        /// What happened.
        source: engine::Error,
    },
    /// A serving function's own error: of privileges and arguments.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The tables that are named.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// An argument.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A bulk statement.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A statement.
    #[error(transparent)]
    Spi(#[from] SpiError),
}

/// The first few of what a caller gave, each shortened.
fn first_of(patterns: &[String]) -> String {
    let shown: Vec<String> = patterns.iter().take(10).map(|pattern| pattern.chars().take(64).collect()).collect();
    if patterns.len() > shown.len() { format!("{}, ...", shown.join(", ")) } else { shown.join(", ") }
}

impl FeatureError {
    fn cause(&self) -> Option<&dyn SqlError> {
        match self {
            Self::Serve(error) => Some(error),
            Self::Catalog(error) => Some(error),
            Self::Definition(error) => Some(error),
            Self::Argument(error) => Some(error),
            Self::Key(error) => Some(error),
            Self::Call(error) => Some(error),
            Self::Spi(error) => Some(error),
            _ => None,
        }
    }
}

impl SqlError for FeatureError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::None(_) | Self::UnknownId(_) => PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            Self::Duplicate(_) => PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            Self::Needed(_) => PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            Self::Damaged { .. } => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::Categories { .. } => PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            Self::LabelColumn { .. } => PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
            Self::LabelType { .. } | Self::ItemType { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::LabelTime(_) | Self::FutureLabel { .. } => PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            Self::PastOfVectors(_) => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::Engine { .. } => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
            Self::Write(_) => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            other => other.cause().map_or(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, |cause| cause.sqlstate()),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::None(name) => format!("Declare them: SELECT create_features('{name}')."),
            Self::Duplicate(name) => format!("SELECT drop_features('{name}') first."),
            Self::Needed(name) => format!("SELECT drop_features('{name}') first, and create_features('{name}', ...) after it."),
            Self::Damaged { name, .. } => format!("SELECT drop_features('{name}'), and declare them again."),
            Self::UnknownId(_) => "They were dropped meanwhile, or declared after the snapshot of this transaction.".into(),
            Self::Entity { allowed, .. } => format!("It may be: {}.", allowed.join(", ")),
            Self::NoCategories(_) | Self::HalfCategories => {
                "Name the table, its item column and its category column: categories, category_item_column, category_column.".into()
            }
            Self::Categories { .. } => {
                "Name a permanent table, view, materialized view or foreign table with a column of the item's type.".into()
            }
            Self::TypeCount(_) | Self::TypeTwice(_) => "Name them: event_types => '{impression,click}'.".into(),
            Self::TypesWithoutColumn => "Leave event_types out, or name an event_column in alter_recommender().".into(),
            Self::Span { .. } | Self::SpanCount { .. } => "Give intervals such as '{5 minutes,1 hour}'; a month counts 30 days.".into(),
            Self::Rates { .. } => "Give pairs of event types by name, such as '{\"ctr\": [\"click\", \"impression\"]}'.".into(),
            Self::Smoothing(_) => "20 is the default: a rate counts as if 20 more events of the average rate had been seen.".into(),
            Self::NoFeature(_) | Self::Pattern(_) | Self::Patterns(_) => {
                "SELECT * FROM recommend.feature_list shows the names; patterns are those of LIKE.".into()
            }
            Self::PastOfVectors(_) => "candidate_features(..., as_of => ..., features => ...) tells it for the items of one user.".into(),
            Self::FeatureCount(_) => "Choose some by features => '{user_%,item_click_%}', or declare fewer windows.".into(),
            Self::ItemType { expected, .. } => format!("Cast the item: ...::{expected}."),
            Self::LabelColumn { names, existing, .. } => {
                format!("Call it {}; the labels have: {}.", names.join(" or "), existing.join(", "))
            }
            Self::LabelType { expected, column, .. } => format!("Cast it: {column}::{expected}."),
            Self::LabelTime(_) => "Leave such rows out: WHERE isfinite(time).".into(),
            Self::FutureLabel { .. } => "What will be known by then is not known yet: leave such rows out.".into(),
            Self::Engine { name, .. } => format!("Make their rows anew: SELECT rebuild_features('{name}')."),
            Self::Write(_) => return None,
            other => return other.cause()?.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        self.cause()?.detail()
    }
}

/// The module's result.
pub type Result<T> = std::result::Result<T, FeatureError>;
