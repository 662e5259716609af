//! The nodes within some hops of a node.

use super::{Edge, Lens, Node, NodeId};
use crate::error::Result;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;

/// How many nodes are read at a time.
const BATCH: usize = 256;

/// A node that [`k_hop`] reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// The node.
    pub node: Node,
    /// The least number of followed edges from the start to it.
    pub hop: usize,
    /// The sum over the followed edges to it from nodes one hop nearer: that node's weight times the edge's. The start weighs 1.
    pub weight: f64,
    /// The node one hop nearer whose edges add most to the weight.
    pub via: Node,
}

impl Reached {
    /// Orders heaviest first, then nearest first, then by node.
    fn order(&self, other: &Self) -> Ordering {
        other.weight.total_cmp(&self.weight).then(self.hop.cmp(&other.hop)).then(self.node.cmp(&other.node))
    }
}

/// The nodes within `hops` hops of `start`, without `start` itself: heaviest first, then nearest first, then by node.
///
/// Each node follows its `fan_out[hop]` heaviest positive edges by [`Edge::order`], whether they lead to new nodes or not; the last number
/// counts for all further hops, and no number is no limit. The nodes of a hop follow theirs in the order of weight, then node. Once
/// `max_nodes` nodes are reached no further node follows its edges, so that the answer exceeds `max_nodes` by the edges of one node at
/// most. Sums are formed in that order too: the answer is the same in every bit on every run. An error is the graph's own, or the
/// interrupt's.
pub fn k_hop(lens: &Lens<'_>, start: Node, hops: usize, fan_out: &[usize], max_nodes: usize) -> Result<Vec<Reached>> {
    let mut level = Level::new(start);
    let mut frontier = vec![Reached { node: start, hop: 0, weight: 1.0, via: start }];
    for hop in 1..=hops {
        let widest = fan_out.get(hop - 1).or(fan_out.last()).copied().unwrap_or(usize::MAX);
        let first = level.reached.len();
        'hop: for batch in frontier.chunks(BATCH) {
            if level.reached.len() >= max_nodes {
                break;
            }
            let nodes: Vec<Node> = batch.iter().map(|from| from.node).collect();
            let mut found = lens.adjacents(&nodes)?;
            for from in batch {
                if level.reached.len() >= max_nodes {
                    break 'hop;
                }
                let Some(adjacent) = found.get_mut(&from.node) else { continue };
                lens.check()?;
                if widest < adjacent.edges.len() {
                    adjacent.heaviest(widest);
                }
                level.follow(from, &adjacent.edges);
            }
        }
        if hop < hops {
            frontier.clear();
            frontier.extend_from_slice(&level.reached[first..]);
            frontier.sort_unstable_by(Reached::order);
        }
    }
    level.reached.sort_unstable_by(Reached::order);
    Ok(level.reached)
}

/// The nodes that were reached, and the sums in the making.
struct Level {
    reached: Vec<Reached>,
    /// By place in `reached`: what `via` adds, and the node that follows its edges now with what it has added so far.
    parts: Vec<(f64, Node, f64)>,
    places: FxHashMap<NodeId, usize>,
    start: Node,
}

impl Level {
    fn new(start: Node) -> Self {
        Self { reached: Vec::new(), parts: Vec::new(), places: FxHashMap::default(), start }
    }

    /// Follows the positive ones of a node's edges.
    fn follow(&mut self, from: &Reached, edges: &[Edge]) {
        for edge in edges.iter().filter(|edge| edge.weight > 0.0 && edge.to != self.start) {
            let gain = from.weight * edge.weight;
            let next = self.reached.len();
            let place = *self.places.entry(edge.to.id).or_insert(next);
            if place == next {
                self.reached.push(Reached { node: edge.to, hop: from.hop + 1, weight: gain, via: from.node });
                self.parts.push((gain, from.node, gain));
                continue;
            }
            let reached = &mut self.reached[place];
            if reached.hop <= from.hop {
                continue;
            }
            reached.weight += gain;
            let (most, follower, added) = &mut self.parts[place];
            *added = if *follower == from.node { *added + gain } else { gain };
            *follower = from.node;
            if *added > *most || (*added == *most && from.node < reached.via) {
                (*most, reached.via) = (*added, from.node);
            }
        }
    }
}
