//! The questions that SQL asks of a graph: arguments in, rows out. They read and never write.

mod decay;
mod embedding;
mod neighborhood;
mod paths;
mod subgraph;
mod walks;

use engine::graph::{Node, NodeId};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum};
use rustc_hash::FxHashMap;

use super::arguments::{Arguments, ResultType};
use super::error::Result;
use super::reader::Reader;

/// The nodes and types of an answer as datums, each made once.
struct Names {
    keys: FxHashMap<NodeId, Datum>,
    node_types: Vec<Option<Datum>>,
    edge_types: Vec<Option<Datum>>,
}

impl Names {
    /// Looks the keys of `nodes` up, each once, and makes datums of type `result` of them.
    fn of(arguments: &Arguments<'_>, reader: &Reader<'_>, nodes: impl Iterator<Item = NodeId>, result: pg_sys::Oid) -> Result<Self> {
        let mut ids: Vec<NodeId> = nodes.collect();
        ids.sort_unstable();
        ids.dedup();
        let found = reader.keys(&ids).map_err(|source| arguments.failure(source))?;
        let result = ResultType::of(result)?;
        let mut keys = FxHashMap::with_capacity_and_hasher(ids.len(), Default::default());
        for (id, key) in ids.into_iter().zip(found) {
            if let Some(key) = key {
                keys.insert(id, arguments.datum(&key, result)?);
            }
        }
        let text = |name: &String| name.as_str().into_datum();
        let node_types = arguments.graph.node_types.iter().map(|kind| text(&kind.name)).collect();
        Ok(Self { keys, node_types, edge_types: arguments.graph.edge_types.iter().map(text).collect() })
    }

    /// A node's key.
    fn key(&self, node: Node) -> Option<Datum> {
        self.keys.get(&node.id).copied()
    }

    /// The name of a node's type.
    fn node_type(&self, node: Node) -> Option<Datum> {
        self.node_types[node.node_type as usize]
    }

    /// The name of an edge type.
    fn edge_type(&self, edge_type: u32) -> Option<Datum> {
        self.edge_types[edge_type as usize]
    }
}

/// A time; NULL for an edge that has none.
fn time(at: Option<engine::Micros>) -> Option<Datum> {
    at.map(Datum::from)
}

/// A double precision.
fn float8(value: f64) -> Option<Datum> {
    Some(Datum::from(value.to_bits()))
}

/// A bigint.
fn bigint(value: u64) -> Option<Datum> {
    Some(Datum::from(i64::try_from(value).unwrap_or(i64::MAX)))
}
