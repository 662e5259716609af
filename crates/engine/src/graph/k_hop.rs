//! The nodes within some hops of a node.

use super::interruptible::{self, Pace};
use super::{Edge, Lens, Node, NodeId};
use crate::error::{Error, Result};
use rustc_hash::FxHashMap;

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

/// Which of the reached nodes are wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// Only nodes of this type; `None` is all.
    pub node_type: Option<u32>,
    /// The most nodes.
    pub n: usize,
}

impl Wanted {
    /// All of them.
    pub const ALL: Wanted = Wanted { node_type: None, n: usize::MAX };
}

/// The nodes within `hops` hops of `start`, without `start` itself: heaviest first, then nearest first, then by node, as far as they are
/// wanted.
///
/// Each node follows its `fan_out[hop]` heaviest positive edges by [`Edge::order`], whether they lead to new nodes or not; the last number
/// counts for all further hops, and no number is no limit. The nodes of a hop follow theirs in the order of weight, then node. Once
/// `max_nodes` nodes are reached no further node follows its edges, so that the answer exceeds `max_nodes` by the edges of one node at
/// most. Sums are formed in that order too: the answer is the same in every bit on every run. An error is the graph's own, or the
/// interrupt's.
pub fn k_hop(lens: &Lens<'_>, start: Node, hops: usize, fan_out: &[usize], max_nodes: usize, wanted: Wanted) -> Result<Vec<Reached>> {
    let mut level = Level { start, slots: Vec::new(), places: FxHashMap::default() };
    let mut pace = lens.pace();
    let mut frontier = vec![Reached { node: start, hop: 0, weight: 1.0, via: start }];
    for hop in 1..=hops {
        let widest = fan_out.get(hop - 1).or(fan_out.last()).copied().unwrap_or(usize::MAX);
        let first = level.slots.len();
        'hop: for batch in frontier.chunks(BATCH) {
            if level.slots.len() >= max_nodes {
                break;
            }
            let nodes: Vec<Node> = batch.iter().map(|from| from.node).collect();
            let mut found = lens.adjacents(&nodes)?;
            let edges: usize = found.values().map(|adjacent| adjacent.edges.len().min(widest)).sum();
            level.places.reserve(edges.min(max_nodes - level.slots.len()));
            for from in batch {
                if level.slots.len() >= max_nodes {
                    break 'hop;
                }
                let Some(adjacent) = found.get_mut(&from.node) else { continue };
                lens.check()?;
                if widest < adjacent.edges.len() {
                    adjacent.heaviest(widest, lens.checker())?;
                }
                level.follow(from, &adjacent.edges, &mut pace)?;
            }
        }
        if hop < hops {
            frontier = ordered(lens, &level, first, Wanted::ALL)?;
        }
    }
    ordered(lens, &level, 0, wanted)
}

/// The nodes from slot `first` on, as far as they are wanted: heaviest first, then nearest first, then by node.
fn ordered(lens: &Lens<'_>, level: &Level, first: usize, wanted: Wanted) -> Result<Vec<Reached>> {
    // Bits of positive floats are in the order of the floats: integers order all at once.
    let key = |slot: &Slot| {
        let Reached { node, hop, weight, .. } = slot.reached;
        u128::from(!weight.to_bits()) << 64 | (hop as u128) << 48 | u128::from(node.id) << 16
    };
    let is_wanted = |slot: &&Slot| wanted.node_type.is_none_or(|node_type| slot.reached.node.node_type == node_type);
    let mut keys: Vec<u128> = level.slots[first..].iter().filter(is_wanted).map(key).collect();
    interruptible::keep_first(&mut keys, wanted.n, lens.checker(), u128::cmp)?;
    let mut pace = lens.pace();
    let mut ordered: Vec<Reached> = Vec::with_capacity(keys.len());
    for key in keys {
        pace.step()?;
        ordered.push(level.slots[level.places[&((key >> 16) as NodeId)]].reached);
    }
    Ok(ordered)
}

/// A node that was reached, with its sums in the making.
struct Slot {
    reached: Reached,
    /// What `via` adds to the weight.
    most: f64,
    /// The node that adds to it now, and what that has added so far.
    follower: NodeId,
    added: f64,
}

/// The nodes that were reached.
struct Level {
    start: Node,
    slots: Vec<Slot>,
    places: FxHashMap<NodeId, usize>,
}

impl Level {
    /// Follows the positive ones of a node's edges.
    fn follow(&mut self, from: &Reached, edges: &[Edge], pace: &mut Pace<'_, Error>) -> Result<()> {
        for edge in edges.iter().filter(|edge| edge.weight > 0.0 && edge.to != self.start) {
            pace.step()?;
            let gain = from.weight * edge.weight;
            let next = self.slots.len();
            let place = *self.places.entry(edge.to.id).or_insert(next);
            if place == next {
                let reached = Reached { node: edge.to, hop: from.hop + 1, weight: gain, via: from.node };
                self.slots.push(Slot { reached, most: gain, follower: from.node.id, added: gain });
                continue;
            }
            let Slot { reached, most, follower, added } = &mut self.slots[place];
            if reached.hop <= from.hop {
                continue;
            }
            reached.weight += gain;
            *added = if *follower == from.node.id { *added + gain } else { gain };
            *follower = from.node.id;
            if *added > *most || (*added == *most && from.node < reached.via) {
                (*most, reached.via) = (*added, from.node);
            }
        }
        Ok(())
    }
}
