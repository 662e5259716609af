//! The strongest part of a node's surroundings.

use super::subgraph::packed_size;
use super::{Adjacent, Edge, Lens, Node, NodeId, Subgraph};
use crate::error::Result;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// How many nodes are read at a time.
const BATCH: usize = 64;

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
/// The *share* of an edge is the part of its node's decayed weight that it has: of [`Adjacent::total`], or of the sum of the positive edges
/// where negative events made that greater. The strength of a node is the product of the shares along the path by which it was
/// expanded, the strength of an edge is its node's times its share. Only positive edges count. Always the strongest edge of
/// all expanded nodes is taken next (then that of the node expanded first, then by [`Edge::order`]): it is kept if its end is in the
/// subgraph or the budget has room for one more node, and its end is expanded if it was not yet and the edge makes less than `depth` hops.
/// The first edge for which bytes are lacking ends the search.
///
/// Reading in batches changes nothing of this: with a node that must be expanded, those are read that the strongest edges lead to. An
/// error is the graph's own, or the interrupt's.
pub fn prune(lens: &Lens<'_>, start: Node, depth: usize, budget: Budget) -> Result<Subgraph> {
    let subgraph = Subgraph { nodes: vec![start], edges: Vec::new(), kept_share: 1.0, expanded: Vec::new(), at: lens.now };
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
    let mut kept = 0.0;
    while let Some(head) = pruning.heads.pop() {
        let (edge, hop) = pruning.advance(head);
        let is_new = !pruning.met.contains_key(&edge.to.id);
        if is_new && pruning.subgraph.nodes.len() >= budget.nodes {
            continue;
        }
        if !pruning.has_room(usize::from(is_new), 1, 0) {
            break;
        }
        let from = pruning.open[head.open].node;
        pruning.subgraph.edges.push((hop, from, edge));
        kept += edge.weight;
        if is_new {
            pruning.subgraph.nodes.push(edge.to);
        }
        let is_expanded = *pruning.met.entry(edge.to.id).or_insert(false);
        if !is_expanded && hop < depth && pruning.has_room(0, 0, 1) {
            pruning.expand(lens, edge.to, hop, head.strength)?;
        }
    }
    let all: f64 = pruning.open.iter().map(|open| open.total).sum();
    if all > 0.0 {
        pruning.subgraph.kept_share = (kept / all).min(1.0);
    }
    Ok(pruning.subgraph)
}

/// An expanded node.
struct Open {
    node: Node,
    hop: usize,
    strength: f64,
    /// What shares are parts of.
    total: f64,
    /// Its positive edges by [`Edge::order`].
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

    /// The head at `place` of an expanded node.
    fn head(&self, open: usize, place: usize) -> Option<Head> {
        let from = &self.open[open];
        let edge = from.edges.get(place)?;
        Some(Head { strength: from.strength * (edge.weight / from.total), open, place })
    }

    /// The edge of a head and its hop; the next edge of its node takes its place.
    fn advance(&mut self, head: Head) -> (Edge, usize) {
        let next = self.head(head.open, head.place + 1);
        self.heads.extend(next);
        let from = &self.open[head.open];
        (from.edges[head.place], from.hop + 1)
    }

    /// Opens a node.
    fn expand(&mut self, lens: &Lens<'_>, node: Node, hop: usize, strength: f64) -> Result<()> {
        if !self.rows.contains_key(&node.id) {
            self.read(lens, node)?;
        }
        self.met.insert(node.id, true);
        self.subgraph.expanded.push(node);
        let mut adjacent = self.rows.remove(&node.id).unwrap_or_default();
        adjacent.heaviest(usize::MAX);
        let positive: f64 = adjacent.edges.iter().map(|edge| edge.weight).sum();
        self.open.push(Open { node, hop, strength, total: adjacent.total.max(positive), edges: adjacent.edges });
        let head = self.head(self.open.len() - 1, 0);
        self.heads.extend(head);
        Ok(())
    }

    /// Reads a node, and with it those that are likely to be expanded next.
    fn read(&mut self, lens: &Lens<'_>, node: Node) -> Result<()> {
        let mut wanted = vec![node];
        let mut heads = self.heads.clone();
        while wanted.len() < BATCH
            && let Some(head) = heads.pop()
        {
            heads.extend(self.head(head.open, head.place + 1));
            let from = &self.open[head.open];
            let to = from.edges[head.place].to;
            let is_full = self.subgraph.nodes.len() >= self.budget.nodes;
            let may_open = self.met.get(&to.id).map_or(!is_full, |is_expanded| !is_expanded);
            if from.hop + 1 < self.depth && may_open && !self.rows.contains_key(&to.id) && !wanted.contains(&to) {
                wanted.push(to);
            }
        }
        let mut found = lens.adjacents(&wanted)?;
        self.rows.extend(wanted.into_iter().map(|node| (node.id, found.remove(&node).unwrap_or_default())));
        Ok(())
    }
}
