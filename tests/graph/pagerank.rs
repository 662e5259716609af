//! Personalized PageRank, against power iteration.

use crate::world::{World, world};
use pg_recommend_engine::graph::{Node, personalized_pagerank};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn power_iteration(world: &World, start: &[(Node, f64)], alpha: f64) -> BTreeMap<Node, f64> {
    let sum: f64 = start.iter().map(|(_, weight)| weight.max(0.0)).sum();
    let start: Vec<_> = start.iter().filter(|(_, weight)| *weight > 0.0).map(|&(node, weight)| (node, weight / sum)).collect();
    let mut walk: BTreeMap<Node, f64> = BTreeMap::new();
    start.iter().for_each(|&(node, share)| *walk.entry(node).or_default() += share);
    let mut ranks: BTreeMap<Node, f64> = BTreeMap::new();
    while walk.values().sum::<f64>() > 1e-12 {
        let mut next: BTreeMap<Node, f64> = BTreeMap::new();
        for (node, mass) in walk {
            *ranks.entry(node).or_default() += alpha * mass;
            let edges = world.positive(node);
            let sum: f64 = edges.iter().map(|edge| edge.weight).sum();
            let followed: Vec<_> = edges.iter().map(|edge| (edge.to, edge.weight / sum)).collect();
            for (to, share) in if followed.is_empty() { start.clone() } else { followed } {
                *next.entry(to).or_default() += (1.0 - alpha) * mass * share;
            }
        }
        walk = next;
    }
    ranks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn true_scores_lie_within_the_bounds(
        world in world(false, 60), start in prop::collection::vec((0..14u32, -1f64..3.0), 0..4), alpha in 0.2f64..=1.0,
        epsilon in prop_oneof![Just(1e-9), 1e-4..0.2f64], max_pushes in prop_oneof![Just(usize::MAX), 0..30usize],
    ) {
        let start: Vec<_> = start.into_iter().map(|(id, weight)| (world.node(id), weight)).collect();
        let ask = || world.ask(|lens| personalized_pagerank(lens, &start, alpha, epsilon, max_pushes));
        let ranks = ask();
        prop_assert_eq!(&ask(), &ranks);
        let exact = power_iteration(&world, &start, alpha);
        let found: BTreeMap<Node, f64> = ranks.scores.iter().copied().collect();
        for node in world.nodes() {
            let (score, naive) = (found.get(&node).copied().unwrap_or(0.0), exact.get(&node).copied().unwrap_or(0.0));
            prop_assert!(score <= naive + 1e-11 && naive <= score + ranks.residual + 1e-11, "{:?}: {} {}", node, score, naive);
        }
        if start.iter().any(|(_, weight)| *weight > 0.0) {
            prop_assert!((found.values().sum::<f64>() + ranks.residual - 1.0).abs() < 1e-9);
        }
        if max_pushes == usize::MAX {
            prop_assert!(ranks.residual <= epsilon * world.nodes().len() as f64);
        }
        prop_assert!(ranks.scores.is_sorted_by(|a, b| b.1 < a.1 || (b.1 == a.1 && a.0 < b.0)));
    }
}
