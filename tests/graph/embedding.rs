//! Embeddings of single nodes, against the formula; and what they are good for.

use crate::world::{World, world};
use pg_recommend_engine::graph::{Aggregation, Node, node_embedding};
use proptest::prelude::*;

fn identity(node: Node) -> u64 {
    (u64::from(node.id) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn embedding(world: &World, node: Node, how: &Aggregation) -> Vec<f32> {
    let mut identities = |nodes: &[Node]| Ok(nodes.iter().map(|node| identity(*node)).collect());
    world.ask(|lens| node_embedding(lens, node, how, &mut identities))
}

/// The formula, node by node; layer 0 is that of an embedding without layers.
fn naive(world: &World, node: Node, how: &Aggregation, layer: usize) -> Vec<f64> {
    if layer == 0 {
        return embedding(world, node, &Aggregation { layers: 0, ..*how }).into_iter().map(f64::from).collect();
    }
    let own = naive(world, node, how, layer - 1);
    let edges = world.positive(node);
    let followed = &edges[..how.fan_out.min(edges.len())];
    if followed.is_empty() {
        return own;
    }
    let sum: f64 = followed.iter().map(|edge| edge.weight).sum();
    let mut vector: Vec<f64> = own.iter().map(|x| f64::from(how.self_weight) * x).collect();
    for edge in followed {
        let share = (1.0 - f64::from(how.self_weight)) * edge.weight / sum;
        vector.iter_mut().zip(naive(world, edge.to, how, layer - 1)).for_each(|(x, y)| *x += share * y);
    }
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.iter().map(|x| if length > 0.0 { x / length } else { 0.0 }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn embeddings_are_those_of_the_formula(
        world in world(false, 40), id in 0..14u32, dims in 30usize..140, layers in 0usize..3, fan_out in 0usize..5, tenths in 1u8..10, seed: u64,
    ) {
        let how = Aggregation { dims, layers, fan_out, self_weight: f32::from(tenths) / 10.0, seed };
        let node = world.node(id);
        let found = embedding(&world, node, &how);
        prop_assert_eq!(found.len(), dims);
        let naive = naive(&world, node, &how, layers);
        let near = found.iter().zip(&naive).all(|(x, y)| (f64::from(*x) - y).abs() < 1e-4);
        prop_assert!(near, "{:?} {:?}", found, naive);
        prop_assert!((found.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_random_vector_is_of_its_own(world in world(true, 1), seed: u64) {
        let how = Aggregation { dims: 512, layers: 0, fan_out: 0, self_weight: 0.5, seed };
        let vectors: Vec<Vec<f32>> = (0..6).map(|id| embedding(&world, world.node(id), &how)).collect();
        let others = embedding(&world, world.node(0), &Aggregation { seed: seed.wrapping_add(1), ..how });
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        for (place, vector) in vectors.iter().enumerate() {
            prop_assert!((product(vector, vector) - 1.0).abs() < 1e-4);
            // Eight standard deviations.
            prop_assert!(vectors[..place].iter().all(|other| product(vector, other).abs() < 0.36));
            prop_assert!(place > 0 || product(vector, &others).abs() < 0.36);
        }
    }
}
