//! Nodes as vectors: node_embedding for one of them, embed_graph for all.

use engine::graph::{Adjacent, Aggregation, Csr, Lens, Node, NodeId, Projection, fast_rp, node_embedding};
use pgrx::pg_sys::{self, Datum};
use rustc_hash::FxHashMap;

use super::neighborhood::start;
use crate::graph::arguments::{Arguments, Places};
use crate::graph::error::{QuestionError, Result};
use crate::graph::nodes::TypedKey;
use crate::graph::reader::Reader;
use crate::key::KeyType;
use crate::numbers::store_error;
use crate::pg::function::{Call, CallError};
use crate::pg::spi::{self, Arg};
use crate::pg::{hash, interrupt, relation, threads};
use crate::progress::{Phase, Progress};
use crate::sql_function;

sql_function!(graph_node_embedding, pg_finfo_graph_node_embedding, embed_node);
sql_function!(graph_embed, pg_finfo_graph_embed, embed_graph);

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

/// How many nodes are read at a time, and how many rows are written.
const CHUNK: usize = 4096;

fn embed_graph(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let dims = arguments.integer(1, "dims", 128, 1, MAX_DIMS)?;
    let layer_weights = layer_weights(&arguments)?;
    let normalization_strength = call.arg::<f32>(5).unwrap_or(-0.5);
    if !normalization_strength.is_finite() {
        let (allowed, given) = ("finite".into(), normalization_strength.to_string());
        return Err(QuestionError::Range { argument: "normalization_strength", allowed, given });
    }
    let into = Target::of(call.required(3, "into_table")?)?;
    let how = Projection { dims, layer_weights, seed: call.arg::<i64>(6).unwrap_or(42) as u64, normalization_strength };
    let reader = arguments.whole(7, 8)?;
    let nodes = reader.all_nodes().map_err(|source| arguments.failure(source))?;
    let feed = arguments.graph.sources.first().map_or(0, |source| source.id);
    let mut progress = Progress::start(feed, Phase::Embedding, nodes.len() as u64);
    let csr = reader.ask(|lens| compressed(lens, &nodes, &mut progress)).map_err(|source| arguments.failure(source))?;
    let identities: Vec<u64> = nodes.iter().map(|(_, key)| identity(&arguments, key)).collect();
    let pool = threads::pool(threads::for_maintenance()).map_err(|error| arguments.failure(store_error(error)))?;
    let vectors = fast_rp(&csr, &identities, &how, &pool, &interrupt::checker()).map_err(|source| arguments.failure(source))?;
    drop(pool);
    progress.phase(Phase::WritingRows);
    let embedded: Vec<(&TypedKey, &[f32])> = (nodes.iter().enumerate())
        .filter(|(place, _)| csr.strength(*place) > 0.0)
        .map(|(place, (_, key))| (key, &vectors[place * dims..(place + 1) * dims]))
        .collect();
    into.replace(&arguments, &embedded, dims)?;
    Ok(call.value(Some(embedded.len() as i64)))
}

/// What 1, 2, ... steps count: as many as `layers` says, or as are given.
fn layer_weights(arguments: &Arguments<'_>) -> Result<Vec<f32>> {
    let layers = arguments.integer(2, "layers", 3, 1, 10)?;
    let Some(given) = arguments.call.arg::<Vec<Option<f32>>>(4) else {
        return Ok((0..layers).map(|layer| if layer == 0 && layers > 1 { 0.0 } else { 1.0 }).collect());
    };
    let weights: Option<Vec<f32>> = given.iter().map(|weight| weight.filter(|weight| weight.is_finite())).collect();
    match weights {
        Some(weights) if weights.len() == layers => Ok(weights),
        _ => {
            let allowed = format!("an array of {layers} finite numbers, as many as layers");
            Err(QuestionError::Range { argument: "layer_weights", allowed, given: arguments.call.text(4).unwrap_or_default() })
        }
    }
}

/// A node's place, and where its edges lead with their weights.
type CsrRow = (usize, Vec<(usize, f64)>);

/// All edges of the graph in compressed rows, by the places of `nodes`.
fn compressed(lens: &Lens<'_>, nodes: &[(Node, TypedKey)], progress: &mut Progress) -> engine::Result<Csr> {
    let places: FxHashMap<NodeId, usize> = nodes.iter().enumerate().map(|(place, (node, _))| (node.id, place)).collect();
    let mut rows = |chunk: &[(Node, TypedKey)]| -> engine::Result<Vec<CsrRow>> {
        let wanted: Vec<Node> = chunk.iter().map(|(node, _)| *node).collect();
        let found = lens.adjacents(&wanted)?;
        progress.advance(chunk.len() as u64);
        let edges = |adjacent: &Adjacent| adjacent.edges.iter().filter_map(|edge| Some((*places.get(&edge.to.id)?, edge.weight))).collect();
        Ok(found.iter().map(|(node, adjacent)| (places[&node.id], edges(adjacent))).collect())
    };
    Csr::build(
        nodes.len(),
        nodes.chunks(CHUNK).flat_map(|chunk| match rows(chunk) {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }),
    )
}

/// The table that takes the embeddings.
struct Target {
    table: String,
    /// The type of its node column, as SQL writes it.
    node: String,
}

impl Target {
    fn of(table: pg_sys::Oid) -> Result<Self> {
        let name = relation::qualified_name(table).ok_or(CallError::Null("into_table"))?;
        let column = |column: &str| relation::column_number(table, column).map(|number| relation::column_type(table, number));
        let fits = column("node_type") == Some(pg_sys::TEXTOID) && column("embedding") == Some(pg_sys::FLOAT4ARRAYOID);
        match column("node").filter(|node| fits && KeyType::of(*node).is_ok()) {
            Some(node) => Ok(Self { table: name, node: relation::type_name(node) }),
            None => Err(QuestionError::IntoTable(name)),
        }
    }

    /// Replaces the rows of the table. Runs with the caller's privileges.
    fn replace(&self, arguments: &Arguments<'_>, rows: &[(&TypedKey, &[f32])], dims: usize) -> Result<()> {
        spi::write(&format!("DELETE FROM {}", self.table), &[])?;
        let sql = format!(
            "INSERT INTO {} (node_type, node, embedding) \
             SELECT t, n::{}, ($3)[(o - 1) * {dims} + 1 : o * {dims}] FROM unnest($1, $2) WITH ORDINALITY AS u (t, n, o)",
            self.table, self.node
        );
        for rows in rows.chunks(CHUNK) {
            interrupt::check();
            let types: Vec<&str> = rows.iter().map(|(key, _)| arguments.graph.node_types[key.0 as usize].name.as_str()).collect();
            let keys: Vec<String> = rows.iter().map(|(key, _)| key.1.to_string()).collect();
            let vectors: Vec<f32> = rows.iter().flat_map(|(_, vector)| vector.iter().copied()).collect();
            spi::write(&sql, &[Arg::of(types), Arg::of(keys), Arg::of(vectors)])?;
        }
        Ok(())
    }
}
