//! Folding: in parts as at once, and with removals and late events as rebuilt from scratch.
mod log;

use log::{Change, Table, assert_same, change, in_order, packed, rules, snapshot};
use pg_recommend_engine::fold::fold;
use pg_recommend_engine::store::Store;
use pg_recommend_engine::store::memory::MemoryStore;
use proptest::prelude::*;

fn compacted(change: &Change, by_column: bool) -> MemoryStore {
    let mut store = packed(&change.before, rules(by_column));
    let events = change.after();
    let first = store.totals().expect("memory").sessions;
    let table = Table { store: &store, events: &events };
    let changes = fold(change.batches(&store), &rules(by_column), log::END, first, &table, None, &|| Ok(())).expect("folding works");
    store.apply(&changes);
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn in_parts_as_at_once(log in log::log(120), cuts in prop::collection::vec(1usize..40, 0..6), by_column: bool) {
        let log = in_order(log);
        let mut store = MemoryStore::new(rules(by_column));
        let mut left = &log[..];
        for cut in cuts {
            let (part, rest) = left.split_at(cut.min(left.len()));
            store.append(part.iter().copied()).expect("appending works");
            left = rest;
        }
        store.append(left.iter().copied()).expect("appending works");
        assert_same(&snapshot(&store), &snapshot(&packed(&log, rules(by_column))))?;
    }

    #[test]
    fn compacted_as_rebuilt(change in change(), by_column: bool) {
        let found = compacted(&change, by_column);
        assert_same(&snapshot(&found), &snapshot(&packed(&change.after(), rules(by_column))))?;
    }
}
