//! Which nodes the last compactions have changed: tells whether what was kept of a graph's older state is good still.

use std::cell::RefCell;
use std::collections::HashMap;

use engine::graph::NodeId;
use pgrx::pg_sys;
use rustc_hash::FxHashSet;

use crate::pg::fetch::{INTEGER, Scan};
use crate::pg::relation;
use crate::totals::int8;

/// One compaction.
struct Change {
    generation: i64,
    previous: i64,
    /// The nodes whose edges it changed; `None` where these are not told apart.
    nodes: Option<FxHashSet<NodeId>>,
}

thread_local! {
    /// By graph: the compactions that were read, oldest first.
    static READ: RefCell<HashMap<i32, Vec<Change>>> = RefCell::new(HashMap::new());
}

/// Whether the packed edges of none of `nodes` have changed from generation `since` to generation `now`, which the active snapshot shows.
/// False where that is not known.
pub fn unchanged(graph: i32, since: i64, now: i64, nodes: &[NodeId]) -> bool {
    if since == now {
        return true;
    }
    READ.with_borrow_mut(|read| {
        let changes = read.entry(graph).or_default();
        if !changes.iter().any(|change| change.generation == now) {
            *changes = stored(graph);
        }
        let mut generation = now;
        for change in changes.iter().rev() {
            if change.generation != generation {
                continue;
            }
            if change.nodes.as_ref().is_none_or(|changed| nodes.iter().any(|node| changed.contains(node))) {
                return false;
            }
            if change.previous == since {
                return true;
            }
            generation = change.previous;
        }
        false
    })
}

/// The changes of a graph that the active snapshot shows, in the order of generations.
fn stored(graph: i32) -> Vec<Change> {
    let tables = relation::state_relation("graph_changes").zip(relation::state_relation("graph_changes_pkey"));
    let Some((table, index)) = tables else { return Vec::new() };
    let mut scan = Scan::open(table, index, &[INTEGER]);
    scan.seek(&[pg_sys::Datum::from(graph)]);
    let mut changes = Vec::new();
    while let Some(row) = scan.next_row() {
        if let (Some(generation), Some(previous)) = (row.datum(2), row.datum(3)) {
            let nodes = row.integers(4).map(|nodes| nodes.into_iter().map(|node| node as NodeId).collect());
            changes.push(Change { generation: int8(generation), previous: int8(previous), nodes });
        }
    }
    changes
}
