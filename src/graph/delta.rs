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
use crate::delta_rows::{DeltaTable, Met, MetRows};
use crate::key::Key;
use crate::numbers::{ContextValues, context_hash, context_values, is_sound, stored_context};
use crate::pg::fetch::HeapRow;
use crate::totals::{float4, int8};

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
    /// The types of the columns that [`Self::read`] takes.
    pub fn types(source: &EdgeSource) -> [pg_sys::Oid; 5] {
        [source.keys.0.oid(), source.keys.1.oid(), pg_sys::TIMESTAMPTZOID, pg_sys::FLOAT4OID, pg_sys::TEXTARRAYOID]
    }

    /// Reads the columns user_key, item_key, at, weight, context; `None` where a row is no event.
    pub fn read(source: &EdgeSource, columns: [Option<pg_sys::Datum>; 5]) -> Result<Option<Self>> {
        let [Some(from), Some(to), at, Some(weight), context] = columns else { return Ok(None) };
        let (Ok(from), Ok(to)) = (Key::read(from, source.keys.0), Key::read(to, source.keys.1)) else { return Ok(None) };
        let (known, weight) = (at.map(int8), float4(weight));
        if !is_sound(known.unwrap_or_default(), weight) {
            return Ok(None);
        }
        Ok(Some(Self { from, to, at: known.unwrap_or(STATIC), weight, context: context.and_then(context_values) }))
    }

    /// The keys of both ends with their types.
    pub fn ends(&self, graph: &Graph, place: usize) -> [TypedKey; 2] {
        let source = &graph.schema.sources[place];
        [(source.from_type, self.from.clone()), (source.to_type, self.to.clone())]
    }
}

impl DeltaTable for EdgeSource {
    type Event = KeyedEdge;

    fn delta(&self) -> pg_sys::Oid {
        self.delta
    }

    fn event(&self, row: &mut HeapRow<'_>) -> Result<Option<KeyedEdge>> {
        KeyedEdge::read(self, [row.datum(3), row.datum(4), row.datum(5), row.datum(6), row.datum(8)])
    }

    fn waits_until(edge: &KeyedEdge) -> Micros {
        edge.at
    }

    fn fingerprint(edge: &KeyedEdge) -> u64 {
        let context = edge.context.as_ref().map_or(0, context_hash);
        edge.from.tie().rotate_left(32) ^ edge.to.tie() ^ u64::from(edge.weight.to_bits()) ^ context.cast_unsigned()
    }
}

/// The folded delta of one source.
struct SourceDelta {
    epoch: i32,
    met: MetRows<()>,
    changes: Option<EdgeChanges>,
    newest: Option<Micros>,
    contexts: FxHashMap<ContextValues, ContextId>,
    new_contexts: Vec<ContextValues>,
}

/// The folded deltas of one graph, good for one generation.
pub struct GraphDelta {
    generation: i64,
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
            met: MetRows::default(),
            changes: None,
            newest: None,
            contexts: FxHashMap::default(),
            new_contexts: Vec::new(),
        };
        Self { generation, sources: states.iter().map(none).collect(), new_nodes: NewNodes::starting(FIRST_UNPACKED) }
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
        let new = context.checked_sub(FIRST_CONTEXT).map(|place| place as usize);
        match new {
            Some(number) => self.sources[place].new_contexts.get(number),
            None => self.sources[place].contexts.iter().find(|(_, id)| **id == context).map(|(values, _)| values),
        }
    }

    /// Meets the rows that the snapshot shows. False where all has to be folded anew, for rows that were folded are gone, or lie beyond
    /// the horizon or the reach of the landmark: what is left is not to be used then.
    fn refresh(&mut self, graph: &Graph, states: &[SourceState], horizon: Micros) -> Result<bool> {
        for (place, source) in graph.sources.iter().enumerate() {
            let (new, all_met) = self.sources[place].met.look(source, states[place].epoch, horizon)?;
            if !all_met {
                return Ok(false);
            }
            if !new.is_empty() && !self.add(graph, place, new, &states[place])? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn add(&mut self, graph: &Graph, place: usize, new: Vec<Met<KeyedEdge>>, state: &SourceState) -> Result<bool> {
        // Contexts that TRUNCATE has made void have no numbers any more.
        let contexts = (!state.is_void()).then_some(graph.sources[place].contexts);
        let times = new.iter().filter_map(Met::event).map(|edge| edge.at);
        let newest = times.filter(|at| *at != STATIC).max();
        let kept = &mut self.sources[place];
        kept.newest = kept.newest.max(newest);
        let landmark = Landmark { at: newest.max(state.newest_at).unwrap_or(0), half_life: graph.half_life };
        let reaches = |changes: &EdgeChanges| newest.is_none_or(|newest| changes.landmark().reaches(newest));
        if !kept.changes.as_ref().is_none_or(reaches) {
            return Ok(false);
        }
        let mut changes = kept.changes.take().unwrap_or_else(|| EdgeChanges::new(landmark));
        for met in new {
            match met {
                Met::Event(row) => {
                    changes.add(&self.event(graph, contexts, place, &row.event)?, row.came);
                    self.sources[place].met.note(row.version, row.event.at, ());
                }
                Met::Skipped(version, _) | Met::Gone(version) => self.sources[place].met.note_void(version),
                Met::Future(_) => {}
            }
        }
        self.sources[place].changes = Some(changes);
        Ok(true)
    }

    /// An event in terms of numbers; new nodes and contexts get theirs.
    fn event(&mut self, graph: &Graph, contexts: Option<(pg_sys::Oid, pg_sys::Oid)>, place: usize, edge: &KeyedEdge) -> Result<EdgeEvent> {
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
                    let context = contexts.and_then(|contexts| stored_context(contexts, values)).unwrap_or_else(|| {
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
