//! The heaviest simple paths from a node.

use super::{Edge, Lens, Node, NodeId};
use crate::Micros;
use crate::error::Result;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::RangeInclusive;

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
/// All nodes nearer than the last hop are read, each once and a hop at a time; the search then leaves out every branch whose heaviest
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
    Ok(search.best.into_sorted_vec().into_iter().map(|ranked| ranked.0).collect())
}

/// The edges within reach, and bounds of what can still follow.
struct Map {
    to: Option<Node>,
    hops: RangeInclusive<usize>,
    rows: FxHashMap<NodeId, Vec<Edge>>,
    /// By number of hops done: the greatest product of weights that can still follow at a node; missing where no path can end.
    bounds: Vec<FxHashMap<NodeId, f64>>,
}

impl Map {
    fn read(lens: &Lens<'_>, from: Node, to: Option<Node>, hops: RangeInclusive<usize>) -> Result<Self> {
        let mut map = Self { to, hops, rows: FxHashMap::default(), bounds: Vec::new() };
        let most = *map.hops.end();
        let mut levels = vec![vec![from]];
        let mut met = FxHashSet::from_iter([from]);
        // A simple path has no more edges than there are other nodes.
        while levels.len() <= most && levels.len() <= met.len() {
            let level = &levels[levels.len() - 1];
            let mut missing: Vec<Node> = level.iter().filter(|node| !map.rows.contains_key(&node.id)).copied().collect();
            let last = levels.len() == most;
            for (node, mut adjacent) in lens.adjacents(&missing)? {
                adjacent.edges.retain(|edge| edge.weight > 0.0 && edge.to != node && (!last || map.ends_at(edge.to)));
                map.rows.insert(node.id, adjacent.edges);
            }
            missing.retain(|node| !map.rows.contains_key(&node.id));
            map.rows.extend(missing.into_iter().map(|node| (node.id, Vec::new())));
            if last {
                break;
            }
            let mut next: Vec<Node> = level.iter().flat_map(|node| &map.rows[&node.id]).map(|edge| edge.to).collect();
            next.sort_unstable();
            next.dedup();
            met.extend(next.iter().copied());
            levels.push(next);
        }
        map.bound(lens, &levels)?;
        Ok(map)
    }

    fn ends_at(&self, node: Node) -> bool {
        self.to.is_none_or(|to| to == node)
    }

    /// Computes the bounds from the last hop back.
    fn bound(&mut self, lens: &Lens<'_>, levels: &[Vec<Node>]) -> Result<()> {
        self.bounds = vec![FxHashMap::default(); levels.len()];
        for (depth, level) in levels.iter().enumerate().rev() {
            lens.check()?;
            let mut bounds = FxHashMap::default();
            for &node in level {
                let here = (self.hops.contains(&depth) && self.ends_at(node)).then_some(1.0);
                let after = self.rows.get(&node.id).into_iter().flatten();
                let follows = after.filter_map(|edge| Some(edge.weight * self.after(depth + 1, edge.to)?));
                if let Some(bound) = follows.chain(here).max_by(f64::total_cmp) {
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
            let branches = self.branches.entry((path.edges.len(), node.id));
            let branches = branches.or_insert_with(|| branches_of(&self.map, path.edges.len(), node));
            let branch = branches.get(*next).filter(|(bound, _)| self.best.len() < self.n || may_enter(&self.best, *weight * bound));
            let Some(&(_, place)) = branch else {
                stack.pop();
                path.nodes.pop();
                path.edges.pop();
                continue;
            };
            *next += 1;
            let edge = self.map.rows[&node.id][place];
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
fn branches_of(map: &Map, depth: usize, node: Node) -> Vec<Branch> {
    let edges = map.rows.get(&node.id).into_iter().flatten().enumerate();
    let mut branches: Vec<Branch> = edges.filter_map(|(place, edge)| Some((edge.weight * map.after(depth + 1, edge.to)?, place))).collect();
    branches.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    branches
}

/// Whether a path of at most this weight may still be among the best.
fn may_enter(best: &BinaryHeap<Ranked>, bound: f64) -> bool {
    best.peek().is_none_or(|last| bound * SLACK >= last.0.weight)
}
