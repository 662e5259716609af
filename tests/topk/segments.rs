//! Segments: what is refused, hostile bytes, other orders.
use crate::vectors::{Kind, packed, portable, settings, vector};
use pg_recommend_engine::topk::{
    Buffer, Kernel, Part, Query, Question, Rows, Segment, SegmentBuilder, TopkError, bytes_needed, search, search_batch,
};
use proptest::prelude::*;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

proptest! {
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
