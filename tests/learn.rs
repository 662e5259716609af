//! Learning while folding: what is asked about, what the answers teach, and that it is kept.
mod log;

use log::{HOUR, SECOND, START, half_life};
use pg_recommend_engine::NO_CONTEXT;
use pg_recommend_engine::event::{DEFAULT_MAX_VISITS, Event, Rules, SessionRule};
use pg_recommend_engine::fold::Moments;
use pg_recommend_engine::learn::{Learnt, append, append_log};
use pg_recommend_engine::recommend::{FEATURES, Feature, Head};
use pg_recommend_engine::store::memory::MemoryStore;
use pg_recommend_engine::store::{Store, Totals};
use proptest::prelude::*;

fn rules() -> Rules {
    Rules { half_life: half_life(), session: SessionRule::Gap(HOUR), max_edges: 128, max_visits: DEFAULT_MAX_VISITS }
}

fn event(item: u32, at: i64) -> Event {
    Event { item, at, tie: u64::from(item) * 7919, weight: 1.0, session: None, context: NO_CONTEXT }
}

/// A small generator of even numbers: a test says its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }
}

/// Users who each take an item that `next` makes of their last one.
fn users_log(events: usize, mut next: impl FnMut(Option<u32>, &mut Random) -> u32) -> Vec<(u32, Event)> {
    let (mut random, mut last) = (Random(5), vec![None; 40]);
    (0..events)
        .map(|place| {
            let user = random.below(40);
            let item = next(last[user as usize], &mut random);
            last[user as usize] = Some(item);
            (user, event(item, START + place as i64 * 600 * SECOND))
        })
        .collect()
}

fn learnt(log: &[(u32, Event)]) -> (MemoryStore, Learnt) {
    let (mut store, mut learnt) = (MemoryStore::new(rules()), Learnt::default());
    append_log(&mut store, log, &mut learnt, &|| Ok(())).expect("memory");
    (store, learnt)
}

#[test]
fn who_repeats_and_who_never_does_is_learnt() {
    let repeats = users_log(2000, |last, random| match last {
        Some(last) if random.below(10) > 0 => last,
        _ => random.below(200),
    });
    let moves = users_log(2000, |last, random| match last {
        Some(last) => (last + 1 + random.below(3)) % 200,
        None => random.below(200),
    });
    let (_, stays) = learnt(&repeats);
    let (_, leaves) = learnt(&moves);
    let last = Feature::Last as usize;
    let again = |learnt: &Learnt| {
        let weights = learnt.weights(Head::User).0;
        weights[last] + weights[Feature::Seen as usize] + weights[Feature::Listed as usize]
    };
    assert!(again(&stays) > 2.0, "{:?}", stays.weights(Head::User));
    assert!(again(&leaves) < -0.5, "{:?}", leaves.weights(Head::User));
    for learnt in [&stays, &leaves] {
        let sums = learnt.sums(Head::User);
        let (loss, prior) = sums.losses().expect("questions were asked");
        assert!(sums.is_proven() && sums.asked() > 300 && loss < prior, "{loss} {prior}");
    }
    assert!(stays.habits().last > 0.8 * stays.habits().questions);
    assert!(leaves.habits().last < 0.1 * leaves.habits().questions);
}

#[test]
fn the_prior_serves_until_something_is_proven() {
    let (_, few) = learnt(&users_log(60, |_, random| random.below(30)));
    for head in Head::ALL {
        assert!(few.sums(head).asked() < 50);
        assert_eq!(few.weights(head), *head.prior());
    }
}

#[test]
fn the_log_of_a_rebuild_asks_the_same_questions() {
    // Whether an instant is asked about depends on its events and on how many there were before it, not on how they came.
    let log = users_log(9000, |_, random| random.below(100));
    let asked = |part: usize| {
        let (mut store, mut asked) = (MemoryStore::new(rules()), Vec::new());
        for events in log.chunks(part) {
            let changes = store.fold(events.iter().copied(), Some(&Moments::of(&store.totals().expect("memory")))).expect("memory");
            asked.extend(changes.moments.iter().map(|moment| (moment.at, moment.hash, moment.answers.clone())));
            store.apply(&changes);
        }
        asked.sort();
        asked
    };
    let (fine, coarse) = (asked(10), asked(40));
    assert_eq!(fine, coarse);
    assert!(fine.len() > 6000, "{}", fine.len());
}

/// What is packed when a question is asked depends on how the events came; what is learnt depends on it little.
#[test]
fn followed_and_rebuilt_learn_nearly_the_same() {
    let log = users_log(4000, |last, random| match last {
        Some(last) if random.below(4) > 0 => (last + 1 + random.below(3)) % 200,
        _ => random.below(200),
    });
    let rebuilt = learnt(&log).1;
    let (mut store, mut followed) = (MemoryStore::new(rules()), Learnt::default());
    for events in log.chunks(10) {
        append(&mut store, events.iter().copied(), &mut followed, &|| Ok(())).expect("memory");
    }
    for head in Head::ALL {
        assert_eq!(rebuilt.sums(head).is_proven(), followed.sums(head).is_proven());
        let (a, b) = (rebuilt.weights(head).0, followed.weights(head).0);
        let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>();
        let (apart, moved) = (distance(&a, &b), distance(&a, &head.prior().0));
        assert!(apart <= 0.25 * moved, "{}: {apart} apart, {moved} from the prior", head.name());
        let (one, other) = (rebuilt.sums(head).losses().expect("asked"), followed.sums(head).losses().expect("asked"));
        assert!((one.0 - other.0).abs() < 0.05 * one.0, "{one:?} {other:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn what_was_learnt_round_trips(log in log::log(200)) {
        let (store, learnt) = learnt(&log::in_order(log));
        let read = Learnt::parse(&learnt.to_bytes()).expect("parses");
        prop_assert_eq!(read.to_bytes(), learnt.to_bytes());
        for head in Head::ALL {
            prop_assert_eq!(read.weights(head), learnt.weights(head));
            prop_assert!(FEATURES.iter().all(|(feature, _)| learnt.sums(head).learnt().0[*feature as usize].is_finite()));
        }
        // Learning changes nothing in the rows.
        prop_assert!(store.totals().expect("memory").events >= 0);
    }

    #[test]
    fn fewer_instants_are_asked_about_in_longer_logs(events in 0i64..1_000_000_000, grouped in 0i64..1000) {
        let of = |events| format!("{:?}", Moments::of(&Totals { events, grouped, ..Totals::NONE }));
        prop_assert_eq!(of(events.min(7000 + grouped)), of(grouped));
    }
}
