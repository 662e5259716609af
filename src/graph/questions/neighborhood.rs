//! What is around a node: neighbors, k_hop, common_neighbors, adamic_adar.

use engine::graph::{self, Node, Wanted};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::Datum;

use super::{Names, bigint, float8, time};
use crate::graph::arguments::{Arguments, Places};
use crate::graph::error::{QuestionError, Result};
use crate::graph::reader::Reader;
use crate::pg::function::Call;
use crate::sql_function;

sql_function!(graph_neighbors, pg_finfo_graph_neighbors, neighbors);
sql_function!(graph_k_hop, pg_finfo_graph_k_hop, k_hop);
sql_function!(graph_common_neighbors, pg_finfo_graph_common_neighbors, common_neighbors);
sql_function!(graph_adamic_adar, pg_finfo_graph_adamic_adar, adamic_adar);

/// The most hops of a question.
const MAX_HOPS: i32 = 10;

/// The node that argument `place` names, if the graph has it.
pub fn start(arguments: &Arguments<'_>, reader: &Reader<'_>, place: usize, type_place: usize) -> Result<Option<Node>> {
    match arguments.node(place, arguments.node_type(type_place)?)? {
        Some(key) => reader.node(&key).map_err(|source| arguments.failure(source)),
        None => Ok(None),
    }
}

fn neighbors(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let n = arguments.count(7)?;
    let reader = arguments.reader(&Places { direction: 3, as_of: 6, half_life: 8 })?;
    let mut rows = call.rows()?;
    if let Some(node) = start(&arguments, &reader, 1, 2)? {
        let edges = reader.ask(|lens| graph::neighbors(lens, node, n)).map_err(|source| arguments.failure(source))?;
        let names = Names::of(&arguments, &reader, edges.iter().map(|edge| edge.to.id), rows.column_type(0))?;
        for edge in edges {
            let (weight, count) = (float8(edge.weight), bigint(edge.count));
            rows.push(&[names.key(edge.to), names.node_type(edge.to), names.edge_type(edge.edge_type), weight, count, time(edge.last_at)]);
        }
    }
    Ok(rows.finish(call))
}

fn k_hop(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let hops = arguments.integer(3, "hops", 2, 1, MAX_HOPS)?;
    let n = arguments.count(8)?;
    let fan_out = fan_out(call)?;
    let target = arguments.optional_type(10)?;
    let max_nodes = arguments.integer(11, "max_nodes", 100_000, 1, i32::MAX)?;
    let reader = arguments.reader(&Places { direction: 4, as_of: 7, half_life: 12 })?;
    let mut rows = call.rows()?;
    if let Some(node) = start(&arguments, &reader, 1, 2)? {
        let wanted = Wanted { node_type: target, n };
        let shown =
            reader.ask(|lens| graph::k_hop(lens, node, hops, &fan_out, max_nodes, wanted)).map_err(|source| arguments.failure(source))?;
        let names = Names::of(&arguments, &reader, shown.iter().flat_map(|row| [row.node.id, row.via.id]), rows.column_type(0))?;
        for row in shown {
            let hop = i32::try_from(row.hop).ok().and_then(IntoDatum::into_datum);
            rows.push(&[names.key(row.node), names.node_type(row.node), hop, float8(row.weight), names.key(row.via)]);
        }
    }
    Ok(rows.finish(call))
}

/// How many edges a node follows, by hop; all of them where nothing is said.
fn fan_out(call: &Call) -> Result<Vec<usize>> {
    let Some(given) = call.arg::<Vec<Option<i32>>>(9) else { return Ok(vec![usize::MAX]) };
    let bound = |bound: &Option<i32>| match bound {
        None => Ok(usize::MAX),
        Some(bound @ 1..) => Ok(bound.unsigned_abs() as usize),
        Some(other) => {
            Err(QuestionError::Range { argument: "fan_out", allowed: "an array of positive numbers".into(), given: other.to_string() })
        }
    };
    if given.is_empty() { Ok(vec![usize::MAX]) } else { given.iter().map(bound).collect() }
}

/// Both nodes of a question about two.
fn pair(arguments: &Arguments<'_>, reader: &Reader<'_>) -> Result<Option<(Node, Node)>> {
    Ok(start(arguments, reader, 1, 3)?.zip(start(arguments, reader, 2, 4)?))
}

fn common_neighbors(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let n = arguments.count(9)?;
    let reader = arguments.reader(&Places { direction: 5, as_of: 8, half_life: 10 })?;
    let mut rows = call.rows()?;
    if let Some((a, b)) = pair(&arguments, &reader)? {
        let mut common = reader.ask(|lens| graph::common_neighbors(lens, a, b)).map_err(|source| arguments.failure(source))?;
        common.truncate(n);
        let names = Names::of(&arguments, &reader, common.iter().map(|row| row.node.id), rows.column_type(0))?;
        for row in common {
            let (key, node_type) = (names.key(row.node), names.node_type(row.node));
            rows.push(&[key, node_type, float8(row.weight_a), float8(row.weight_b), time(row.last_at)]);
        }
    }
    Ok(rows.finish(call))
}

fn adamic_adar(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let reader = arguments.reader(&Places { direction: 5, as_of: 8, half_life: 9 })?;
    if call.datum(1).is_none() || call.datum(2).is_none() {
        return Ok(call.null());
    }
    let score = match pair(&arguments, &reader)? {
        Some((a, b)) => reader.ask(|lens| graph::adamic_adar(lens, a, b)).map_err(|source| arguments.failure(source))?,
        None => 0.0,
    };
    Ok(call.value(Some(score)))
}
