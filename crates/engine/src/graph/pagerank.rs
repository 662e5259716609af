//! Personalized PageRank by forward push.

use super::interruptible::{self, Pace};
use super::lens::BATCH;
use super::{Lens, Node, NodeId};
use crate::error::{Error, Result};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// What [`personalized_pagerank`] found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranks {
    /// Nodes by score, greatest first, then by node. Scores are probabilities; nodes with a score of zero are left out.
    pub scores: Vec<(Node, f64)>,
    /// The probability that was not given to any node: a node's true score lies between its score and the sum of both.
    pub residual: f64,
}

/// Where a random walk ends that starts at one of the nodes of `start`, chosen by their weights, stops before each step with probability
/// `alpha` (0 < `alpha` <= 1), and else follows an edge chosen by the decayed weights of the node's positive edges; from a node
/// without any it goes on at one of `start` again. Weights of `start` that are not positive are left out.
///
/// Forward push (Andersen, Chung, Lang: "Local graph partitioning using PageRank vectors", FOCS 2006), in rounds: each reads
/// the nodes whose residual is above `epsilon` in large parts and pushes them, those of the greatest residual first, then by node. It ends
/// when there are none or after `max_pushes` pushes. Each node is read once. An error is the graph's own, or the interrupt's.
pub fn personalized_pagerank(lens: &Lens<'_>, start: &[(Node, f64)], alpha: f64, epsilon: f64, max_pushes: usize) -> Result<Ranks> {
    let mut push = Push::default();
    let sum: f64 = start.iter().map(|&(_, weight)| weight.max(0.0)).sum();
    for &(node, weight) in start.iter().filter(|(_, weight)| *weight > 0.0) {
        let place = push.place(node);
        push.nodes[place].residual += weight / sum;
        push.start.push((place, weight / sum));
    }
    let mut pushes = 0;
    let mut pace = lens.pace();
    loop {
        let mut round: Vec<usize> = (0..push.nodes.len()).filter(|&place| push.nodes[place].residual > epsilon).collect();
        interruptible::sort_unstable_by(&mut round, lens.checker(), |&a, &b| {
            let (a, b) = (&push.nodes[a], &push.nodes[b]);
            b.residual.total_cmp(&a.residual).then(a.node.cmp(&b.node))
        })?;
        round.truncate(max_pushes - pushes);
        if round.is_empty() {
            return push.ranks(lens);
        }
        push.read(lens, &round)?;
        for &place in &round {
            lens.check()?;
            push.push(place, alpha, &mut pace)?;
        }
        pushes += round.len();
    }
}

/// A node that the walk may be at.
struct State {
    node: Node,
    score: f64,
    residual: f64,
    /// Where its steps are, once the node was read.
    steps: Option<Range<usize>>,
}

/// Scores and residuals in the making.
#[derive(Default)]
struct Push {
    nodes: Vec<State>,
    places: FxHashMap<NodeId, usize>,
    /// Places of neighbours and the probabilities of going there.
    steps: Vec<(usize, f64)>,
    start: Vec<(usize, f64)>,
}

impl Push {
    fn place(&mut self, node: Node) -> usize {
        let next = self.nodes.len();
        let place = *self.places.entry(node.id).or_insert(next);
        if place == next {
            self.nodes.push(State { node, score: 0.0, residual: 0.0, steps: None });
        }
        place
    }

    /// Reads the steps of those of `round` that were not read before.
    fn read(&mut self, lens: &Lens<'_>, round: &[usize]) -> Result<()> {
        let missing: Vec<usize> = round.iter().copied().filter(|&place| self.nodes[place].steps.is_none()).collect();
        let nodes: Vec<Node> = missing.iter().map(|&place| self.nodes[place].node).collect();
        let mut pace = lens.pace();
        for (places, nodes) in missing.chunks(BATCH).zip(nodes.chunks(BATCH)) {
            let mut found = lens.adjacents(nodes)?;
            for (place, node) in places.iter().zip(nodes) {
                let mut edges = found.remove(node).unwrap_or_default().edges;
                interruptible::retain(&mut edges, lens.checker(), |edge| edge.weight > 0.0)?;
                let sum: f64 = edges.iter().map(|edge| edge.weight).sum();
                let first = self.steps.len();
                for edge in &edges {
                    pace.step()?;
                    interruptible::make_room(&mut self.places, lens.checker())?;
                    let step = (self.place(edge.to), edge.weight / sum);
                    self.steps.push(step);
                }
                self.nodes[*place].steps = Some(first..self.steps.len());
            }
        }
        Ok(())
    }

    /// Gives a node its part of its residual, and the rest to those that the walk goes on to.
    fn push(&mut self, place: usize, alpha: f64, pace: &mut Pace<'_, Error>) -> Result<()> {
        let state = &mut self.nodes[place];
        let residual = std::mem::take(&mut state.residual);
        state.score += alpha * residual;
        let passed = (1.0 - alpha) * residual;
        let steps = &self.steps[state.steps.clone().unwrap_or_default()];
        let next = if steps.is_empty() { &self.start } else { steps };
        for &(to, share) in next {
            pace.step()?;
            self.nodes[to].residual += passed * share;
        }
        Ok(())
    }

    fn ranks(self, lens: &Lens<'_>) -> Result<Ranks> {
        let residual = self.nodes.iter().map(|state| state.residual).sum();
        let mut scores: Vec<(Node, f64)> = Vec::new();
        let mut pace = lens.pace();
        for state in self.nodes {
            pace.step()?;
            if state.score > 0.0 {
                scores.push((state.node, state.score));
            }
        }
        interruptible::sort_unstable_by(&mut scores, lens.checker(), |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)))?;
        Ok(Ranks { scores, residual })
    }
}
