//! The heaviest simple paths from a node.

use super::lens::BATCH;
use super::{Edge, Lens, Node, NodeId, interruptible};
use crate::Micros;
use crate::error::Result;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::hash_map::Entry;
use std::ops::{Range, RangeInclusive};

/// How many steps of the search pass between two checks for interrupts.
const STEPS: usize = 4096;

/// What a bound may be too low by, because a product of floats depends on the order of its factors.
const SLACK: f64 = 1.0 + 1e-9;

/// A path without a repeated node.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Its nodes from the start on, one more than edges.
    pub nodes: Vec<Node>,
    /// Its edges, each leading to the next node.
    pub edges: Vec<Edge>,
    /// The product of the edges' decayed weights.
    pub weight: f64,
}

impl Path {
    /// Orders heaviest first, then by fewer hops, then by the nodes, then by the edge types.
    fn order(&self, other: &Self) -> Ordering {
        let types = |path: &Self| path.edges.iter().map(|edge| edge.edge_type).collect::<Vec<_>>();
        let by_weight = other.weight.total_cmp(&self.weight).then(self.edges.len().cmp(&other.edges.len()));
        by_weight.then_with(|| self.nodes.cmp(&other.nodes)).then_with(|| types(self).cmp(&types(other)))
    }
}

/// A path in a heap whose top is the last one by [`Path::order`].
struct Ranked(Path);

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.order(&other.0)
    }
}

/// The `n` heaviest simple paths of positive edges from `from` whose number of edges is in `hops`; only those that end at `to` where
/// it is given. Heaviest first, then those of fewer hops, then by their nodes, then by their edge types. Edges of several types between
/// the same nodes make several paths.
///
/// With `time_respecting` the edges' newest events must not get older along a path; edges without time fit anywhere.
///
/// All nodes nearer than the last hop are read, each once and a hop after the other; the search then leaves out every branch whose heaviest
/// continuation, whether simple or not, is too light. An error is the graph's own, or the interrupt's.
pub fn paths(
    lens: &Lens<'_>,
    from: Node,
    to: Option<Node>,
    hops: RangeInclusive<usize>,
    time_respecting: bool,
    n: usize,
) -> Result<Vec<Path>> {
    if n == 0 || hops.is_empty() {
        return Ok(Vec::new());
    }
    let map = Map::read(lens, from, to, hops)?;
    let mut search = Search { map, time_respecting, n, best: BinaryHeap::new(), branches: FxHashMap::default() };
    search.run(lens, from)?;
    let mut best: Vec<Path> = search.best.into_iter().map(|ranked| ranked.0).collect();
    interruptible::sort_unstable_by(&mut best, lens.checker(), Path::order)?;
    Ok(best)
}

/// The edges within reach, and bounds of what can still follow.
struct Map {
    to: Option<Node>,
    hops: RangeInclusive<usize>,
    edges: Vec<Edge>,
    /// By node: where its edges are.
    rows: FxHashMap<NodeId, Range<usize>>,
    /// By number of hops done: the greatest product of weights that can still follow at a node; missing where no path can end.
    bounds: Vec<FxHashMap<NodeId, f64>>,
}

impl Map {
    fn read(lens: &Lens<'_>, from: Node, to: Option<Node>, hops: RangeInclusive<usize>) -> Result<Self> {
        let mut map = Self { to, hops, edges: Vec::new(), rows: FxHashMap::default(), bounds: Vec::new() };
        let most = *map.hops.end();
        let mut levels = vec![vec![from]];
        let mut met = FxHashSet::from_iter([from]);
        let mut pace = lens.pace();
        // A simple path has no more edges than there are other nodes.
        while levels.len() <= most && levels.len() <= met.len() {
            let level = &levels[levels.len() - 1];
            let mut missing = level.clone();
            interruptible::retain(&mut missing, lens.checker(), |node| !map.rows.contains_key(&node.id))?;
            let last = levels.len() == most;
            map.rows.reserve(missing.len());
            for nodes in missing.chunks(BATCH) {
                let found = lens.adjacents(nodes)?;
                for node in nodes {
                    pace.step()?;
                    let start = map.edges.len();
                    for edge in found.get(node).into_iter().flat_map(|adjacent| &adjacent.edges) {
                        pace.step()?;
                        if edge.weight > 0.0 && edge.to != *node && (!last || map.ends_at(edge.to)) {
                            map.edges.push(*edge);
                        }
                    }
                    map.rows.insert(node.id, start..map.edges.len());
                }
            }
            if last {
                break;
            }
            let mut next: Vec<Node> = Vec::new();
            for node in level {
                pace.step()?;
                for edge in map.row(*node) {
                    pace.step()?;
                    next.push(edge.to);
                }
            }
            interruptible::sort_unstable_by(&mut next, lens.checker(), Node::cmp)?;
            next.dedup();
            met.reserve(next.len());
            for node in &next {
                pace.step()?;
                met.insert(*node);
            }
            levels.push(next);
        }
        map.bound(lens, &levels)?;
        Ok(map)
    }

    /// A node's edges; none where it was not read.
    fn row(&self, node: Node) -> &[Edge] {
        self.rows.get(&node.id).map_or(&[], |row| &self.edges[row.clone()])
    }

    fn ends_at(&self, node: Node) -> bool {
        self.to.is_none_or(|to| to == node)
    }

    /// Computes the bounds from the last hop back.
    fn bound(&mut self, lens: &Lens<'_>, levels: &[Vec<Node>]) -> Result<()> {
        self.bounds = vec![FxHashMap::default(); levels.len()];
        let mut pace = lens.pace();
        for (depth, level) in levels.iter().enumerate().rev() {
            lens.check()?;
            let mut bounds = FxHashMap::default();
            bounds.reserve(level.len());
            for &node in level {
                pace.step()?;
                let mut most = (self.hops.contains(&depth) && self.ends_at(node)).then_some(1.0);
                for edge in self.row(node) {
                    pace.step()?;
                    let bound = self.after(depth + 1, edge.to).map(|after| edge.weight * after);
                    most = most.into_iter().chain(bound).max_by(f64::total_cmp);
                }
                if let Some(bound) = most {
                    bounds.insert(node.id, bound);
                }
            }
            self.bounds[depth] = bounds;
        }
        Ok(())
    }

    /// The bound at a node after `depth` hops.
    fn after(&self, depth: usize, node: Node) -> Option<f64> {
        match self.bounds.get(depth) {
            Some(bounds) => bounds.get(&node.id).copied(),
            None => (self.hops.contains(&depth) && self.ends_at(node)).then_some(1.0),
        }
    }
}

/// An edge that can be followed, by its place in the node's row, with the bound of what it and what follows it weigh.
type Branch = (f64, usize);

/// A depth-first search, the most promising branch first.
struct Search {
    map: Map,
    time_respecting: bool,
    n: usize,
    best: BinaryHeap<Ranked>,
    /// The branches of a node after some hops.
    branches: FxHashMap<(usize, NodeId), Vec<Branch>>,
}

impl Search {
    fn run(&mut self, lens: &Lens<'_>, from: Node) -> Result<()> {
        let mut path = Path { nodes: vec![from], edges: Vec::new(), weight: 1.0 };
        // For each node of the path: the next branch to try, the weight up to it, the newest time up to it.
        let mut stack: Vec<(usize, f64, Option<Micros>)> = vec![(0, 1.0, None)];
        self.offer(&path);
        let mut steps = 0;
        while let Some((next, weight, newest)) = stack.last_mut() {
            steps += 1;
            if steps % STEPS == 0 {
                lens.check()?;
            }
            let node = path.nodes[path.edges.len()];
            let branches = match self.branches.entry((path.edges.len(), node.id)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(branches_of(lens, &self.map, path.edges.len(), node)?),
            };
            let branch = branches.get(*next).filter(|(bound, _)| self.best.len() < self.n || may_enter(&self.best, *weight * bound));
            let Some(&(_, place)) = branch else {
                stack.pop();
                path.nodes.pop();
                path.edges.pop();
                continue;
            };
            *next += 1;
            let edge = self.map.row(node)[place];
            let too_old = self.time_respecting && edge.last_at.is_some() && edge.last_at < *newest;
            if too_old || path.nodes.contains(&edge.to) {
                continue;
            }
            let reached = (0, *weight * edge.weight, edge.last_at.max(*newest));
            path.nodes.push(edge.to);
            path.edges.push(edge);
            path.weight = reached.1;
            stack.push(reached);
            self.offer(&path);
        }
        Ok(())
    }

    /// Keeps a path if it is one that was asked for and among the best so far.
    fn offer(&mut self, path: &Path) {
        let end = path.nodes[path.edges.len()];
        if !self.map.hops.contains(&path.edges.len()) || !self.map.ends_at(end) {
            return;
        }
        if self.best.len() < self.n {
            self.best.push(Ranked(path.clone()));
        } else if let Some(mut last) = self.best.peek_mut()
            && path.order(&last.0).is_lt()
        {
            *last = Ranked(path.clone());
        }
    }
}

/// The branches of a node after `depth` hops, the most promising first.
fn branches_of(lens: &Lens<'_>, map: &Map, depth: usize, node: Node) -> Result<Vec<Branch>> {
    let mut branches: Vec<Branch> = Vec::new();
    let mut pace = lens.pace();
    for (place, edge) in map.row(node).iter().enumerate() {
        pace.step()?;
        branches.extend(map.after(depth + 1, edge.to).map(|after| (edge.weight * after, place)));
    }
    interruptible::sort_unstable_by(&mut branches, lens.checker(), |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)))?;
    Ok(branches)
}

/// Whether a path of at most this weight may still be among the best.
fn may_enter(best: &BinaryHeap<Ranked>, bound: f64) -> bool {
    best.peek().is_none_or(|last| bound * SLACK >= last.0.weight)
}
