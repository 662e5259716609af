//! Answers: over unpacked events as over packed ones, complete, without duplicates, and the same each time.
mod log;

use log::{END, ITEMS, START, Table, USERS, change, half_life, packed, rules};
use pg_recommend_engine::NO_CONTEXT;
use pg_recommend_engine::event::Event;
use pg_recommend_engine::fold::fold;
use pg_recommend_engine::packed::{History, Landmark};
use pg_recommend_engine::recommend::Head;
use pg_recommend_engine::recommend::{
    Filter, Profile, Query, Recommendation, rank, rank_with_features, recommend, recommend_with_features, similar_items,
};
use pg_recommend_engine::store::Store;
use pg_recommend_engine::store::overlay::{Overlay, Unpacked};
use proptest::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

fn answer(store: &dyn Store, history: Option<&History>, filter: &Filter<'_>) -> Vec<Recommendation> {
    let profile = history.map_or_else(Profile::default, |history| Profile::of_history(history, END, END, i64::MIN, 20 * log::HOUR));
    recommend(store, &query(&profile), filter).expect("memory")
}

fn query(profile: &Profile) -> Query<'_> {
    Query {
        now: END,
        since: i64::MIN,
        half_life: half_life(),
        profile,
        contexts: &[],
        interest: None,
        weights: Head::User.prior(),
        own: None,
    }
}

fn filter<'a>(n: usize, include_seen: bool, exclude: &'a FxHashSet<u32>) -> Filter<'a> {
    let eligible = &|items: &[u32]| Ok(items.iter().copied().collect());
    Filter { n, include_seen, exclude, min_score: None, eligible, interrupt: &|| Ok(()) }
}

/// Fails unless both lists hold the same items in the same order, up to scores that differ by less than 1e-3.
fn assert_close(found: &[(u32, f32)], expected: &[(u32, f32)]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    let scores: FxHashMap<u32, f32> = expected.iter().copied().collect();
    for (found, expected) in found.iter().zip(expected) {
        prop_assert!((found.1 - expected.1).abs() < 1e-3, "{:?} {:?}", found, expected);
        prop_assert!(scores.get(&found.0).is_none_or(|score| (score - found.1).abs() < 1e-3), "{:?}", found);
    }
    Ok(())
}

fn rows(list: &[Recommendation]) -> Vec<(u32, f32)> {
    list.iter().map(|row| (row.item, row.score)).collect()
}

#[test]
fn unpacked_items_count_whatever_their_numbers() {
    let rules = rules(false);
    let met = |item| Event { item, at: START, tie: 0, weight: 1.0, session: None, context: NO_CONTEXT };
    let base = packed(&[(0, met(0)), (0, met(1))], rules);
    let mut unpacked = Unpacked::new(Landmark { at: END, half_life: half_life() });
    let batch = base.batch(1, vec![met(1), met(1 << 31)], Vec::new());
    let changes = fold(vec![batch], &rules, END, unpacked.next_session(), &base, None, &|| Ok(())).expect("folding works");
    unpacked.insert(1, changes);
    unpacked.set_new_items(1);
    let overlay = Overlay { base: &base, unpacked: &unpacked, rules: &rules };
    assert_eq!(overlay.totals().expect("memory").items, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn unpacked_as_packed(mut change in change(), by_column: bool) {
        // A rebuild would number items anew and forget a newest event that is gone; one more item, met first and last by somebody
        // else, keeps both the same.
        for at in [START, END] {
            change.before.push((USERS, Event { item: ITEMS, at, tie: 0, weight: 1.0, session: None, context: NO_CONTEXT }));
        }
        let rules = rules(by_column);
        let base = packed(&change.before, rules);
        let events = change.after();
        let expected = packed(&events, rules);
        let mut unpacked = Unpacked::new(Landmark { at: END, half_life: half_life() });
        for batch in change.batches(&base) {
            let (user, landmark, session) = (batch.user, unpacked.landmark().at, unpacked.next_session());
            let table = Table { store: &base, events: &events };
            unpacked.insert(user, fold(vec![batch], &rules, landmark, session, &table, None, &|| Ok(())).expect("folding works"));
        }
        let overlay = Overlay { base: &base, unpacked: &unpacked, rules: &rules };
        let (none, items) = (FxHashSet::default(), (0..ITEMS).collect::<Vec<_>>());
        for user in 0..USERS {
            let history = unpacked.history(user).unwrap_or_else(|| base.history(user));
            let lists = |store: &dyn Store, history: Option<&History>| {
                let profile = history.map_or_else(Profile::default, |history| Profile::of_history(history, END, END, i64::MIN, 20 * log::HOUR));
                (rows(&answer(store, history, &filter(5, false, &none))), rows(&rank(store, &query(&profile), &items).expect("memory")))
            };
            let (found, packed) = (lists(&overlay, history), lists(&expected, expected.history(user)));
            assert_close(&found.0, &packed.0)?;
            assert_close(&found.1, &packed.1)?;
        }
        for item in 0..ITEMS {
            let similar = |store: &dyn Store| -> Vec<(u32, f32)> {
                let list = similar_items(store, item, 5, i64::MIN, END, half_life()).expect("memory");
                list.into_iter().map(|similar| (similar.item, similar.score)).collect()
            };
            assert_close(&similar(&overlay), &similar(&expected))?;
        }
        let trending = |store: &dyn Store| -> Vec<(u32, f32)> {
            store.trending(6).expect("memory").into_iter().map(|(item, score)| (item, score.at(END, half_life()) as f32)).collect()
        };
        assert_close(&trending(&overlay), &trending(&expected))?;
    }

    #[test]
    fn answers_are_complete(log in log::log(80), n in 1usize..15, include_seen: bool, exclude in prop::collection::hash_set(0..ITEMS, 0..6), odd_only: bool) {
        let store = packed(&log, rules(false));
        let exclude: FxHashSet<u32> = exclude.into_iter().collect();
        let eligible = |items: &[u32]| Ok(items.iter().copied().filter(|item| !odd_only || item % 2 == 1).collect());
        let filter = Filter { eligible: &eligible, ..filter(n, include_seen, &exclude) };
        for user in 0..USERS {
            let history = store.history(user);
            let found = answer(&store, history, &filter);
            let edge = |item: u32| history.and_then(|history| history.edges.iter().find(|edge| edge.item.get() == item));
            let may = |item: &u32| {
                let known = log.iter().any(|(_, event)| event.item == *item && event.weight > 0.0);
                let hidden = edge(*item).is_some_and(|edge| !include_seen || edge.disliked());
                known && !hidden && !exclude.contains(item) && (!odd_only || item % 2 == 1)
            };
            let items: FxHashSet<u32> = found.iter().map(|row| row.item).collect();
            prop_assert_eq!(items.len(), found.len());
            prop_assert_eq!(found.len(), n.min((0..ITEMS).filter(may).count()));
            prop_assert!(items.iter().all(may));
            prop_assert!(found.is_sorted_by(|a, b| a.score > b.score || a.score == b.score && a.item < b.item));
            prop_assert_eq!(&found, &answer(&store, history, &filter));
            if let Some(middle) = found.get(found.len() / 2) {
                let least = Filter { min_score: Some(middle.score), ..Filter { eligible: &eligible, ..filter } };
                let above = answer(&store, history, &least);
                prop_assert!(!above.is_empty() && above.iter().all(|row| row.score >= middle.score));
            }
        }
    }

    /// What a model is trained on (one item, or a few given ones) is what it ranks by (candidates among many).
    #[test]
    fn features_of_an_item_do_not_depend_on_what_else_is_asked(log in log::log(80), n in 1usize..15) {
        let store = packed(&log, rules(false));
        let exclude = FxHashSet::default();
        for user in 0..USERS {
            let profile = store.history(user).map_or_else(Profile::default, |history| Profile::of_history(history, END, END, i64::MIN, 20 * log::HOUR));
            let query = query(&profile);
            let found = recommend_with_features(&store, &query, &filter(n, true, &exclude)).expect("memory");
            let plain = recommend(&store, &query, &filter(n, true, &exclude)).expect("memory");
            prop_assert_eq!(found.iter().map(|(row, _)| *row).collect::<Vec<_>>(), plain);
            for (row, features) in &found {
                let alone = rank_with_features(&store, &query, &[row.item]).expect("memory");
                prop_assert_eq!(&alone[0].1, features);
                prop_assert_eq!(alone[0].0.score, row.score);
                prop_assert_eq!(Head::User.prior().score(features) as f32, row.score);
            }
        }
    }
}
