//! The compactor of graphs: moves the deltas of a graph's sources into packed edges, or makes these anew from the tables.
//!
//! As for recommenders, one transaction does all of it. The lock is the graph's row of `recommend.graph_state`.

use engine::graph::fold::{EdgeChanges, EdgeEvent, pack};
use engine::graph::{Direction, NodeId};
use engine::packed::{Edges, EdgesView, Landmark, STATIC};
use engine::{ContextId, Micros};
use pgrx::{PgSqlErrorCode, pg_sys};
use rustc_hash::FxHashMap;

use super::catalog::{self as graphs, Graph, GraphError};
use super::delta::KeyedEdge;
use super::nodes;
use super::numbering::{Keys, Lookup, Nothing, Numbers, Stored};
use super::rows::{self, GraphState, SourceState};
use super::source::EdgeSource;
use super::write;
use crate::bulk::WriteError;
use crate::catalog::{CatalogError, catalog_owner};
use crate::compact::{Outcome, Pace, REST, horizon};
use crate::delta_rows::{Batch, Done};
use crate::numbers::{store_error, stream};
use crate::pg::error::SqlError;
use crate::pg::fetch::{INTEGER, Scan, delete_rows};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{clock, guc, interrupt, owner, snapshot};
use crate::progress::{Phase, Progress};
use crate::rows::bytes;
use crate::totals::{self, number_datum};

/// With more rows of one batch that have lost neighbours and may have others, the source is made anew instead.
const MAX_REFILLS: usize = 1000;

/// What can go wrong while compacting a graph.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The engine, or the rows under it.
    #[error("could not compact graph \"{name}\": {source}")]
    Engine {
        /// The graph.
        name: String,
        /// What happened.
        source: engine::Error,
    },
    /// The graph went away.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A bulk statement.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl SqlError for CompactError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Engine { .. } => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
            Self::Graph(error) => error.sqlstate(),
            Self::Write(_) => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Engine { name, .. } => Some(format!("Make its edges anew: SELECT rebuild_graph('{name}').")),
            Self::Graph(error) => error.hint(),
            Self::Write(_) => None,
        }
    }
}

impl From<CatalogError> for CompactError {
    fn from(error: CatalogError) -> Self {
        Self::Graph(error.into())
    }
}

impl From<SpiError> for CompactError {
    fn from(error: SpiError) -> Self {
        Self::Graph(error.into())
    }
}

type Result<T> = std::result::Result<T, CompactError>;

/// Locks a graph against other compactors; false when another one holds the lock and `wait` is not set.
pub fn lock(graph: i32, wait: bool) -> Result<bool> {
    let skip = if wait { "" } else { " SKIP LOCKED" };
    let sql = format!("SELECT graph FROM recommend.graph_state WHERE graph = $1 FOR UPDATE{skip}");
    let found = owner::as_user(catalog_owner()?, || spi::write_returning(&sql, &[Arg::of(graph)], |row| row.value::<i32>(1)));
    let found: std::result::Result<Vec<i32>, SpiError> = found;
    Ok(!found?.is_empty())
}

/// What a call of [`compact`] did.
pub struct Compacted {
    /// In all.
    pub outcome: Outcome,
    /// How many delta rows of each source were moved.
    pub moved: Vec<u64>,
}

/// Moves up to `limit` delta rows of each source of a graph into packed edges.
pub fn compact(id: i32, limit: u64, pace: Pace) -> Result<Compacted> {
    if !lock(id, pace == Pace::Now)? {
        return Ok(Compacted { outcome: Outcome::Busy, moved: Vec::new() });
    }
    let graph = graphs::by_id(id)?;
    let mut state = snapshot::with_current(|| GraphState::read(&graph))?;
    let rested = state.last_compaction.is_none_or(|last| clock::now().saturating_sub(last) >= REST);
    let (mut moved, mut waiting) = (vec![0; graph.sources.len()], false);
    for (place, source) in graph.sources.iter().enumerate() {
        let compaction = Compaction::new(&graph, place, source, horizon());
        // A snapshot for each source: it shows the nodes that the one before has written.
        snapshot::with_current(|| {
            if state.sources[place].needs_rebuild {
                moved[place] = compaction.rebuild(&mut state)?;
                return Ok::<_, CompactError>(());
            }
            let batch = compaction.read(&state.sources[place], limit)?;
            if pace == Pace::WhenDue && !rested && (batch.done.rows.len() as u64) < guc::compact_after() {
                waiting |= !batch.done.rows.is_empty();
            } else if !batch.done.rows.is_empty() || state.sources[place].is_void() {
                moved[place] = compaction.write(&mut state, batch)?;
            }
            Ok(())
        })?;
    }
    let total = moved.iter().sum();
    Ok(Compacted { outcome: if total == 0 && waiting { Outcome::NotDue } else { Outcome::Moved(total) }, moved })
}

/// Makes all packed edges of a graph's sources anew, or those of one of them. Gives the number of events.
pub fn rebuild(id: i32, only: Option<i32>) -> Result<u64> {
    lock(id, true)?;
    let graph = graphs::by_id(id)?;
    let mut state = snapshot::with_current(|| GraphState::read(&graph))?;
    let mut events = 0;
    for (place, source) in graph.sources.iter().enumerate().filter(|(_, source)| only.is_none_or(|only| source.id == only)) {
        events += snapshot::with_current(|| Compaction::new(&graph, place, source, horizon()).rebuild(&mut state))?;
    }
    Ok(events)
}

/// The compaction of one source.
struct Compaction<'a> {
    graph: &'a Graph,
    place: usize,
    source: &'a EdgeSource,
    horizon: Micros,
}

impl<'a> Compaction<'a> {
    fn new(graph: &'a Graph, place: usize, source: &'a EdgeSource, horizon: Micros) -> Self {
        Self { graph, place, source, horizon }
    }

    fn failure(&self, source: engine::Error) -> CompactError {
        CompactError::Engine { name: self.graph.name.clone(), source }
    }

    /// Reads up to `limit` rows of the delta.
    fn read(&self, state: &SourceState, limit: u64) -> Result<Batch<KeyedEdge>> {
        let mut taken = 0;
        let take = |_: &KeyedEdge, _| {
            taken += 1;
            taken <= limit
        };
        Batch::read(self.source, state.epoch, self.horizon, take).map_err(|source| self.failure(source))
    }

    /// Moves a batch into packed edges. Gives the number of delta rows.
    fn write(&self, state: &mut GraphState, batch: Batch<KeyedEdge>) -> Result<u64> {
        let progress = Progress::start(self.source.id, Phase::Compacting, batch.events.len() as u64);
        let mut own = state.sources[self.place];
        let is_void = own.is_void();
        if is_void {
            owner::as_user(catalog_owner()?, || write::clear(self.source))?;
            snapshot::count_command();
            own = own.emptied();
        }
        let mut numbers = Numbers::starting(state.next_node, own.next_context);
        let contexts = (own.next_context > 0).then_some(self.source.contexts);
        let stored = Stored { graph: self.graph, contexts };
        let mut events = Vec::with_capacity(batch.events.len());
        for row in &batch.events {
            let event = numbers.event(self.graph, self.place, &row.event, &stored).map_err(|source| self.failure(source))?;
            events.push((event, row.came));
            interrupt::check();
        }
        let newest = events.iter().filter(|(event, came)| *came && event.at != STATIC).map(|(event, _)| event.at).max();
        let landmark = Landmark { at: own.newest_at.max(newest).unwrap_or(0), half_life: self.graph.half_life };
        let mut changes = EdgeChanges::new(landmark);
        events.iter().for_each(|(event, came)| changes.add(event, *came));
        let keys = Keys::of(&numbers);
        let mut rebuild = false;
        for direction in [Direction::Out, Direction::In] {
            let (mut merged, lacking) = self.merged(is_void, &changes, direction, &keys).map_err(|source| self.failure(source))?;
            if batch.partial || lacking.len() > MAX_REFILLS {
                rebuild |= lacking.len() > MAX_REFILLS;
            } else {
                for node in lacking {
                    let refilled = self.refilled(node, direction, &keys, &mut numbers, &stored).map_err(|source| self.failure(source))?;
                    merged.insert(node, refilled);
                }
            }
            owner::as_user(catalog_owner()?, || write::edges(self.source, direction, merged.into_iter()))?;
        }
        self.save_numbers(state, &numbers)?;
        delete_rows(self.source.delta, &batch.done.rows);
        let count = |came: bool| batch.events.iter().filter(|row| row.came == came).count() as i64;
        state.sources[self.place] = SourceState {
            next_context: own.next_context + numbers.new_contexts.len() as u32,
            events: own.events + count(true) - count(false),
            newest_at: own.newest_at.max(newest),
            skipped: own.skipped + batch.done.skipped,
            needs_rebuild: rebuild,
            ..own
        };
        let mut changed: Vec<NodeId> = changes.rows(Direction::Out).keys().chain(changes.rows(Direction::In).keys()).copied().collect();
        changed.sort_unstable();
        changed.dedup();
        write::state(self.graph, self.place, state, Some(changed).filter(|_| !is_void))?;
        drop(progress);
        Ok(batch.done.rows.len() as u64)
    }

    /// Writes new nodes and contexts.
    fn save_numbers(&self, state: &mut GraphState, numbers: &Numbers) -> Result<()> {
        owner::as_user(catalog_owner()?, || write::nodes(self.graph, numbers.new_nodes.iter()))?;
        state.next_node += numbers.new_nodes.len() as NodeId;
        owner::as_user(catalog_owner()?, || write::contexts(self.source, numbers.first_context, numbers.new_contexts.iter()))?;
        snapshot::count_command();
        nodes::writing();
        Ok(())
    }

    /// The changed rows of one direction, and the nodes whose rows have lost neighbours and may have others instead.
    fn merged(
        &self,
        is_void: bool,
        changes: &EdgeChanges,
        direction: Direction,
        keys: &Keys,
    ) -> engine::Result<(FxHashMap<NodeId, Edges>, Vec<NodeId>)> {
        let (table, index) = rows::tables(self.source, direction);
        let mut stored = Scan::open(table, index, &[INTEGER]);
        let mut merged = FxHashMap::default();
        let mut lacking = Vec::new();
        let mut changed: Vec<_> = changes.rows(direction).iter().collect();
        changed.sort_unstable_by_key(|(node, _)| **node);
        for (&node, delta) in changed {
            interrupt::check();
            let row = stored.get(&[number_datum(node)]).filter(|_| !is_void).and_then(|row| row.datum(2)).map(bytes);
            let mut edges = match row {
                Some(row) => Edges::from_view(&EdgesView::parse(&row)?, self.graph.half_life),
                None => Edges::new(changes.landmark(), self.source.is_static()),
            };
            let mut newest_of = |neighbor: NodeId, context: ContextId| {
                let (from, to) = match direction {
                    Direction::Out => (node, neighbor),
                    Direction::In => (neighbor, node),
                };
                let key = |id: NodeId| keys.nodes.get(&id).ok_or_else(|| store_error(format!("no node {id}")));
                rows::newest(self.source, key(from)?, key(to)?, keys.contexts.get(&context).cloned(), self.horizon)
            };
            edges.merge(delta, changes.landmark(), self.graph.max_edges, &mut newest_of)?;
            if delta.entries.values().any(|change| change.went_at.is_some()) && edges.lacks_neighbors(self.graph.max_edges) {
                lacking.push(node);
            }
            merged.insert(node, edges);
        }
        Ok((merged, lacking))
    }

    /// A row made anew from the node's events.
    fn refilled(
        &self,
        node: NodeId,
        direction: Direction,
        keys: &Keys,
        numbers: &mut Numbers,
        stored: &Stored<'_>,
    ) -> engine::Result<Edges> {
        let (column, key_type) = match direction {
            Direction::Out => ("user_key", self.source.keys.0.oid()),
            Direction::In => ("item_key", self.source.keys.1.oid()),
        };
        let key = keys.nodes.get(&node).ok_or_else(|| store_error(format!("no node {node}")))?;
        let sql = format!(
            "SELECT user_key, item_key, at, weight, context FROM recommend.events_{} WHERE {column} = $1 AND ($2 >= at OR at IS NULL)",
            self.source.id
        );
        let args = [
            Arg::datum(Some(key.1.to_datum(key_type).map_err(store_error)?), key_type),
            Arg::datum(Some(pg_sys::Datum::from(self.horizon)), pg_sys::TIMESTAMPTZOID),
        ];
        let mut events = self.events(&sql, &args, numbers, stored, |_| {})?;
        let mut row = Edges::new(Landmark { at: 0, half_life: self.graph.half_life }, self.source.is_static());
        pack(&mut events, direction, self.graph.half_life, self.graph.max_edges, |_, edges| {
            row = edges;
            Ok::<_, engine::Error>(())
        })?;
        Ok(row)
    }

    /// The events that a statement over the source's view gives.
    fn events(
        &self,
        sql: &str,
        args: &[Arg],
        numbers: &mut Numbers,
        lookup: &dyn Lookup,
        mut counted: impl FnMut(u64),
    ) -> engine::Result<Vec<EdgeEvent>> {
        let mut events = Vec::new();
        stream(self.source.owner, sql, args, |row| {
            let Some(edge) = KeyedEdge::read(self.source, row.datums(KeyedEdge::types(self.source)).map_err(store_error)?)? else {
                return Ok(());
            };
            events.push(numbers.event(self.graph, self.place, &edge, lookup)?);
            if events.len() % 1000 == 0 {
                counted(1000);
            }
            Ok(())
        })?;
        Ok(events)
    }

    /// Makes the source's packed edges anew from its table. Gives the number of events.
    fn rebuild(&self, state: &mut GraphState) -> Result<u64> {
        let own = state.sources[self.place];
        let done = Done::all(self.source, own.epoch, self.horizon).map_err(|source| self.failure(source))?;
        let rows = owner::as_user(catalog_owner()?, || totals::estimated_events(self.source.id))?;
        let mut progress = Progress::start(self.source.id, Phase::ReadingEvents, rows as u64);
        let mut numbers = Numbers::starting(state.next_node, 0);
        let known = nodes::all(self.graph).map_err(|source| self.failure(source))?;
        numbers.nodes.extend(known.into_iter().map(|(node, key)| (key, node.id)));
        let sql =
            format!("SELECT user_key, item_key, at, weight, context FROM recommend.events_{} WHERE $1 >= at OR at IS NULL", self.source.id);
        let args = [Arg::datum(Some(pg_sys::Datum::from(self.horizon)), pg_sys::TIMESTAMPTZOID)];
        let events = self.events(&sql, &args, &mut numbers, &Nothing, |count| progress.advance(count));
        let mut events = events.map_err(|source| self.failure(source))?;
        let newest = events.iter().filter(|event| event.at != STATIC).map(|event| event.at).max();
        progress.phase(Phase::WritingRows);
        owner::as_user(catalog_owner()?, || write::clear(self.source))?;
        snapshot::count_command();
        for direction in [Direction::Out, Direction::In] {
            owner::as_user(catalog_owner()?, || self.write_all(&mut events, direction))?;
        }
        self.save_numbers(state, &numbers)?;
        delete_rows(self.source.delta, &done.rows);
        state.sources[self.place] = SourceState {
            packed_epoch: own.epoch,
            next_context: numbers.new_contexts.len() as u32,
            events: events.len() as i64,
            newest_at: newest,
            skipped: own.skipped + done.skipped,
            needs_rebuild: false,
            ..own
        };
        write::state(self.graph, self.place, state, None)?;
        Ok(events.len() as u64)
    }

    fn write_all(&self, events: &mut [EdgeEvent], direction: Direction) -> Result<()> {
        let mut rows: Vec<(NodeId, Edges)> = Vec::with_capacity(ROWS);
        pack(events, direction, self.graph.half_life, self.graph.max_edges, |node, edges| {
            rows.push((node, edges));
            if rows.len() < ROWS { Ok(()) } else { write::edges(self.source, direction, rows.drain(..)) }
        })?;
        Ok(write::edges(self.source, direction, rows.into_iter())?)
    }
}

/// How many rows of a rebuild are written at a time.
const ROWS: usize = 1000;
