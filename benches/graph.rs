//! Questions of a temporal graph in memory: `cargo bench -p pg_recommend_engine --bench graph`.
#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::graph::fold::EdgeEvent;
use pg_recommend_engine::graph::memory::MemoryGraph;
use pg_recommend_engine::graph::{
    Aggregation, Budget, Csr, Edge, Filter, Lens, Node, Projection, Schema, Source, Walk, Wanted, fast_rp, k_hop, neighbors,
    node_embedding, paths, personalized_pagerank, prune, random_walk,
};
use pg_recommend_engine::{Micros, NO_CONTEXT};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

const EVENTS: usize = 1_000_000;
const USERS: u32 = 50_000;
const ITEMS: u32 = 20_000;
const MAX_EDGES: usize = 128;
const DIMS: usize = 128;
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

fn schema() -> Schema {
    Schema { sources: vec![Source { edge_type: 0, from_type: 0, to_type: 1 }] }
}

fn questions(criterion: &mut Criterion) {
    let schema = schema();
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
    bench("2 hops, 129 rows of 128 edges", &|start| {
        k_hop(&lens, start, 2, &[], usize::MAX, Wanted { node_type: None, n: 100 }).map_or(0, |nodes| nodes.len())
    });
    bench("paths of 2 hops, best 20", &|start| paths(&lens, start, None, 2..=2, false, 20).map_or(0, |paths| paths.len()));
    bench("paths of 1 to 3 hops to a node, best 20", &|start| {
        let to = Node { id: USERS + start.id, node_type: 1 };
        paths(&lens, start, Some(to), 1..=3, true, 20).map_or(0, |paths| paths.len())
    });
    bench("3 hops pruned to 1000 nodes", &|start| {
        prune(&lens, start, 3, Budget { nodes: 1000, bytes: usize::MAX }).map_or(0, |found| found.edges.len())
    });
    bench("3 hops pruned to 64 kB", &|start| {
        prune(&lens, start, 3, Budget { nodes: usize::MAX, bytes: 64 << 10 }).map_or(0, |found| found.edges.len())
    });
    bench("pagerank, epsilon 1e-4", &|start| {
        personalized_pagerank(&lens, &[(start, 1.0)], 0.15, 1e-4, usize::MAX).map_or(0, |ranks| ranks.scores.len())
    });
    bench("random walk, 10,000 steps", &|start| {
        let walk = Walk { steps: 10_000, restart: 0.3, target_type: Some(1), seed: 1 };
        random_walk(&lens, &[(start, 1.0)], &walk).map_or(0, |visited| visited.len())
    });
    bench("embedding of a node, 2 layers of 16 edges", &|start| {
        let how = Aggregation { dims: DIMS, layers: 2, fan_out: 16, self_weight: 0.5, seed: 1 };
        let mut identity = |nodes: &[Node]| Ok(nodes.iter().map(|node| u64::from(node.id)).collect());
        node_embedding(&lens, start, &how, &mut identity).map_or(0, |vector| vector.len())
    });
}

/// Embeds a graph with two threads, against the time that its bytes take.
///
/// Each of the layers reads, for each edge, a row of `4 * dims` bytes, and writes one for each node. The bound is these bytes
/// over the bandwidth with which the same threads read an array of the size of one layer from end to end.
fn whole_graph(_: &mut Criterion) {
    const LAYERS: usize = 3;
    let schema = schema();
    let graph = MemoryGraph::build(&schema, &[zipf_events()], half_life(), MAX_EDGES);
    let lens = Lens::new(&graph, &schema, half_life(), (NOW, i64::MIN), Filter::default(), &|| Ok(()));
    let nodes = (USERS + ITEMS) as usize;
    let all: Vec<Node> = (0..USERS + ITEMS).map(|id| Node { id, node_type: u32::from(id >= USERS) }).collect();
    let rows = lens.adjacents(&all).expect("memory").into_iter();
    let ends = |edges: Vec<Edge>| edges.into_iter().map(|edge| (edge.to.id as usize, edge.weight));
    let csr = Csr::build(nodes, rows.map(|(node, adjacent)| Ok((node.id as usize, ends(adjacent.edges))))).expect("nodes are in range");
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    let identities: Vec<u64> = (0..nodes as u64).collect();
    let projection = |layers: usize| Projection { dims: DIMS, layer_weights: vec![1.0; layers], seed: 1, normalization_strength: 0.0 };
    let embed = |layers: usize| {
        let how = projection(layers);
        fastest(|| _ = black_box(fast_rp(&csr, &identities, &how, &threads, &|| Ok(()))))
    };
    let (start, whole) = (embed(0), embed(LAYERS));
    let bytes = (LAYERS * (csr.edges() + nodes) * DIMS * 4) as f64;
    println!("embedding of {nodes} nodes and {} edges, {DIMS} dims, {LAYERS} layers", csr.edges());
    println!("  all {:.1} ms, of which random vectors {:.1} ms", whole * 1e3, start * 1e3);
    for (name, size) in [("an array of a layer's size", nodes * DIMS * 4), ("1 GiB", 1 << 30)] {
        let bandwidth = bandwidth(&threads, size);
        let bound = bytes / bandwidth;
        println!("  {name}: {:.1} GB/s, bound {:.1} ms, {:.2} times the bound", bandwidth / 1e9, bound * 1e3, whole / bound);
    }
}

/// The fastest of some runs, in seconds.
#[allow(clippy::disallowed_methods)]
fn fastest(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..7).map(time).fold(f64::INFINITY, f64::min)
}

/// The bytes a second that all threads read together from an array of so many bytes.
fn bandwidth(threads: &rayon::ThreadPool, bytes: usize) -> f64 {
    let array = vec![1u64; bytes / 8];
    let sum = || array.par_chunks(1 << 15).map(|chunk| chunk.iter().fold(0u64, |sum, x| sum.wrapping_add(*x))).sum::<u64>();
    bytes as f64 / fastest(|| _ = black_box(threads.install(sum)))
}

criterion_group!(benches, questions, whole_graph);
criterion_main!(benches);
