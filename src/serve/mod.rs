//! The serving functions: arguments in, rows out. They read and never write.

mod answers;
pub mod arguments;
mod eligible;
mod explain;
pub mod interest;
pub mod learnt;
pub mod list;
mod lists;
pub mod rank_error;
pub mod second_phase;

use pgrx::PgSqlErrorCode;

use crate::arguments::ArgumentError;
use crate::catalog::CatalogError;
use crate::key::KeyError;
use crate::pg::error::SqlError;
use crate::pg::function::CallError;
use crate::pg::spi::SpiError;
use crate::vectors::error::VectorsError;
use rank_error::RankError;

/// What can go wrong in a serving function.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The caller may not read the event table.
    #[error("permission denied for table {table}")]
    Denied {
        /// The event table.
        table: String,
        /// The recommender.
        name: String,
    },
    /// The event table shows the caller some of its rows only.
    #[error("row level security of table {table} applies to the current user")]
    RowSecurity {
        /// The event table.
        table: String,
    },
    /// A context column that the recommender does not have.
    #[error("recommender \"{name}\" has no context column \"{column}\"")]
    ContextColumn {
        /// The recommender.
        name: String,
        /// What was asked for.
        column: String,
        /// What it has.
        existing: Vec<String>,
    },
    /// A user argument of another type than the user column.
    #[error("recommender \"{name}\" has users of type {expected}, not {given}")]
    UserType {
        /// The recommender.
        name: String,
        /// The column's type.
        expected: &'static str,
        /// The argument's.
        given: String,
    },
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
    /// Items that are no array.
    #[error("items must be given as an array, not as {given}")]
    ItemArray {
        /// The type of items.
        expected: &'static str,
        /// The argument's.
        given: String,
    },
    /// A question about vectors to a recommender without them.
    #[error("recommender \"{name}\" has no vectors of its items")]
    NoVectors {
        /// The recommender.
        name: String,
    },
    /// An `item_type` that is a value.
    #[error("item_type must be NULL: it only names the type of item_id")]
    ItemTypeValue,
    /// The engine, or the store under it.
    #[error("could not read recommender \"{name}\": {source}")]
    Engine {
        /// The recommender.
        name: String,
        /// What happened.
        source: engine::Error,
    },
    /// The lookup of the recommender.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// An argument.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// The vectors.
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    /// The model that ranks.
    #[error(transparent)]
    Rank(Box<RankError>),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A statement.
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl From<RankError> for ServeError {
    fn from(error: RankError) -> Self {
        Self::Rank(Box::new(error))
    }
}

impl SqlError for ServeError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Denied { .. } | Self::RowSecurity { .. } => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::ContextColumn { .. } | Self::ItemTypeValue => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::UserType { .. } | Self::ItemType { .. } | Self::ItemArray { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::NoVectors { .. } => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::Engine { .. } => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
            Self::Argument(error) => error.sqlstate(),
            Self::Catalog(error) => error.sqlstate(),
            Self::Vectors(error) => error.sqlstate(),
            Self::Rank(error) => error.sqlstate(),
            Self::Key(error) => error.sqlstate(),
            Self::Call(error) => error.sqlstate(),
            Self::Spi(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { table, name } => {
                Some(format!("Recommendations of \"{name}\" are learnt from {table}: GRANT SELECT on its tracked columns, or wrap the call in a SECURITY DEFINER function."))
            }
            Self::RowSecurity { .. } => Some(
                "Recommendations are learnt from all rows: wrap the call in a SECURITY DEFINER function of a role that the policies do not apply to.".into(),
            ),
            Self::ContextColumn { existing, .. } if existing.is_empty() => {
                Some("It was made without context_columns: see alter_recommender().".into())
            }
            Self::ContextColumn { existing, .. } => Some(format!("Its context columns are: {}.", existing.join(", "))),
            Self::UserType { expected, .. } => Some(format!("Cast the user: ...::{expected}.")),
            Self::ItemType { expected, .. } => {
                Some(format!("Name the type of items where it is not that of users: pass NULL::{expected} as item_type, or items of that type."))
            }
            Self::ItemArray { expected, .. } => Some(format!("Write ARRAY[...]::{expected}[].")),
            Self::ItemTypeValue => Some("Write NULL::bigint, NULL::text, NULL::uuid, ...; n comes after it.".into()),
            Self::NoVectors { name } => Some(format!(
                "SELECT create_vector_set(...), then alter_recommender('{name}', vector_set => ...): its name; both need the owner of the tables."
            )),
            Self::Engine { name, .. } => Some(format!("Make its rows anew: SELECT rebuild_recommender('{name}').")),
            Self::Argument(error) => error.hint(),
            Self::Catalog(error) => error.hint(),
            Self::Vectors(error) => error.hint(),
            Self::Rank(error) => error.hint(),
            Self::Key(error) => error.hint(),
            Self::Call(error) => error.hint(),
            Self::Spi(error) => error.hint(),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Catalog(error) => error.detail(),
            Self::Vectors(error) => error.detail(),
            Self::Rank(error) => error.detail(),
            Self::Spi(error) => error.detail(),
            _ => None,
        }
    }
}

/// The module's result.
pub type Result<T> = std::result::Result<T, ServeError>;
