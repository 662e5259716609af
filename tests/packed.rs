//! Packed rows: bytes round-trip, hostile bytes are refused, decayed weights are those of the formula.
mod log;

use log::{END, ITEMS, USERS, half_life, packed, rules};
use pg_recommend_engine::packed::{
    EdgesView, History, HistoryView, Neighbors, NeighborsView, Session, SessionView, UserInterest, Visits, VisitsView, validate,
};
use pg_recommend_engine::store::Store;
use pg_recommend_engine::{Micros, NO_CONTEXT, event::Event, fold::Past};
use proptest::prelude::*;
use rustc_hash::FxHashMap;

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(any::<u8>(), 0..300), 0u8..8).prop_map(|(mut bytes, kind)| {
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
                close(format!("user {user} item {item}"), weigh(&|other, event| other == user && event.item == item))?;
            }
        }
        for (name, naive) in pairs(&log, &left) {
            close(name, naive)?;
        }
    }
}

/// The decayed pairs of a log, by the names that a snapshot has for them: each liked event with the last five other items that were
/// liked at their newest event.
fn pairs(log: &[(u32, Event)], left: &dyn Fn(Micros) -> f64) -> FxHashMap<String, f64> {
    let mut sums = FxHashMap::default();
    for user in 0..USERS {
        let mut last: Vec<(u32, bool)> = Vec::new();
        for (_, event) in log::in_order(log.to_vec()).iter().filter(|(other, _)| *other == user) {
            let repeated = last.first().is_some_and(|(item, _)| *item == event.item);
            if event.weight > 0.0 && !repeated {
                let liked = last.iter().filter(|(item, liked)| *liked && *item != event.item);
                for (gap, (item, _)) in liked.take(5).enumerate() {
                    let weight = f64::from(event.weight) * left(event.at);
                    *sums.entry(format!("next {item} {}", event.item)).or_insert(0.0) += weight / (gap + 1) as f64;
                    *sums.entry(format!("together {item} {}", event.item)).or_insert(0.0) += weight;
                    *sums.entry(format!("together {} {item}", event.item)).or_insert(0.0) += weight;
                }
            }
            last.retain(|(item, _)| *item != event.item);
            last.insert(0, (event.item, event.weight > 0.0));
        }
    }
    sums
}
