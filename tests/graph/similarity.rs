//! Likeness of two nodes, against sums over all nodes.

use crate::world::{World, world};
use pg_recommend_engine::graph::{Common, Node, adamic_adar, common_neighbors};
use proptest::prelude::*;

fn common(world: &World, a: Node, b: Node) -> Vec<Common> {
    let both = world.nodes().into_iter().filter_map(|node| {
        let to_it = |from| world.positive(from).into_iter().filter(|edge| edge.to == node).collect::<Vec<_>>();
        let (of_a, of_b) = (to_it(a), to_it(b));
        let newest = of_a.iter().chain(&of_b).filter_map(|edge| edge.last_at).max();
        let weight = |edges: &[pg_recommend_engine::graph::Edge]| edges.iter().map(|edge| edge.weight).sum();
        let is_common = !of_a.is_empty() && !of_b.is_empty();
        is_common.then(|| Common { node, weight_a: weight(&of_a), weight_b: weight(&of_b), last_at: newest })
    });
    let mut both: Vec<Common> = both.collect();
    both.sort_by(|x, y| (y.weight_a + y.weight_b).total_cmp(&(x.weight_a + x.weight_b)).then(x.node.cmp(&y.node)));
    both
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn likeness_is_that_of_the_formula(world in world(false, 60), a in 0..14u32) {
        let a = world.node(a);
        for b in world.nodes() {
            let naive = common(&world, a, b);
            let part = |common: &Common| {
                let strength = world.adjacent(common.node).1;
                if strength > 0.0 { (common.weight_a + common.weight_b) / (1.0 + strength).ln() } else { 0.0 }
            };
            let index: f64 = naive.iter().map(part).sum();
            prop_assert_eq!(world.ask(|lens| common_neighbors(lens, a, b)), naive);
            let found = world.ask(|lens| adamic_adar(lens, a, b));
            prop_assert!((found - index).abs() <= 1e-9 * index.max(1e-9), "{} {}", found, index);
        }
    }
}
