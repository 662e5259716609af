//! prune_subgraph: the strongest part of a node's surroundings.

use engine::graph::Subgraph;
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::Datum;

use super::{Names, bigint, float8, time};
use crate::graph::arguments::{Arguments, Places};
use crate::graph::error::Result;
use crate::graph::subgraphs::{self, Request};
use crate::pg::function::{Call, RowSet};
use crate::sql_function;

sql_function!(graph_prune_subgraph, pg_finfo_graph_prune_subgraph, prune_subgraph);

fn prune_subgraph(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let node_type = arguments.node_type(2)?;
    let key = arguments.node(1, node_type)?;
    let depth = arguments.integer(3, "depth", 3, 1, 10)?;
    let max_nodes = arguments.integer(4, "max_nodes", 1000, 1, i32::MAX)?;
    let max_bytes = arguments.integer(5, "max_bytes", 65_536, 1, i32::MAX)?;
    let reader = arguments.reader(&Places { direction: 6, as_of: 9, half_life: 10 })?;
    let mut rows = call.rows()?;
    let Some((_, key)) = key.as_ref() else { return Ok(rows.finish(call)) };
    let failed = |source| arguments.failure(source);
    if let Some(node) = reader.node(&(node_type, key.clone())).map_err(failed)? {
        let request = Request {
            node_type: arguments.graph.node_types[node_type as usize].name.clone(),
            key: key.to_string(),
            depth,
            max_nodes,
            max_bytes,
            direction: call.arg(6),
            edge_types: arguments.edge_type_names(7),
            context: crate::arguments::context(call, 8)?.into_iter().collect(),
        };
        let subgraph = subgraphs::pruned(&reader, node, &request).map_err(failed)?;
        let names = Names::of(&arguments, &reader, subgraph.nodes.iter().map(|node| node.id), rows.column_type(1))?;
        push(&mut rows, &names, &subgraph);
    }
    Ok(rows.finish(call))
}

fn push(rows: &mut RowSet, names: &Names, subgraph: &Subgraph) {
    for (hop, from, edge) in &subgraph.edges {
        rows.push(&[
            i32::try_from(*hop).ok().and_then(IntoDatum::into_datum),
            names.key(*from),
            names.node_type(*from),
            names.key(edge.to),
            names.node_type(edge.to),
            names.edge_type(edge.edge_type),
            float8(edge.weight),
            bigint(edge.count),
            time(edge.last_at),
            float8(subgraph.kept_share()),
        ]);
    }
}
