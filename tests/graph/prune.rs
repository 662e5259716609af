//! Pruned subgraphs, against a search that looks at every edge of every expanded node; their bytes.

use crate::world::{HALF_LIFE, NOW, World, half_life, world};
use pg_recommend_engine::graph::{Budget, Edge, Node, Subgraph, prune};
use proptest::prelude::*;

const NODE: usize = 8;
const EDGE: usize = 40;
const EXPANDED: usize = 4;

/// A candidate: strength, when its node was expanded, the edge's place there, the hop that it makes, its node, the edge.
type Candidate = (f64, usize, usize, usize, Node, Edge);

fn naive(world: &World, start: Node, depth: usize, budget: Budget) -> Subgraph {
    let mut answer = Subgraph { nodes: vec![start], edges: vec![], kept_share: 1.0, expanded: vec![], at: NOW };
    let (mut candidates, mut size, mut kept, mut all): (Vec<Candidate>, _, _, _) = (Vec::new(), 32 + NODE, 0.0, 0.0);
    let mut expand = |node: Node, hop: usize, strength: f64, answer: &mut Subgraph, candidates: &mut Vec<Candidate>, size: &mut usize| {
        if hop >= depth || answer.expanded.contains(&node) || *size + EXPANDED > budget.bytes {
            return;
        }
        *size += EXPANDED;
        let edges = world.positive(node);
        let total = world.adjacent(node).1.max(edges.iter().map(|edge| edge.weight).sum());
        all += total;
        let when = answer.expanded.len();
        let candidate = |(place, edge): (usize, Edge)| (strength * (edge.weight / total), when, place, hop + 1, node, edge);
        candidates.extend(edges.into_iter().enumerate().map(candidate));
        answer.expanded.push(node);
    };
    expand(start, 0, 1.0, &mut answer, &mut candidates, &mut size);
    while !candidates.is_empty() {
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let (strength, _, _, hop, from, edge) = candidates.remove(0);
        let is_new = !answer.nodes.contains(&edge.to);
        if is_new && answer.nodes.len() >= budget.nodes {
            continue;
        }
        let more = EDGE + if is_new { NODE } else { 0 };
        if size + more > budget.bytes {
            break;
        }
        size += more;
        kept += edge.weight;
        answer.edges.push((hop, from, edge));
        if is_new {
            answer.nodes.push(edge.to);
        }
        expand(edge.to, hop, strength, &mut answer, &mut candidates, &mut size);
    }
    if all > 0.0 {
        answer.kept_share = kept / all;
    }
    answer
}

fn budget() -> impl Strategy<Value = Budget> {
    let most = |range: std::ops::Range<usize>| prop_oneof![Just(usize::MAX), range];
    (most(0..14), most(0..1000)).prop_map(|(nodes, bytes)| Budget { nodes, bytes })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn pruned_is_the_naive_search(world in world(false, 60), depth in 0usize..4, budget in budget()) {
        for start in world.nodes().into_iter().filter(|node| node.id < 5) {
            let found = world.ask(|lens| prune(lens, start, depth, budget));
            prop_assert_eq!(&found, &naive(&world, start, depth, budget));
            prop_assert!(found.nodes.len() <= budget.nodes.max(1));
            let bytes = found.to_bytes().expect("packs");
            prop_assert!(bytes.len() <= budget.bytes.max(32 + NODE));
            prop_assert_eq!(Subgraph::from_bytes(&bytes).expect("parses"), found);
        }
    }

    #[test]
    fn kept_weights_decay_as_asked_later(mut world in world(true, 60)) {
        let start = world.node(0);
        // Mixed edges decay as a whole: only sources of one kind are asked.
        world.schema.sources.iter_mut().zip(0..).for_each(|(source, place)| source.edge_type = place);
        world.edge_types = None;
        let everything = Budget { nodes: usize::MAX, bytes: usize::MAX };
        let early = world.ask(|lens| prune(lens, start, 2, everything));
        let mut read = Subgraph::from_bytes(&early.to_bytes().expect("packs")).expect("parses");
        read.decay_to(NOW + 3 * HALF_LIFE, half_life());
        prop_assert_eq!(read.at, NOW + 3 * HALF_LIFE);
        for ((_, _, late), (_, _, early)) in read.edges.iter().zip(&early.edges) {
            prop_assert_eq!(late.weight, if early.last_at.is_some() { early.weight / 8.0 } else { early.weight });
        }
    }

    #[test]
    fn hostile_bytes_never_panic(world in world(true, 20), place in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        let mut bytes = world.ask(|lens| prune(lens, world.node(0), 2, Budget { nodes: 9, bytes: 900 })).to_bytes().expect("packs");
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(read) = Subgraph::from_bytes(&bytes) {
            prop_assert_eq!(read.nodes.len(), u32::from_le_bytes(bytes[4..8].try_into().expect("four")) as usize);
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Subgraph::from_bytes(&bytes).is_err());
    }
}
