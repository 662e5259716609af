//! Exact top-k by cosine in memory: `cargo bench -p pg_recommend_engine --bench topk`.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pg_recommend_engine::topk::{
    Bitmap, Buffer, Kernel, Part, Query, Question, Rows, Segment, SegmentBuilder, Settings, bytes_needed, search, search_batch,
};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::hint::black_box;

const ROWS: usize = 200_000;
const DIMENSIONS: usize = 128;
const K: usize = 20;
const BATCH: usize = 64;

/// Numbers that are all but normally distributed: sums of twelve uniform ones.
fn vectors(count: usize, dimensions: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut number = || (0..3).map(|_| rng.next_u64()).flat_map(u64::to_ne_bytes).map(|byte| f32::from(byte) - 127.5).sum::<f32>();
    (0..count).map(|_| (0..dimensions).map(|_| number()).collect()).collect()
}

fn packed(vectors: &[Vec<f32>], dimensions: usize) -> Buffer {
    let mut buffer = Buffer::zeroed(bytes_needed(vectors.len(), dimensions).expect("few"));
    let mut builder = SegmentBuilder::new(buffer.bytes_mut(), dimensions, vectors.len()).expect("room");
    for vector in vectors {
        builder.push(vector).expect("finite");
    }
    builder.finish().expect("few");
    buffer
}

fn settings(kernel: Kernel) -> Settings<'static> {
    Settings { kernel, pool: None, interrupt: &|| Ok(()) }
}

fn part(buffer: &Buffer) -> [Part<'_>; 1] {
    [Part { rows: Rows::Segment(Segment::parse(buffer.bytes()).expect("built")), dead: None }]
}

fn queries(dimensions: usize) -> Vec<Query> {
    vectors(BATCH, dimensions, 2).iter().map(|query| Query::new(query).expect("a direction")).collect()
}

fn kernels(criterion: &mut Criterion) {
    let rows = vectors(ROWS, DIMENSIONS, 1);
    let buffer = packed(&rows, DIMENSIONS);
    let (parts, queries) = (part(&buffer), queries(DIMENSIONS));
    let question = |query| Question { query, k: K, allowed: &[], ties: false };
    let questions: Vec<_> = queries.iter().map(question).collect();
    let mut group = criterion.benchmark_group("200,000 x 128, k = 20");
    for kernel in Kernel::all() {
        group.bench_function(BenchmarkId::new("one query", kernel.name()), |bencher| {
            let mut turn = 0;
            bencher.iter(|| {
                turn = (turn + 1) % BATCH;
                black_box(search(&parts, &questions[turn], &settings(kernel)).expect("sound"))
            });
        });
        group.bench_function(BenchmarkId::new("64 queries", kernel.name()), |bencher| {
            bencher.iter(|| black_box(search_batch(&parts, &questions, &settings(kernel)).expect("sound")));
        });
        group.bench_function(BenchmarkId::new("cosine of each row as it came", kernel.name()), |bencher| {
            bencher.iter(|| rows.iter().filter_map(|row| kernel.cosine(&queries[0], row).expect("finite")).fold(0.0, f32::max));
        });
    }
    group.bench_function("reading the vectors as f32", |bencher| {
        bencher.iter(|| black_box(&rows).iter().flatten().fold(0u32, |sum, x| sum.wrapping_add(x.to_bits())));
    });
    group.sample_size(10).throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("packing", |bencher| bencher.iter(|| black_box(packed(&rows, DIMENSIONS))));
}

fn answers(criterion: &mut Criterion) {
    let buffer = packed(&vectors(ROWS, DIMENSIONS, 1), DIMENSIONS);
    let (parts, queries) = (part(&buffer), queries(DIMENSIONS));
    let settings = settings(Kernel::best());
    let mut group = criterion.benchmark_group("200,000 x 128, one query");
    for k in [1, 100, 1000, 10_000, ROWS] {
        group.bench_function(BenchmarkId::new("k", k), |bencher| {
            bencher.iter(|| {
                black_box(search(&parts, &Question { query: &queries[0], k, allowed: &[], ties: false }, &settings).expect("sound"))
            });
        });
    }
    for every in [2, 16, 256, 4096] {
        let mut words = vec![0; Bitmap::words_needed(ROWS)];
        (0..ROWS as u32)
            .filter(|row| row.wrapping_mul(0x9e37_79b9) >> 16 & 4095 < 4096 / every)
            .for_each(|row| Bitmap::insert(&mut words, row));
        let filter = [Some(Bitmap::new(&words))];
        let question = Question { query: &queries[0], k: K, allowed: &filter, ties: false };
        group.bench_function(BenchmarkId::new("k = 20, filtered to one row in", every), |bencher| {
            bencher.iter(|| black_box(search(&parts, &question, &settings).expect("sound")));
        });
    }
}

criterion_group!(benches, kernels, answers);
criterion_main!(benches);
