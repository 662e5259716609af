//! Paths, against all that there are.

use crate::world::{World, world};
use pg_recommend_engine::graph::{Edge, Node, Path, paths};
use proptest::prelude::*;

/// Every simple path of at most `hops` edges that goes on from `path`.
fn all(world: &World, path: &Path, hops: usize, time_respecting: bool, found: &mut Vec<Path>) {
    found.push(path.clone());
    if path.edges.len() == hops {
        return;
    }
    for edge in world.positive(path.nodes[path.edges.len()]) {
        let mut longer = path.clone();
        longer.nodes.push(edge.to);
        longer.edges.push(edge);
        longer.weight *= edge.weight;
        let times: Vec<_> = longer.edges.iter().filter_map(|edge| edge.last_at).collect();
        if !path.nodes.contains(&edge.to) && (!time_respecting || times.is_sorted()) {
            all(world, &longer, hops, time_respecting, found);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn paths_are_the_heaviest_of_all(
        world in world(false, 30), from in 0..6u32, to in prop::option::of(0..14u32), fewest in 0usize..3, more in 0usize..3,
        time_respecting: bool, n in prop_oneof![Just(0usize), Just(1), 2..6usize, Just(1000)],
    ) {
        let (from, to) = (world.node(from), to.map(|to| world.node(to)));
        let hops = fewest..=(fewest + more).min(3);
        let mut naive = Vec::new();
        all(&world, &Path { nodes: vec![from], edges: Vec::new(), weight: 1.0 }, *hops.end(), time_respecting, &mut naive);
        let ends = |path: &Path| to.is_none_or(|to| path.nodes.last() == Some(&to));
        naive.retain(|path| hops.contains(&path.edges.len()) && ends(path));
        let types = |edges: &[Edge]| edges.iter().map(|edge| edge.edge_type).collect::<Vec<_>>();
        naive.sort_by(|a, b| {
            let by_weight = b.weight.total_cmp(&a.weight).then(a.edges.len().cmp(&b.edges.len()));
            by_weight.then(a.nodes.cmp(&b.nodes)).then(types(&a.edges).cmp(&types(&b.edges)))
        });
        naive.truncate(n);
        prop_assert_eq!(world.ask(|lens| paths(lens, from, to, hops.clone(), time_respecting, n)), naive);
    }

    #[test]
    fn long_paths_end_where_nodes_end(world in world(true, 4), from in 0..6u32) {
        let from: Node = world.node(from);
        let mut naive = Vec::new();
        all(&world, &Path { nodes: vec![from], edges: Vec::new(), weight: 1.0 }, usize::MAX, false, &mut naive);
        let found = world.ask(|lens| paths(lens, from, None, 0..=usize::MAX, false, usize::MAX));
        prop_assert_eq!(found.len(), naive.len());
    }
}
