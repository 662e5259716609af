//! Packed rows of edges: merged batch by batch as packed at once; hostile bytes.

use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::graph::fold::{EdgeChanges, EdgeEvent, pack};
use pg_recommend_engine::graph::{Direction, NodeId};
use pg_recommend_engine::packed::{Edges, EdgesView, Landmark, RowDelta, STATIC, validate};
use pg_recommend_engine::{ContextId, Micros, NO_CONTEXT};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NEWEST: Micros = 12_000;
const BATCHES: usize = 4;

fn half_life() -> HalfLife {
    HalfLife::from_micros(1000).expect("positive")
}

/// An event that comes in one batch and may go in the same or a later one; the number orders the changes of a batch.
#[derive(Debug, Clone)]
struct Life {
    event: EdgeEvent,
    came: usize,
    went: Option<usize>,
    place: u32,
}

fn life() -> impl Strategy<Value = Life> {
    let context = prop_oneof![Just(NO_CONTEXT), 0..2u32];
    let weight = prop_oneof![3 => 0.1f32..5.0, 1 => -2f32..-0.1];
    let event = (0..4u32, 0..5u32, 0..13i64, weight, context).prop_map(|(from, to, at, weight, context)| EdgeEvent {
        from,
        to,
        at: at * 1000 - at % 3 * 77,
        weight,
        context,
    });
    (event, 0..BATCHES, prop::option::of(0..BATCHES), any::<u32>()).prop_map(|(event, came, went, place)| Life {
        event,
        came,
        went: went.map(|later| came + later),
        place,
    })
}

fn lives() -> impl Strategy<Value = (Vec<Life>, bool)> {
    (prop::collection::vec(life(), 1..50), any::<bool>()).prop_map(|(mut lives, is_static)| {
        if is_static {
            lives.iter_mut().for_each(|life| life.event.at = STATIC);
        }
        (lives, is_static)
    })
}

/// The events that are there after a batch.
fn left(lives: &[Life], batch: usize) -> Vec<EdgeEvent> {
    let there = |life: &&Life| life.came <= batch && life.went.is_none_or(|went| went > batch);
    lives.iter().filter(there).map(|life| life.event).collect()
}

type Rows = BTreeMap<NodeId, Edges>;

/// The rows after all batches, each merged into what the ones before left.
fn merged(lives: &[Life], is_static: bool, direction: Direction, max_edges: usize) -> Rows {
    let mut rows = Rows::new();
    for batch in 0..2 * BATCHES {
        let mut changes: Vec<(u32, &EdgeEvent, bool)> = Vec::new();
        for life in lives {
            changes.extend((life.came == batch).then_some((life.place, &life.event, true)));
            changes.extend((life.went == Some(batch)).then_some((life.place.rotate_left(7), &life.event, false)));
        }
        changes.sort_by_key(|(place, ..)| *place);
        let newest = changes.iter().map(|(_, event, _)| event.at).max().unwrap_or(STATIC);
        let landmark = Landmark { at: if is_static { 0 } else { newest }, half_life: half_life() };
        let mut deltas = EdgeChanges::new(landmark);
        changes.iter().for_each(|(_, event, came)| deltas.add(event, *came));
        let now = left(lives, batch);
        for (&node, delta) in deltas.rows(direction) {
            let row = rows.entry(node).or_insert_with(|| Edges::new(landmark, is_static));
            let mut newest_of = |other: NodeId, context: ContextId| {
                let mine = now.iter().filter(|event| event.ends(direction) == (node, other) && event.context == context);
                Ok(mine.map(|event| event.at).max())
            };
            row.merge(delta, landmark, max_edges, &mut newest_of).expect("merging works");
        }
        rows.retain(|_, row| !row.is_empty());
    }
    rows
}

fn packed(events: &[EdgeEvent], direction: Direction, max_edges: usize) -> Rows {
    let mut rows = Rows::new();
    pack(&mut events.to_vec(), direction, half_life(), max_edges, |node, row| {
        rows.insert(node, row);
        Ok::<_, std::convert::Infallible>(())
    })
    .expect("packing works");
    rows
}

/// What a row says of each neighbour and context: count, newest event, decayed weight.
fn said(row: &Edges) -> BTreeMap<(NodeId, ContextId), (u32, Micros, f64)> {
    let view = row.view();
    let loss = view.loss(NEWEST, half_life());
    let of = |entry: &pg_recommend_engine::packed::EdgeEntry| (entry.count.get(), entry.last_at.get(), entry.weight.get() * loss);
    view.entries.iter().map(|entry| ((entry.node.get(), entry.context.get()), of(entry))).collect()
}

/// The sum of the absolute decayed weights that a row's numbers were made of: what their rounding is relative to.
fn scale(lives: &[Life], direction: Direction, node: NodeId) -> f64 {
    let mine = lives.iter().filter(|life| life.event.ends(direction).0 == node);
    mine.map(|life| f64::from(life.event.weight.abs()) * decayed(life.event.at)).sum()
}

fn decayed(at: Micros) -> f64 {
    if at == STATIC { 1.0 } else { half_life().remaining(at, NEWEST) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn merged_in_batches_as_packed_at_once((lives, is_static) in lives(), out: bool) {
        let direction = if out { Direction::Out } else { Direction::In };
        let found = merged(&lives, is_static, direction, usize::MAX);
        let naive = packed(&left(&lives, 2 * BATCHES), direction, usize::MAX);
        prop_assert_eq!(found.keys().collect::<Vec<_>>(), naive.keys().collect::<Vec<_>>());
        for (node, row) in &found {
            let (view, other) = (row.view(), naive[node].view());
            prop_assert_eq!(view.header.neighbors, other.header.neighbors);
            prop_assert_eq!(view.header.events, other.header.events);
            prop_assert_eq!(view.is_cut(), false);
            let (ours, theirs) = (said(row), said(&naive[node]));
            prop_assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
            for (key, (count, last_at, weight)) in ours {
                let (naive_count, naive_at, naive_weight) = theirs[&key];
                prop_assert_eq!((count, last_at), (naive_count, naive_at), "{:?} of {}", key, node);
                prop_assert!((weight - naive_weight).abs() <= 1e-9 * scale(&lives, direction, *node));
            }
            if !is_static {
                let order = |view: &EdgesView<'_>| view.entries.iter().map(|entry| (entry.node, entry.context)).collect::<Vec<_>>();
                prop_assert_eq!(order(&view), order(&other));
            }
        }
    }

    #[test]
    fn totals_are_exact_beyond_the_cut((lives, is_static) in lives(), max_edges in 1usize..4, out: bool) {
        let direction = if out { Direction::Out } else { Direction::In };
        let events = left(&lives, 2 * BATCHES);
        let at_once = packed(&events, direction, max_edges);
        for rows in [merged(&lives, is_static, direction, max_edges), at_once] {
            for (node, row) in &rows {
                let mine: Vec<_> = events.iter().filter(|event| event.ends(direction).0 == *node).collect();
                let naive: f64 = mine.iter().map(|event| f64::from(event.weight) * decayed(event.at)).sum();
                let view = row.view();
                prop_assert_eq!(view.header.events.get(), mine.len() as u64);
                prop_assert!(view.header.neighbors.get() as usize <= max_edges);
                let total = view.header.total.get() * view.loss(NEWEST, half_life());
                prop_assert!((total - naive).abs() <= 1e-9 * scale(&lives, direction, *node));
            }
        }
    }

    #[test]
    fn bytes_round_trip((lives, _) in lives(), max_edges in 1usize..6) {
        for row in packed(&left(&lives, 2 * BATCHES), Direction::Out, max_edges).values() {
            let bytes = row.to_bytes();
            let view = EdgesView::parse(&bytes).expect("parses");
            prop_assert_eq!(Edges::from_view(&view, half_life()).to_bytes(), bytes);
        }
    }

    #[test]
    fn hostile_edges_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), honest in 0u8..4) {
        if bytes.len() > 7 && honest > 0 {
            bytes[..2].copy_from_slice(&[1, 5]);
            bytes[4..8].copy_from_slice(&[honest, 0, 0, 0]);
            let entries = bytes.len().saturating_sub(32) / 28;
            bytes.truncate(32 + entries * 28);
        }
        let parsed = EdgesView::parse(&bytes);
        prop_assert_eq!(validate(&bytes).is_ok(), parsed.is_ok());
        if let Ok(view) = parsed {
            let landmark = Landmark { at: NEWEST, half_life: half_life() };
            let mut delta = RowDelta::default();
            delta.add(1, NO_CONTEXT, NEWEST, 1.0, true);
            let mut row = Edges::from_view(&view, half_life());
            row.merge(&delta, landmark, 3, &mut |_, _| Ok(None)).expect("merging works");
            prop_assert!(row.view().loss(NEWEST, half_life()) >= 0.0);
        }
    }
}
