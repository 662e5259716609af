//! One graph, opened for one question.

use engine::decay::HalfLife;
use engine::graph::{Direction, Filter, Graph as EngineGraph, Lens, Node, NodeId};
use engine::packed::Landmark;
use engine::{ContextId, Micros, Result};
use rustc_hash::FxHashSet;

use super::catalog::{Graph, GraphError};
use super::delta::GraphDelta;
use super::events::{Asked, EventGraph, MATCHING};
use super::nodes::{self, FIRST_PAST, FIRST_UNPACKED, TypedKey};
use super::rows::{GraphState, LiveGraph};
use crate::numbers::{ContextValues, matching_contexts};
use crate::pg::{clock, guc, interrupt};

/// What a question asks besides its nodes: which edges count, and when.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The time of the answer.
    pub as_of: Micros,
    /// Another half-life than the graph's.
    pub half_life: Option<HalfLife>,
    /// Another time window than the graph's.
    pub time_window: Option<Micros>,
    /// The directions and edge types.
    pub filter: Filter,
    /// By source: the contexts asked for; `None` is all.
    pub contexts: Vec<Option<Asked>>,
}

/// Why a graph could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Its rows could not be read.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

/// A graph as one question sees it.
pub struct Reader<'a> {
    graph: &'a Graph,
    /// The time of the answer.
    pub now: Micros,
    /// The half-life of weights.
    pub half_life: HalfLife,
    since: Micros,
    filter: Filter,
    source: Option<Source<'a>>,
}

enum Source<'a> {
    /// Packed edges and the deltas.
    Live(LiveGraph<'a>),
    /// The events themselves, for a time before the newest one or another half-life.
    Events(EventGraph<'a>),
}

impl<'a> Reader<'a> {
    /// Opens `graph`. At or after the transaction's time all that is visible counts. Before the newest visible event, and with another half-life, the answer comes from the events themselves.
    pub fn open(graph: &'a Graph, ask: Ask) -> std::result::Result<Self, OpenError> {
        let state = GraphState::read(graph)?;
        let horizon = ask.as_of.max(clock::now()).saturating_add(guc::clock_skew_us());
        let delta = GraphDelta::visible(graph, state.generation, &state.sources, horizon)?;
        let packed = state.sources.iter().filter(|source| !source.is_void()).filter_map(|source| source.newest_at);
        let newest = packed.chain((0..graph.sources.len()).filter_map(|place| delta.newest(place))).max();
        let past = ask.as_of < clock::transaction_start() && newest.is_some_and(|newest| ask.as_of < newest);
        let now = ask.as_of;
        let half_life = ask.half_life.unwrap_or(graph.half_life);
        let window = ask.time_window.or(graph.time_window);
        let mut filter = ask.filter;
        let source = if past || half_life != graph.half_life {
            delta.keep(graph.id);
            let matching = |asked: &Option<Asked>| asked.as_ref().map(|_| FxHashSet::from_iter([MATCHING]));
            filter.contexts = ask.contexts.iter().map(matching).collect();
            let landmark = Landmark { at: now, half_life };
            Source::Events(EventGraph::new(graph, if past { now } else { horizon }, landmark, ask.contexts))
        } else {
            let live = LiveGraph { graph, state, delta, horizon };
            filter.contexts = live_contexts(&live, &ask.contexts)?;
            Source::Live(live)
        };
        let since = window.map_or(i64::MIN, |window| now.saturating_sub(window));
        Ok(Self { graph, now, half_life, since, filter, source: Some(source) })
    }

    /// The graph.
    pub fn graph(&self) -> &'a Graph {
        self.graph
    }

    /// The packed edges and the deltas, where the question is answered from these.
    pub fn live(&self) -> Option<&LiveGraph<'a>> {
        match &self.source {
            Some(Source::Live(live)) => Some(live),
            _ => None,
        }
    }

    /// Whether edges go as time passes.
    pub fn has_window(&self) -> bool {
        self.since != i64::MIN
    }

    /// Whether the deltas change the edges of one of `nodes`, or it is in a delta only.
    pub fn is_unpacked(&self, nodes: &[Node]) -> bool {
        let Some(live) = self.live() else { return true };
        let deltas: Vec<_> = (0..self.graph.sources.len()).filter_map(|place| live.delta.changes(place)).collect();
        let touched = |id| {
            deltas.iter().any(|changes| changes.rows(Direction::Out).contains_key(&id) || changes.rows(Direction::In).contains_key(&id))
        };
        nodes.iter().any(|node| node.id >= FIRST_UNPACKED || touched(node.id))
    }

    /// Asks the engine.
    pub fn ask<T>(&self, question: impl FnOnce(&Lens<'_>) -> Result<T>) -> Result<T> {
        let graph: &dyn EngineGraph = match &self.source {
            Some(Source::Live(live)) => live,
            Some(Source::Events(events)) => events,
            None => return Err(engine::Error::Interrupted),
        };
        let check = interrupt::checker();
        question(&Lens::new(graph, &self.graph.schema, self.half_life, (self.now, self.since), self.filter.clone(), &check))
    }

    /// A node of that key, if there is one.
    pub fn node(&self, key: &TypedKey) -> Result<Option<Node>> {
        let id = match &self.source {
            Some(Source::Live(live)) => match live.delta.new_nodes().number(key) {
                Some(id) => Some(id),
                None => nodes::stored_numbers(self.graph, [key].into_iter())?[0],
            },
            Some(Source::Events(events)) => Some(events.number(key)?),
            None => None,
        };
        let node = id.map(|id| Node { id, node_type: key.0 });
        match node {
            // A key that is not stored is a node where it has an edge.
            Some(node) if node.id >= FIRST_PAST && self.ask(|lens| lens.adjacent(node))?.edges.is_empty() => Ok(None),
            node => Ok(node),
        }
    }

    /// All nodes of the graph with their keys, in the order of their numbers.
    pub fn all_nodes(&self) -> Result<Vec<(Node, TypedKey)>> {
        let mut all = nodes::all(self.graph)?;
        if let Some(Source::Live(live)) = &self.source {
            all.extend(live.delta.new_nodes().iter().map(|(id, key)| (Node { id, node_type: key.0 }, key.clone())));
        }
        Ok(all)
    }

    /// The keys of nodes that this reader gave.
    pub fn keys(&self, ids: &[NodeId]) -> Result<Vec<Option<TypedKey>>> {
        match &self.source {
            Some(Source::Live(live)) => {
                let new = live.delta.new_nodes();
                let mut keys = nodes::stored_keys(self.graph, ids)?;
                for (key, id) in keys.iter_mut().zip(ids) {
                    *key = key.take().or_else(|| new.key(*id).cloned());
                }
                Ok(keys)
            }
            Some(Source::Events(events)) => ids.iter().map(|id| events.key(*id)).collect(),
            None => Ok(Vec::new()),
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // After an error the folded delta may be half done: it is dropped.
        if let (Some(Source::Live(live)), false) = (self.source.take(), std::thread::panicking()) {
            live.delta.keep(self.graph.id);
        }
    }
}

/// The contexts that are asked for, by source.
fn live_contexts(live: &LiveGraph<'_>, contexts: &[Option<Asked>]) -> Result<Vec<Option<FxHashSet<ContextId>>>> {
    let of_source = |(place, asked): (usize, &Option<Asked>)| {
        let Some(asked) = asked else { return Ok(None) };
        let source = &live.graph.sources[place];
        let mut found: FxHashSet<ContextId> = FxHashSet::default();
        if !live.state.sources[place].is_void() {
            found.extend(matching_contexts(source.id, asked)?);
        }
        let has = |values: &ContextValues, (column, value): &(usize, String)| {
            values.get(*column).is_some_and(|found| found.as_ref() == Some(value))
        };
        found.extend(live.delta.contexts_that(place, |values| asked.iter().all(|asked| has(values, asked))));
        Ok(Some(found))
    };
    contexts.iter().enumerate().map(of_source).collect()
}
