//! A graph over Postgres: packed edges with the visible deltas merged, as the active snapshot sees them.

use engine::graph::{Direction, Graph as EngineGraph, NodeId, Relation};
use engine::packed::{Edges, EdgesView, NewestOf, RowDelta};
use engine::{ContextId, Micros, NO_CONTEXT, Result};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::catalog::{Graph, GraphError};
use super::delta::GraphDelta;
use super::nodes::{self, TypedKey};
use super::source::EdgeSource;
use crate::numbers::{ContextValues, store_error};
use crate::pg::fetch::{INTEGER, Scan};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{interrupt, owner, relation};
use crate::rows::bytes;
use crate::totals::{int4, int8, number, number_datum};

/// A row of `recommend.edge_state`, with the epoch beside it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SourceState {
    /// The epoch of the table; events of an older one are gone.
    pub epoch: i32,
    /// The epoch that the packed edges belong to.
    pub packed_epoch: i32,
    /// The number that the next new context gets.
    pub next_context: u32,
    /// Events behind the packed edges.
    pub events: i64,
    /// The newest of them.
    pub newest_at: Option<Micros>,
    /// Rows that were no events.
    pub skipped: i64,
    /// True when the packed edges are known not to be those of the table.
    pub needs_rebuild: bool,
}

impl SourceState {
    /// True when TRUNCATE has made the packed edges void.
    pub fn is_void(&self) -> bool {
        self.epoch != self.packed_epoch
    }

    /// Nothing packed, of the present epoch.
    pub fn emptied(self) -> Self {
        Self { packed_epoch: self.epoch, next_context: 0, events: 0, newest_at: None, ..self }
    }
}

/// A row of `recommend.graph_state`, with those of the graph's sources.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphState {
    /// Two snapshots that see the same number see the same packed edges.
    pub generation: i64,
    /// The number that the next new node gets.
    pub next_node: NodeId,
    /// When edges were last packed.
    pub last_compaction: Option<Micros>,
    /// The sources, in the graph's order.
    pub sources: Vec<SourceState>,
}

impl GraphState {
    /// Reads the state under the active snapshot.
    pub fn read(graph: &Graph) -> std::result::Result<Self, GraphError> {
        let open = |name: &str| {
            let primary_key = relation::state_relation(&format!("{name}_pkey"));
            let tables = relation::state_relation(name).zip(primary_key);
            tables.map(|(table, index)| Scan::open(table, index, &[INTEGER])).ok_or(crate::catalog::CatalogError::NotInstalled)
        };
        let mut sources = Vec::with_capacity(graph.sources.len());
        let (mut states, mut epochs) = (open("edge_state")?, open("epochs")?);
        for source in &graph.sources {
            let id = pg_sys::Datum::from(source.id);
            let epoch = epochs.get(&[id]).and_then(|row| row.datum(2)).map_or(0, int4);
            // A source that is newer than the snapshot has nothing in it.
            let state = states.get(&[id]).map_or(SourceState { epoch, packed_epoch: epoch, ..SourceState::default() }, |row| SourceState {
                epoch,
                packed_epoch: row.datum(2).map_or(0, int4),
                next_context: row.datum(3).map_or(0, number),
                events: row.datum(4).map_or(0, int8),
                newest_at: row.datum(5).map(int8),
                skipped: row.datum(6).map_or(0, int8),
                needs_rebuild: row.datum(7).is_some_and(|flag| flag.value() != 0),
            });
            sources.push(state);
        }
        let mut graphs = open("graph_state")?;
        let row = graphs.get(&[pg_sys::Datum::from(graph.id)]).ok_or(GraphError::UnknownId(graph.id))?;
        Ok(Self {
            generation: row.datum(2).map_or(0, int8),
            next_node: row.datum(3).map_or(0, number),
            last_compaction: row.datum(4).map(int8),
            sources,
        })
    }
}

/// The packed rows of a source in one direction: the table and its primary key.
pub fn tables(source: &EdgeSource, direction: Direction) -> (pg_sys::Oid, pg_sys::Oid) {
    match direction {
        Direction::Out => source.out,
        Direction::In => source.into,
    }
}

/// A graph at the time of the active snapshot.
pub struct LiveGraph<'a> {
    /// Its definition.
    pub graph: &'a Graph,
    /// What is packed.
    pub state: GraphState,
    /// What is not packed yet.
    pub delta: GraphDelta,
    /// Events after it do not count.
    pub horizon: Micros,
}

impl LiveGraph<'_> {
    /// A row with its part of the delta.
    fn merged(&self, relation: Relation, node: NodeId, stored: Option<&[u8]>, change: &RowDelta) -> Result<Edges> {
        let source = &self.graph.sources[relation.source];
        let landmark = match self.delta.changes(relation.source) {
            Some(changes) => changes.landmark(),
            None => return Err(store_error("a delta without changes")),
        };
        let mut edges = match stored {
            Some(bytes) => Edges::from_view(&EdgesView::parse(bytes)?, self.graph.half_life),
            None => Edges::new(landmark, source.is_static()),
        };
        let mut newest_of = |neighbor: NodeId, context: ContextId| {
            let (from, to) = match relation.direction {
                Direction::Out => (node, neighbor),
                Direction::In => (neighbor, node),
            };
            let key = |id| match self.delta.new_nodes().key(id) {
                Some(key) => Ok(key.clone()),
                None => nodes::stored_keys(self.graph, &[id])?.pop().flatten().ok_or_else(|| store_error(format!("no node {id}"))),
            };
            let values = match context {
                NO_CONTEXT => None,
                context => self.delta.context_values(relation.source, context).cloned(),
            };
            newest(source, &key(from)?, &key(to)?, values, self.horizon)
        };
        let newest_of: &mut NewestOf<'_> = &mut newest_of;
        edges.merge(change, landmark, self.graph.max_edges, newest_of)?;
        Ok(edges)
    }
}

impl EngineGraph for LiveGraph<'_> {
    fn edges(&self, relation: Relation, nodes: &[NodeId], each: &mut dyn FnMut(NodeId, EdgesView<'_>) -> Result<()>) -> Result<()> {
        let source = &self.graph.sources[relation.source];
        let (table, index) = tables(source, relation.direction);
        let mut stored = (!self.state.sources[relation.source].is_void()).then(|| Scan::open(table, index, &[INTEGER]));
        let changed = self.delta.changes(relation.source).map(|changes| changes.rows(relation.direction));
        for (count, &node) in nodes.iter().enumerate() {
            if count % 64 == 63 {
                interrupt::check();
            }
            let row = stored.as_mut().filter(|_| node < nodes::FIRST_UNPACKED).and_then(|scan| scan.get(&[number_datum(node)]));
            let row = row.and_then(|row| row.datum(2)).map(bytes);
            match changed.and_then(|rows| rows.get(&node)) {
                Some(change) => {
                    let edges = self.merged(relation, node, row.as_deref(), change)?;
                    if !edges.is_empty() {
                        each(node, edges.view())?;
                    }
                }
                None => {
                    if let Some(row) = row {
                        each(node, EdgesView::parse(&row)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// When the newest event of an edge in a context was, as the table shows it.
pub fn newest(
    source: &EdgeSource,
    from: &TypedKey,
    to: &TypedKey,
    context: Option<ContextValues>,
    until: Micros,
) -> Result<Option<Micros>> {
    let sql = format!(
        "SELECT max(at) FROM recommend.events_{} \
          WHERE user_key = $1 AND item_key = $2 AND context IS NOT DISTINCT FROM $3 AND at <= $4",
        source.id
    );
    let (user, item) = (source.keys.0.oid(), source.keys.1.oid());
    let args = [
        Arg::datum(Some(from.1.to_datum(user).map_err(store_error)?), user),
        Arg::datum(Some(to.1.to_datum(item).map_err(store_error)?), item),
        Arg::datum(context.and_then(IntoDatum::into_datum), pg_sys::TEXTARRAYOID),
        Arg::datum(Some(pg_sys::Datum::from(until)), pg_sys::TIMESTAMPTZOID),
    ];
    let read = || spi::read_prepared(&sql, &args, |row| Ok::<_, SpiError>(row.datum(1, pg_sys::TIMESTAMPTZOID)?.map(int8)));
    Ok(owner::as_user(source.owner, read).map_err(store_error)?.pop().flatten())
}
