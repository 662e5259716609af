//! The best of many scored keys: what a sort of all of them gives.

use pg_recommend_engine::ranking::{Kind, Ranking, RankingError, bytes_needed};
use proptest::prelude::*;

const KIND: Kind = Kind { format: 7, type_id: 20, shape: [1, 2] };

/// Bytes aligned as the memory of Postgres is.
fn aligned(length: usize) -> Vec<u32> {
    vec![0; length.div_ceil(4)]
}

fn bytes(words: &mut [u32]) -> &mut [u8] {
    zerocopy::IntoBytes::as_mut_bytes(words)
}

struct Owned(Vec<u32>);

impl Owned {
    fn new(k: usize, unit: &[f32], key_length: usize) -> Self {
        let mut words = aligned(bytes_needed(k, unit.len(), key_length).expect("small"));
        Ranking::begin(bytes(&mut words), k, KIND, unit).expect("room");
        Self(words)
    }

    fn ranking(&mut self) -> Ranking<'_> {
        Ranking::parse(bytes(&mut self.0)).expect("sound")
    }

    fn push(&mut self, score: f32, key: &[u8]) {
        let mut ranking = self.ranking();
        if !ranking.admits(score) || ranking.push(score, key) {
            return;
        }
        let mut words = aligned(ranking.grown(key.len()).expect("small"));
        assert!(ranking.grow_into(bytes(&mut words)).expect("room").push(score, key), "there is room for the key that it has grown for");
        self.0 = words;
    }

    fn sorted(&mut self) -> Vec<(f32, Vec<u8>)> {
        self.ranking().sorted().into_iter().map(|(score, key)| (score, key.to_vec())).collect()
    }
}

/// Few different scores and keys, so that many are equal.
fn rows() -> impl Strategy<Value = Vec<(f32, Vec<u8>)>> {
    let score = prop_oneof![Just(0.5f32), Just(-0.0), Just(0.0), -1.0f32..1.0];
    prop::collection::vec((score, prop::collection::vec(0u8..4, 0..20)), 0..200)
}

fn naive(rows: &[(f32, Vec<u8>)], k: usize) -> Vec<(f32, Vec<u8>)> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    sorted.truncate(k);
    sorted
}

proptest! {
    #[test]
    fn is_the_head_of_a_sort(rows in rows(), k in 0usize..100, key_length in 0usize..10) {
        let mut owned = Owned::new(k, &[0.6, 0.8], key_length);
        for (score, key) in &rows {
            owned.push(*score, key);
        }
        prop_assert_eq!(owned.sorted(), naive(&rows, k));
        let ranking = owned.ranking();
        prop_assert_eq!(ranking.unit(), &[0.6, 0.8]);
        prop_assert_eq!((ranking.k(), ranking.kind()), (k, KIND));
    }

    #[test]
    fn merges_in_any_split(rows in rows(), k in 1usize..20, at in 0usize..200) {
        let (left, right) = rows.split_at(at.min(rows.len()));
        let mut parts = [left, right].map(|rows| {
            let mut part = Owned::new(k, &[1.0], 8);
            rows.iter().for_each(|(score, key)| part.push(*score, key));
            part
        });
        let second = parts[1].sorted();
        for (score, key) in second {
            parts[0].push(score, &key);
        }
        prop_assert_eq!(parts[0].sorted(), naive(&rows, k));
    }

    #[test]
    fn stays_small(keys in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..500)) {
        let mut owned = Owned::new(4, &[1.0], 0);
        for (place, key) in keys.iter().enumerate() {
            owned.push(place as f32, key);
        }
        prop_assert!(owned.0.len() * 4 < 36 + 4 * 16 + 1000, "{} bytes", owned.0.len() * 4);
    }

    #[test]
    fn hostile_bytes_are_refused(rows in rows(), place in 0usize..400, byte in any::<u8>(), cut in 0usize..400) {
        let mut owned = Owned::new(10, &[0.6, 0.8], 4);
        for (score, key) in &rows {
            owned.push(*score, key);
        }
        let state = bytes(&mut owned.0);
        let place = place % state.len();
        state[place] = byte;
        if let Ok(mut ranking) = Ranking::parse(state) {
            ranking.push(0.1, b"key");
            prop_assert!(ranking.sorted().len() <= 20);
        }
        let end = cut % state.len();
        if let Ok(ranking) = Ranking::parse(&mut state[..end]) {
            prop_assert!(ranking.sorted().len() <= 20);
        }
    }
}

#[test]
fn rows_that_ask_something_else_are_refused() {
    let mut owned = Owned::new(3, &[0.6, 0.8], 4);
    let ranking = owned.ranking();
    assert_eq!(ranking.check(3, &[0.6, 0.8]), Ok(()));
    assert_eq!(ranking.check(4, &[0.6, 0.8]), Err(RankingError::K(3, 4)));
    assert_eq!(ranking.check(3, &[0.8, 0.6]), Err(RankingError::Query));
    assert_eq!(ranking.check(3, &[0.6]), Err(RankingError::Query));
}

#[test]
fn too_many_are_refused() {
    assert_eq!(bytes_needed(1, usize::MAX, 8), Err(RankingError::TooLarge(1)));
    assert!(bytes_needed(usize::MAX, 3, 8).is_ok(), "room is made as keys come");
}
