//! Random walks from several nodes at once (Eksombatchai et al.: "Pixie", WWW 2018).

use super::{Lens, Node, NodeId, interruptible};
use crate::error::Result;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rustc_hash::FxHashMap;

/// How many walkers of one seed walk at a time, so that the rows of all are read in one go.
pub const WALKERS: usize = 64;

/// How to walk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walk {
    /// The steps of all walkers together, about.
    pub steps: usize,
    /// The probability of going back to the seed before a step.
    pub restart: f64,
    /// Only visits of nodes of this type count; `None` is all.
    pub target_type: Option<u32>,
    /// The random generator's seed.
    pub seed: u64,
}

/// A node that was visited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visited {
    /// The node.
    pub node: Node,
    /// Pixie's boosted count: the square of the sum, over the seeds, of the square root of the visits from that seed. Nodes that several
    /// seeds lead to gain by it.
    pub score: f64,
    /// All visits.
    pub visits: u64,
}

/// Walks from `seeds` by edges chosen with probabilities proportional to their decayed weights, positive ones only; the nodes
/// by score, greatest first, then by node. The seeds themselves are counted when a walk comes by.
///
/// The steps are allotted to the seeds as in Pixie (equations 1 and 2) by `weight * s / (the sum of all weight * s)`, rounded,
/// where `s = degree * (C - ln degree)`, the degree being the number of positive edges; C, in the paper the graph's greatest degree, is that
/// of the seeds. A seed's steps are split among up to [`WALKERS`] walkers that start at it. A walker whose node has no positive edges goes back
/// to its seed. Seeds without edges or with a weight that is not positive are left out; those named twice count with the sum.
///
/// The same seed gives the same answer on every platform, as far as the decayed weights are the same. An error is the graph's own,
/// or the interrupt's.
pub fn random_walk(lens: &Lens<'_>, seeds: &[(Node, f64)], walk: &Walk) -> Result<Vec<Visited>> {
    let mut weights: Vec<(Node, f64)> = seeds.iter().copied().filter(|(_, weight)| *weight > 0.0).collect();
    weights.sort_by_key(|(node, _)| *node);
    weights.dedup_by(|next, first| {
        let same = next.0 == first.0;
        first.1 += if same { next.1 } else { 0.0 };
        same
    });
    let mut steps = Steps::default();
    steps.read(lens, weights.iter().map(|(node, _)| *node))?;
    let mut walkers = walkers(&steps, &weights, walk.steps);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(walk.seed);
    let mut visits: FxHashMap<(Node, usize), u64> = FxHashMap::default();
    while !walkers.is_empty() {
        for walker in &mut walkers {
            if steps.of(walker.at).is_empty() || unit(&mut rng) < walk.restart {
                walker.at = weights[walker.seed].0;
            }
        }
        for walker in &mut walkers {
            walker.at = steps.choose(walker.at, unit(&mut rng));
            walker.left -= 1;
            if walk.target_type.is_none_or(|wanted| wanted == walker.at.node_type) {
                *visits.entry((walker.at, walker.seed)).or_insert(0) += 1;
            }
        }
        walkers.retain(|walker| walker.left > 0);
        steps.read(lens, walkers.iter().map(|walker| walker.at))?;
    }
    boosted(lens, visits)
}

/// Someone who walks.
struct Walker {
    seed: usize,
    at: Node,
    left: usize,
}

/// The walkers of all seeds with the steps that each of them has.
fn walkers(steps: &Steps, seeds: &[(Node, f64)], all: usize) -> Vec<Walker> {
    let degree = |node: &Node| steps.of(*node).len() as f64;
    let most = seeds.iter().map(|(node, _)| degree(node)).fold(0.0, f64::max);
    let portion = |(node, weight): &(Node, f64)| match degree(node) {
        0.0 => 0.0,
        degree => weight * degree * (most - degree.ln()),
    };
    let sum: f64 = seeds.iter().map(portion).sum();
    let mut walkers = Vec::new();
    for (place, seed) in seeds.iter().enumerate().filter(|(_, seed)| portion(seed) > 0.0) {
        let of_seed = (all as f64 * portion(seed) / sum).round() as usize;
        let left = |walker: usize| of_seed / WALKERS + usize::from(walker < of_seed % WALKERS);
        let its = (0..WALKERS).map(|walker| Walker { seed: place, at: seed.0, left: left(walker) });
        walkers.extend(its.filter(|walker| walker.left > 0));
    }
    walkers
}

/// The nodes that were read: where each of their positive edges leads, with the sum of the weights up to it.
#[derive(Default)]
struct Steps {
    rows: FxHashMap<NodeId, Vec<(Node, f64)>>,
}

impl Steps {
    /// Reads those of `nodes` that were not read before.
    fn read(&mut self, lens: &Lens<'_>, nodes: impl Iterator<Item = Node>) -> Result<()> {
        let mut missing: Vec<Node> = nodes.filter(|node| !self.rows.contains_key(&node.id)).collect();
        if missing.is_empty() {
            return lens.check();
        }
        missing.sort_unstable();
        missing.dedup();
        let mut found = lens.adjacents(&missing)?;
        let mut pace = lens.pace();
        for node in missing {
            let edges = found.remove(&node).unwrap_or_default().edges;
            let mut sum = 0.0;
            let mut up_to = Vec::with_capacity(edges.len());
            for edge in edges.iter().filter(|edge| edge.weight > 0.0) {
                pace.step()?;
                sum += edge.weight;
                up_to.push((edge.to, sum));
            }
            self.rows.insert(node.id, up_to);
        }
        Ok(())
    }

    fn of(&self, node: Node) -> &[(Node, f64)] {
        self.rows.get(&node.id).map_or(&[], Vec::as_slice)
    }

    /// The neighbour that a number in 0..1 picks; the node itself where it has none.
    fn choose(&self, node: Node, unit: f64) -> Node {
        let row = self.of(node);
        let sum = row.last().map_or(0.0, |(_, sum)| *sum);
        let place = row.partition_point(|(_, up_to)| *up_to <= unit * sum);
        row.get(place).or(row.last()).map_or(node, |(to, _)| *to)
    }
}

/// A number in 0..1 of 53 random bits.
fn unit(rng: &mut Xoshiro256PlusPlus) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// The scores of visits by node and seed, in order.
fn boosted(lens: &Lens<'_>, visits: FxHashMap<(Node, usize), u64>) -> Result<Vec<Visited>> {
    let mut visits: Vec<((Node, usize), u64)> = visits.into_iter().collect();
    interruptible::sort_unstable_by(&mut visits, lens.checker(), |(a, _), (b, _)| a.cmp(b))?;
    let of_node = |of_node: &[((Node, usize), u64)]| {
        let sum: f64 = of_node.iter().map(|(_, visits)| (*visits as f64).sqrt()).sum();
        let all = of_node.iter().map(|(_, visits)| visits).sum();
        Visited { node: of_node[0].0.0, score: if of_node.len() == 1 { all as f64 } else { sum * sum }, visits: all }
    };
    let mut visited: Vec<Visited> = visits.chunk_by(|a, b| a.0.0 == b.0.0).map(of_node).collect();
    interruptible::sort_unstable_by(&mut visited, lens.checker(), |a, b| b.score.total_cmp(&a.score).then(a.node.cmp(&b.node)))?;
    Ok(visited)
}
