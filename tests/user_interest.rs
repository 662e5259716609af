//! Users' interests: kept event by event and through changes, they are what the formulas give for the raw events.
mod log;

use log::{Change, HOUR, ITEMS, Table, USERS, change, in_order, packed, rules};
use pg_recommend_engine::event::{Event, Rules};
use pg_recommend_engine::fold::{ItemVectors, UserBatch, fold_interests};
use pg_recommend_engine::packed::{CurrentInterest, UserInterest, validate};
use pg_recommend_engine::{ItemId, Micros, Result, UserId};
use proptest::prelude::*;
use rustc_hash::FxHashMap;
use std::rc::Rc;

const DIMENSIONS: usize = 5;

/// Vectors of the items of a generated log; some items have none, and one is zero.
#[derive(Debug, Clone)]
struct Vectors(Vec<Option<Vec<f32>>>);

impl ItemVectors for Vectors {
    fn vectors(&self, items: &[ItemId]) -> Result<FxHashMap<ItemId, Rc<[f32]>>> {
        Ok(items.iter().filter_map(|item| Some((*item, self.0[*item as usize].as_deref()?.into()))).collect())
    }
}

fn vectors() -> impl Strategy<Value = Vectors> {
    let vector = prop::collection::vec(-2.0f32..2.0, DIMENSIONS);
    let some = prop_oneof![8 => vector.prop_map(Some), 1 => Just(None), 1 => Just(Some(vec![0.0; DIMENSIONS]))];
    prop::collection::vec(some, ITEMS as usize).prop_map(Vectors)
}

fn unit(vector: &[f64]) -> Option<Vec<f64>> {
    // What is left of a session of a day may be 2^-50 of it, and has a direction all the same.
    let greatest = vector.iter().fold(0.0f64, |greatest, value| greatest.max(value.abs()));
    let scaled = || vector.iter().map(|value| value / greatest);
    let length = scaled().map(|value| value * value).sum::<f64>().sqrt();
    (greatest > 0.0).then(|| scaled().map(|value| value / length).collect())
}

/// Session, average and blend by the formulas, in doubles.
fn naive(events: &[Event], vectors: &Vectors, rules: &Rules, as_of: Micros) -> [Option<Vec<f64>>; 3] {
    let mut sessions: Vec<Vec<&Event>> = Vec::new();
    for event in events.iter().filter(|event| vectors.0[event.item as usize].is_some()) {
        let goes_on = sessions
            .last()
            .and_then(|session| session.last())
            .is_some_and(|last| rules.continues(last.at, last.session.unwrap_or(0), event.at, event.session.unwrap_or(0)));
        if goes_on { sessions.last_mut().expect("goes on").push(event) } else { sessions.push(vec![event]) }
    }
    let direction = |session: &Vec<&Event>| {
        let newest = session.last().expect("not empty").at;
        let mut sum = vec![0.0; DIMENSIONS];
        for event in session {
            let left = (-((newest - event.at) as f64) / rules.session_gap() as f64).exp2();
            let vector = vectors.0[event.item as usize].as_ref().expect("has a vector");
            sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += f64::from(*value) * f64::from(event.weight) * left);
        }
        unit(&sum)
    };
    let open = sessions.pop_if(|session| as_of - session.last().expect("not empty").at <= rules.session_gap());
    let session = open.and_then(|session| direction(&session));
    let mut long_term: Option<Vec<f64>> = None;
    for session in sessions.iter().filter_map(direction) {
        long_term = Some(match long_term {
            None => session,
            Some(long) => long.iter().zip(&session).map(|(long, value)| 0.95 * long + 0.05 * value).collect(),
        });
    }
    let blended = match (&session, long_term.as_ref().and_then(|long| unit(long))) {
        (Some(session), Some(long)) => unit(&session.iter().zip(&long).map(|(a, b)| a + b).collect::<Vec<_>>()),
        (Some(one), None) => Some(one.clone()),
        (None, long) => long,
    };
    [session, long_term, blended]
}

fn close(found: &CurrentInterest, naive: &[Option<Vec<f64>>; 3]) -> std::result::Result<(), TestCaseError> {
    for (found, naive) in [&found.session, &found.long_term, &found.blended].into_iter().zip(naive) {
        prop_assert_eq!(found.is_some(), naive.is_some(), "{:?} {:?}", found, naive);
        for (found, naive) in found.iter().flatten().zip(naive.iter().flatten()) {
            prop_assert!((f64::from(*found) - naive).abs() <= 1e-5, "{} {}", found, naive);
        }
    }
    Ok(())
}

fn of_user(log: &[(UserId, Event)], user: UserId) -> Vec<Event> {
    in_order(log.to_vec()).into_iter().filter(|(other, _)| *other == user).map(|(_, event)| event).collect()
}

fn stored(log: &[(UserId, Event)], vectors: &Vectors, rules: &Rules) -> FxHashMap<UserId, UserInterest> {
    let mut interests: FxHashMap<UserId, UserInterest> = FxHashMap::default();
    for (user, event) in in_order(log.to_vec()) {
        if let Some(vector) = &vectors.0[event.item as usize] {
            interests.entry(user).or_default().push(event.at, event.weight, event.session, vector, rules).expect("adds");
        }
    }
    interests
}

fn compacted(change: &Change, vectors: &Vectors, rules: &Rules) -> FxHashMap<UserId, Option<UserInterest>> {
    let store = packed(&change.before, *rules);
    let events = change.after();
    let mut batches: Vec<UserBatch> = change.batches(&store);
    let mut before = stored(&change.before, vectors, rules);
    let after = fold_interests(&mut batches, &mut before, rules, &Table { store: &store, events: &events }, vectors, &|| Ok(()));
    let mut after = after.expect("folding works");
    before.into_iter().for_each(|(user, interest)| assert!(after.insert(user, Some(interest)).is_none(), "a user without changes"));
    after
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changes_give_what_the_raw_events_give(change in change(), vectors in vectors(), by_column: bool, hours in 0i64..700) {
        let rules = rules(by_column);
        let after = compacted(&change, &vectors, &rules);
        for user in 0..USERS {
            let events = of_user(&change.after(), user);
            let Some(newest) = events.iter().map(|event| event.at).max() else { continue };
            let as_of = newest + hours % 40 * HOUR;
            let naive = naive(&events, &vectors, &rules, as_of);
            match after.get(&user).and_then(Option::as_ref) {
                Some(interest) => close(&interest.at(as_of, &rules).expect("reads"), &naive)?,
                None => prop_assert_eq!(naive, [None, None, None]),
            }
        }
    }

    #[test]
    fn bytes_round_trip(change in change(), vectors in vectors(), by_column: bool) {
        for interest in stored(&change.before, &vectors, &rules(by_column)).values() {
            let bytes = interest.to_bytes();
            prop_assert!(validate(&bytes).is_ok());
            prop_assert_eq!(&UserInterest::parse(&bytes).expect("parses"), interest);
            for end in 0..bytes.len() {
                prop_assert!(UserInterest::parse(&bytes[..end]).is_err());
            }
        }
    }
}

#[test]
fn another_dimension_begins_anew() {
    let rules = rules(false);
    let mut interest = UserInterest::new();
    for hour in 0..5 {
        interest.push(log::START + hour * 30 * HOUR, 1.0, None, &[1.0, 0.0], &rules).expect("adds");
    }
    interest.push(log::START + 200 * HOUR, 1.0, None, &[0.0, 0.0, 3.0], &rules).expect("adds");
    let now = interest.at(log::START + 200 * HOUR, &rules).expect("reads");
    assert_eq!((now.session.as_deref(), now.long_term), (Some(&[0.0, 0.0, 1.0][..]), None));
    assert_eq!(now.blended, now.session);
}

#[test]
fn thousands_of_sessions_keep_five_digits() {
    let rules = rules(false);
    let (mut interest, mut long) = (UserInterest::new(), [0.0f64; 2]);
    for number in 0..20_000i64 {
        let angle = number as f64 * 0.37;
        let vector = [angle.cos() as f32, angle.sin() as f32];
        interest.push(log::START + number * 30 * HOUR, 1.0, None, &vector, &rules).expect("adds");
        let keep = if number == 0 { 0.0 } else { 0.95 };
        long.iter_mut().zip(vector).for_each(|(long, value)| *long = keep * *long + (1.0 - keep) * f64::from(value));
    }
    let now = interest.at(log::START + 40_000 * 30 * HOUR, &rules).expect("reads");
    for (found, naive) in now.long_term.expect("sessions").iter().zip(long) {
        assert!((f64::from(*found) - naive).abs() < 1e-6, "{found} {naive}");
    }
}
