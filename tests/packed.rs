//! Packed rows: bytes round-trip, hostile bytes are refused, decayed weights are those of the formula.
mod log;

use log::{END, ITEMS, USERS, half_life, packed, rules};
use pg_recommend_engine::learn::Learnt;
use pg_recommend_engine::packed::{
    EdgesView, History, HistoryView, Leaders, Neighbors, NeighborsView, Session, SessionView, UserInterest, Visits, VisitsView, validate,
};
use pg_recommend_engine::store::Store;
use pg_recommend_engine::{Micros, NO_CONTEXT, event::Event, fold::Past};
use proptest::prelude::*;
use rustc_hash::FxHashMap;

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(any::<u8>(), 0..300), 0u8..10).prop_map(|(mut bytes, kind)| {
        if bytes.len() > 2 {
            bytes[0] = 1;
            bytes[1] = kind;
            bytes[2] %= 6;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn hostile_bytes_never_panic(bytes in hostile()) {
        let parses = [
            HistoryView::parse(&bytes).is_ok(),
            NeighborsView::parse(&bytes).is_ok(),
            VisitsView::parse(&bytes).is_ok(),
            SessionView::parse(&bytes).is_ok(),
            EdgesView::parse(&bytes).is_ok(),
            UserInterest::parse(&bytes).is_ok(),
            Leaders::parse(&bytes).is_ok(),
            Learnt::parse(&bytes).is_ok(),
        ];
        prop_assert_eq!(validate(&bytes).is_ok(), parses.contains(&true));
        // Nor does what is done with rows that parse.
        let event = Event { item: 1, at: END, tie: 0, weight: 1.0, session: None, context: NO_CONTEXT };
        if let Ok(view) = HistoryView::parse(&bytes) {
            History::from_view(&view, half_life()).push(&event, 8);
        }
        if let Ok(view) = NeighborsView::parse(&bytes) {
            let mut row = Neighbors::from_view(&view, half_life());
            row.merge(&FxHashMap::default(), view.landmark(half_life()), 8);
        }
        if let Ok(view) = SessionView::parse(&bytes) {
            Session::from_view(&view).push(1, END);
        }
    }

    #[test]
    fn bytes_round_trip(log in log::log(60), by_column: bool) {
        let store = packed(&log, rules(by_column));
        let items: Vec<u32> = (0..ITEMS).collect();
        for user in 0..USERS {
            if let Some(history) = store.history(user) {
                let bytes = history.to_bytes();
                prop_assert!(validate(&bytes).is_ok());
                let read = History::from_view(&HistoryView::parse(&bytes).expect("parses"), half_life());
                prop_assert_eq!(read.to_bytes(), bytes);
            }
            for (_, session) in store.sessions_of(user).expect("memory") {
                let bytes = session.to_bytes();
                prop_assert_eq!(Session::from_view(&SessionView::parse(&bytes).expect("parses")).to_bytes(), bytes);
            }
        }
        store.neighbors(&items, &mut |_, view| {
            let bytes = Neighbors::from_view(&view, half_life()).to_bytes();
            let read = Neighbors::from_view(&NeighborsView::parse(&bytes).expect("parses"), half_life());
            assert_eq!(read.to_bytes(), bytes);
        }).expect("memory");
        store.visits(&items, &mut |_, view| {
            let bytes = Visits::from_view(&view).to_bytes();
            assert_eq!(Visits::from_view(&VisitsView::parse(&bytes).expect("parses")).to_bytes(), bytes);
        }).expect("memory");
    }

    #[test]
    fn weights_are_those_of_the_formula(log in log::log(80), by_column: bool) {
        let store = packed(&log, rules(by_column));
        let left = |at: Micros| (-((END - at) as f64) / half_life().micros()).exp2();
        let weigh = |keep: &dyn Fn(u32, &Event) -> bool| -> f64 {
            log.iter().filter(|(user, event)| keep(*user, event)).map(|(_, event)| f64::from(event.weight) * left(event.at)).sum()
        };
        let shot = log::snapshot(&store);
        let close = |name: String, naive: f64| {
            let found = shot.numbers.get(&name).copied().unwrap_or(0.0);
            prop_assert!((found - naive).abs() <= 1e-4 * naive.abs().max(0.1), "{}: {} {}", name, found, naive);
            Ok(())
        };
        for item in 0..ITEMS {
            close(format!("popularity {item}"), weigh(&|_, event| event.item == item && event.weight > 0.0))?;
            for user in 0..USERS {
                close(format!("history {user} {item}"), weigh(&|other, event| other == user && event.item == item))?;
            }
        }
        for (name, naive) in pairs(&log, &left, by_column) {
            close(name, naive)?;
        }
    }
}

/// The decayed pairs of a log, by the names that a snapshot has for them, and the sessions and users of its items.
///
/// Each liked event follows the last five other items that were liked at their newest event and met at an earlier time. An item that a session
/// meets first pairs with the others of the session that were liked at their newest event; one that a user meets first with the user's last 30.
fn pairs(log: &[(u32, Event)], left: &dyn Fn(Micros) -> f64, by_column: bool) -> FxHashMap<String, f64> {
    let mut sums = FxHashMap::default();
    let mut add = |name: String, weight: f64| *sums.entry(name).or_insert(0.0) += weight;
    for user in 0..USERS {
        // Newest first: item, time, weight of the newest event.
        let mut last: Vec<(u32, Micros, f64)> = Vec::new();
        // Newest first: value, newest event, items.
        let mut open: Vec<(i64, Micros, Vec<u32>)> = Vec::new();
        for (_, event) in log::in_order(log.to_vec()).iter().filter(|(other, _)| *other == user) {
            let (item, at, weight) = (event.item, event.at, f64::from(event.weight));
            if weight > 0.0 {
                let liked: Vec<(u32, Micros, f64)> =
                    last.iter().copied().filter(|(other, _, weight)| *weight > 0.0 && *other != item).collect();
                let pair = |other: f64| (weight * other).sqrt() * left(at);
                if last.first().is_none_or(|(newest, ..)| *newest != item) {
                    for (gap, (other, _, w)) in liked.iter().filter(|(_, before, _)| *before < at).take(5).enumerate() {
                        add(format!("next {other} {item}"), pair(*w) / (gap + 1) as f64);
                    }
                }
                if !last.iter().any(|(known, ..)| *known == item) {
                    add(format!("users of {item}"), weight * left(at));
                    for (other, _, w) in liked.iter().take(30) {
                        add(format!("user {other} {item}"), pair(*w));
                        add(format!("user {item} {other}"), pair(*w));
                    }
                }
                let value = event.session.unwrap_or(0);
                let goes_on = |(known, newest, _): &(i64, Micros, Vec<u32>)| {
                    if by_column { *known == value } else { at - newest <= 20 * log::HOUR }
                };
                let mut session = match open.iter().position(goes_on) {
                    Some(place) => open.remove(place),
                    None => (value, at, Vec::new()),
                };
                if !session.2.contains(&item) {
                    add(format!("sessions of {item}"), weight * left(at));
                    for (other, _, w) in liked.iter().filter(|(other, ..)| session.2.contains(other)) {
                        add(format!("session {other} {item}"), pair(*w));
                        add(format!("session {item} {other}"), pair(*w));
                    }
                    session.2.push(item);
                }
                session.1 = at;
                open.insert(0, session);
                open.truncate(if by_column { 4 } else { 1 });
            }
            last.retain(|(known, ..)| *known != item);
            last.insert(0, (item, at, weight));
        }
    }
    sums
}
