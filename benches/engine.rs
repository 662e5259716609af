//! The time of one query in memory: `cargo bench --bench engine`.
#![allow(missing_docs)]

#[path = "accuracy/data.rs"]
#[allow(dead_code)]
mod data;
#[path = "accuracy/serenade_log.rs"]
#[allow(dead_code)]
mod serenade;

use criterion::{Criterion, criterion_group, criterion_main};
use data::SECOND;
use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::event::{DEFAULT_MAX_VISITS, Event, Rules, SessionRule};
use pg_recommend_engine::recommend::{Filter, Head, Profile, Query, Weights, recommend};
use pg_recommend_engine::store::memory::MemoryStore;
use pg_recommend_engine::{Micros, UserId};
use rustc_hash::FxHashSet;
use std::hint::black_box;

const EVENTS: usize = 100_000;
const USERS: u64 = 5_000;
const ITEMS: f64 = 20_000.0;
const STEP: Micros = 25 * SECOND;

/// A shop's log: items by Zipf's law with exponent 1 (the item's number is the catalogue's size to the power of a uniform number), users
/// evenly; numbers by a multiplicative congruential generator (Knuth, "The Art of Computer Programming" 2, 3.3.4).
fn zipf_log() -> Vec<(UserId, Event)> {
    let mut state = 1u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let event = |number: usize| {
        let user = (next() % USERS) as UserId;
        let item = ITEMS.powf(next() as f64 / (1u64 << 31) as f64) as u32 - 1;
        (user, data::event(item, 1_500_000_000 + number as i64 * STEP / SECOND, number, None))
    };
    (0..EVENTS).map(event).collect()
}

fn ask(store: &MemoryStore, profile: &Profile, now: Micros, weights: &Weights) -> usize {
    let query =
        Query { now, since: i64::MIN, half_life: store.rules().half_life, profile, contexts: &[], interest: None, weights, own: None };
    let filter = Filter {
        n: 20,
        include_seen: true,
        exclude: &FxHashSet::default(),
        min_score: None,
        eligible: &|items| Ok(items.iter().copied().collect()),
        interrupt: &|| Ok(()),
    };
    recommend(store, &query, &filter).map_or(0, |rows| rows.len())
}

fn queries(criterion: &mut Criterion) {
    let half_life = HalfLife::from_micros(7 * 86_400 * SECOND).expect("positive");
    let rules = Rules { half_life, session: SessionRule::Gap(1800 * SECOND), max_edges: 128, max_visits: DEFAULT_MAX_VISITS };
    let mut store = MemoryStore::new(rules);
    let log = zipf_log();
    let now = log[EVENTS - 1].1.at;
    store.append(log).expect("appending works");
    let mut user = 0;
    criterion.bench_function("recommend, Zipf log", |bencher| {
        bencher.iter(|| {
            user = (user + 1) % USERS as UserId;
            let profile = store
                .history(user)
                .map_or_else(Profile::default, |history| Profile::of_history(history, now, now, i64::MIN, rules.session_gap()));
            black_box(ask(&store, &profile, now, Head::User.prior()))
        });
    });
    let mut first = 0;
    criterion.bench_function("recommend_session, Zipf log", |bencher| {
        bencher.iter(|| {
            first = (first + 1) % 1000;
            black_box(ask(&store, &Profile::of_session(&[first, first + 7, first + 20]), now, Head::List.prior()))
        });
    });
    if let Ok(Some(log)) = serenade::load() {
        let mut store = MemoryStore::new(Rules { session: SessionRule::Column, ..rules });
        store.append(log.train.iter().map(|line| (line.user, line.event))).expect("appending works");
        let prefixes: Vec<_> =
            log.test.iter().filter_map(|clicks| Some((&clicks[..clicks.len().checked_sub(1)?], clicks.last()?.at))).collect();
        let mut turn = 0;
        criterion.bench_function("recommend_session, serenade", |bencher| {
            bencher.iter(|| {
                turn = (turn + 1) % prefixes.len();
                let (clicks, now) = prefixes[turn];
                let items: Vec<_> = clicks.iter().map(|click| click.item).collect();
                black_box(ask(&store, &Profile::of_session(&items), now, Head::List.prior()))
            });
        });
    }
}

criterion_group!(benches, queries);
criterion_main!(benches);
