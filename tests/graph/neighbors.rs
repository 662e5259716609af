//! What a lens shows of single nodes.

use crate::world::world;
use pg_recommend_engine::graph::{Edge, neighbors};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_lens_shows_what_the_events_say(world in world(false, 60)) {
        let nodes = world.nodes();
        let found = world.ask(|lens| lens.adjacents(&nodes));
        for node in nodes {
            let (naive, total) = world.adjacent(node);
            let mut edges = found.get(&node).map(|adjacent| adjacent.edges.clone()).unwrap_or_default();
            edges.sort_by(Edge::order);
            prop_assert_eq!(edges, naive);
            prop_assert_eq!(found.get(&node).map_or(0.0, |adjacent| adjacent.total), total);
        }
    }

    #[test]
    fn neighbors_are_the_first_edges(world in world(false, 60), n in 0usize..8) {
        for node in world.nodes() {
            let mut naive = world.adjacent(node).0;
            naive.truncate(n);
            prop_assert_eq!(world.ask(|lens| neighbors(lens, node, n)), naive);
        }
    }
}
