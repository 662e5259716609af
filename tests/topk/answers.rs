//! The answer is that of scoring every row.
use crate::vectors::{KINDS, Kind, bits, dimensions, naive_cosine, packed, portable, settings, units, vector};
use pg_recommend_engine::Error;
use pg_recommend_engine::topk::{Bitmap, Hit, Kernel, Part, Query, Question, Rows, Segment, Settings, TopkError, search, search_batch};
use proptest::prelude::*;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::cell::Cell;

/// Parts of a set and questions to them.
#[derive(Debug, Clone)]
struct Case {
    dimensions: usize,
    /// By part, without zero vectors.
    parts: Vec<Vec<Vec<f32>>>,
    queries: Vec<Vec<f32>>,
    k: usize,
    ties: bool,
    /// In eighths of the rows.
    dead: Option<u64>,
    allowed: Option<u64>,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let kinds = prop_oneof![
        2 => prop::sample::select(&KINDS[..]).prop_map(|kind| vec![kind]),
        1 => prop::collection::vec(prop::sample::select(&KINDS[..]), 2..5),
    ];
    let k = prop_oneof![6 => 1usize..12, 1 => Just(0usize), 2 => 12usize..100, 1 => Just(usize::MAX), 1 => 200usize..900];
    let filters = (prop::option::of(0u64..3), prop::option::of(0u64..9));
    (dimensions(), kinds, prop::collection::vec(0usize..400, 1..4), 1usize..15, k, any::<bool>(), filters, any::<u64>()).prop_map(
        |(dimensions, kinds, rows, queries, k, ties, (dead, allowed), seed)| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut next = || vector(kinds[rng.next_u64() as usize % kinds.len()], dimensions, rng.next_u64() >> 8, seed >> 8);
            let mut some = |count: usize| (0..count).map(|_| next()).filter(|v| v.iter().any(|x| *x != 0.0)).collect::<Vec<_>>();
            // Large vectors are slow to score twice.
            let less = if dimensions > 512 { 4 } else { 1 };
            let parts: Vec<_> = rows.iter().map(|rows| some(rows / less)).collect();
            let mut queries = some(queries);
            queries.push(vector(Kind::Random, dimensions, seed, seed));
            Case { dimensions, parts, queries, k, ties, dead, allowed, seed }
        },
    )
}

/// The answer by scoring all rows and sorting them.
fn naive(case: &Case, query: &Query, lives: impl Fn(usize, usize) -> bool) -> Vec<Hit> {
    let mut all = Vec::new();
    for (part, vectors) in case.parts.iter().enumerate() {
        for (row, vector) in vectors.iter().enumerate().filter(|(row, _)| lives(part, *row)) {
            let score = portable().cosine(query, vector).expect("finite").expect("a direction");
            all.push(Hit { part: part as u32, row: row as u32, score });
        }
    }
    all.sort_by(|a, b| b.score.partial_cmp(&a.score).expect("numbers").then((a.part, a.row).cmp(&(b.part, b.row))));
    let last = case.k.checked_sub(1).and_then(|last| all.get(last)).map(|hit| hit.score);
    all.into_iter()
        .enumerate()
        .take_while(|(place, hit)| *place < case.k || case.ties && Some(hit.score) == last)
        .map(|(_, hit)| hit)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The last part is searched as plain vectors, the others as segments.
    #[test]
    fn the_answer_is_that_of_scoring_all_rows(case in case()) {
        let buffers: Vec<_> = case.parts.iter().map(|vectors| packed(vectors, case.dimensions)).collect();
        let plain = units(case.parts.last().expect("one"), case.dimensions);
        let bits = |share: Option<u64>, seed: u64| -> Vec<Option<Vec<u64>>> {
            let bits = |(part, vectors): (usize, &Vec<_>)| share.map(|share| bits(vectors.len(), share, case.seed ^ seed ^ part as u64));
            case.parts.iter().enumerate().map(bits).collect()
        };
        let (dead, allowed) = (bits(case.dead, 1000), bits(case.allowed, 2000));
        let parts: Vec<_> = (0..case.parts.len()).map(|part| Part {
            rows: if part + 1 == case.parts.len() {
                Rows::Units(&plain)
            } else {
                Rows::Segment(Segment::parse(buffers[part].bytes()).expect("built"))
            },
            dead: dead[part].as_deref().map(Bitmap::new),
        }).collect();
        let allowed_views: Vec<_> = allowed.iter().map(|words| words.as_deref().map(Bitmap::new)).collect();
        let queries: Vec<_> = case.queries.iter().map(|query| Query::new(query).expect("a direction")).collect();
        // Every other question without a filter.
        let questions: Vec<_> = queries.iter().enumerate().map(|(place, query)| Question {
            query,
            k: case.k,
            allowed: if place % 2 == 0 { &allowed_views } else { &[] },
            ties: case.ties,
        }).collect();
        let contains = |words: &Option<Vec<u64>>, row: usize| words.as_ref().map(|words| words[row / 64] >> (row % 64) & 1 == 1);
        let expected: Vec<_> = queries.iter().enumerate().map(|(place, query)| naive(&case, query, |part, row| {
            contains(&dead[part], row) != Some(true) && (place % 2 == 1 || contains(&allowed[part], row) != Some(false))
        })).collect();
        for (query, hits) in case.queries.iter().zip(&expected) {
            for hit in hits {
                let exact = naive_cosine(query, &case.parts[hit.part as usize][hit.row as usize]);
                prop_assert!((f64::from(hit.score) - exact).abs() < 1e-6, "{} {exact}", hit.score);
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
        for kernel in Kernel::all() {
            let found = search_batch(&parts, &questions, &settings(kernel)).expect("sound");
            prop_assert_eq!(&found, &expected, "{}", kernel.name());
            let threads = Settings { pool: Some(&pool), ..settings(kernel) };
            prop_assert_eq!(&search_batch(&parts, &questions, &threads).expect("sound"), &expected, "{} on threads", kernel.name());
            for (question, expected) in questions.iter().zip(&expected).take(2) {
                prop_assert_eq!(&search(&parts, question, &settings(kernel)).expect("sound"), expected, "{} alone", kernel.name());
            }
        }
    }
}

/// Bounds cannot tell near-ties apart: all of them are scored.
#[test]
fn large_sets() {
    for (kind, dimensions) in [(Kind::NearTie, 24), (Kind::Duplicate, 24), (Kind::Constant, 24), (Kind::Random, 24), (Kind::Random, 128)] {
        let vectors: Vec<_> = (0..20_000).map(|seed| vector(kind, dimensions, seed, 77)).collect();
        let case = Case {
            dimensions,
            queries: vec![vector(Kind::NearTie, dimensions, 1_000_000, 77)],
            parts: vec![vectors],
            k: 20,
            ties: false,
            dead: None,
            allowed: None,
            seed: 0,
        };
        let buffer = packed(&case.parts[0], dimensions);
        let parts = [Part { rows: Rows::Segment(Segment::parse(buffer.bytes()).expect("built")), dead: None }];
        let query = Query::new(&case.queries[0]).expect("a direction");
        let question = Question { query: &query, k: case.k, allowed: &[], ties: false };
        for kernel in Kernel::all() {
            assert_eq!(
                search(&parts, &question, &settings(kernel)).expect("sound"),
                naive(&case, &query, |_, _| true),
                "{}",
                kernel.name()
            );
        }
    }
}

/// More rows than a search lets wait: few of each block are allowed, the bounds tell none of them apart, and by their estimates all are worse than the best
/// ones, for codes of 4 bits have no angle as small as theirs.
#[test]
fn many_rows_that_wait() {
    const ROWS: u32 = 400_000;
    let angle = |row: u32| 0.03 + 1e-4 * f64::from(row.wrapping_mul(0x9e37_79b9)) / f64::from(u32::MAX);
    let vectors: Vec<_> = (0..ROWS).map(|row| vec![angle(row).cos() as f32, angle(row).sin() as f32]).collect();
    let mut words = vec![0; Bitmap::words_needed(ROWS as usize)];
    let is_allowed = |row: u32| (row % 64).is_multiple_of(10);
    (0..ROWS).filter(|row| is_allowed(*row)).for_each(|row| Bitmap::insert(&mut words, row));
    let (buffer, query, allowed) = (packed(&vectors, 2), Query::new(&[0.9992, 0.03999]).expect("a direction"), [Some(Bitmap::new(&words))]);
    let parts = [Part { rows: Rows::Segment(Segment::parse(buffer.bytes()).expect("built")), dead: None }];
    let hit =
        |row: u32| Hit { part: 0, row, score: portable().cosine(&query, &vectors[row as usize]).expect("finite").expect("a direction") };
    let mut expected: Vec<_> = (0..ROWS).filter(|row| is_allowed(*row)).map(hit).collect();
    expected.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    expected.truncate(30);
    for kernel in Kernel::all() {
        let question = Question { query: &query, k: 30, allowed: &allowed, ties: false };
        assert_eq!(search(&parts, &question, &settings(kernel)).expect("sound"), expected, "{}", kernel.name());
    }
}

#[test]
fn nothing_to_search() {
    let query = Query::new(&[1.0]).expect("a direction");
    let question = Question { query: &query, k: 5, allowed: &[], ties: true };
    assert!(search(&[], &question, &settings(portable())).expect("sound").is_empty());
    assert!(search(&[Part { rows: Rows::Units(&[]), dead: None }], &question, &settings(portable())).expect("sound").is_empty());
    assert!(search_batch(&[], &[], &settings(portable())).expect("sound").is_empty());
    let buffer = packed(&[], 1);
    let part = Part { rows: Rows::Segment(Segment::parse(buffer.bytes()).expect("built")), dead: None };
    assert!(search(&[part], &question, &settings(portable())).expect("sound").is_empty());
}

#[test]
fn an_interrupt_ends_it() {
    let vectors = vec![vec![1.0f32; 8]; 100_000];
    let plain = units(&vectors, 8);
    let query = Query::new(&[1.0; 8]).expect("a direction");
    let calls = Cell::new(0);
    let after = |most: usize| {
        calls.set(0);
        let interrupt = || {
            calls.set(calls.get() + 1);
            if calls.get() > most { Err(Error::Interrupted) } else { Ok(()) }
        };
        let settings = Settings { kernel: Kernel::best(), pool: None, interrupt: &interrupt };
        let question = Question { query: &query, k: 100_000, allowed: &[], ties: false };
        search(&[Part { rows: Rows::Units(&plain), dead: None }], &question, &settings)
    };
    assert!(matches!(after(0), Err(TopkError::Interrupted(Error::Interrupted))));
    assert!(matches!(after(1), Err(TopkError::Interrupted(Error::Interrupted))));
    assert_eq!(after(usize::MAX).expect("ends").len(), 100_000);
}
