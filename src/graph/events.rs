//! A graph straight from its tables: for times before the newest event, and for another half-life than the packed one.
//!
//! Each node that a question meets costs a look-up in the tables, by the column of its key: with an index there it is cheap.

use std::cell::RefCell;

use engine::graph::{Direction, Graph as EngineGraph, NodeId, Relation};
use engine::packed::{Edges, EdgesView, Landmark, RowDelta, STATIC};
use engine::{ContextId, Error, Micros, Result};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use super::catalog::Graph;
use super::delta::KeyedEdge;
use super::nodes::{self, FIRST_PAST, NewNodes, TypedKey};
use super::source::EdgeSource;
use crate::numbers::{ContextValues, stream};
use crate::pg::spi::Arg;
use crate::pg::{array, interrupt};

/// How many nodes one statement asks for.
const CHUNK: usize = 10_000;

/// The context of events that a question's filter takes, and of those that it leaves out.
pub const MATCHING: ContextId = 1;
const OTHER: ContextId = 0;

/// The values that context columns must have: (place of the column, value).
pub type Asked = Vec<(usize, String)>;

/// A graph of the events up to a time.
pub struct EventGraph<'a> {
    graph: &'a Graph,
    until: Micros,
    /// What weights are measured from: near the question's time, so that short half-lives neither overflow nor vanish.
    landmark: Landmark,
    /// By source: the contexts asked for.
    asked: Vec<Option<Asked>>,
    new_nodes: RefCell<NewNodes>,
}

impl<'a> EventGraph<'a> {
    /// The events up to `until`, with weights that decay by the landmark's half-life. With a context asked for, an event's context is [`MATCHING`] or not.
    pub fn new(graph: &'a Graph, until: Micros, landmark: Landmark, asked: Vec<Option<Asked>>) -> Self {
        Self { graph, until, landmark, asked, new_nodes: RefCell::new(NewNodes::starting(FIRST_PAST)) }
    }

    /// A node's number; a new one where the node is not stored.
    pub fn number(&self, key: &TypedKey) -> Result<NodeId> {
        let stored = nodes::stored_numbers(self.graph, [key].into_iter())?[0];
        Ok(stored.unwrap_or_else(|| self.new_nodes.borrow_mut().add(key.clone())))
    }

    /// A node's type and key.
    pub fn key(&self, id: NodeId) -> Result<Option<TypedKey>> {
        match self.new_nodes.borrow().key(id) {
            Some(key) => Ok(Some(key.clone())),
            None => Ok(nodes::stored_keys(self.graph, &[id])?.pop().flatten()),
        }
    }

    fn context(&self, place: usize, values: Option<&ContextValues>) -> ContextId {
        let Some(asked) = &self.asked[place] else { return OTHER };
        let has = |(column, value): &(usize, String)| {
            values.and_then(|values| values.get(*column)).is_some_and(|found| found.as_ref() == Some(value))
        };
        if asked.iter().all(has) { MATCHING } else { OTHER }
    }

    /// The events of `nodes` in one relation, summed up by node.
    fn read(&self, relation: Relation, nodes: &[NodeId]) -> Result<FxHashMap<NodeId, (RowDelta, Micros)>> {
        let source = &self.graph.sources[relation.source];
        let (column, key_type) = match relation.direction {
            Direction::Out => ("user_key", source.keys.0.oid()),
            Direction::In => ("item_key", source.keys.1.oid()),
        };
        let mut datums = Vec::with_capacity(nodes.len());
        for &node in nodes {
            // A key that the column's type cannot hold is in no row.
            if let Some((_, key)) = self.key(node)?
                && let Ok(datum) = key.to_datum(key_type)
            {
                datums.push(datum);
            }
        }
        let args = [
            Arg::datum(Some(array::of(key_type, &mut datums)), array::type_of(key_type)),
            Arg::datum(Some(pg_sys::Datum::from(self.until)), pg_sys::TIMESTAMPTZOID),
        ];
        let sql = format!(
            "SELECT user_key, item_key, at, weight, context FROM recommend.events_{} WHERE {column} = ANY ($1) AND {}",
            source.id,
            if source.is_static() { "$2 IS NOT NULL" } else { "at <= $2" }
        );
        let mut rows: FxHashMap<NodeId, (RowDelta, Micros)> = FxHashMap::default();
        stream(source.owner, &sql, &args, |row| {
            self.add(source, relation, row.datums(KeyedEdge::types(source)).map_err(crate::numbers::store_error)?, &mut rows)
        })?;
        Ok(rows)
    }

    fn add(
        &self,
        source: &EdgeSource,
        relation: Relation,
        columns: [Option<pg_sys::Datum>; 5],
        rows: &mut FxHashMap<NodeId, (RowDelta, Micros)>,
    ) -> Result<()> {
        let Some(edge) = KeyedEdge::read(source, columns)? else { return Ok(()) };
        let [from, to] = edge.ends(self.graph, relation.source);
        let (from, to) = (self.number(&from)?, self.number(&to)?);
        let (node, neighbor) = match relation.direction {
            Direction::Out => (from, to),
            Direction::In => (to, from),
        };
        let (delta, newest) = rows.entry(node).or_insert((RowDelta::default(), STATIC));
        let gain = if edge.at == STATIC { 1.0 } else { self.landmark.gain(edge.at) };
        let context = self.context(relation.source, edge.context.as_ref());
        delta.make_room(&interrupt::checker::<Error>())?;
        delta.add(neighbor, context, edge.at, gain * f64::from(edge.weight), true);
        *newest = (*newest).max(edge.at);
        Ok(())
    }
}

impl EngineGraph for EventGraph<'_> {
    fn edges(&self, relation: Relation, nodes: &[NodeId], each: &mut dyn FnMut(NodeId, EdgesView<'_>) -> Result<()>) -> Result<()> {
        for nodes in nodes.chunks(CHUNK) {
            for (node, (delta, newest)) in self.read(relation, nodes)? {
                let edges = Edges::of(&delta, self.landmark, newest == STATIC, self.graph.max_edges, &interrupt::checker::<Error>())?;
                each(node, edges.view())?;
            }
        }
        Ok(())
    }
}
