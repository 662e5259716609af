//! Questions about a node with many edges can be stopped all the way.

use super::world::{NOW, half_life};
use pg_recommend_engine::graph::fold::EdgeEvent;
use pg_recommend_engine::graph::memory::MemoryGraph;
use pg_recommend_engine::graph::{
    Aggregation, Budget, Filter, Graph, Lens, Node, NodeId, Relation, Schema, Source, Walk, Wanted, adamic_adar, common_neighbors, k_hop,
    neighbors, node_embedding, paths, personalized_pagerank, prune, random_walk,
};
use pg_recommend_engine::packed::{Edges, EdgesView, Landmark, RowDelta};
use pg_recommend_engine::{Error, NO_CONTEXT, Result};
use std::cell::Cell;

const EDGES: u32 = 200_000;

/// The most edges that may be looked at, or compared, in one go.
const STRETCH: u32 = 8192;

const HUB: Node = Node { id: 0, node_type: 0 };
const TWIN: Node = Node { id: 1, node_type: 0 };

fn schema() -> Schema {
    Schema { sources: vec![Source { edge_type: 0, from_type: 0, to_type: 1 }] }
}

/// Two nodes that lead to the same nodes, in an order that neither weights nor times follow.
fn hubs() -> MemoryGraph {
    let edge = |hub: Node, to: u32| EdgeEvent {
        from: hub.id,
        to,
        at: NOW - i64::from(to.wrapping_mul(0x9E37_79B1) % 1000),
        weight: (to % 7 + 1) as f32,
        context: NO_CONTEXT,
    };
    let edges = (2..EDGES + 2).flat_map(|to| [edge(HUB, to), edge(TWIN, to)]);
    MemoryGraph::build(&schema(), &[edges.collect()], half_life(), usize::MAX)
}

type Question = fn(&Lens<'_>) -> Result<usize>;

/// Each question with the least number of times that it passes by all edges of a node once they are read.
const QUESTIONS: [(&str, u32, Question); 10] = [
    ("neighbors", 1, |lens| neighbors(lens, HUB, 50_000).map(|edges| edges.len())),
    ("k_hop", 3, |lens| k_hop(lens, HUB, 1, &[100_000], usize::MAX, Wanted::ALL).map(|reached| reached.len())),
    ("k_hop of all", 2, |lens| k_hop(lens, HUB, 1, &[], usize::MAX, Wanted::ALL).map(|reached| reached.len())),
    ("paths", 3, |lens| paths(lens, HUB, None, 1..=1, false, 10).map(|paths| paths.len())),
    ("common_neighbors", 3, |lens| common_neighbors(lens, HUB, TWIN).map(|common| common.len())),
    ("adamic_adar", 5, |lens| adamic_adar(lens, HUB, TWIN).map(|score| score as usize)),
    ("personalized_pagerank", 3, |lens| personalized_pagerank(lens, &[(HUB, 1.0)], 0.15, 1e-2, 1).map(|ranks| ranks.scores.len())),
    ("random_walk", 1, |lens| {
        let walk = Walk { steps: 100, restart: 0.3, target_type: None, seed: 1 };
        random_walk(lens, &[(HUB, 1.0)], &walk).map(|visited| visited.len())
    }),
    ("prune", 1, |lens| prune(lens, HUB, 1, Budget { nodes: 100, bytes: usize::MAX }).map(|found| found.edges.len())),
    ("node_embedding", 3, |lens| {
        let how = Aggregation { dims: 4, layers: 1, fan_out: usize::MAX, self_weight: 0.5, seed: 1 };
        let mut identity = |nodes: &[Node]| Ok(nodes.iter().map(|node| u64::from(node.id)).collect());
        node_embedding(lens, HUB, &how, &mut identity).map(|vector| vector.len())
    }),
];

/// A check that counts its calls and fails from the n-th on, if there is one.
fn failing_from<'a>(n: Option<u32>, calls: &'a Cell<u32>) -> impl Fn() -> Result<()> + 'a {
    calls.set(0);
    move || {
        calls.set(calls.get() + 1);
        if n.is_some_and(|n| calls.get() >= n) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// A few numbers in 1..=calls, both ends among them.
fn some_of(calls: u32) -> impl Iterator<Item = u32> {
    (1..calls).step_by((calls as usize / 4).max(1)).chain([calls])
}

/// Remembers how often the check had been called when a hub's row was read.
struct Watched<'a> {
    graph: MemoryGraph,
    calls: &'a Cell<u32>,
    when_read: Cell<u32>,
}

impl Graph for Watched<'_> {
    fn edges(&self, relation: Relation, nodes: &[NodeId], each: &mut dyn FnMut(NodeId, EdgesView<'_>) -> Result<()>) -> Result<()> {
        self.graph.edges(relation, nodes, each)?;
        if nodes.contains(&HUB.id) {
            self.when_read.set(self.calls.get());
        }
        Ok(())
    }
}

fn ask(graph: &dyn Graph, question: Question, check: &dyn Fn() -> Result<()>) -> Result<usize> {
    let schema = schema();
    question(&Lens::new(graph, &schema, half_life(), (NOW, i64::MIN), Filter::default(), check))
}

#[test]
fn questions_are_checked_all_the_way_and_stop_at_an_error() {
    let calls = Cell::new(0);
    let graph = Watched { graph: hubs(), calls: &calls, when_read: Cell::new(0) };
    for (name, passes, question) in QUESTIONS {
        let whole = ask(&graph, question, &failing_from(None, &calls)).expect("nothing stops it");
        assert!(whole > 0, "{name} finds something");
        let (all, reading) = (calls.get(), graph.when_read.get());
        assert!(reading >= EDGES / STRETCH, "{name} is checked {reading} times while it reads");
        assert!(all - reading >= passes * (EDGES / STRETCH / 2), "{name} is checked {} times after that", all - reading);
        for n in some_of(all) {
            let stopped = ask(&graph, question, &failing_from(Some(n), &calls));
            assert!(matches!(stopped, Err(Error::Interrupted)), "{name} stops at check {n} of {all}: {stopped:?}");
        }
        let again = ask(&graph, question, &failing_from(Some(all + 1), &calls)).expect("nothing stops it");
        assert_eq!(again, whole, "{name}");
    }
}

#[test]
fn rows_in_the_making_are_checked_all_the_way_and_stop_at_an_error() {
    let landmark = Landmark { at: NOW, half_life: half_life() };
    // Each neighbour in two contexts, and each in none.
    for contexts in [2, 1] {
        let fill = |check: &dyn Fn() -> Result<()>| {
            let mut delta = RowDelta::default();
            for to in 0..EDGES {
                delta.make_room(check)?;
                let context = if contexts == 1 { NO_CONTEXT } else { to % contexts };
                delta.add(to / contexts, context, NOW - i64::from(to % 1000), 1.0, true);
            }
            Ok::<_, Error>(delta)
        };
        let calls = Cell::new(0);
        let delta = fill(&failing_from(None, &calls)).expect("nothing stops it");
        let (all, entries) = (calls.get(), delta.entries.len() as u32);
        assert_eq!((entries, delta.events), (EDGES, i64::from(EDGES)));
        assert!(all >= EDGES / 4 / STRETCH, "it is checked {all} times while it grows");
        for n in some_of(all) {
            assert!(matches!(fill(&failing_from(Some(n), &calls)), Err(Error::Interrupted)), "growing stops at check {n} of {all}");
        }

        let row = |n| Edges::of(&delta, landmark, false, EDGES as usize / 4, &failing_from(n, &calls));
        let whole = row(None).expect("nothing stops it").to_bytes();
        let all = calls.get();
        assert!(all >= 3 * EDGES / STRETCH, "it is checked {all} times");
        for n in some_of(all) {
            assert!(matches!(row(Some(n)), Err(Error::Interrupted)), "it stops at check {n} of {all}");
        }
        assert_eq!(row(Some(all + 1)).expect("nothing stops it").to_bytes(), whole);
    }
}
