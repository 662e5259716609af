//! Pruned subgraphs of hot nodes, kept in the cache and warmed after a restart.
//!
//! A kept subgraph is good as long as none of the nodes whose edges it was cut from has changed: neither in the packed edges
//! ([`changes`]) nor in the delta that the question's snapshot shows. Its weights are decayed to the question's time. So an answer from the
//! cache is the answer that the tables would give.

use std::collections::BTreeMap;

use engine::Micros;
use engine::graph::{Budget, Filter, Node, Subgraph, prune};
use pgrx::pg_sys;
use serde::{Deserialize, Serialize};

use super::arguments;
use super::cache;
use super::catalog::{self as graphs, Graph, GraphError};
use super::changes;
use super::error::QuestionError;
use super::reader::{Ask, OpenError, Reader};
use crate::catalog;
use crate::key::Key;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{clock, hash, shmem, snapshot};

/// How many requests of a graph are written down to be warmed after a restart.
const HOT: usize = 100;
/// How often they are written down.
const SAVE_EVERY: Micros = 60_000_000;

/// What is asked for, in words that outlive a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The name of the node's type.
    pub node_type: String,
    /// The node's key as text.
    pub key: String,
    /// The hops.
    pub depth: usize,
    /// The most nodes.
    pub max_nodes: usize,
    /// The most bytes.
    pub max_bytes: usize,
    /// The direction's name.
    pub direction: Option<String>,
    /// The names of the edge types.
    pub edge_types: Option<Vec<String>>,
    /// The values of context columns.
    pub context: BTreeMap<String, String>,
}

/// A subgraph as it is kept.
struct Kept {
    generation: i64,
    request: Vec<u8>,
    subgraph: Subgraph,
}

impl Kept {
    fn to_bytes(&self) -> engine::Result<Vec<u8>> {
        let mut bytes = self.generation.to_le_bytes().to_vec();
        bytes.extend_from_slice(&(self.request.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.request);
        bytes.extend_from_slice(&self.subgraph.to_bytes()?);
        Ok(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (generation, rest) = bytes.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (request, subgraph) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let subgraph = Subgraph::from_bytes(subgraph).ok()?;
        Some(Self { generation: i64::from_le_bytes(*generation), request: request.to_vec(), subgraph })
    }
}

/// The subgraph around `node` that `request` asks for: a kept one, or else from the tables, to be kept.
pub fn pruned(reader: &Reader<'_>, node: Node, request: &Request) -> engine::Result<Subgraph> {
    let budget = Budget { nodes: request.max_nodes, bytes: request.max_bytes };
    let fresh = || reader.ask(|lens| prune(lens, node, request.depth, budget));
    // In a moving window an edge may go without an event.
    let Some(live) = reader.live().filter(|_| !reader.has_window()) else { return fresh() };
    let (graph, generation) = (live.graph, live.state.generation);
    let text = serde_json::to_vec(request).unwrap_or_default();
    let key = key(reader, &text);
    let mut bytes = Vec::new();
    if cache::get(graph.id, key, &mut bytes)
        && let Some(mut kept) = Kept::from_bytes(&bytes)
        && kept.request == text
        && !reader.is_unpacked(&kept.subgraph.expanded)
        && changes::unchanged(graph.id, kept.generation, generation, &ids(&kept.subgraph.expanded))
    {
        if kept.generation != generation {
            kept.generation = generation;
            cache::put(graph.id, key, &kept.to_bytes()?);
        }
        kept.subgraph.decay_to(reader.now, reader.half_life);
        return Ok(kept.subgraph);
    }
    let subgraph = fresh()?;
    if !reader.is_unpacked(&subgraph.expanded) {
        let kept = Kept { generation, request: text, subgraph };
        cache::put(graph.id, key, &kept.to_bytes()?);
        return Ok(kept.subgraph);
    }
    Ok(subgraph)
}

fn ids(nodes: &[Node]) -> Vec<u32> {
    nodes.iter().map(|node| node.id).collect()
}

/// The key of a request to a graph as it is defined now.
fn key(reader: &Reader<'_>, request: &[u8]) -> u128 {
    let graph = reader.graph();
    let epochs = reader.live().map(|live| live.state.sources.iter().map(|source| source.epoch).collect::<Vec<_>>());
    let sources: Vec<i32> = graph.sources.iter().map(|source| source.id).collect();
    let rules = (graph.nodes.0.to_u32(), sources, epochs, reader.half_life, graph.max_edges);
    let mut bytes = format!("{rules:?} ").into_bytes();
    bytes.extend_from_slice(request);
    let low = hash::bytes(&bytes);
    bytes.push(b'+');
    u128::from(hash::bytes(&bytes)) << 64 | u128::from(low)
}

/// Why a kept request could not be asked again.
#[derive(Debug, thiserror::Error)]
pub enum WarmError {
    /// The catalog.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// What it asks for is not there any more.
    #[error(transparent)]
    Question(#[from] QuestionError),
    /// The graph could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<SpiError> for WarmError {
    fn from(error: SpiError) -> Self {
        Self::Graph(error.into())
    }
}

impl From<engine::Error> for WarmError {
    fn from(error: engine::Error) -> Self {
        Self::Open(error.into())
    }
}

/// Asks again what was asked most before the server was started. Gives how many subgraphs are kept now.
pub fn warm(graph: i32) -> Result<u64, WarmError> {
    let graph = graphs::by_id(graph)?;
    let sql = "SELECT request::text FROM recommend.hot_subgraphs WHERE graph = $1 ORDER BY uses DESC";
    let read = || snapshot::with_latest(|| spi::read(sql, &[Arg::of(graph.id)], |row| row.value::<String>(1)));
    let requests: Vec<String> = catalog::as_owner(read).map_err(GraphError::from)??;
    let mut warmed = 0;
    for request in requests {
        let Ok(request) = serde_json::from_str::<Request>(&request) else { continue };
        // Types and columns may be others by now.
        if snapshot::with_current(|| warm_one(&graph, &request)).unwrap_or(false) {
            warmed += 1;
        }
    }
    Ok(warmed)
}

fn warm_one(graph: &Graph, request: &Request) -> Result<bool, WarmError> {
    let edge_types = request.edge_types.as_deref().map(|names| arguments::edge_types(graph, names)).transpose()?;
    let asked: Vec<(String, String)> = request.context.clone().into_iter().collect();
    let ask = Ask {
        as_of: clock::transaction_start(),
        half_life: None,
        time_window: None,
        filter: Filter { direction: arguments::direction(request.direction.as_deref())?, edge_types, contexts: Vec::new() },
        contexts: arguments::contexts(graph, &asked)?,
    };
    let Some(place) = graph.node_types.iter().position(|kind| kind.name == request.node_type) else { return Ok(false) };
    let Ok(key) = Key::parse(&request.key, graph.node_types[place].key) else { return Ok(false) };
    let reader = Reader::open(graph, ask)?;
    let Some(node) = reader.node(&(place as u32, key))? else { return Ok(false) };
    pruned(&reader, node, request)?;
    Ok(true)
}

/// Writes down what is asked most, unless that was done lately. Runs in a background worker.
pub fn save(graph: i32) -> Result<(), WarmError> {
    // What a worker keeps for itself tells nothing.
    let hottest = if shmem::is_there() { cache::hottest(graph, HOT) } else { Vec::new() };
    if hottest.is_empty() {
        return Ok(());
    }
    let lately = "SELECT 1 FROM recommend.hot_subgraphs WHERE graph = $1 AND saved_at > now() - $2 * interval '1 microsecond' LIMIT 1";
    let insert =
        "INSERT INTO recommend.hot_subgraphs (graph, request, uses, saved_at) VALUES ($1, $2::jsonb, $3, now()) ON CONFLICT DO NOTHING";
    let write = || -> Result<(), SpiError> {
        let read = || spi::read(lately, &[Arg::of(graph), Arg::of(SAVE_EVERY)], |_| Ok::<_, SpiError>(()));
        if !snapshot::with_latest(read)?.is_empty() {
            return Ok(());
        }
        spi::write("DELETE FROM recommend.hot_subgraphs WHERE graph = $1", &[Arg::of(graph)])?;
        for (value, uses) in &hottest {
            let request = Kept::from_bytes(value).and_then(|kept| String::from_utf8(kept.request).ok());
            if let Some(request) = request {
                spi::write(insert, &[Arg::of(graph), Arg::of(request), Arg::of(i64::try_from(*uses).unwrap_or(i64::MAX))])?;
            }
        }
        Ok(())
    };
    Ok(catalog::as_owner(write).map_err(GraphError::from)??)
}

/// The database's oid with the request to warm its cache, as a worker's argument; and back.
pub fn worker_argument(database: pg_sys::Oid, warm: bool) -> pg_sys::Datum {
    pg_sys::Datum::from(u64::from(database.to_u32()) | u64::from(warm) << 32)
}

/// The database and whether its cache is to be warmed.
pub fn of_worker_argument(argument: pg_sys::Datum) -> (pg_sys::Oid, bool) {
    (pg_sys::Oid::from(argument.value() as u32), argument.value() >> 32 & 1 != 0)
}
