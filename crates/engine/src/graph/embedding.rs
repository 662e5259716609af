//! Embeddings of single nodes from their surroundings.

use super::interruptible::{self, Pace};
use super::lens::BATCH;
use super::{Lens, Node, NodeId};
use crate::error::{Error, Result};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// How to embed a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregation {
    /// The length of the vectors.
    pub dims: usize,
    /// How many hops the surroundings reach.
    pub layers: usize,
    /// How many of its edges each node takes in.
    pub fan_out: usize,
    /// The part of a node's own vector in each layer, in 0..=1.
    pub self_weight: f32,
    /// The seed of the random vectors.
    pub seed: u64,
}

/// Tells, for each of some nodes, a 64-bit hash of its key that stays the same as long as the key does.
pub type IdentityOf<'a> = dyn FnMut(&[Node]) -> Result<Vec<u64>> + 'a;

/// The embedding of a node: `dims` numbers of Euclidean length 1.
///
/// Layer 0 of each node is a random vector of `+-1 / sqrt(dims)`, drawn from the seed and the node's identity alone. Layer l of a node v is
/// `normalise(self_weight * h(v) + (1 - self_weight) * sum of share(v, u) * h(u))`, h being layer l - 1, over the ends u of the
/// `fan_out` heaviest positive edges of v by [`Edge::order`](super::Edge::order), where share is the edge's part of their decayed weight: a mean
/// aggregation like GraphSAGE's (Hamilton et al. 2017), untrained and weighted by recency. A node without such edges keeps its vector. The
/// answer is the last layer, formed in a fixed order of sums.
///
/// Each hop is read in large parts. Nodes that share surroundings are near each other; vectors of different seeds or dims have
/// nothing to do with each other. An error is the graph's own, the interrupt's, or `identity`'s.
pub fn node_embedding(lens: &Lens<'_>, node: Node, how: &Aggregation, identity: &mut IdentityOf<'_>) -> Result<Vec<f32>> {
    let mut nodes = vec![node];
    let mut places: FxHashMap<NodeId, usize> = FxHashMap::from_iter([(node.id, 0)]);
    // By place: where the node's edges lead, and their shares. The nodes within l hops are the first `within[l]`.
    let mut rows: Vec<Range<usize>> = Vec::new();
    let mut steps: Vec<(usize, f32)> = Vec::new();
    let mut within = vec![1];
    let mut pace = lens.pace();
    for _ in 0..how.layers {
        let level = nodes[rows.len()..].to_vec();
        for batch in level.chunks(BATCH) {
            let mut found = lens.adjacents(batch)?;
            for from in batch {
                let mut adjacent = found.remove(from).unwrap_or_default();
                let edges = adjacent.heaviest(how.fan_out, lens.checker())?;
                let sum: f64 = edges.iter().map(|edge| edge.weight).sum();
                let first = steps.len();
                for edge in edges {
                    pace.step()?;
                    interruptible::make_room(&mut places, lens.checker())?;
                    let place = *places.entry(edge.to.id).or_insert(nodes.len());
                    if place == nodes.len() {
                        nodes.push(edge.to);
                    }
                    steps.push((place, (edge.weight / sum) as f32));
                }
                rows.push(first..steps.len());
            }
        }
        within.push(nodes.len());
    }
    let mut vectors = Vec::with_capacity(nodes.len() * how.dims);
    for (place, identity) in identity(&nodes)?.into_iter().enumerate() {
        if place % 256 == 255 {
            lens.check()?;
        }
        random_signs(how.seed, identity, how.dims, &mut vectors);
    }
    for layer in 1..=how.layers {
        let nodes = within[how.layers - layer];
        let mut next = Vec::with_capacity(nodes * how.dims);
        for (place, row) in rows.iter().enumerate().take(nodes) {
            if place % 256 == 255 {
                lens.check()?;
            }
            aggregate(&vectors, place, &steps[row.clone()], how, &mut next, &mut pace)?;
        }
        vectors = next;
    }
    vectors.truncate(how.dims);
    Ok(vectors)
}

/// Appends a node's vector of the next layer.
fn aggregate(
    vectors: &[f32],
    place: usize,
    row: &[(usize, f32)],
    how: &Aggregation,
    next: &mut Vec<f32>,
    pace: &mut Pace<'_, Error>,
) -> Result<()> {
    let vector = |place: usize| &vectors[place * how.dims..(place + 1) * how.dims];
    let start = next.len();
    next.extend_from_slice(vector(place));
    if row.is_empty() {
        return Ok(());
    }
    let own = &mut next[start..];
    own.iter_mut().for_each(|x| *x *= how.self_weight);
    for &(neighbor, share) in row {
        pace.step()?;
        let share = (1.0 - how.self_weight) * share;
        own.iter_mut().zip(vector(neighbor)).for_each(|(x, y)| *x += share * y);
    }
    normalise(own);
    Ok(())
}

/// Scales a vector to length 1, unless it is zero.
pub(super) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// The generator of a node's random vector.
pub(super) fn rng_of(seed: u64, identity: u64) -> Xoshiro256PlusPlus {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Xoshiro256PlusPlus::seed_from_u64(rng.next_u64() ^ identity)
}

/// Appends a vector of `+-1 / sqrt(dims)`.
fn random_signs(seed: u64, identity: u64, dims: usize, vectors: &mut Vec<f32>) {
    let mut rng = rng_of(seed, identity);
    let size = 1.0 / (dims as f32).sqrt();
    let mut bits = 0;
    for dim in 0..dims {
        if dim % 64 == 0 {
            bits = rng.next_u64();
        }
        vectors.push(if bits >> (dim % 64) & 1 == 1 { size } else { -size });
    }
}
