//! Exact top-k by cosine: the answer is that of scoring every row, on hostile vectors, with every kernel, and hostile bytes are refused.
use pg_recommend_engine::Error;
use pg_recommend_engine::topk::{
    Bitmap, Buffer, Hit, Kernel, MAX_DIMENSIONS, Part, Query, Question, Rows, Segment, SegmentBuilder, Settings, TopkError, bytes_needed,
    search, search_batch,
};
use proptest::prelude::*;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::cell::Cell;

/// A number from -1 to 1.
fn uniform(rng: &mut Xoshiro256PlusPlus) -> f32 {
    ((rng.next_u64() >> 40) as f64 / (1u64 << 23) as f64 - 1.0) as f32
}

/// What vectors of a set are like.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Random,
    /// All but the same direction, in steps of the last bits.
    NearTie,
    /// A few vectors over and over.
    Duplicate,
    OneHot,
    Constant,
    /// Numbers below the least normal one.
    Denormal,
    /// Lengths near the ends of the range.
    Tiny,
    Huge,
    /// One great element and small ones, whose codes are 0.
    Spike,
    /// The same distance from 0 at every element: the greatest residuals.
    Signs,
    Zero,
}

const KINDS: [Kind; 11] = [
    Kind::Random,
    Kind::NearTie,
    Kind::Duplicate,
    Kind::OneHot,
    Kind::Constant,
    Kind::Denormal,
    Kind::Tiny,
    Kind::Huge,
    Kind::Spike,
    Kind::Signs,
    Kind::Zero,
];

/// A vector of a kind; `common` is the same for all of a set.
fn vector(kind: Kind, dimensions: usize, seed: u64, common: u64) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut base = Xoshiro256PlusPlus::seed_from_u64(common);
    let random = (0..dimensions).map(|_| uniform(&mut rng));
    match kind {
        Kind::Random => random.collect(),
        Kind::NearTie => random.map(|x| uniform(&mut base) + 1e-6 * x).collect(),
        Kind::Duplicate => vector(Kind::Random, dimensions, common + seed % 3, 0),
        Kind::OneHot => (0..dimensions).map(|place| if place == seed as usize % dimensions { 3.0 } else { 0.0 }).collect(),
        Kind::Constant => vec![if seed.is_multiple_of(2) { 0.1 } else { -7.0 }; dimensions],
        Kind::Denormal => random.map(|x| x * 1e-43).collect(),
        Kind::Tiny => random.map(|x| x * 1e-37).collect(),
        Kind::Huge => random.map(|x| x * 3.4e38).collect(),
        Kind::Spike => random.enumerate().map(|(place, x)| if place == 0 { 1.0 } else { 1e-3 * x }).collect(),
        Kind::Signs => random.map(|x| x.signum() * if seed.is_multiple_of(2) { 1.0 } else { 1.0 + x.abs() / 127.0 }).collect(),
        Kind::Zero => vec![0.0; dimensions],
    }
}

/// The cosine in doubles, the plain way. Squares of f32 neither overflow doubles nor vanish in them.
fn naive_cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

/// Vectors that have a direction, in a segment.
fn packed(vectors: &[Vec<f32>], dimensions: usize) -> Buffer {
    let mut buffer = Buffer::zeroed(bytes_needed(vectors.len(), dimensions).expect("few"));
    let mut builder = SegmentBuilder::new(buffer.bytes_mut(), dimensions, vectors.len()).expect("enough memory");
    for (row, vector) in vectors.iter().enumerate() {
        assert_eq!(builder.push(vector).expect("finite"), Some(row as u32));
    }
    assert_eq!(builder.finish().expect("few"), bytes_needed(vectors.len(), dimensions).expect("few"));
    buffer
}

/// Vectors scaled to length 1.
fn units(vectors: &[Vec<f32>], dimensions: usize) -> Vec<f32> {
    let mut units = vec![0.0; vectors.len() * dimensions];
    for (vector, unit) in vectors.iter().zip(units.chunks_mut(dimensions)) {
        assert!(Kernel::best().normalize(vector, unit).expect("finite"));
    }
    units
}

fn settings(kernel: Kernel) -> Settings<'static> {
    Settings { kernel, pool: None, interrupt: &|| Ok(()) }
}

fn portable() -> Kernel {
    Kernel::all().find(|kernel| kernel.name() == "portable").expect("everywhere")
}

/// What every processor of its kind has is found there: else its kernels would not be tested, and nobody would notice.
#[cfg(target_arch = "aarch64")]
#[test]
fn the_kernels_of_aarch64() {
    assert_eq!(Kernel::all().map(Kernel::name).collect::<Vec<_>>(), ["neon", "portable"]);
}

/// Bits of which about `share` in 8 are set.
fn bits(rows: usize, share: u64, seed: u64) -> Vec<u64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut words = vec![0; Bitmap::words_needed(rows)];
    (0..rows as u32).filter(|_| rng.next_u64() % 8 < share).for_each(|row| Bitmap::insert(&mut words, row));
    words
}

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

fn dimensions() -> impl Strategy<Value = usize> {
    prop_oneof![
        20 => prop::sample::select(vec![1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 128, 255, 300]),
        1 => prop::sample::select(vec![768, 1023, 2048, 4095, 4096]),
    ]
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

    /// By every kernel, of vectors of any length as of those scaled to length 1.
    #[test]
    fn scores_are_the_same_bits(dimensions in dimensions(), kinds in [prop::sample::select(&KINDS[..10]), prop::sample::select(&KINDS[..10])], seeds in [0u64..1000, 0u64..1000]) {
        let [a, b] = [0, 1].map(|i| vector(kinds[i], dimensions, seeds[i], 5));
        let query = Query::new(&a).expect("a direction");
        let score = portable().cosine(&query, &b).expect("finite").expect("a direction");
        prop_assert!((f64::from(score) - naive_cosine(&a, &b)).abs() < 1e-6);
        prop_assert!((-1.0..=1.0).contains(&score) && score.to_bits() != (-0.0f32).to_bits());
        let mut unit = vec![0.0; dimensions];
        prop_assert!(portable().normalize(&b, &mut unit).expect("finite"));
        for kernel in Kernel::all() {
            prop_assert_eq!(kernel.cosine(&query, &b).expect("finite").map(f32::to_bits), Some(score.to_bits()), "{}", kernel.name());
            prop_assert_eq!(kernel.score(&query, &unit).to_bits(), score.to_bits(), "{}", kernel.name());
            let mut again = vec![0.0; dimensions];
            prop_assert!(kernel.normalize(&b, &mut again).expect("finite"));
            prop_assert_eq!(&again, &unit);
        }
    }

    #[test]
    fn hostile_bytes_are_refused_or_searched(change in prop::collection::vec((0usize..5000, any::<u8>()), 1..6), cut in 0usize..2, k in 1usize..20) {
        let vectors: Vec<_> = (0..200).map(|seed| vector(Kind::Random, 5, seed, 0)).collect();
        let mut buffer = packed(&vectors, 5);
        let length = bytes_needed(200, 5).expect("few");
        change.iter().for_each(|(place, value)| buffer.bytes_mut()[place % length] = *value);
        let bytes = if cut == 0 { buffer.bytes() } else { &buffer.bytes()[..change[0].0 % length] };
        if let Ok(segment) = Segment::parse(bytes) {
            let query = Query::new(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("a direction");
            let question = Question { query: &query, k, allowed: &[], ties: false };
            for kernel in Kernel::all() {
                let hits = search(&[Part { rows: Rows::Segment(segment), dead: None }], &question, &settings(kernel)).expect("sound");
                prop_assert!(hits.len() <= k && hits.iter().all(|hit| (hit.row as usize) < segment.rows()));
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
    let is_allowed = |row: u32| row % 64 % 10 == 0;
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
fn ends_of_the_range() {
    let query = Query::new(&[1e-45, 0.0]).expect("a direction");
    assert_eq!(query.unit(), [1.0, 0.0]);
    assert_eq!(Kernel::best().cosine(&query, &[3.4e38, 0.0]).expect("finite"), Some(1.0));
    assert_eq!(Kernel::best().cosine(&query, &[-1e-45, 0.0]).expect("finite"), Some(-1.0));
    assert_eq!(Kernel::best().cosine(&query, &[0.0, 0.0]).expect("finite"), None);
    let most = vec![f32::MAX; MAX_DIMENSIONS];
    let score = Kernel::best().cosine(&Query::new(&most).expect("a direction"), &most).expect("finite").expect("a direction");
    assert!((score - 1.0).abs() < 1e-6, "{score}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// What is less than a bound is left out only where it really is, with every kernel, and is left out where it is much less.
    #[test]
    fn scores_from_a_bound(
        (kind, other) in (prop::sample::select(&KINDS[..]), prop::sample::select(&KINDS[..])),
        dimensions in dimensions(),
        seed in any::<u64>(),
        scale in prop_oneof![Just(1.0f32), Just(1e-12), Just(1e17), Just(1e-25)],
    ) {
        let common = seed >> 8;
        let Ok(query) = Query::new(&vector(kind, dimensions, seed >> 16, common)) else { return Ok(()) };
        let x: Vec<f32> = vector(other, dimensions, seed >> 24, common).iter().map(|x| x * scale).collect();
        for kernel in Kernel::all() {
            let exact = kernel.cosine(&query, &x);
            let from = |least: f32| kernel.cosine_from(&query, &x, least);
            let Ok(Some(score)) = exact else {
                // Without a direction, or out of range.
                prop_assert_eq!(from(0.5).ok(), exact.ok());
                continue;
            };
            for least in [f32::NEG_INFINITY, -1.0, score - 1e-3, score.next_down(), score] {
                prop_assert_eq!(from(least).expect("finite"), Some(score), "least {}", least);
            }
            for least in [score.next_up(), score + 1e-6, f32::INFINITY] {
                let found = from(least).expect("finite");
                prop_assert!(found.is_none() || found == Some(score));
            }
            let squares: f64 = x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            if (1e-19..1e29).contains(&squares) {
                prop_assert_eq!(from(score + 1e-3).expect("finite"), None);
            }
        }
    }

    /// Near-ties: the best by `cosine_from`, with the score of the worst so far as the bound, are those of all scores.
    #[test]
    fn the_best_from_a_rising_bound(kind in prop::sample::select(&KINDS[..]), dimensions in dimensions(), seed in any::<u64>(), k in 1usize..8) {
        let vectors: Vec<_> = (0..60).map(|row| vector(kind, dimensions, (seed >> 8) + row, seed >> 8)).collect();
        let Ok(query) = Query::new(&vectors[7]) else { return Ok(()) };
        for kernel in Kernel::all() {
            let mut all: Vec<f32> = vectors.iter().filter_map(|x| kernel.cosine(&query, x).expect("finite")).collect();
            all.sort_by(|a, b| b.total_cmp(a));
            all.truncate(k);
            let mut best: Vec<f32> = Vec::new();
            for x in &vectors {
                let least = if best.len() == k { best[k - 1] } else { f32::NEG_INFINITY };
                best.extend(kernel.cosine_from(&query, x, least).expect("finite"));
                best.sort_by(|a, b| b.total_cmp(a));
                best.truncate(k);
            }
            prop_assert_eq!(&best, &all);
        }
    }
}

#[test]
fn what_is_refused() {
    let text = |error: TopkError| error.to_string();
    assert_eq!(text(Query::new(&[]).expect_err("empty")), "a vector must have 1 to 16000 dimensions, not 0");
    assert_eq!(text(Query::new(&vec![1.0; 16_001]).expect_err("long")), "a vector must have 1 to 16000 dimensions, not 16001");
    assert_eq!(text(Query::new(&[1.0, f32::NAN]).expect_err("NaN")), "vector element 2 must be finite: NaN");
    assert_eq!(text(Query::new(&[0.0, -0.0]).expect_err("zero")), "the query vector has length 0, and a cosine with it is not defined");
    let query = Query::new(&[1.0, 2.0]).expect("a direction");
    assert_eq!(text(Kernel::best().cosine(&query, &[1.0]).expect_err("short")), "different vector dimensions 2 and 1");
    for least in [f32::NEG_INFINITY, 0.5, f32::NAN] {
        let from = |vector| Kernel::best().cosine_from(&query, vector, least);
        assert_eq!(text(from(&[1.0]).expect_err("short")), "different vector dimensions 2 and 1");
        assert_eq!(text(from(&[f32::NAN, 1.0]).expect_err("NaN")), "vector element 1 must be finite: NaN");
        assert_eq!(from(&[0.0, 0.0]).expect("finite"), None);
    }
    assert_eq!(text(Kernel::best().cosine(&query, &[1.0, f32::INFINITY]).expect_err("inf")), "vector element 2 must be finite: inf");

    let mut buffer = Buffer::zeroed(bytes_needed(3, 2).expect("few"));
    let mut builder = SegmentBuilder::new(buffer.bytes_mut(), 2, 2).expect("enough");
    assert_eq!(builder.push(&[3.0, 4.0]).expect("finite"), Some(0));
    assert_eq!(builder.push(&[0.0, 0.0]).expect("finite"), None);
    assert_eq!(text(builder.push(&[f32::NEG_INFINITY, 0.0]).expect_err("inf")), "vector element 1 must be finite: -inf");
    assert_eq!(text(builder.push(&[1.0]).expect_err("short")), "different vector dimensions 2 and 1");
    assert_eq!(builder.push(&[-1.0, 1.0]).expect("finite"), Some(1));
    assert_eq!(text(builder.push(&[1.0, 0.0]).expect_err("third")), "the segment is full: it was made for 2 rows");
    assert_eq!(builder.rows(), 2);
    let length = builder.finish().expect("few");
    assert_eq!(length, bytes_needed(2, 2).expect("few"));
    let segment = Segment::parse(buffer.bytes()).expect("built");
    assert_eq!((segment.dimensions(), segment.rows(), segment.unit(0)), (2, 2, &[0.6, 0.8][..]));
    assert_eq!(text(Segment::parse(&buffer.bytes()[1..]).expect_err("odd")), "a segment must be aligned to 64 bytes");
    assert!(matches!(Segment::parse(&buffer.bytes()[..length - 1]), Err(TopkError::Space { .. })));
    assert!(matches!(Segment::parse(&buffer.bytes()[..8]), Err(TopkError::Corrupt(_))));
    assert!(matches!(SegmentBuilder::new(buffer.bytes_mut(), 2, 100), Err(TopkError::Space { .. })));
    assert!(matches!(bytes_needed(usize::MAX, 2), Err(TopkError::TooManyRows { .. })));

    let segment = Segment::parse(buffer.bytes()).expect("built");
    let part = Part { rows: Rows::Segment(segment), dead: None };
    let question = |query, allowed| Question { query, k: 1, allowed, ties: false };
    let long = Query::new(&[1.0; 3]).expect("a direction");
    assert_eq!(
        text(search(&[part], &question(&long, &[]), &settings(portable())).expect_err("long")),
        "different vector dimensions 3 and 2"
    );
    assert_eq!(
        text(search(&[part], &question(&query, &[None, None]), &settings(portable())).expect_err("filters")),
        "2 filters for 1 parts"
    );
    assert!(search_batch(&[part], &[question(&query, &[]), question(&long, &[])], &settings(portable())).is_err());
    assert!(search(&[Part { rows: Rows::Units(&[1.0; 3]), dead: None }], &question(&query, &[]), &settings(portable())).is_err());
}

#[test]
fn a_segment_of_fewer_rows_than_planned() {
    let vectors: Vec<_> = (0..100).map(|seed| vector(Kind::Random, 9, seed, 0)).collect();
    let mut buffer = Buffer::zeroed(bytes_needed(1000, 9).expect("few"));
    let mut builder = SegmentBuilder::new(buffer.bytes_mut(), 9, 1000).expect("enough");
    vectors.iter().for_each(|vector| assert!(builder.push(vector).expect("finite").is_some()));
    let length = builder.finish().expect("few");
    let segment = Segment::parse(&buffer.bytes()[..length]).expect("built");
    let query = Query::new(&vectors[70]).expect("a direction");
    let question = Question { query: &query, k: 1, allowed: &[], ties: false };
    let hits = search(&[Part { rows: Rows::Segment(segment), dead: None }], &question, &settings(portable())).expect("sound");
    assert_eq!((segment.rows(), hits[0].row, hits[0].score), (100, 70, 1.0));
}

proptest! {
    /// A segment whose rows were put into another order is that of the rows in that order, to the byte.
    #[test]
    fn rows_in_another_order(count in 0usize..300, dimensions in prop::sample::select(vec![1, 3, 4, 17, 64]), seed in any::<u64>(), moved in 0usize..300) {
        let vectors: Vec<_> = (0..count as u64).map(|row| vector(Kind::Random, dimensions, (seed >> 8) + row, 0)).collect();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut order: Vec<u32> = (0..count as u32).collect();
        for _ in 0..moved.min(count) {
            order.swap(rng.next_u64() as usize % count, rng.next_u64() as usize % count);
        }
        let ordered: Vec<_> = order.iter().map(|row| vectors[*row as usize].clone()).collect();
        let mut buffer = Buffer::zeroed(bytes_needed(count, dimensions).expect("few"));
        let mut builder = SegmentBuilder::new(buffer.bytes_mut(), dimensions, count).expect("room");
        vectors.iter().for_each(|vector| assert!(builder.push(vector).expect("finite").is_some()));
        builder.reorder(&order);
        builder.finish().expect("few");
        prop_assert!(buffer.bytes() == packed(&ordered, dimensions).bytes());
    }
}

#[test]
#[should_panic(expected = "each row once")]
fn an_order_that_is_none() {
    let mut buffer = Buffer::zeroed(bytes_needed(3, 1).expect("few"));
    let mut builder = SegmentBuilder::new(buffer.bytes_mut(), 1, 3).expect("room");
    (0..3).for_each(|_| assert!(builder.push(&[1.0]).expect("finite").is_some()));
    builder.reorder(&[1, 2, 1]);
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
