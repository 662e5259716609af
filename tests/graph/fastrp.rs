//! Embeddings of whole graphs: by the formula with matrices, and of communities.

use pg_recommend_engine::Error;
use pg_recommend_engine::graph::{Csr, Projection, fast_rp};
use proptest::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::cell::Cell;

fn threads(count: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(count).build().expect("threads")
}

fn embed(csr: &Csr, identities: &[u64], how: &Projection, count: usize) -> Vec<f32> {
    fast_rp(csr, identities, how, &threads(count), &|| Ok(())).expect("no interrupt")
}

fn dense(nodes: usize, edges: &[(usize, usize, f64)]) -> Vec<Vec<f64>> {
    let mut matrix = vec![vec![0.0; nodes]; nodes];
    edges.iter().filter(|(_, _, weight)| *weight > 0.0).for_each(|&(from, to, weight)| matrix[from][to] += weight);
    matrix
}

fn csr(nodes: usize, edges: &[(usize, usize, f64)]) -> Csr {
    let row = |node: usize| edges.iter().filter(move |(from, ..)| *from == node).map(|&(_, to, weight)| (to, weight));
    Csr::build(nodes, (0..nodes).rev().map(|node| Ok((node, row(node))))).expect("nodes are in range")
}

/// A node's random vector: a graph of two nodes that lead to each other, one layer, and the identity at the other end.
fn random_vector(identity: u64, how: &Projection) -> Vec<f64> {
    let how = Projection { layer_weights: vec![1.0], normalization_strength: 0.0, ..how.clone() };
    let vectors = embed(&csr(2, &[(0, 1, 1.0), (1, 0, 1.0)]), &[0, identity], &how, 1);
    let vector: Vec<f64> = vectors[..how.dims].iter().map(|x| f64::from(*x)).collect();
    let size = vector.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    vector.iter().map(|x| if size > 0.0 { x / size } else { 0.0 }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn embeddings_are_those_of_the_formula(
        edges in prop::collection::vec((0..8usize, 0..8usize, -0.5f64..4.0), 0..30),
        dims in 40usize..90, layer_weights in prop::collection::vec(0f32..1.0, 0..4), seed: u64, tenths in -5i8..3,
    ) {
        let how = Projection { dims, layer_weights, seed, normalization_strength: f32::from(tenths) / 10.0 };
        let identities: Vec<u64> = (0..8).map(|node: u64| node.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        let found = embed(&csr(8, &edges), &identities, &how, 1);
        prop_assert_eq!(&embed(&csr(8, &edges), &identities, &how, 2), &found);
        let matrix = dense(8, &edges);
        let strengths: Vec<f64> = matrix.iter().map(|row| row.iter().sum()).collect();
        let least = strengths.iter().copied().filter(|strength| *strength > 0.0).fold(f64::INFINITY, f64::min);
        let mut layer: Vec<Vec<f64>> = identities.iter().map(|identity| random_vector(*identity, &how)).collect();
        for (vector, strength) in layer.iter_mut().zip(&strengths) {
            vector.iter_mut().for_each(|x| *x *= strength.max(least).powf(f64::from(how.normalization_strength)));
        }
        let mut sums = vec![vec![0.0; dims]; 8];
        for &weight in &how.layer_weights {
            let mean = |node: usize, dim: usize| (0..8).map(|to| matrix[node][to] / strengths[node].max(1e-9) * layer[to][dim]).sum::<f64>();
            layer = (0..8).map(|node| (0..dims).map(|dim| mean(node, dim)).collect()).collect();
            for (sum, vector) in sums.iter_mut().zip(&layer) {
                let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
                sum.iter_mut().zip(vector).filter(|_| length > 0.0).for_each(|(sum, x)| *sum += f64::from(weight) * x / length);
            }
        }
        for (found, naive) in found.iter().zip(sums.concat()) {
            prop_assert!((f64::from(*found) - naive).abs() < 1e-4, "{} {}", found, naive);
        }
    }
}

#[test]
fn random_vectors_are_a_third_full_and_even() {
    let how = Projection { dims: 30_000, layer_weights: vec![], seed: 5, normalization_strength: 0.0 };
    let vector = random_vector(17, &how);
    let share = |of: f64| vector.iter().filter(|x| **x == of).count() as f64 / 30_000.0;
    assert!((share(1.0) - 1.0 / 6.0).abs() < 0.01 && (share(-1.0) - 1.0 / 6.0).abs() < 0.01 && (share(0.0) - 2.0 / 3.0).abs() < 0.015);
}

#[test]
fn communities_lie_together() {
    // Two rings with chords, joined by one weak edge.
    let of_ring = |first: usize| (0..20).flat_map(move |node| [1, 2, 5].map(|step| (first + node, first + (node + step) % 20, 1.0)));
    let mut edges: Vec<(usize, usize, f64)> = of_ring(0).chain(of_ring(20)).chain([(0, 20, 0.1)]).collect();
    edges.extend(edges.clone().into_iter().map(|(from, to, weight)| (to, from, weight)));
    let how = Projection { dims: 128, layer_weights: vec![0.0, 1.0, 1.0, 1.0], seed: 1, normalization_strength: -0.1 };
    let identities: Vec<u64> = (0..40).collect();
    let found = embed(&csr(40, &edges), &identities, &how, 2);
    let product = |a: usize, b: usize| (0..128).map(|dim| found[a * 128 + dim] * found[b * 128 + dim]).sum::<f32>();
    let mean = |pairs: &[(usize, usize)]| pairs.iter().map(|&(a, b)| product(a, b)).sum::<f32>() / pairs.len() as f32;
    let pairs =
        |same: bool| (0..40).flat_map(|a| (0..a).map(move |b| (a, b))).filter(|(a, b)| (a / 20 == b / 20) == same).collect::<Vec<_>>();
    assert!(mean(&pairs(true)) > 2.0 * mean(&pairs(false)).abs(), "{} {}", mean(&pairs(true)), mean(&pairs(false)));
}

#[test]
fn an_interrupt_stops_the_work() {
    let calls = Cell::new(0);
    let how = Projection { dims: 8, layer_weights: vec![1.0; 3], seed: 1, normalization_strength: 0.0 };
    let stop = || {
        calls.set(calls.get() + 1);
        if calls.get() == 3 { Err(Error::Interrupted) } else { Ok(()) }
    };
    let stopped = fast_rp(&csr(8, &[(0, 1, 1.0)]), &[0; 8], &how, &threads(2), &stop);
    assert!(matches!(stopped, Err(Error::Interrupted)) && calls.get() == 3);
    assert!(matches!(Csr::build(2, [Ok((0, [(2, 1.0)]))]), Err(Error::Corrupt(_))));
}
