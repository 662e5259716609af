//! What can go wrong with vector sets and the questions to them.

use pgrx::PgSqlErrorCode;

use crate::catalog::CatalogError;
use crate::definition::DefinitionError;
use crate::key::KeyError;
use crate::pg::array::VectorError;
use crate::pg::error::SqlError;
use crate::pg::function::CallError;
use crate::pg::spi::SpiError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum VectorsError {
    /// No set of that name.
    #[error("vector set \"{name}\" does not exist")]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those that exist.
        existing: Vec<String>,
    },
    /// No set of that number.
    #[error("vector set {0} does not exist")]
    UnknownId(i32),
    /// Something that the definition names is missing.
    #[error("vector set \"{name}\" has lost {missing}")]
    Damaged {
        /// The set.
        name: String,
        /// What is missing.
        missing: String,
    },
    /// A set without a name.
    #[error("a vector set needs a name")]
    Nameless,
    /// A name that is taken.
    #[error("vector set \"{0}\" already exists")]
    Duplicate(String),
    /// The caller may not read the vectors.
    #[error("permission denied for table {table}")]
    Denied {
        /// The table of the set.
        table: String,
    },
    /// A set that a recommender uses.
    #[error("vector set \"{name}\" is used by recommender \"{recommender}\"")]
    InUse {
        /// The set.
        name: String,
        /// The recommender.
        recommender: String,
    },
    /// The caller does not own the table of a set.
    #[error("must be owner of the table of vector set \"{0}\"")]
    NotOwner(String),
    /// Ids that may come twice.
    #[error("column \"{column}\" of table \"{table}\" has no unique index")]
    NotUnique {
        /// The id column.
        column: String,
        /// The table.
        table: String,
    },
    /// A column that holds no vectors.
    #[error("column \"{column}\" has type {found}, which is no vector")]
    VectorColumn {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// An argument that is no vector.
    #[error("type {0} is no vector")]
    VectorType(String),
    /// An array that is no vector.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The definition.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
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

impl VectorsError {
    fn cause(&self) -> Option<&dyn SqlError> {
        match self {
            Self::Vector(error) => Some(error),
            Self::Definition(error) => Some(error),
            Self::Catalog(error) => Some(error),
            Self::Key(error) => Some(error),
            Self::Call(error) => Some(error),
            Self::Spi(error) => Some(error),
            _ => None,
        }
    }
}

impl SqlError for VectorsError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Unknown { .. } | Self::UnknownId(_) => PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            Self::Damaged { .. } => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::Nameless => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Duplicate(_) => PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            Self::InUse { .. } => PgSqlErrorCode::ERRCODE_OBJECT_IN_USE,
            Self::NotOwner(_) | Self::Denied { .. } => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::NotUnique { .. } => PgSqlErrorCode::ERRCODE_INVALID_TABLE_DEFINITION,
            Self::VectorColumn { .. } | Self::VectorType(_) => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            other => other.cause().map_or(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, SqlError::sqlstate),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { existing, .. } if existing.is_empty() => {
                "Create one: SELECT create_vector_set(name, source, id_column, vector_column).".into()
            }
            Self::Unknown { existing, .. } => format!("Existing vector sets: {}.", existing.join(", ")),
            Self::UnknownId(_) => "It was dropped meanwhile, or created after the snapshot of this transaction.".into(),
            Self::Damaged { .. } => "Drop it with drop_vector_set() and create it again.".into(),
            Self::Nameless => "Give a name that is not empty.".into(),
            Self::Duplicate(_) => "Choose another name, or drop that one with drop_vector_set().".into(),
            Self::Denied { table } => format!("GRANT SELECT on the id and the vector column of {table}."),
            Self::InUse { recommender, .. } => {
                format!("SELECT alter_recommender('{recommender}', vector_set => ''), or drop_recommender('{recommender}').")
            }
            Self::NotOwner(_) => "Let its owner do it: row triggers stand on it.".into(),
            Self::NotUnique { column, table } => {
                format!(
                    "CREATE UNIQUE INDEX ON {table} ({column}); without one, use the aggregate cosine_topk(id, vector, query, k), which works on any query."
                )
            }
            Self::VectorColumn { .. } | Self::VectorType(_) => {
                "Vectors may be real[], double precision[], or pgvector's vector or halfvec.".into()
            }
            other => return other.cause()?.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        self.cause()?.detail()
    }
}

/// The module's result.
pub type Result<T> = std::result::Result<T, VectorsError>;
