//! An item's neighbours among items: what followed it, what was met with it in a session, what its users met besides.

use super::{Kind, Landmark, VERSION, entries_of, header_of, to_bytes};
use crate::decay::HalfLife;
use crate::error::Result;
use crate::{ItemId, Micros};
use rustc_hash::FxHashMap;
use zerocopy::byteorder::little_endian::{F32, I64, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The head of a neighbour row.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NeighborsHeader {
    version: u8,
    kind: u8,
    reserved: [u8; 2],
    landmark: I64,
}

/// What one item and another have to do with each other. The sums are forward-decayed; an event of weight w counts as sqrt(w), so that
/// a pair counts as the product of its two events and a cosine never exceeds 1.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NeighborEdge {
    /// The other item.
    pub item: U32,
    /// The number of pairs that are summed up.
    pub count: U32,
    seconds: U32,
    /// Events of the other item that came after this one, each over the number of distinct items that lie between, plus one.
    pub next: F32,
    /// Sessions that met both.
    pub session: F32,
    /// Users who met both.
    pub user: F32,
}

impl NeighborEdge {
    fn none(item: ItemId) -> Self {
        Self { item: item.into(), count: 0.into(), seconds: 0.into(), next: 0.0.into(), session: 0.0.into(), user: 0.0.into() }
    }

    /// The newest pair, to the second; 2000-01-01 for anything earlier.
    pub fn last_at(&self) -> Micros {
        super::visits::of_seconds(self.seconds)
    }

    /// What an edge is kept by when there are too many.
    fn strength(&self) -> f32 {
        self.next.get() + self.session.get() + self.user.get()
    }

    fn add(&mut self, delta: &PairDelta, gain: f64) {
        let sum = |stored: F32, added: f64| F32::new((f64::from(stored.get()) + added * gain).max(0.0) as f32);
        self.count = u32::try_from(i64::from(self.count.get()) + delta.count).unwrap_or(0).into();
        if delta.count > 0 {
            self.seconds = self.seconds.get().max(super::visits::seconds(delta.last_at)).into();
        }
        self.next = sum(self.next, delta.next);
        self.session = sum(self.session, delta.session);
        self.user = sum(self.user, delta.user);
    }
}

/// A neighbour row, read in place.
#[derive(Debug, Clone, Copy)]
pub struct NeighborsView<'a> {
    /// The header.
    pub header: &'a NeighborsHeader,
    /// The edges, by item.
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairDelta {
    /// Added to [`NeighborEdge::count`].
    pub count: i64,
    /// The newest of the added pairs.
    pub last_at: Micros,
    /// Added to [`NeighborEdge::next`].
    pub next: f64,
    /// Added to [`NeighborEdge::session`].
    pub session: f64,
    /// Added to [`NeighborEdge::user`].
    pub user: f64,
}

impl Default for PairDelta {
    fn default() -> Self {
        Self { count: 0, last_at: i64::MIN, next: 0.0, session: 0.0, user: 0.0 }
    }
}

impl PairDelta {
    /// Adds another delta of the same edge.
    pub fn merge(&mut self, other: &PairDelta) {
        self.count += other.count;
        self.next += other.next;
        self.session += other.session;
        self.user += other.user;
        self.last_at = self.last_at.max(other.last_at);
    }
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
        let header = NeighborsHeader { version: VERSION, kind: Kind::Neighbors as u8, reserved: [0; 2], landmark: landmark.at.into() };
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

    /// True when no edge is left.
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Adds a batch whose weights are relative to `landmark` and drops edges without pairs. A row may grow to one and a half times
    /// `max_edges`; then the `max_edges` strongest stay.
    pub fn merge(&mut self, deltas: &FxHashMap<ItemId, PairDelta>, landmark: Landmark, max_edges: usize) {
        if let Some(factor) = self.landmark.rebase(landmark.at) {
            self.scale(factor);
        }
        let gain = self.landmark.gain(landmark.at);
        let mut deltas: Vec<(ItemId, &PairDelta)> = deltas.iter().map(|(item, delta)| (*item, delta)).collect();
        deltas.sort_unstable_by_key(|(item, _)| *item);
        let mut merged = Vec::with_capacity(self.edges.len() + deltas.len());
        let mut stored = self.edges.iter().copied().peekable();
        for (item, delta) in deltas {
            while let Some(edge) = stored.next_if(|edge| edge.item.get() < item) {
                merged.push(edge);
            }
            let mut edge = stored.next_if(|edge| edge.item.get() == item).unwrap_or_else(|| NeighborEdge::none(item));
            edge.add(delta, gain);
            if edge.count.get() > 0 {
                merged.push(edge);
            }
        }
        merged.extend(stored);
        self.edges = merged;
        self.cut(max_edges);
        self.header.landmark = self.landmark.at.into();
    }

    fn cut(&mut self, max_edges: usize) {
        if self.edges.len() <= max_edges + max_edges / 2 {
            return;
        }
        let order = |a: &NeighborEdge, b: &NeighborEdge| {
            b.strength().total_cmp(&a.strength()).then(b.seconds.get().cmp(&a.seconds.get())).then(a.item.get().cmp(&b.item.get()))
        };
        self.edges.select_nth_unstable_by(max_edges, order);
        self.edges.truncate(max_edges);
        self.edges.sort_unstable_by_key(|edge| edge.item.get());
    }

    fn scale(&mut self, factor: f64) {
        let scaled = |value: F32| F32::new((f64::from(value.get()) * factor) as f32);
        for edge in &mut self.edges {
            (edge.next, edge.session, edge.user) = (scaled(edge.next), scaled(edge.session), scaled(edge.user));
        }
    }

    /// The row as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.header, &self.edges)
    }
}
