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

use super::arguments::Arguments;
use super::error::Result;
use super::nodes::TypedKey;
use super::reader::Reader;

/// The keys of the nodes in an answer.
struct Names<'a> {
    arguments: &'a Arguments<'a>,
    keys: FxHashMap<NodeId, TypedKey>,
}

impl<'a> Names<'a> {
    /// Looks the keys of `nodes` up, each once.
    fn of(arguments: &'a Arguments<'a>, reader: &Reader<'_>, nodes: impl Iterator<Item = NodeId>) -> Result<Self> {
        let mut ids: Vec<NodeId> = nodes.collect();
        ids.sort_unstable();
        ids.dedup();
        let keys = reader.keys(&ids).map_err(|source| arguments.failure(source))?;
        Ok(Self { arguments, keys: ids.into_iter().zip(keys).filter_map(|(id, key)| key.map(|key| (id, key))).collect() })
    }

    /// A node's key as a datum of type `result`.
    fn key(&self, node: Node, result: pg_sys::Oid) -> Result<Option<Datum>> {
        self.keys.get(&node.id).map(|key| self.arguments.datum(key, result)).transpose()
    }

    /// The name of a node's type.
    fn node_type(&self, node: Node) -> Option<Datum> {
        type_name(self.arguments, node.node_type)
    }

    /// The name of an edge type.
    fn edge_type(&self, edge_type: u32) -> Option<Datum> {
        self.arguments.graph.edge_types[edge_type as usize].as_str().into_datum()
    }
}

fn type_name(arguments: &Arguments<'_>, node_type: u32) -> Option<Datum> {
    arguments.graph.node_types[node_type as usize].name.as_str().into_datum()
}

/// A time; NULL for an edge that has none.
fn time(at: Option<engine::Micros>) -> Option<Datum> {
    at.map(Datum::from)
}

/// A double precision.
fn float8(value: f64) -> Option<Datum> {
    value.into_datum()
}

/// A bigint.
fn bigint(value: u64) -> Option<Datum> {
    i64::try_from(value).unwrap_or(i64::MAX).into_datum()
}
