//! Writing packed edges, nodes and contexts of a graph.

use engine::graph::{Direction, NodeId};
use engine::packed::Edges;
use pgrx::pg_sys::{self, Datum};

use super::catalog::Graph;
use super::nodes::TypedKey;
use super::rows::GraphState;
use super::source::EdgeSource;
use crate::bulk::{Bulks, Result, write_packed};
use crate::catalog::{self, CatalogError};
use crate::numbers::{ContextValues, context_hash};
use crate::pg::owner;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::varlena;
use crate::totals::number_datum;
use crate::write::timestamp_datum;

/// The stem of the table of a direction's rows.
fn stem(direction: Direction) -> &'static str {
    match direction {
        Direction::Out => "out",
        Direction::In => "in",
    }
}

/// Writes rows of edges and deletes those of nodes that have none. Runs as the catalog's owner.
pub fn edges(source: &EdgeSource, direction: Direction, rows: impl Iterator<Item = (NodeId, Edges)>) -> Result<()> {
    let table = format!("recommend.{}_{}", stem(direction), source.id);
    write_packed(&table, "edges", rows.map(|(node, edges)| (node, (!edges.is_empty()).then(|| edges.to_bytes()))))
}

/// Deletes all packed edges and contexts of a source. Runs as the catalog's owner.
pub fn clear(source: &EdgeSource) -> Result<()> {
    for stem in [stem(Direction::Out), stem(Direction::In), "contexts"] {
        spi::write(&format!("DELETE FROM recommend.{stem}_{}", source.id), &[])?;
    }
    Ok(())
}

/// Writes new nodes. Runs as the catalog's owner.
pub fn nodes<'k>(graph: &Graph, new: impl Iterator<Item = (NodeId, &'k TypedKey)>) -> Result<()> {
    let sql = format!("INSERT INTO recommend.nodes_{} (node, node_type, key) SELECT * FROM unnest($1, $2, $3)", graph.id);
    let mut statement = Bulks::new([(sql, &[pg_sys::INT4OID, pg_sys::INT2OID, pg_sys::TEXTOID])]);
    for (node, (node_type, key)) in new {
        let key = key.to_string();
        statement.push(0, &[number_datum(node), Datum::from(*node_type as i16), varlena::from_bytes(key.as_bytes())], key.len())?;
    }
    statement.finish()
}

/// Writes new contexts. Runs as the catalog's owner.
pub fn contexts<'v>(source: &EdgeSource, first: u32, new: impl Iterator<Item = &'v ContextValues>) -> Result<()> {
    let sql = format!("INSERT INTO recommend.contexts_{} (node, hash, context) VALUES ($1, $2, $3)", source.id);
    for (number, values) in (first..).zip(new) {
        spi::write_prepared(&sql, &[Arg::of(number as i32), Arg::of(context_hash(values)), Arg::of(values.clone())])?;
    }
    Ok(())
}

/// The most nodes that one compaction tells apart.
const MAX_CHANGED: usize = 10_000;

/// Writes the state of one of the graph's sources after a change of the edges of `nodes`, or of any where they are not given. The
/// generation moves.
pub fn state(graph: &Graph, place: usize, state: &mut GraphState, nodes: Option<Vec<NodeId>>) -> std::result::Result<(), CatalogError> {
    let (source, of_source) = (&graph.sources[place], state.sources[place]);
    let nodes = nodes.filter(|nodes| nodes.len() <= MAX_CHANGED);
    let save = || {
        let args = [
            Arg::of(source.id),
            Arg::of(of_source.packed_epoch),
            Arg::of(of_source.next_context as i32),
            Arg::of(of_source.events),
            Arg::datum(of_source.newest_at.map(timestamp_datum), pg_sys::TIMESTAMPTZOID),
            Arg::of(of_source.skipped),
            Arg::of(of_source.needs_rebuild),
        ];
        spi::write_prepared(include_str!("../../sql/save_edge_state.sql"), &args)?;
        let args = [Arg::of(graph.id), Arg::of(state.next_node as i32)];
        let moved = spi::write_returning(include_str!("../../sql/save_graph_state.sql"), &args, |row| row.value::<i64>(1))?;
        let generation = moved.first().copied().ok_or(SpiError::Null { column: 1 })?;
        let nodes = nodes.map(|nodes| nodes.into_iter().map(|node| node as i32).collect::<Vec<i32>>());
        let args = [Arg::of(graph.id), Arg::of(generation), Arg::of(state.generation), Arg::of(nodes)];
        spi::write_prepared(include_str!("../../sql/save_graph_changes.sql"), &args)?;
        Ok::<_, SpiError>(generation)
    };
    state.generation = owner::as_user(catalog::catalog_owner()?, save)?;
    Ok(())
}
