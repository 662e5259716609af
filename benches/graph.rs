//! Questions of a temporal graph in memory: `cargo bench -p pg_recommend_engine --bench graph`.
#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::graph::fold::EdgeEvent;
use pg_recommend_engine::graph::memory::MemoryGraph;
use pg_recommend_engine::graph::{Filter, Lens, Node, Schema, Source, k_hop, neighbors};
use pg_recommend_engine::{Micros, NO_CONTEXT};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::hint::black_box;

const EVENTS: usize = 1_000_000;
const USERS: u32 = 50_000;
const ITEMS: u32 = 20_000;
const MAX_EDGES: usize = 128;
const SECOND: Micros = 1_000_000;
const NOW: Micros = 800_000_000 * SECOND;
/// Between two events.
const STEP: Micros = 10 * SECOND;

fn half_life() -> HalfLife {
    HalfLife::from_micros(30 * 86_400 * SECOND).expect("positive")
}

/// Users who bought items: both by Zipf's law with exponent 1 (a number is the count to the power of a uniform number).
fn zipf_events() -> Vec<EdgeEvent> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut zipf = |most: u32| f64::from(most).powf((rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64) as u32 - 1;
    let event = |number: usize| EdgeEvent {
        from: zipf(USERS),
        to: USERS + zipf(ITEMS),
        at: NOW - (EVENTS - number) as i64 * STEP,
        weight: 1.0,
        context: NO_CONTEXT,
    };
    (0..EVENTS).map(event).collect()
}

fn questions(criterion: &mut Criterion) {
    let schema = Schema { sources: vec![Source { edge_type: 0, from_type: 0, to_type: 1 }] };
    let graph = MemoryGraph::build(&schema, &[zipf_events()], half_life(), MAX_EDGES);
    let lens = Lens::new(&graph, &schema, half_life(), (NOW, i64::MIN), Filter::default(), &|| Ok(()));
    // Users with full rows.
    let starts: Vec<Node> = (0..200).map(|id| Node { id, node_type: 0 }).collect();
    let mut turn = 0;
    let mut next = move || {
        turn = (turn + 1) % starts.len();
        starts[turn]
    };
    let mut bench = |name: &str, ask: &dyn Fn(Node) -> usize| {
        criterion.bench_function(name, |bencher| bencher.iter_batched(&mut next, |start| black_box(ask(start)), BatchSize::SmallInput));
    };
    bench("1 hop, 128 edges", &|start| neighbors(&lens, start, 100).map_or(0, |edges| edges.len()));
    bench("2 hops, 129 rows of 128 edges", &|start| k_hop(&lens, start, 2, &[], usize::MAX).map_or(0, |nodes| nodes.len()));
}

criterion_group!(benches, questions);
criterion_main!(benches);
