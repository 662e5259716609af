//! Nodes within some hops, against a search that keeps every contribution.

use crate::world::{World, world};
use pg_recommend_engine::graph::{Node, Reached, Wanted, k_hop};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn naive(world: &World, start: Node, hops: usize, fan_out: &[usize], max_nodes: usize) -> Vec<Reached> {
    let mut answer: Vec<Reached> = Vec::new();
    let mut frontier = vec![(start, 1.0)];
    for hop in 1..=hops {
        let widest = if fan_out.is_empty() { usize::MAX } else { fan_out[(hop - 1).min(fan_out.len() - 1)] };
        let mut parts: BTreeMap<Node, BTreeMap<Node, f64>> = BTreeMap::new();
        for &(from, weight) in &frontier {
            if answer.len() + parts.len() >= max_nodes {
                break;
            }
            for edge in world.positive(from).into_iter().take(widest) {
                if edge.to != start && answer.iter().all(|reached| reached.node != edge.to) {
                    *parts.entry(edge.to).or_default().entry(from).or_insert(0.0) += weight * edge.weight;
                }
            }
        }
        frontier.clear();
        for (node, parts) in parts {
            let via = parts.iter().fold(None, |best: Option<(Node, f64)>, (&via, &part)| match best {
                Some(best) if best.1 >= part => Some(best),
                _ => Some((via, part)),
            });
            let weight = parts.values().sum();
            frontier.push((node, weight));
            answer.push(Reached { node, hop, weight, via: via.expect("a part").0 });
        }
        frontier.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    }
    answer.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.hop.cmp(&b.hop)).then(a.node.cmp(&b.node)));
    answer
}

fn most() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(usize::MAX), 1 => 0..8usize]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn k_hop_is_the_naive_search(world in world(false, 50), hops in 0usize..4, fan_out in prop::collection::vec(most(), 0..3), max in most()) {
        for start in world.nodes() {
            let found = world.ask(|lens| k_hop(lens, start, hops, &fan_out, max, Wanted::ALL));
            prop_assert_eq!(&found, &naive(&world, start, hops, &fan_out, max));
            let some = Wanted { node_type: Some(1), n: 2 };
            let first = found.into_iter().filter(|reached| reached.node.node_type == 1).take(2);
            prop_assert_eq!(world.ask(|lens| k_hop(lens, start, hops, &fan_out, max, some)), first.collect::<Vec<_>>());
        }
    }
}
