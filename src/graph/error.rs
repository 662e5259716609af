//! What can go wrong in a question to a graph.

use pgrx::PgSqlErrorCode;

use super::catalog::GraphError;
use crate::arguments::ArgumentError;
use crate::key::KeyError;
use crate::pg::error::SqlError;
use crate::pg::function::CallError;
use crate::pg::spi::SpiError;

/// What can go wrong in a question.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// The caller may not read a table of the graph.
    #[error("permission denied for table {table}")]
    Denied {
        /// The table.
        table: String,
        /// The graph.
        graph: String,
    },
    /// A table shows the caller some of its rows only.
    #[error("row level security of table {table} applies to the current user")]
    RowSecurity {
        /// The table.
        table: String,
    },
    /// A node type that the graph does not have.
    #[error("graph \"{graph}\" has no node type \"{name}\"")]
    NodeType {
        /// The graph.
        graph: String,
        /// What was asked for.
        name: String,
        /// What it has.
        existing: Vec<String>,
    },
    /// A graph without edges.
    #[error("graph \"{0}\" has no edges yet")]
    Empty(String),
    /// An edge type that the graph does not have.
    #[error("graph \"{graph}\" has no edge type \"{name}\"")]
    EdgeType {
        /// The graph.
        graph: String,
        /// What was asked for.
        name: String,
        /// What it has.
        existing: Vec<String>,
    },
    /// A context column that no table of the graph has.
    #[error("graph \"{graph}\" has no context column \"{name}\"")]
    ContextColumn {
        /// The graph.
        graph: String,
        /// What was asked for.
        name: String,
        /// What it has.
        existing: Vec<String>,
    },
    /// No direction.
    #[error("invalid direction: \"{0}\"")]
    Direction(String),
    /// A node of another type of keys than the node type's.
    #[error("nodes of type \"{name}\" have keys of type {expected}, not {given}")]
    KeyType {
        /// The node type.
        name: String,
        /// Its keys' type.
        expected: &'static str,
        /// The argument's.
        given: String,
    },
    /// A node in an answer whose key does not fit the type of the argument.
    #[error("a node of type \"{name}\" has a key of type {found}, which a result of type {expected} cannot hold")]
    ResultType {
        /// The node type.
        name: String,
        /// Its keys' type.
        found: &'static str,
        /// The result column's type.
        expected: String,
    },
    /// A number that is out of range.
    #[error("{argument} must be {allowed}, but is {given}")]
    Range {
        /// The argument.
        argument: &'static str,
        /// What it may be.
        allowed: String,
        /// What it is.
        given: String,
    },
    /// A table that cannot take embeddings.
    #[error("table {0} cannot take embeddings")]
    IntoTable(String),
    /// A statement.
    #[error(transparent)]
    Spi(#[from] SpiError),
    /// The engine, or the rows under it.
    #[error("could not read graph \"{graph}\": {source}")]
    Engine {
        /// The graph.
        graph: String,
        /// What happened.
        source: engine::Error,
    },
    /// The graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An argument.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl SqlError for QuestionError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Denied { .. } | Self::RowSecurity { .. } => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::Empty(_) => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::NodeType { .. } | Self::EdgeType { .. } => PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            Self::ContextColumn { .. } | Self::Direction(_) | Self::Range { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::KeyType { .. } | Self::ResultType { .. } | Self::IntoTable(_) => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::Engine { .. } => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
            Self::Spi(error) => error.sqlstate(),
            Self::Graph(error) => error.sqlstate(),
            Self::Argument(error) => error.sqlstate(),
            Self::Key(error) => error.sqlstate(),
            Self::Call(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        let list = |what: &str, existing: &[String]| match existing {
            [] => format!("It has no {what} at all."),
            existing => format!("It has: {}.", existing.join(", ")),
        };
        Some(match self {
            Self::Denied { table, graph } => {
                format!(
                    "Graph \"{graph}\" is made from {table}: GRANT SELECT on its tracked columns, or wrap the call in a SECURITY DEFINER function."
                )
            }
            Self::RowSecurity { .. } => {
                "The graph is made from all rows: wrap the call in a SECURITY DEFINER function of a role that the policies do not apply to."
                    .into()
            }
            Self::NodeType { existing, .. } => list("nodes", existing),
            Self::Empty(graph) => format!("Name a table of edges: SELECT add_edges('{graph}', ...)."),
            Self::EdgeType { existing, .. } => list("edges", existing),
            Self::ContextColumn { existing, .. } => list("context columns", existing),
            Self::Direction(_) => "Say 'out' for edges that start at the node, 'in' for those that end there, or 'both'.".into(),
            Self::KeyType { expected, .. } => format!("Cast the node: ...::{expected}, or give it as text; or name its node_type."),
            Self::ResultType { .. } => "Give the node as text (...::text): all keys come back as text then.".into(),
            Self::IntoTable(_) => "It needs columns node_type text, node of type text or of the keys', and embedding real[].".into(),
            Self::Spi(error) => return error.hint(),
            Self::Range { .. } => "Leave it out for the default.".into(),
            Self::Engine { graph, .. } => format!("Make its edges anew: SELECT rebuild_graph('{graph}')."),
            Self::Graph(error) => return error.hint(),
            Self::Argument(error) => return error.hint(),
            Self::Key(error) => return error.hint(),
            Self::Call(error) => return error.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Graph(error) => error.detail(),
            Self::Spi(error) => error.detail(),
            _ => None,
        }
    }
}

/// The module's result.
pub type Result<T> = std::result::Result<T, QuestionError>;
