//! What one question sees of a graph: some relations, some contexts, one time.

use super::interruptible::{self, Check, Pace};
use super::{Direction, Graph, Node, NodeId, Relation, Schema};
use crate::decay::HalfLife;
use crate::error::{Error, Result};
use crate::packed::{EdgeEntry, EdgesView};
use crate::{ContextId, Micros};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Ordering;

/// How many nodes are read at a time where there may be very many: what is read is given back a node at a time, which takes long for all.
pub(super) const BATCH: usize = 10_000;

/// Which edges count.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this direction; `None` is both.
    pub direction: Option<Direction>,
    /// Only these edge types; `None` is all.
    pub edge_types: Option<Vec<u32>>,
    /// By source: only these contexts; `None` is all. A source beyond the end is not filtered.
    pub contexts: Vec<Option<FxHashSet<ContextId>>>,
}

/// An edge as a question sees it: all contexts, and all sources of one edge type, in one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// The neighbour.
    pub to: Node,
    /// The edge type.
    pub edge_type: u32,
    /// The decayed weight; a walk follows it only where it is positive.
    pub weight: f64,
    /// The number of events.
    pub count: u64,
    /// The newest event; `None` for an edge without time.
    pub last_at: Option<Micros>,
}

impl Edge {
    /// Orders edges heaviest first, then newest first, then by the neighbour's number, then by type.
    pub fn order(&self, other: &Edge) -> Ordering {
        let heavier = other.weight.total_cmp(&self.weight);
        heavier.then(other.last_at.cmp(&self.last_at)).then(self.to.id.cmp(&other.to.id)).then(self.edge_type.cmp(&other.edge_type))
    }
}

/// What a node is adjacent to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Adjacent {
    /// The edges, in no order.
    pub edges: Vec<Edge>,
    /// The decayed weight of all the node's events, those beyond the cut too; with a filter by context, of the edges that are left.
    pub total: f64,
    /// The part of it that has no time and does not decay.
    pub timeless: f64,
}

impl Adjacent {
    /// The `n` heaviest edges of positive weight, by [`Edge::order`]; the only error is that of `check`, which is called on the way where
    /// there are many.
    pub fn heaviest(&mut self, n: usize, check: &dyn Fn() -> Result<()>) -> Result<&[Edge]> {
        interruptible::retain(&mut self.edges, check, |edge| edge.weight > 0.0)?;
        interruptible::keep_first(&mut self.edges, n, check, Edge::order)?;
        Ok(&self.edges)
    }
}

/// One question's view of a graph.
pub struct Lens<'a> {
    graph: &'a dyn Graph,
    schema: &'a Schema,
    half_life: HalfLife,
    /// The time of the question.
    pub now: Micros,
    /// Edges whose newest event is older do not count.
    since: Micros,
    relations: Vec<Relation>,
    contexts: Vec<Option<FxHashSet<ContextId>>>,
    interrupt: &'a dyn Fn() -> Result<()>,
}

impl<'a> Lens<'a> {
    /// Looks at `graph` as of `now`, at edges not older than `since`. `interrupt` stops a question by its error.
    pub fn new(
        graph: &'a dyn Graph,
        schema: &'a Schema,
        half_life: HalfLife,
        (now, since): (Micros, Micros),
        filter: Filter,
        interrupt: &'a dyn Fn() -> Result<()>,
    ) -> Self {
        let directions = match filter.direction {
            Some(direction) => vec![direction],
            None => vec![Direction::Out, Direction::In],
        };
        let wanted = |source: &usize| filter.edge_types.as_ref().is_none_or(|types| types.contains(&schema.sources[*source].edge_type));
        let relations = (0..schema.sources.len())
            .filter(wanted)
            .flat_map(|source| directions.iter().map(move |&direction| Relation { source, direction }))
            .collect();
        Self { graph, schema, half_life, now, since, relations, contexts: filter.contexts, interrupt }
    }

    /// Stops the question where its caller wants it.
    pub fn check(&self) -> Result<()> {
        (self.interrupt)()
    }

    /// What [`Lens::check`] calls.
    pub(super) fn checker(&self) -> &Check<'_, Error> {
        self.interrupt
    }

    /// Counts steps between checks.
    pub(super) fn pace(&self) -> Pace<'_, Error> {
        Pace::new(self.interrupt)
    }

    /// The half-life that weights decay by.
    pub fn half_life(&self) -> HalfLife {
        self.half_life
    }

    /// What one node is adjacent to.
    pub fn adjacent(&self, node: Node) -> Result<Adjacent> {
        Ok(self.adjacents(&[node])?.remove(&node).unwrap_or_default())
    }

    /// What nodes are adjacent to; those without edges are left out.
    pub fn adjacents(&self, nodes: &[Node]) -> Result<FxHashMap<Node, Adjacent>> {
        let mut found: FxHashMap<Node, Adjacent> = FxHashMap::default();
        found.reserve(nodes.len());
        let mut places = Places::default();
        let mut pace = self.pace();
        self.rows(nodes, &mut |relation, node, view| {
            self.collect(relation, &view, found.entry(node).or_default(), &mut places, &mut pace)
        })?;
        Ok(found)
    }

    /// The [`Adjacent::total`] of nodes, without their edges where no filter by context wants them; nodes without edges are left out.
    pub fn totals(&self, nodes: &[Node]) -> Result<FxHashMap<Node, f64>> {
        let mut found: FxHashMap<Node, f64> = FxHashMap::default();
        found.reserve(nodes.len());
        if self.contexts.iter().any(Option::is_some) {
            for nodes in nodes.chunks(BATCH) {
                found.extend(self.adjacents(nodes)?.into_iter().map(|(node, adjacent)| (node, adjacent.total)));
            }
            return Ok(found);
        }
        let mut pace = self.pace();
        self.rows(nodes, &mut |_, node, view| {
            pace.step()?;
            *found.entry(node).or_default() += view.header.total.get() * view.loss(self.now, self.half_life);
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads the rows of nodes in all relations, one relation after the other.
    fn rows(&self, nodes: &[Node], each: &mut dyn FnMut(Relation, Node, EdgesView<'_>) -> Result<()>) -> Result<()> {
        let mut wanted: Vec<NodeId> = Vec::with_capacity(nodes.len());
        for &relation in &self.relations {
            let (node_type, _) = self.schema.ends(relation);
            wanted.clear();
            wanted.extend(nodes.iter().filter(|node| node.node_type == node_type).map(|node| node.id));
            if wanted.is_empty() {
                continue;
            }
            self.check()?;
            interruptible::sort_unstable_by(&mut wanted, self.interrupt, NodeId::cmp)?;
            wanted.dedup();
            self.graph.edges(relation, &wanted, &mut |id, view| each(relation, Node { id, node_type }, view))?;
        }
        Ok(())
    }

    /// Adds a row's edges; `places` is scratch.
    fn collect(
        &self,
        relation: Relation,
        view: &EdgesView<'_>,
        adjacent: &mut Adjacent,
        places: &mut Places,
        pace: &mut Pace<'_, Error>,
    ) -> Result<()> {
        let loss = view.loss(self.now, self.half_life);
        let contexts = self.contexts.get(relation.source).and_then(Option::as_ref);
        let edge_type = self.schema.sources[relation.source].edge_type;
        let (_, neighbor_type) = self.schema.ends(relation);
        let repeats = !adjacent.edges.is_empty() && self.may_repeat(relation);
        places.clear();
        if repeats {
            places.reserve(adjacent.edges.len());
            for (place, edge) in adjacent.edges.iter().enumerate() {
                pace.step()?;
                places.insert((edge.to.id, edge.edge_type), place);
            }
        }
        adjacent.edges.reserve(view.header.neighbors.get() as usize);
        let mut sum = 0.0;
        for group in view.entries.chunk_by(|a, b| a.node == b.node) {
            pace.step()?;
            // Newest neighbours first: behind the first one that is too old all are.
            if !view.is_static() && group[0].last_at.get() < self.since {
                break;
            }
            let seen = |entry: &&EdgeEntry| contexts.is_none_or(|contexts| contexts.contains(&entry.context.get()));
            let Some(mut edge) = merged(group.iter().filter(seen), Node { id: group[0].node.get(), node_type: neighbor_type }, edge_type)
            else {
                continue;
            };
            if contexts.is_some() && edge.last_at.is_some_and(|at| at < self.since) {
                continue;
            }
            edge.weight *= loss;
            sum += edge.weight;
            match places.get(&(edge.to.id, edge_type)).filter(|_| repeats) {
                Some(&place) => add(&mut adjacent.edges[place], &edge),
                None => adjacent.edges.push(edge),
            }
        }
        let total = if contexts.is_some() { sum } else { view.header.total.get() * loss };
        adjacent.total += total;
        adjacent.timeless += if view.is_static() { total } else { 0.0 };
        Ok(())
    }

    /// Whether another relation can lead from the same nodes to the same neighbours by the same edge type.
    fn may_repeat(&self, relation: Relation) -> bool {
        let edge_type = self.schema.sources[relation.source].edge_type;
        self.relations.iter().any(|other| {
            *other != relation
                && self.schema.sources[other.source].edge_type == edge_type
                && self.schema.ends(*other) == self.schema.ends(relation)
        })
    }
}

/// Where the edge to a node by an edge type stands.
type Places = FxHashMap<(NodeId, u32), usize>;

/// One neighbour's entries as one edge, its weight not decayed yet.
fn merged<'e>(entries: impl Iterator<Item = &'e EdgeEntry>, to: Node, edge_type: u32) -> Option<Edge> {
    let mut edge: Option<Edge> = None;
    for entry in entries {
        let (weight, count, at) = (entry.weight.get(), u64::from(entry.count.get()), entry.last_at.get());
        let last_at = (at != crate::packed::STATIC).then_some(at);
        edge = Some(match edge {
            None => Edge { to, edge_type, weight, count, last_at },
            Some(sum) => Edge { weight: sum.weight + weight, count: sum.count + count, last_at: sum.last_at.max(last_at), ..sum },
        });
    }
    edge
}

/// Adds an edge of another relation to the same neighbour and of the same type.
fn add(sum: &mut Edge, edge: &Edge) {
    sum.weight += edge.weight;
    sum.count += edge.count;
    sum.last_at = sum.last_at.max(edge.last_at);
}
