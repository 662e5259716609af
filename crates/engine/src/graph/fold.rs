//! From events to changes of edge rows. The compactor writes them; a reader lays them over the rows that it reads.

use super::{Direction, NodeId};
use crate::packed::{Edges, Landmark, RowDelta, STATIC};
use crate::{ContextId, Micros};
use rustc_hash::FxHashMap;
use std::convert::Infallible;

/// One event of one edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgeEvent {
    /// Where the edge starts.
    pub from: NodeId,
    /// Where it ends.
    pub to: NodeId,
    /// When; [`STATIC`] for an edge without time.
    pub at: Micros,
    /// Its weight, finite and not zero.
    pub weight: f32,
    /// The context, or [`crate::NO_CONTEXT`].
    pub context: ContextId,
}

impl EdgeEvent {
    /// The node whose row of `direction` the event belongs to, and the neighbour.
    pub fn ends(&self, direction: Direction) -> (NodeId, NodeId) {
        match direction {
            Direction::Out => (self.from, self.to),
            Direction::In => (self.to, self.from),
        }
    }
}

/// What a batch of one source's events adds to its rows.
#[derive(Debug, Clone)]
pub struct EdgeChanges {
    landmark: Landmark,
    out: FxHashMap<NodeId, RowDelta>,
    into: FxHashMap<NodeId, RowDelta>,
}

impl EdgeChanges {
    /// No changes; weights are relative to `landmark`, ordinarily the newest event's time.
    pub fn new(landmark: Landmark) -> Self {
        Self { landmark, out: FxHashMap::default(), into: FxHashMap::default() }
    }

    /// What weights are relative to.
    pub fn landmark(&self) -> Landmark {
        self.landmark
    }

    /// Adds an event that came, or one that went.
    pub fn add(&mut self, event: &EdgeEvent, came: bool) {
        let gain = gain(event, self.landmark);
        self.out.entry(event.from).or_default().add(event.to, event.context, event.at, gain, came);
        self.into.entry(event.to).or_default().add(event.from, event.context, event.at, gain, came);
    }

    /// The changed rows of one direction.
    pub fn rows(&self, direction: Direction) -> &FxHashMap<NodeId, RowDelta> {
        match direction {
            Direction::Out => &self.out,
            Direction::In => &self.into,
        }
    }
}

/// An event's weight relative to a landmark.
fn gain(event: &EdgeEvent, landmark: Landmark) -> f64 {
    let factor = if event.at == STATIC { 1.0 } else { landmark.gain(event.at) };
    factor * f64::from(event.weight)
}

/// Makes all rows of one direction from all events of a source; `events` comes back in another order.
///
/// Each row's weights are relative to the node's own newest event. `each` is called once a node, in the order of numbers.
pub fn pack<E>(
    events: &mut [EdgeEvent],
    direction: Direction,
    half_life: crate::decay::HalfLife,
    max_edges: usize,
    mut each: impl FnMut(NodeId, Edges) -> Result<(), E>,
) -> Result<(), E> {
    events.sort_unstable_by_key(|event| event.ends(direction).0);
    for events in events.chunk_by(|a, b| a.ends(direction).0 == b.ends(direction).0) {
        let newest = events.iter().map(|event| event.at).max().unwrap_or(STATIC);
        let is_static = newest == STATIC;
        let landmark = Landmark { at: if is_static { 0 } else { newest }, half_life };
        let mut delta = RowDelta::default();
        for event in events {
            delta.add(event.ends(direction).1, event.context, event.at, gain(event, landmark), true);
        }
        let Ok(edges) = Edges::of(&delta, landmark, is_static, max_edges, &|| Ok::<_, Infallible>(()));
        each(events[0].ends(direction).0, edges)?;
    }
    Ok(())
}
