//! The visible deltas of a graph's sources, folded: what a reader lays over the packed edges.
//!
//! As for recommenders, a backend keeps them between calls and only takes apart the rows that it has not met.

use std::cell::RefCell;
use std::collections::HashMap;

use engine::graph::fold::{EdgeChanges, EdgeEvent};
use engine::packed::{Landmark, STATIC};
use engine::{ContextId, Micros, NO_CONTEXT, Result};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use super::catalog::Graph;
use super::nodes::{self, FIRST_UNPACKED, NewNodes, TypedKey};
use super::rows::SourceState;
use super::source::EdgeSource;
use crate::key::Key;
use crate::numbers::{ContextValues, context_values, store_error, stored_context};
use crate::pg::fetch::{HeapRow, Version, scan_heap};
use crate::totals::{float4, int4, int8};

/// The first number of contexts that exist only in the delta.
const FIRST_CONTEXT: ContextId = 1 << 31;

/// An event of an edge in terms of keys.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedEdge {
    /// The node where the edge starts.
    pub from: Key,
    /// The node where it ends.
    pub to: Key,
    /// When; [`STATIC`] for an edge without time.
    pub at: Micros,
    /// Its weight.
    pub weight: f32,
    /// The context.
    pub context: Option<ContextValues>,
}

impl KeyedEdge {
    /// Reads the columns user_key, item_key, at, weight, context; `None` where a row is no event.
    pub fn read(source: &EdgeSource, columns: [Option<pg_sys::Datum>; 5]) -> Result<Option<Self>> {
        let [Some(from), Some(to), at, Some(weight), context] = columns else { return Ok(None) };
        Ok(Some(Self {
            from: Key::read(from, source.keys.0).map_err(store_error)?,
            to: Key::read(to, source.keys.1).map_err(store_error)?,
            at: at.map_or(STATIC, int8),
            weight: float4(weight),
            context: context.and_then(context_values),
        }))
    }

    /// The keys of both ends with their types.
    pub fn ends(&self, graph: &Graph, place: usize) -> [TypedKey; 2] {
        let source = &graph.schema.sources[place];
        [(source.from_type, self.from.clone()), (source.to_type, self.to.clone())]
    }
}

/// One row of a source's delta that changes something.
#[derive(Debug, Clone)]
pub struct DeltaEdge {
    /// The row version.
    pub version: Version,
    /// True for an event that came, false for one that went.
    pub came: bool,
    /// The event.
    pub edge: KeyedEdge,
}

/// What a scan of a delta meets.
pub enum Met {
    /// An event that came or went.
    Edge(DeltaEdge),
    /// A row that is no event: counted as skipped, by 1 or -1.
    Skipped(Version, i64),
    /// A row of an epoch that TRUNCATE has ended.
    Gone(Version),
    /// An event dated after the horizon.
    Future(DeltaEdge),
}

fn meet(source: &EdgeSource, epoch: i32, horizon: Micros, row: &mut HeapRow<'_>) -> Result<Met> {
    if row.datum(1).map(int4) != Some(epoch) {
        return Ok(Met::Gone(row.version));
    }
    let change = row.datum(2).map_or(0, |datum| datum.value() as i16);
    let edge = KeyedEdge::read(source, [row.datum(3), row.datum(4), row.datum(5), row.datum(6), row.datum(8)])?;
    let Some(edge) = edge.filter(|_| change != 0) else {
        let weight = row.datum(6).map_or(0.0, float4);
        return Ok(Met::Skipped(row.version, if weight < 0.0 { -1 } else { 1 }));
    };
    let row = DeltaEdge { version: row.version, came: change > 0, edge };
    Ok(if row.edge.at > horizon { Met::Future(row) } else { Met::Edge(row) })
}

/// Calls `each` with what the active snapshot shows of a source's delta, without the rows whose versions are `known`.
pub fn scan(
    source: &EdgeSource,
    epoch: i32,
    horizon: Micros,
    mut known: impl FnMut(Version) -> bool,
    mut each: impl FnMut(Met),
) -> Result<()> {
    let mut result = Ok(());
    scan_heap(source.delta, |row| {
        if !known(row.version) {
            match meet(source, epoch, horizon, row) {
                Ok(met) => each(met),
                Err(error) => result = Err(error),
            }
        }
        result.is_ok()
    });
    result
}

/// The folded delta of one source.
struct SourceDelta {
    epoch: i32,
    /// The rows that were met, with their times and the refresh that met them last.
    rows: FxHashMap<Version, (Micros, u64)>,
    changes: Option<EdgeChanges>,
    newest: Option<Micros>,
    contexts: FxHashMap<ContextValues, ContextId>,
    new_contexts: Vec<ContextValues>,
}

/// The folded deltas of one graph, good for one generation.
pub struct GraphDelta {
    generation: i64,
    refreshes: u64,
    sources: Vec<SourceDelta>,
    new_nodes: NewNodes,
}

thread_local! {
    static KEPT: RefCell<HashMap<i32, GraphDelta>> = RefCell::new(HashMap::new());
}

impl GraphDelta {
    fn empty(generation: i64, states: &[SourceState]) -> Self {
        let none = |state: &SourceState| SourceDelta {
            epoch: state.epoch,
            rows: FxHashMap::default(),
            changes: None,
            newest: None,
            contexts: FxHashMap::default(),
            new_contexts: Vec::new(),
        };
        Self { generation, refreshes: 0, sources: states.iter().map(none).collect(), new_nodes: NewNodes::starting(FIRST_UNPACKED) }
    }

    /// The deltas that the active snapshot shows, up to `horizon`. Give them back to [`GraphDelta::keep`] when done.
    pub fn visible(graph: &Graph, generation: i64, states: &[SourceState], horizon: Micros) -> Result<Self> {
        let kept = KEPT.with_borrow_mut(|kept| kept.remove(&graph.id));
        let current = |delta: &GraphDelta| {
            let epochs = delta.sources.iter().map(|source| source.epoch);
            delta.generation == generation && epochs.eq(states.iter().map(|state| state.epoch))
        };
        if let Some(mut delta) = kept.filter(current)
            && delta.refresh(graph, states, horizon)?
        {
            return Ok(delta);
        }
        let mut delta = Self::empty(generation, states);
        delta.refresh(graph, states, horizon)?;
        Ok(delta)
    }

    /// Keeps the folded deltas for the next call.
    pub fn keep(self, graph: i32) {
        KEPT.with_borrow_mut(|kept| kept.insert(graph, self));
    }

    /// The nodes that are not stored yet.
    pub fn new_nodes(&self) -> &NewNodes {
        &self.new_nodes
    }

    /// What the delta of a source changes.
    pub fn changes(&self, place: usize) -> Option<&EdgeChanges> {
        self.sources[place].changes.as_ref()
    }

    /// The newest event of a source's delta.
    pub fn newest(&self, place: usize) -> Option<Micros> {
        self.sources[place].newest
    }

    /// The new contexts of a source that satisfy `matches`.
    pub fn contexts_that(&self, place: usize, matches: impl Fn(&ContextValues) -> bool) -> impl Iterator<Item = ContextId> {
        (FIRST_CONTEXT..).zip(&self.sources[place].new_contexts).filter(move |(_, values)| matches(values)).map(|(context, _)| context)
    }

    /// The values of a context of a source's delta.
    pub fn context_values(&self, place: usize, context: ContextId) -> Option<&ContextValues> {
        self.sources[place].contexts.iter().find(|(_, id)| **id == context).map(|(values, _)| values)
    }

    /// Meets the rows that the snapshot shows. False where all has to be folded anew, for rows that were folded are gone, or lie beyond
    /// the horizon or the reach of the landmark: what is left is not to be used then.
    fn refresh(&mut self, graph: &Graph, states: &[SourceState], horizon: Micros) -> Result<bool> {
        self.refreshes += 1;
        for (place, source) in graph.sources.iter().enumerate() {
            let (refresh, kept) = (self.refreshes, &mut self.sources[place]);
            let (before, mut met_again, mut new) = (kept.rows.len(), 0, Vec::new());
            let known = |version| match kept.rows.get_mut(&version) {
                Some((at, last)) if *at <= horizon => {
                    *last = refresh;
                    met_again += 1;
                    true
                }
                _ => false,
            };
            scan(source, states[place].epoch, horizon, known, |met| new.push(met))?;
            if met_again < before {
                return Ok(false);
            }
            if !new.is_empty() && !self.add(graph, place, new, states[place].newest_at)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn add(&mut self, graph: &Graph, place: usize, new: Vec<Met>, stored_newest: Option<Micros>) -> Result<bool> {
        let (refresh, source) = (self.refreshes, &graph.sources[place]);
        let times = new.iter().filter_map(|met| if let Met::Edge(row) = met { Some(row.edge.at) } else { None });
        let newest = times.filter(|at| *at != STATIC).max();
        let kept = &mut self.sources[place];
        kept.newest = kept.newest.max(newest);
        let landmark = Landmark { at: newest.max(stored_newest).unwrap_or(0), half_life: graph.half_life };
        let reaches = |changes: &EdgeChanges| newest.is_none_or(|newest| changes.landmark().reaches(newest));
        if !kept.changes.as_ref().is_none_or(reaches) {
            return Ok(false);
        }
        let mut changes = kept.changes.take().unwrap_or_else(|| EdgeChanges::new(landmark));
        for met in new {
            let (version, at) = match met {
                Met::Edge(row) => {
                    changes.add(&self.event(graph, source, place, &row.edge)?, row.came);
                    (row.version, row.edge.at)
                }
                Met::Skipped(version, _) | Met::Gone(version) => (version, STATIC),
                Met::Future(_) => continue,
            };
            self.sources[place].rows.insert(version, (at, refresh));
        }
        self.sources[place].changes = Some(changes);
        Ok(true)
    }

    /// An event in terms of numbers; new nodes and contexts get theirs.
    fn event(&mut self, graph: &Graph, source: &EdgeSource, place: usize, edge: &KeyedEdge) -> Result<EdgeEvent> {
        let mut ids = [0; 2];
        for (id, key) in ids.iter_mut().zip(edge.ends(graph, place)) {
            *id = match self.new_nodes.number(&key) {
                Some(number) => number,
                None => nodes::stored_numbers(graph, [&key].into_iter())?[0].unwrap_or_else(|| self.new_nodes.add(key)),
            };
        }
        let kept = &mut self.sources[place];
        let context = match &edge.context {
            None => NO_CONTEXT,
            Some(values) => match kept.contexts.get(values) {
                Some(context) => *context,
                None => {
                    let context = stored_context(source.contexts, values).unwrap_or_else(|| {
                        kept.new_contexts.push(values.clone());
                        FIRST_CONTEXT + kept.new_contexts.len() as ContextId - 1
                    });
                    kept.contexts.insert(values.clone(), context);
                    context
                }
            },
        };
        Ok(EdgeEvent { from: ids[0], to: ids[1], at: edge.at, weight: edge.weight, context })
    }
}
