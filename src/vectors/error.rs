//! What can go wrong with vector sets and the questions to them.

use engine::ranking::RankingError;
use engine::topk::{MAX_DIMENSIONS, TopkError};
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
    /// A type whose values cannot be kept.
    #[error("values of type {0} cannot be ids")]
    IdType(String),
    /// No number of rows.
    #[error("k must be at least 1: {0}")]
    K(i32),
    /// A vector that cannot be compared with the query.
    #[error("a vector has {found} dimensions, and the query {expected}")]
    Dimensions {
        /// Of the query.
        expected: usize,
        /// Of the vector.
        found: usize,
    },
    /// A query of another length than the vectors of a set.
    #[error("the query has {found} dimensions, and the vectors of vector set \"{name}\" {expected}")]
    QueryDimensions {
        /// The set.
        name: String,
        /// Of its vectors.
        expected: u32,
        /// Of the query.
        found: usize,
    },
    /// The caller may not read the table.
    #[error("permission denied for table {table}")]
    Denied {
        /// The table.
        table: String,
        /// The set.
        name: String,
    },
    /// The table shows the caller some of its rows only.
    #[error("row level security of table {table} applies to the current user")]
    RowSecurity {
        /// The table.
        table: String,
    },
    /// No device.
    #[error("invalid device: \"{0}\"")]
    Device(String),
    /// Ids of another type than the set's.
    #[error("vector set \"{name}\" has ids of type {expected}, not {given}")]
    IdArgument {
        /// The set.
        name: String,
        /// Its ids' type.
        expected: &'static str,
        /// The argument's or column's.
        given: String,
    },
    /// Text that is no id of a set.
    #[error("invalid id for vector set \"{name}\", whose ids are of type {expected}: \"{text}\"")]
    IdText {
        /// The set.
        name: String,
        /// Its ids' type.
        expected: &'static str,
        /// The beginning of the text.
        text: String,
    },
    /// An argument that is no array of ids.
    #[error("{argument} must be an array of ids, not {given}")]
    IdArray {
        /// The argument.
        argument: &'static str,
        /// Its type.
        given: String,
        /// The type of ids.
        expected: &'static str,
    },
    /// An `id_type` that is a value.
    #[error("id_type must be NULL: it only names the type of id")]
    IdTypeValue,
    /// More queries than one call takes.
    #[error("a batch has at most {max} queries, not {given}")]
    TooManyQueries {
        /// How many it may have.
        max: usize,
        /// How many it has.
        given: usize,
    },
    /// A query of a batch.
    #[error("query number {number}: {source}")]
    InBatch {
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        source: Box<VectorsError>,
    },
    /// No more rows are wanted.
    #[error("enough rows were read")]
    Enough,
    /// A length of vectors that cannot be.
    #[error("dimensions must be between 1 and {MAX_DIMENSIONS}, but is {0}")]
    DimensionCount(i32),
    /// Two lengths.
    #[error("dimensions is {given}, but the column's type has {declared}")]
    DeclaredDimensions {
        /// The argument.
        given: i32,
        /// Of the type.
        declared: i32,
    },
    /// No threads.
    #[error("could not start the threads that recommend.topk_threads asks for: {0}")]
    Threads(String),
    /// A copy that cannot be used.
    #[error("the copy of a vector set cannot be used: {0}")]
    Copy(String),
    /// A file of a copy.
    #[error("could not write the copy of a vector set: {0}")]
    File(#[from] std::io::Error),
    /// What the engine refuses.
    #[error("{0}")]
    Query(TopkError),
    /// The engine.
    #[error(transparent)]
    Topk(#[from] TopkError),
    /// Rows of one group that ask for different things, or too much.
    #[error(transparent)]
    Ranking(#[from] RankingError),
    /// Text that is no state of an aggregate.
    #[error("invalid input syntax for type recommend.cosine_ranking: \"{text}\"")]
    RankingSyntax {
        /// How the text begins.
        text: String,
        /// What is wrong with it.
        detail: String,
    },
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
            Self::Nameless | Self::DimensionCount(_) | Self::DeclaredDimensions { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Duplicate(_) => PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            Self::InUse { .. } => PgSqlErrorCode::ERRCODE_OBJECT_IN_USE,
            Self::NotOwner(_) => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::NotUnique { .. } => PgSqlErrorCode::ERRCODE_INVALID_TABLE_DEFINITION,
            Self::VectorColumn { .. } | Self::VectorType(_) | Self::IdType(_) => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::IdArgument { .. } | Self::IdArray { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::IdText { .. } => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
            Self::Denied { .. } | Self::RowSecurity { .. } => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::InBatch { source, .. } => source.sqlstate(),
            Self::TooManyQueries { .. } => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Self::K(_) | Self::Query(_) | Self::Device(_) | Self::IdTypeValue => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Dimensions { .. } | Self::QueryDimensions { .. } | Self::Topk(TopkError::Dimensions { .. }) => {
                PgSqlErrorCode::ERRCODE_DATA_EXCEPTION
            }
            Self::Topk(TopkError::NotFinite { .. } | TopkError::ZeroQuery | TopkError::DimensionCount(_)) => {
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE
            }
            Self::File(error) if error.kind() == std::io::ErrorKind::StorageFull => PgSqlErrorCode::ERRCODE_DISK_FULL,
            Self::Threads(_) => PgSqlErrorCode::ERRCODE_INSUFFICIENT_RESOURCES,
            Self::File(_) => PgSqlErrorCode::ERRCODE_IO_ERROR,
            Self::Copy(_) | Self::Topk(_) | Self::Ranking(RankingError::Corrupt) => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
            Self::Ranking(RankingError::TooLarge(_)) => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Self::Ranking(RankingError::Kind) => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::Ranking(_) => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::RankingSyntax { .. } => PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION,
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
            Self::DimensionCount(_) => "Leave it out to have it found out.".into(),
            Self::DeclaredDimensions { .. } => "Leave it out: the type says it.".into(),
            Self::Nameless => "Give a name that is not empty.".into(),
            Self::Duplicate(_) => "Choose another name, or drop that one with drop_vector_set().".into(),
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
            Self::QueryDimensions { name, .. } => {
                format!("Query and rows must come from the same model. Where the table has other vectors now: SELECT rebuild_vector_set('{name}').")
            }
            Self::Copy(_) => "Copies are a cache: SELECT rebuild_vector_set(name) makes a new one.".into(),
            Self::IdType(_) => "Cast the id to a type of its own, such as ...::text.".into(),
            Self::Denied { table, name } => format!(
                "Vector set \"{name}\" is made from {table}: GRANT SELECT on its id and vector columns, or wrap the call in a SECURITY DEFINER function."
            ),
            Self::RowSecurity { .. } => {
                "The aggregate cosine_topk(id, vector, query, k) over the table obeys its policies.".into()
            }
            Self::Device(_) => "Say 'auto', 'cpu' or 'gpu'.".into(),
            Self::IdArgument { expected, .. } => format!("Give ids as {expected}, or as text."),
            Self::IdText { expected, .. } => format!("Give ids as {expected}, or as text that {expected} takes."),
            Self::IdArray { expected, .. } => format!("Write ARRAY[...]::{expected}[]."),
            Self::IdTypeValue => {
                "Write NULL::bigint, NULL::text, NULL::uuid, ..., and then the name of a set. The second argument of the aggregate is a vector.".into()
            }
            Self::TooManyQueries { .. } => "Ask in several batches.".into(),
            Self::InBatch { source, .. } => return source.hint(),
            Self::K(_) => "Ask for 1 row or more.".into(),
            Self::Dimensions { expected, .. } => format!("Leave others out: FILTER (WHERE cardinality(vector) = {expected})."),
            Self::Query(TopkError::NotFinite { .. }) => "Numbers of a query must be finite.".into(),
            Self::Query(TopkError::ZeroQuery) => "A query needs an element that is not 0.".into(),
            Self::Ranking(RankingError::K(..) | RankingError::Query) => {
                "query and k must be the same for all rows of a group: GROUP BY them to ask for several.".into()
            }
            Self::Ranking(RankingError::Kind) => "A state belongs to the aggregate, and the types, that it was made with.".into(),
            Self::RankingSyntax { .. } => "Values of this type are made by cosine_topk(), for partial aggregates to hand over.".into(),
            Self::Ranking(RankingError::TooLarge(_)) => "Ask for fewer rows.".into(),
            other => return other.cause()?.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        if let Self::RankingSyntax { detail, .. } = self {
            return Some(detail.clone());
        }
        self.cause()?.detail()
    }
}

/// The module's result.
pub type Result<T> = std::result::Result<T, VectorsError>;
