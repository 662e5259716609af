//! Embeddings of all nodes by random projection.

use super::Csr;
use super::embedding::rng_of;
use crate::error::Result;
use rand_xoshiro::rand_core::Rng;
use rayon::ThreadPool;
use rayon::prelude::*;

/// How many rows a task has.
const TASK: usize = 128;

/// How many rows pass between two checks for interrupts.
const CHUNK: usize = 16_384;

/// How to project a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The length of the vectors.
    pub dims: usize,
    /// What layer 1, 2, ... counts in the sum.
    pub layer_weights: Vec<f32>,
    /// The seed of the random vectors.
    pub seed: u64,
    /// The power of its strength that a node's random vector is multiplied by; negative ones make popular nodes count less.
    pub normalization_strength: f32,
}

/// The embeddings of all nodes, `dims` numbers each, one node after the other (Chen, Sultan, Tian, Chen, Skiena: "Fast and
/// accurate network embeddings via very sparse random projection", CIKM 2019).
///
/// Layer 0 of a node is a random vector of -1, 0, 0, 0, 0 and 1 in equal parts, drawn from the seed and its number in `identities`
/// alone, times its strength to the power of `normalization_strength` (the least strength of all where it has no edges). Layer l is the mean of
/// layer l - 1 over the node's edges by their shares. The embedding is the sum of the layers from 1 on, each scaled to length 1 and
/// multiplied by its weight. A node without edges has a vector of zeros.
///
/// The answer does not depend on the number of threads. `interrupt` is called by the calling thread only, between chunks of the
/// work; its error is the only one.
///
/// # Panics
///
/// Unless there is an identity for each node.
pub fn fast_rp(
    csr: &Csr,
    identities: &[u64],
    how: &Projection,
    threads: &ThreadPool,
    interrupt: &dyn Fn() -> Result<()>,
) -> Result<Vec<f32>> {
    assert_eq!(csr.len(), identities.len(), "an identity for each node");
    let (nodes, dims) = (csr.len(), how.dims);
    let mut sum = vec![0.0f32; nodes * dims];
    if dims == 0 {
        return Ok(sum);
    }
    let mut layer = vec![0.0f32; nodes * dims];
    let mut next = vec![0.0f32; nodes * dims];
    let scales = scales(csr, how.normalization_strength);
    in_chunks(&mut layer, &mut sum, dims, threads, interrupt, |node, vector, _| {
        random_vector(how.seed, identities[node], scales[node], vector);
    })?;
    for &weight in &how.layer_weights {
        in_chunks(&mut next, &mut sum, dims, threads, interrupt, |node, vector, sum| {
            mean(csr.row(node), &layer, vector);
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            if length > 0.0 {
                sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += weight / length * *x);
            }
        })?;
        std::mem::swap(&mut layer, &mut next);
    }
    Ok(sum)
}

/// Calls `each` with each node and its vectors in both matrices, in parallel.
fn in_chunks(
    a: &mut [f32],
    b: &mut [f32],
    dims: usize,
    threads: &ThreadPool,
    interrupt: &dyn Fn() -> Result<()>,
    each: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
) -> Result<()> {
    for (chunk, (a, b)) in a.chunks_mut(CHUNK * dims).zip(b.chunks_mut(CHUNK * dims)).enumerate() {
        interrupt()?;
        threads.install(|| {
            a.par_chunks_mut(TASK * dims).zip(b.par_chunks_mut(TASK * dims)).enumerate().for_each(|(task, (a, b))| {
                let first = chunk * CHUNK + task * TASK;
                let rows = a.chunks_exact_mut(dims).zip(b.chunks_exact_mut(dims));
                rows.enumerate().for_each(|(row, (a, b))| each(first + row, a, b));
            });
        });
    }
    interrupt()
}

/// The mean of the rows of `layer` that a node leads to.
fn mean((targets, shares): (&[u32], &[f32]), layer: &[f32], vector: &mut [f32]) {
    let dims = vector.len();
    let row = |target: u32| &layer[target as usize * dims..][..dims];
    vector.fill(0.0);
    // Four rows at a time: the sum is loaded and stored less often, and their loads overlap.
    let (four, rest) = targets.as_chunks::<4>();
    let (four_shares, rest_shares) = shares.as_chunks::<4>();
    for (&[a, b, c, d], &[s, t, u, v]) in four.iter().zip(four_shares) {
        let rows = row(a).iter().zip(row(b)).zip(row(c)).zip(row(d));
        vector.iter_mut().zip(rows).for_each(|(sum, (((a, b), c), d))| *sum += (s * a + t * b) + (u * c + v * d));
    }
    for (&target, &share) in rest.iter().zip(rest_shares) {
        vector.iter_mut().zip(row(target)).for_each(|(sum, x)| *sum += share * x);
    }
}

/// By node: what its random vector is multiplied by.
fn scales(csr: &Csr, power: f32) -> Vec<f32> {
    let strengths = (0..csr.len()).map(|node| csr.strength(node));
    let positive = || strengths.clone().filter(|strength| *strength > 0.0);
    let least = positive().fold(f64::INFINITY, f64::min);
    // Relative to the mean, which scaling to length 1 takes out again, so that no power grows large.
    let mean = positive().sum::<f64>() / positive().count() as f64;
    strengths.clone().map(|strength| (strength.max(least) / mean).powf(f64::from(power)) as f32).collect()
}

/// Draws a node's vector: 16 random bits for each number, a sixth of them each for `-scale` and `scale`.
fn random_vector(seed: u64, identity: u64, scale: f32, vector: &mut [f32]) {
    const SIXTH: u64 = (1 << 16) / 6;
    let mut rng = rng_of(seed, identity);
    for four in vector.chunks_mut(4) {
        let bits = rng.next_u64();
        for (place, x) in four.iter_mut().enumerate() {
            let number = bits >> (16 * place) & 0xFFFF;
            // Without branches, which nothing could predict.
            *x = scale * f32::from(i8::from(number < 2 * SIXTH) - 2 * i8::from(number < SIXTH));
        }
    }
}
