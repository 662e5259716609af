//! What a graph is: its rows in `recommend.graphs` and beside it, with the relations they name looked up.
//!
//! Cached and read as the definitions of recommenders are.

use std::cell::RefCell;
use std::rc::Rc;

use engine::Micros;
use engine::decay::HalfLife;
use engine::graph::{Schema, Source};
use pgrx::{PgSqlErrorCode, pg_sys};

use super::source::{EdgeSource, SourceDefinition};
use crate::catalog::{self, CatalogError};
use crate::catalog_cache::{self, Kept, fresh, named};
use crate::definition::DefinitionError;
use crate::key::KeyType;
use crate::pg::error::SqlError;
use crate::pg::relation::Relation;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{interval, invalidation, relation, snapshot};

/// What can go wrong when a graph is looked up.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// No graph of that name.
    #[error("graph \"{name}\" does not exist")]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those that exist.
        existing: Vec<String>,
    },
    /// No graph of that number.
    #[error("graph {0} does not exist")]
    UnknownId(i32),
    /// A relation or column that the definition names is missing.
    #[error("graph \"{name}\" has lost {missing}")]
    Damaged {
        /// The graph.
        name: String,
        /// What is missing.
        missing: String,
    },
    /// The rest of the catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl SqlError for GraphError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Unknown { .. } | Self::UnknownId(_) => PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            Self::Damaged { .. } => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::Catalog(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { existing, .. } if existing.is_empty() => {
                Some("Create one: SELECT create_graph(name), or a recommender, which makes one of its own.".into())
            }
            Self::Unknown { existing, .. } => Some(format!("Existing graphs: {}.", existing.join(", "))),
            Self::UnknownId(_) => Some("It was dropped meanwhile, or created after the snapshot of this transaction.".into()),
            Self::Damaged { .. } => Some("Drop it with drop_graph() and create it again.".into()),
            Self::Catalog(error) => error.hint(),
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Catalog(error) => error.detail(),
            _ => None,
        }
    }
}

impl From<SpiError> for GraphError {
    fn from(error: SpiError) -> Self {
        Self::Catalog(error.into())
    }
}

impl From<DefinitionError> for GraphError {
    fn from(error: DefinitionError) -> Self {
        Self::Catalog(error.into())
    }
}

/// A type of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeType {
    /// Its name.
    pub name: String,
    /// The type of its keys; integers of any width go together.
    pub key: KeyType,
}

/// A graph.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Its number.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Its owner, whose is the view `recommend.graph_N`.
    pub owner: pg_sys::Oid,
    /// The half-life of weights.
    pub half_life: HalfLife,
    /// The recommender that it was made with.
    pub recommender: Option<i32>,
    /// How far back edges count.
    pub time_window: Option<Micros>,
    /// How many neighbours a row keeps.
    pub max_edges: usize,
    /// The node types.
    pub node_types: Vec<NodeType>,
    /// The names of the edge types.
    pub edge_types: Vec<String>,
    /// The sources.
    pub sources: Vec<EdgeSource>,
    /// The sources as the engine knows them, in the same order.
    pub schema: Schema,
    /// The table of nodes, its primary key, and its index by type and key.
    pub nodes: (pg_sys::Oid, pg_sys::Oid, pg_sys::Oid),
}

impl Graph {
    /// The name of the type of a source's edges.
    pub fn edge_type(&self, place: usize) -> &str {
        &self.edge_types[self.schema.sources[place].edge_type as usize]
    }
}

thread_local! {
    static CACHE: RefCell<Kept<Graph, (i32, String)>> = RefCell::default();
}

/// The graph of that name, kept from being dropped until the transaction ends, and each of its sources too.
pub fn held(name: &str) -> Result<Rc<Graph>, GraphError> {
    let lock = |table| Relation::try_open(table, pg_sys::AccessShareLock as i32).is_some();
    loop {
        let graph = by_name(name)?;
        // Locking takes in what others have committed: only a definition that is still the one in the cache is good.
        if lock(graph.nodes.0) && graph.sources.iter().all(|source| lock(source.delta)) && Rc::ptr_eq(&graph, &by_name(name)?) {
            return Ok(graph);
        }
    }
}

/// The graph of that name.
pub fn by_name(name: &str) -> Result<Rc<Graph>, GraphError> {
    loop {
        let generation = fresh(&CACHE);
        let existing = names()?;
        let Some((id, _)) = existing.iter().find(|(_, other)| other == name) else {
            return Err(GraphError::Unknown { name: name.to_owned(), existing: existing.into_iter().map(|(_, other)| other).collect() });
        };
        match by_id(*id) {
            // Dropped or changed while its relations were looked up.
            Err(GraphError::Damaged { .. } | GraphError::UnknownId(_)) if fresh(&CACHE) != generation => {}
            found => return found,
        }
    }
}

/// The graph of that number.
pub fn by_id(id: i32) -> Result<Rc<Graph>, GraphError> {
    catalog_cache::definition(&CACHE, id, || {
        let graph = catalog::as_owner(|| load(id))??;
        for source in &graph.sources {
            invalidation::watch(source.table);
        }
        Ok(graph)
    })
}

/// The owner of a graph; nothing is locked.
pub fn owner(id: i32) -> Option<pg_sys::Oid> {
    relation::state_relation(&format!("graph_{id}")).and_then(relation::owner)
}

/// All graphs, lowest id first: (id, name).
pub fn names() -> Result<Vec<(i32, String)>, GraphError> {
    Ok(catalog_cache::list(&CACHE, "SELECT id, name FROM recommend.graphs ORDER BY id", named)?)
}

/// The graph that was made with a recommender, if it still is there; the caller has put on the catalog owner's role.
pub fn of_recommender(recommender: i32) -> Result<Option<i32>, SpiError> {
    let sql = "SELECT id FROM recommend.graphs WHERE recommender = $1";
    let read = || spi::read(sql, &[Arg::of(recommender)], |row| row.value::<i32>(1));
    Ok(snapshot::with_latest(read)?.first().copied())
}

/// A source's row of the catalog; the caller has put on the catalog owner's role.
pub fn source_definition(id: i32) -> Result<SourceDefinition, CatalogError> {
    sources(None, Some(id))?.pop().ok_or(CatalogError::UnknownId(id))
}

/// The rows of a graph's sources; the caller has put on the catalog owner's role.
pub fn source_definitions(graph: i32) -> Result<Vec<SourceDefinition>, CatalogError> {
    sources(Some(graph), None)
}

fn sources(graph: Option<i32>, id: Option<i32>) -> Result<Vec<SourceDefinition>, CatalogError> {
    let args = [Arg::of(graph), Arg::of(id)];
    Ok(snapshot::with_latest(|| spi::read_prepared(include_str!("../../sql/edge_sources.sql"), &args, SourceDefinition::from_row))?)
}

fn load(id: i32) -> Result<Graph, GraphError> {
    let read_graph = |row: &spi::Row| {
        let half_life = row.datum(3, pg_sys::INTERVALOID)?.map(interval::micros).unwrap_or_default();
        Ok::<_, SpiError>((
            row.value::<String>(2)?,
            half_life,
            row.datum(4, pg_sys::INTERVALOID)?.map(interval::micros),
            row.value::<i32>(5)?,
            row.get::<i32>(6)?,
        ))
    };
    let row = snapshot::with_latest(|| spi::read_prepared(include_str!("../../sql/graph_row.sql"), &[Arg::of(id)], read_graph))?.pop();
    let (name, half_life, time_window, max_edges, recommender) = row.ok_or(GraphError::UnknownId(id))?;
    let damaged = |missing: String| GraphError::Damaged { name: name.clone(), missing };
    let definitions = source_definitions(id)?;
    let sql = "SELECT name, key_type FROM recommend.node_types WHERE graph = $1 ORDER BY id";
    let read_type = |row: &spi::Row| Ok::<_, SpiError>((row.value::<String>(1)?, row.value::<String>(2)?));
    let mut node_types = Vec::new();
    for (name, key_type) in snapshot::with_latest(|| spi::read_prepared(sql, &[Arg::of(id)], read_type))? {
        let key = KeyType::named(&key_type).ok_or_else(|| damaged(format!("the type {key_type}")))?;
        node_types.push(NodeType { name, key });
    }
    let mut edge_types: Vec<String> = Vec::new();
    let mut schema = Schema::default();
    for definition in &definitions {
        let edge_type = edge_types.iter().position(|name| *name == definition.edge_type).unwrap_or_else(|| {
            edge_types.push(definition.edge_type.clone());
            edge_types.len() - 1
        });
        let node_type = |id: i16| u32::from(id.unsigned_abs());
        let (from_type, to_type) = (node_type(definition.from_type), node_type(definition.to_type));
        schema.sources.push(Source { edge_type: edge_type as u32, from_type, to_type });
    }
    let state = |name: String| relation::state_relation(&name).ok_or_else(|| damaged(format!("recommend.{name}")));
    let anchor = state(format!("graph_{id}"))?;
    invalidation::watch(anchor);
    let nodes = (state(format!("nodes_{id}"))?, state(format!("nodes_{id}_pkey"))?, state(format!("nodes_{id}_key"))?);
    Ok(Graph {
        id,
        owner: relation::owner(anchor).ok_or_else(|| damaged("its owner".into()))?,
        half_life: HalfLife::from_micros(half_life.max(1)).unwrap_or(HalfLife::SHORTEST),
        recommender,
        time_window,
        max_edges: max_edges.unsigned_abs() as usize,
        node_types,
        edge_types,
        sources: definitions.iter().map(EdgeSource::resolve).collect::<Result<_, _>>().map_err(damaged)?,
        schema,
        nodes,
        name,
    })
}
