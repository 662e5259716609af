//! The strongest part of a node's surroundings.

use super::subgraph::packed_size;
use super::{Adjacent, Edge, Kinds, Lens, Node, NodeId, Subgraph, interruptible};
use crate::error::Result;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// How many nodes are read at a time.
const BATCH: usize = 64;

/// How many edges are looked through for them.
const AHEAD: usize = 16 * BATCH;

/// How many edges are taken between two checks for interrupts.
const CHECK: usize = 8192;

/// What a subgraph may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most nodes.
    pub nodes: usize,
    /// The most bytes of [`Subgraph::to_bytes`].
    pub bytes: usize,
}

/// The strongest edges within `depth` hops of `start`, as many as the budget allows; the start is there in any case.
///
/// The *share* of an edge is the part that it has of its node's decayed weight, edges that decay and edges without time apart: so it stays
/// the same as time passes. The weight is that of [`Adjacent::total`], or the sum of the positive edges where negative events made that
/// greater. The strength of a node is the product of the shares along the path by which it was
/// expanded, the strength of an edge is its node's times its share. Only positive edges count. Always the strongest edge of
/// all expanded nodes is taken next (then that of the node expanded first, then one that decays, then by [`Edge::order`]): it is kept if its end is in the
/// subgraph or the budget has room for one more node, and its end is expanded if it was not yet and the edge makes less than `depth` hops.
/// The first edge for which bytes are lacking ends the search.
///
/// Reading in batches changes nothing of this: with a node that must be expanded, those are read that the strongest edges lead to. An
/// error is the graph's own, or the interrupt's.
pub fn prune(lens: &Lens<'_>, start: Node, depth: usize, budget: Budget) -> Result<Subgraph> {
    let subgraph = Subgraph {
        nodes: vec![start],
        edges: Vec::new(),
        kept: Kinds::default(),
        all: Kinds::default(),
        expanded: Vec::new(),
        at: lens.now,
    };
    let mut pruning = Pruning {
        subgraph,
        depth,
        budget,
        met: FxHashMap::default(),
        open: Vec::new(),
        heads: BinaryHeap::new(),
        rows: FxHashMap::default(),
    };
    pruning.met.insert(start.id, false);
    if depth > 0 && pruning.has_room(0, 0, 1) {
        pruning.expand(lens, start, 0, 1.0)?;
    }
    let mut taken = 0;
    while let Some(head) = pruning.take() {
        taken += 1;
        if taken % CHECK == 0 {
            lens.check()?;
        }
        let from = &pruning.open[head.open];
        let (from, hop, edge) = (from.node, from.hop + 1, from.edges[head.place]);
        let is_new = !pruning.met.contains_key(&edge.to.id);
        if is_new && pruning.is_full() {
            continue;
        }
        if !pruning.has_room(usize::from(is_new), 1, 0) {
            break;
        }
        pruning.subgraph.edges.push((hop, from, edge));
        *pruning.subgraph.kept.of_mut(&edge) += edge.weight;
        if is_new {
            pruning.subgraph.nodes.push(edge.to);
            pruning.met.insert(edge.to.id, false);
            if pruning.is_full() {
                pruning.leave_out(lens)?;
            }
        }
        let is_expanded = pruning.met.get(&edge.to.id).is_some_and(|is_expanded| *is_expanded);
        if !is_expanded && hop < depth && pruning.has_room(0, 0, 1) {
            pruning.expand(lens, edge.to, hop, head.strength)?;
        }
    }
    for open in &pruning.open {
        pruning.subgraph.all.decaying += open.total.decaying;
        pruning.subgraph.all.timeless += open.total.timeless;
    }
    Ok(pruning.subgraph)
}

/// An expanded node.
struct Open {
    node: Node,
    hop: usize,
    strength: f64,
    /// What shares are parts of.
    total: Kinds,
    /// Its positive edges, those of the greatest shares first.
    edges: Vec<Edge>,
}

/// The strongest edge of an expanded node that was not taken yet.
#[derive(Clone, Copy)]
struct Head {
    strength: f64,
    open: usize,
    place: usize,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.strength.total_cmp(&other.strength).then(other.open.cmp(&self.open))
    }
}

/// A subgraph in the making.
struct Pruning {
    subgraph: Subgraph,
    depth: usize,
    budget: Budget,
    /// The nodes of the subgraph, and whether they are expanded.
    met: FxHashMap<NodeId, bool>,
    open: Vec<Open>,
    heads: BinaryHeap<Head>,
    /// Rows that were read and not needed yet.
    rows: FxHashMap<NodeId, Adjacent>,
}

impl Pruning {
    /// Whether the budget allows so many bytes more.
    fn has_room(&self, nodes: usize, edges: usize, expanded: usize) -> bool {
        let subgraph = &self.subgraph;
        packed_size(subgraph.nodes.len() + nodes, subgraph.edges.len() + edges, subgraph.expanded.len() + expanded) <= self.budget.bytes
    }

    /// Whether there are as many nodes as there may be.
    fn is_full(&self) -> bool {
        self.subgraph.nodes.len() >= self.budget.nodes
    }

    /// Takes the strongest edge; the next one of its node takes its place.
    fn take(&mut self) -> Option<Head> {
        let mut top = self.heads.peek_mut()?;
        let head = *top;
        match head_of(&self.open, head.open, head.place + 1) {
            Some(next) => *top = next,
            None => {
                PeekMut::pop(top);
            }
        }
        Some(head)
    }

    /// Leaves out the edges to nodes that can no longer come in.
    fn leave_out(&mut self, lens: &Lens<'_>) -> Result<()> {
        let heads = std::mem::take(&mut self.heads);
        for head in heads {
            let edges = &mut self.open[head.open].edges;
            edges.drain(..head.place);
            interruptible::retain(edges, lens.checker(), |edge| self.met.contains_key(&edge.to.id))?;
            self.heads.extend(head_of(&self.open, head.open, 0));
        }
        Ok(())
    }

    /// Opens a node.
    fn expand(&mut self, lens: &Lens<'_>, node: Node, hop: usize, strength: f64) -> Result<()> {
        if !self.rows.contains_key(&node.id) {
            self.read(lens, node)?;
        }
        self.met.insert(node.id, true);
        self.subgraph.expanded.push(node);
        let mut adjacent = self.rows.remove(&node.id).unwrap_or_default();
        adjacent.heaviest(usize::MAX, lens.checker())?;
        let mut positive = Kinds::default();
        adjacent.edges.iter().for_each(|edge| *positive.of_mut(edge) += edge.weight);
        let total = Kinds {
            decaying: (adjacent.total - adjacent.timeless).max(positive.decaying),
            timeless: adjacent.timeless.max(positive.timeless),
        };
        if positive.decaying > 0.0 && positive.timeless > 0.0 {
            let share = |edge: &Edge| edge.weight / total.of(edge);
            let kind = |edge: &Edge| edge.last_at.is_none();
            interruptible::sort_by(&mut adjacent.edges, lens.checker(), |a, b| {
                share(b).total_cmp(&share(a)).then(kind(a).cmp(&kind(b))).then(a.order(b))
            })?;
        }
        if self.is_full() {
            interruptible::retain(&mut adjacent.edges, lens.checker(), |edge| self.met.contains_key(&edge.to.id))?;
        }
        self.open.push(Open { node, hop, strength, total, edges: adjacent.edges });
        self.heads.extend(head_of(&self.open, self.open.len() - 1, 0));
        Ok(())
    }

    /// Reads a node, and with it those that are likely to be expanded next.
    fn read(&mut self, lens: &Lens<'_>, node: Node) -> Result<()> {
        let mut wanted = vec![node];
        let mut heads = self.heads.clone();
        for _ in 0..AHEAD {
            let Some(mut top) = heads.peek_mut() else { break };
            let from = &self.open[top.open];
            let to = from.edges[top.place].to;
            let is_expanded = self.met.get(&to.id).is_some_and(|is_expanded| *is_expanded);
            if from.hop + 1 < self.depth && !is_expanded && !self.rows.contains_key(&to.id) && !wanted.contains(&to) {
                wanted.push(to);
                if wanted.len() == BATCH {
                    break;
                }
            }
            match head_of(&self.open, top.open, top.place + 1) {
                Some(next) => *top = next,
                None => {
                    PeekMut::pop(top);
                }
            }
        }
        let mut found = lens.adjacents(&wanted)?;
        self.rows.extend(wanted.into_iter().map(|node| (node.id, found.remove(&node).unwrap_or_default())));
        Ok(())
    }
}

/// The edge at `place` of an expanded node.
fn head_of(all: &[Open], open: usize, place: usize) -> Option<Head> {
    let from = &all[open];
    let edge = from.edges.get(place)?;
    Some(Head { strength: from.strength * (edge.weight / from.total.of(edge)), open, place })
}
