//! An item's neighbours among items: what followed it, and what was met with it.

use super::{Kind, Landmark, VERSION, entries_of, header_of, to_bytes};
use crate::decay::HalfLife;
use crate::error::Result;
use crate::{ItemId, Micros};
use rustc_hash::FxHashMap;
use zerocopy::byteorder::little_endian::{F32, F64, I64, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The head of a neighbour row.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NeighborsHeader {
    version: u8,
    kind: u8,
    reserved: [u8; 2],
    landmark: I64,
    /// Forward-decayed sum of all transitions, those of cut edges too.
    pub next_total: F64,
    /// Forward-decayed sum of all co-visits, those of cut edges too.
    pub together_total: F64,
}

/// What one item and another have to do with each other.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NeighborEdge {
    /// The other item.
    pub item: U32,
    /// The number of pairs of events.
    pub count: U32,
    /// The newest of them.
    pub last_at: I64,
    /// Forward-decayed sum of w / gap over events of the other item that followed this one by `gap` distinct items.
    pub next: F32,
    /// Forward-decayed sum of w over events that met within the window, in either order.
    pub together: F32,
}

/// A neighbour row, read in place.
#[derive(Debug, Clone, Copy)]
pub struct NeighborsView<'a> {
    /// The header.
    pub header: &'a NeighborsHeader,
    /// The edges, newest first.
    pub edges: &'a [NeighborEdge],
}

impl<'a> NeighborsView<'a> {
    /// Reads a row; [`crate::Error::Corrupt`] unless all of it is well-formed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (header, rest) = header_of::<NeighborsHeader>(bytes, Kind::Neighbors)?;
        Ok(Self { header, edges: entries_of(rest)? })
    }

    /// What weights are relative to.
    pub fn landmark(&self, half_life: HalfLife) -> Landmark {
        Landmark { at: self.header.landmark.get(), half_life }
    }
}

/// What a batch of events adds to one edge; weights are relative to the batch's landmark and may be negative.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PairDelta {
    /// Added to [`NeighborEdge::count`].
    pub count: i64,
    /// The newest of the added pairs.
    pub last_at: Micros,
    /// Added to [`NeighborEdge::next`].
    pub next: f64,
    /// Added to [`NeighborEdge::together`].
    pub together: f64,
}

/// A neighbour row in the making.
#[derive(Debug, Clone)]
pub struct Neighbors {
    header: NeighborsHeader,
    landmark: Landmark,
    edges: Vec<NeighborEdge>,
}

impl Neighbors {
    /// An empty row whose weights are relative to `landmark`.
    pub fn new(landmark: Landmark) -> Self {
        let header = NeighborsHeader {
            version: VERSION,
            kind: Kind::Neighbors as u8,
            reserved: [0; 2],
            landmark: landmark.at.into(),
            next_total: 0.0.into(),
            together_total: 0.0.into(),
        };
        Self { header, landmark, edges: Vec::new() }
    }

    /// A copy of a stored row.
    pub fn from_view(view: &NeighborsView<'_>, half_life: HalfLife) -> Self {
        Self { header: *view.header, landmark: view.landmark(half_life), edges: view.edges.to_vec() }
    }

    /// The row as it is read.
    pub fn view(&self) -> NeighborsView<'_> {
        NeighborsView { header: &self.header, edges: &self.edges }
    }

    /// True when no edge and no total is left.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Adds a batch whose weights are relative to `landmark`, drops edges without events, and cuts the oldest beyond
    /// `max_edges`.
    pub fn merge(&mut self, deltas: &FxHashMap<ItemId, PairDelta>, landmark: Landmark, max_edges: usize) {
        if let Some(factor) = self.landmark.rebase(landmark.at) {
            self.scale(factor);
        }
        let gain = self.landmark.gain(landmark.at);
        let mut left = deltas.clone();
        let (mut next_total, mut together_total) = (self.header.next_total.get(), self.header.together_total.get());
        for delta in deltas.values() {
            next_total += delta.next * gain;
            together_total += delta.together * gain;
        }
        for edge in &mut self.edges {
            if let Some(delta) = left.remove(&edge.item.get()) {
                *edge = added(*edge, &delta, gain);
            }
        }
        self.edges.retain(|edge| edge.count.get() > 0);
        self.edges.extend(left.iter().filter(|(_, delta)| delta.count > 0).map(|(&item, delta)| {
            let none =
                NeighborEdge { item: item.into(), count: 0.into(), last_at: i64::MIN.into(), next: 0.0.into(), together: 0.0.into() };
            added(none, delta, gain)
        }));
        self.edges.sort_unstable_by_key(|edge| (std::cmp::Reverse(edge.last_at.get()), edge.item.get()));
        self.edges.truncate(max_edges);
        self.header.next_total = next_total.max(0.0).into();
        self.header.together_total = together_total.max(0.0).into();
        self.header.landmark = self.landmark.at.into();
    }

    fn scale(&mut self, factor: f64) {
        self.header.next_total = (self.header.next_total.get() * factor).into();
        self.header.together_total = (self.header.together_total.get() * factor).into();
        for edge in &mut self.edges {
            edge.next = ((f64::from(edge.next.get()) * factor) as f32).into();
            edge.together = ((f64::from(edge.together.get()) * factor) as f32).into();
        }
    }

    /// The row as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.header, &self.edges)
    }
}

fn added(edge: NeighborEdge, delta: &PairDelta, gain: f64) -> NeighborEdge {
    let sum = |stored: F32, added: f64| F32::new((f64::from(stored.get()) + added * gain).max(0.0) as f32);
    NeighborEdge {
        item: edge.item,
        count: u32::try_from(i64::from(edge.count.get()) + delta.count).unwrap_or(0).into(),
        last_at: if delta.count > 0 { edge.last_at.get().max(delta.last_at) } else { edge.last_at.get() }.into(),
        next: sum(edge.next, delta.next),
        together: sum(edge.together, delta.together),
    }
}
