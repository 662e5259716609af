//! Small random graphs, and what a question sees of them, summed up naively from raw events.

use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::graph::fold::EdgeEvent;
use pg_recommend_engine::graph::memory::MemoryGraph;
use pg_recommend_engine::graph::{Direction, Edge, Filter, Lens, Node, NodeId, Relation, Schema, Source};
use pg_recommend_engine::packed::STATIC;
use pg_recommend_engine::{ContextId, Micros, NO_CONTEXT};
use proptest::prelude::*;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

pub const NODES: u32 = 14;
pub const HALF_LIFE: Micros = 1000;
pub const NOW: Micros = 8 * HALF_LIFE;

pub fn half_life() -> HalfLife {
    HalfLife::from_micros(HALF_LIFE).expect("positive")
}

/// A graph and a question's filter. Nodes have the type of their number modulo the number of types. Times are whole half-lives and
/// weights dyadic, so that all sums are exact in f64 and ties are real.
#[derive(Debug, Clone)]
pub struct World {
    pub types: u32,
    pub schema: Schema,
    pub events: Vec<Vec<EdgeEvent>>,
    pub max_edges: usize,
    pub direction: Option<Direction>,
    pub edge_types: Option<Vec<u32>>,
    pub contexts: Vec<Option<FxHashSet<ContextId>>>,
    pub since: Micros,
}

/// Sources: ends and edge type by numbers that are taken modulo what there is, whether static, and events.
type RawEvent = (u32, u32, i64, u8, u32);
type RawSource = (u32, u32, u32, bool, Vec<RawEvent>, Option<FxHashSet<ContextId>>);

fn source(positive: bool, most: usize) -> impl Strategy<Value = RawSource> {
    let lowest = if positive { 1 } else { 0 };
    let event = (0..NODES, 0..NODES, 0..9i64, lowest..6u8, 0..3u32);
    let contexts = prop::option::weighted(0.25, prop::collection::hash_set(0..3u32, 1..3).prop_map(|set| set.into_iter().collect()));
    (0..3u32, 0..3u32, 0..2u32, prop::bool::weighted(0.2), prop::collection::vec(event, 0..most), contexts)
}

/// Graphs of up to `most` events in each source; `positive` ones have no negative weights.
pub fn world(positive: bool, most: usize) -> impl Strategy<Value = World> {
    let direction = prop_oneof![2 => Just(None), 1 => Just(Some(Direction::Out)), 1 => Just(Some(Direction::In))];
    let edge_types = prop::option::weighted(0.25, prop::collection::vec(0..2u32, 1..3));
    let since = prop_oneof![3 => Just(i64::MIN), 1 => (0..6i64).prop_map(|at| at * HALF_LIFE)];
    let max_edges = prop_oneof![3 => Just(usize::MAX), 1 => 1..5usize];
    let sources = prop::collection::vec(source(positive, most), 1..4);
    (2..4u32, sources, max_edges, direction, edge_types, since).prop_map(|(types, raw, max_edges, direction, edge_types, since)| {
        let mut world =
            World { types, schema: Schema::default(), events: Vec::new(), max_edges, direction, edge_types, contexts: Vec::new(), since };
        for (from_type, to_type, edge_type, is_static, events, contexts) in raw {
            let (from_type, to_type) = (from_type % types, to_type % types);
            world.schema.sources.push(Source { edge_type, from_type, to_type });
            let of_type = |id: u32, node_type: u32| id / types * types + node_type;
            let event = |(from, to, at, weight, context): RawEvent| EdgeEvent {
                from: of_type(from, from_type),
                to: of_type(to, to_type),
                at: if is_static { STATIC } else { at * HALF_LIFE },
                weight: [-1.0, 0.5, 1.0, 1.0, 2.0, 4.0][weight as usize],
                context: if context == 2 { NO_CONTEXT } else { context },
            };
            world.events.push(events.into_iter().map(event).collect());
            world.contexts.push(contexts);
        }
        world
    })
}

impl World {
    pub fn graph(&self) -> MemoryGraph {
        MemoryGraph::build(&self.schema, &self.events, half_life(), self.max_edges)
    }

    /// Asks a question of the graph.
    pub fn ask<T>(&self, question: impl FnOnce(&Lens<'_>) -> pg_recommend_engine::Result<T>) -> T {
        let graph = self.graph();
        let filter = Filter { direction: self.direction, edge_types: self.edge_types.clone(), contexts: self.contexts.clone() };
        let lens = Lens::new(&graph, &self.schema, half_life(), (NOW, self.since), filter, &|| Ok(()));
        question(&lens).expect("memory")
    }

    pub fn node(&self, id: NodeId) -> Node {
        Node { id, node_type: id % self.types }
    }

    /// Every node that an event can name, whether one does or not.
    pub fn nodes(&self) -> Vec<Node> {
        (0..NODES.div_ceil(self.types) * self.types).map(|id| self.node(id)).collect()
    }

    /// The node's edges as the question sees them, by [`Edge::order`], and its decayed strength.
    pub fn adjacent(&self, node: Node) -> (Vec<Edge>, f64) {
        let mut sums: BTreeMap<(Node, u32), Edge> = BTreeMap::new();
        let mut total = 0.0;
        for (source, relation) in self.relations() {
            if self.schema.ends(relation).0 != node.node_type {
                continue;
            }
            let mine = self.events[relation.source].iter().filter(|event| event.ends(relation.direction).0 == node.id);
            let mine: Vec<&EdgeEvent> = mine.collect();
            let contexts = self.contexts[relation.source].as_ref();
            if contexts.is_none() {
                total += mine.iter().map(|event| weight(event)).sum::<f64>();
            }
            for to in self.kept(&mine, relation.direction) {
                let of_pair = mine.iter().filter(|event| event.ends(relation.direction).1 == to);
                let seen: Vec<_> = of_pair.filter(|event| contexts.is_none_or(|contexts| contexts.contains(&event.context))).collect();
                let Some(newest) = seen.iter().map(|event| event.at).max() else { continue };
                if newest != STATIC && newest < self.since {
                    continue;
                }
                let to = self.node(to);
                let none = Edge { to, edge_type: source.edge_type, weight: 0.0, count: 0, last_at: None };
                let edge = sums.entry((to, source.edge_type)).or_insert(none);
                let gain: f64 = seen.iter().map(|event| weight(event)).sum();
                edge.weight += gain;
                edge.count += seen.len() as u64;
                edge.last_at = edge.last_at.max((newest != STATIC).then_some(newest));
                total += if contexts.is_some() { gain } else { 0.0 };
            }
        }
        let mut edges: Vec<Edge> = sums.into_values().collect();
        edges.sort_by(Edge::order);
        (edges, total)
    }

    /// The node's positive edges, heaviest first.
    pub fn positive(&self, node: Node) -> Vec<Edge> {
        self.adjacent(node).0.into_iter().filter(|edge| edge.weight > 0.0).collect()
    }

    fn relations(&self) -> Vec<(Source, Relation)> {
        let mut relations = Vec::new();
        for (place, &source) in self.schema.sources.iter().enumerate() {
            for direction in [Direction::Out, Direction::In] {
                let wanted = self.direction.is_none_or(|wanted| wanted == direction);
                if wanted && self.edge_types.as_ref().is_none_or(|types| types.contains(&source.edge_type)) {
                    relations.push((source, Relation { source: place, direction }));
                }
            }
        }
        relations
    }

    /// The neighbours that one row of the node keeps.
    fn kept(&self, events: &[&EdgeEvent], direction: Direction) -> Vec<NodeId> {
        let mut neighbors: BTreeMap<NodeId, (Micros, f64)> = BTreeMap::new();
        for event in events {
            let rank = neighbors.entry(event.ends(direction).1).or_insert((STATIC, 0.0));
            rank.0 = rank.0.max(event.at);
            rank.1 += if event.at == STATIC { weight(event) } else { 0.0 };
        }
        let mut ranked: Vec<(NodeId, (Micros, f64))> = neighbors.into_iter().collect();
        ranked.sort_by(|(a, (a_at, a_weight)), (b, (b_at, b_weight))| b_at.cmp(a_at).then(b_weight.total_cmp(a_weight)).then(a.cmp(b)));
        ranked.into_iter().take(self.max_edges).map(|(to, _)| to).collect()
    }
}

/// An event's decayed weight.
fn weight(event: &EdgeEvent) -> f64 {
    let age = if event.at == STATIC { 0 } else { NOW - event.at };
    f64::from(event.weight) * (-(age as f64) / HALF_LIFE as f64).exp2()
}
