//! Random walks: the same for the same seed, and as frequent as the probabilities say.

use crate::world::{World, world};
use pg_recommend_engine::graph::{Edge, Node, Visited, WALKERS, Walk, random_walk};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;

const WALK: Walk = Walk { steps: 1000, restart: 0.3, target_type: None, seed: 7 };

/// How often each node is expected to be visited by walkers of `seed` that make `steps` steps together.
fn expected(world: &World, seed: Node, steps: usize, restart: f64) -> BTreeMap<Node, f64> {
    let mut visits: BTreeMap<Node, f64> = BTreeMap::new();
    let mut at = BTreeMap::from([(seed, 1.0)]);
    let rows: BTreeMap<Node, Vec<Edge>> = world.nodes().into_iter().map(|node| (node, world.positive(node))).collect();
    for step in 0..steps.div_ceil(WALKERS) {
        let walkers = if step == steps / WALKERS { steps % WALKERS } else { WALKERS };
        let mut next: BTreeMap<Node, f64> = BTreeMap::new();
        for (node, chance) in at {
            let moves = if rows[&node].is_empty() { vec![(seed, 1.0)] } else { vec![(node, 1.0 - restart), (seed, restart)] };
            for (from, share) in moves {
                let edges = &rows[&from];
                let sum: f64 = edges.iter().map(|edge| edge.weight).sum();
                edges.iter().for_each(|edge| *next.entry(edge.to).or_default() += chance * share * edge.weight / sum);
            }
        }
        next.iter().for_each(|(node, chance)| *visits.entry(*node).or_default() += chance * walkers as f64);
        at = next;
    }
    visits
}

/// The same worlds on every run.
fn worlds(count: usize) -> Vec<World> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    (0..count).map(|_| world(false, 60).new_tree(&mut runner).expect("a world").current()).collect()
}

#[test]
fn visits_are_as_frequent_as_the_probabilities_say() {
    let steps = 50_000;
    for world in worlds(20) {
        for seed in world.nodes().into_iter().filter(|node| node.id < 3 && !world.positive(*node).is_empty()) {
            let found = world.ask(|lens| random_walk(lens, &[(seed, 2.0)], &Walk { steps, ..WALK }));
            assert_eq!(found.iter().map(|visited| visited.visits).sum::<u64>(), steps as u64);
            let exact = expected(&world, seed, steps, WALK.restart);
            assert!(found.iter().all(|visited| exact.contains_key(&visited.node)));
            for (node, visits) in exact {
                let visited = found.iter().find(|visited| visited.node == node).map_or(0, |visited| visited.visits) as f64;
                // Seven deviations of independent steps: those of a walk depend on each other, but restarts bound by how much.
                let spread = 7.0 * (visits * (1.0 - visits / steps as f64)).sqrt() + 10.0;
                assert!((visited - visits).abs() <= spread, "{node:?}: {visited} {visits}");
            }
        }
    }
}

#[test]
fn steps_are_allotted_as_in_pixie() {
    for world in worlds(30) {
        let seeds: Vec<(Node, f64)> = (0..4).map(|id| (world.node(id), f64::from(id + 1))).collect();
        let degree = |node: Node| world.positive(node).len() as f64;
        let most = seeds.iter().map(|(node, _)| degree(*node)).fold(0.0, f64::max);
        let portion =
            |&(node, weight): &(Node, f64)| weight * degree(node) * if degree(node) > 0.0 { most - degree(node).ln() } else { 0.0 };
        let sum: f64 = seeds.iter().map(portion).sum();
        let found = world.ask(|lens| random_walk(lens, &seeds, &WALK));
        let steps: f64 = if sum > 0.0 { seeds.iter().map(|seed| (1000.0 * portion(seed) / sum).round()).sum() } else { 0.0 };
        assert_eq!(found.iter().map(|visited| visited.visits).sum::<u64>(), steps as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_same_seed_gives_the_same_answer(world in world(false, 60), seed: u64, target_type in prop::option::of(0..3u32)) {
        let walk = Walk { seed, target_type, ..WALK };
        let seeds = [(world.node(0), 1.0), (world.node(1), 0.5), (world.node(0), 0.5), (world.node(2), -1.0)];
        let merged = [(world.node(1), 0.5), (world.node(0), 1.5)];
        let found = world.ask(|lens| random_walk(lens, &seeds, &walk));
        prop_assert_eq!(&world.ask(|lens| random_walk(lens, &merged, &walk)), &found);
        prop_assert!(found.iter().all(|visited| target_type.is_none_or(|wanted| wanted == visited.node.node_type)));
        prop_assert!(found.iter().all(|visited| visited.score >= visited.visits as f64 * (1.0 - 1e-12)));
        let alone: Vec<Visited> = world.ask(|lens| random_walk(lens, &merged[1..], &walk));
        prop_assert!(alone.iter().all(|visited| visited.score == visited.visits as f64));
    }
}
