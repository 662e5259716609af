//! node_embedding: one node's surroundings as a vector.

use engine::graph::{Aggregation, Node, node_embedding};
use pgrx::pg_sys::Datum;

use super::neighborhood::start;
use crate::graph::arguments::{Arguments, Places, Result};
use crate::graph::nodes::TypedKey;
use crate::graph::reader::Reader;
use crate::numbers::store_error;
use crate::pg::function::Call;
use crate::pg::hash;
use crate::sql_function;

sql_function!(graph_node_embedding, pg_finfo_graph_node_embedding, embed_node);

/// The most dimensions of an embedding.
pub const MAX_DIMS: i32 = 4096;

fn embed_node(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let self_weight = arguments.fraction(6, "self_weight", 0.5)? as f32;
    let how = Aggregation {
        dims: arguments.integer(3, "dims", 128, 1, MAX_DIMS)?,
        layers: arguments.integer(4, "layers", 2, 1, 4)?,
        fan_out: arguments.integer(5, "fan_out", 32, 1, 1000)?,
        self_weight,
        seed: call.arg::<i64>(7).unwrap_or(42) as u64,
    };
    let reader = arguments.reader(&Places { direction: 8, as_of: 11, half_life: 12 })?;
    let Some(node) = start(&arguments, &reader, 1, 2)? else { return Ok(call.null()) };
    let mut identity = |nodes: &[Node]| identities(&arguments, &reader, nodes);
    let embedding = reader.ask(|lens| node_embedding(lens, node, &how, &mut identity)).map_err(|source| arguments.failure(source))?;
    Ok(call.value(Some(embedding)))
}

fn identities(arguments: &Arguments<'_>, reader: &Reader<'_>, nodes: &[Node]) -> engine::Result<Vec<u64>> {
    let ids: Vec<_> = nodes.iter().map(|node| node.id).collect();
    let named = |key: Option<TypedKey>| key.map(|key| identity(arguments, &key)).ok_or_else(|| store_error("a node without a key"));
    reader.keys(&ids)?.into_iter().map(named).collect()
}

/// A number that stands for a node as long as its key and its type's name stay, on every machine and after every rebuild.
pub fn identity(arguments: &Arguments<'_>, (node_type, key): &TypedKey) -> u64 {
    let name = &arguments.graph.node_types[*node_type as usize].name;
    hash::bytes(format!("{name}\0{key}").as_bytes())
}
