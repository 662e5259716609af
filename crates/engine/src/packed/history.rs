//! A user's history: one edge for each item, newest first.

use super::{Kind, Landmark, VERSION, entries_of, header_of};
use crate::decay::HalfLife;
use crate::error::{Error, Result};
use crate::event::{Event, MAX_OPEN_SESSIONS};
use crate::{ItemId, Micros};
use zerocopy::byteorder::little_endian::{F32, F64, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The head of a history row.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HistoryHeader {
    version: u8,
    kind: u8,
    /// How many [`OpenSession`]s follow the header.
    open: u8,
    reserved: u8,
    /// All events of the user, those of cut edges too.
    pub events: U32,
    landmark: I64,
    /// Forward-decayed sum of the positive weights, those of cut edges too.
    pub total: F64,
    /// The place of the newest event in the user's order.
    pub last_at: I64,
    last_tie: U64,
}

/// A session that the user's next event may continue.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OpenSession {
    /// The session; [`OpenSession::ALONE`] while it has met one item only, for then it has no row.
    pub node: U32,
    /// The item that it met first.
    pub first: U32,
    /// The hash of the session column; 0 where sessions are cut by time.
    pub value: I64,
    /// Its newest event.
    pub last_at: I64,
}

impl OpenSession {
    /// Stands for the number of a session that has met one item.
    pub const ALONE: u32 = u32::MAX;

    /// The number of its row, if it has one.
    pub fn row(&self) -> Option<crate::SessionId> {
        (self.node.get() != Self::ALONE).then_some(self.node.get())
    }
}

/// What a user and an item have to do with each other.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HistoryEdge {
    /// The item.
    pub item: U32,
    /// The context of the newest event.
    pub context: U32,
    /// The newest event.
    pub last_at: I64,
    /// The number of events.
    pub count: U32,
    /// Forward-decayed sum of the weights, relative to the row's landmark.
    pub weight: F32,
    /// The weight of the newest event; negative: the user dislikes the item.
    pub last_weight: F32,
}

impl HistoryEdge {
    /// True when the user's newest word on the item was a dislike.
    pub fn disliked(&self) -> bool {
        self.last_weight.get() < 0.0
    }
}

/// A history row, read in place.
#[derive(Debug, Clone, Copy)]
pub struct HistoryView<'a> {
    /// The header.
    pub header: &'a HistoryHeader,
    /// The sessions that may go on, newest first.
    pub open: &'a [OpenSession],
    /// The edges, newest first.
    pub edges: &'a [HistoryEdge],
}

impl<'a> HistoryView<'a> {
    /// Reads a row; [`Error::Corrupt`] unless all of it is well-formed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (header, rest) = header_of::<HistoryHeader>(bytes, Kind::History)?;
        let open_bytes = header.open as usize * size_of::<OpenSession>();
        if header.open as usize > MAX_OPEN_SESSIONS || open_bytes > rest.len() {
            return Err(Error::Corrupt(format!("{} open sessions in {} bytes", header.open, rest.len())));
        }
        let (open, edges) = rest.split_at(open_bytes);
        Ok(Self { header, open: entries_of(open)?, edges: entries_of(edges)? })
    }
}

/// A history row in the making.
#[derive(Debug, Clone)]
pub struct History {
    header: HistoryHeader,
    landmark: Landmark,
    /// The sessions that may go on, newest first.
    pub open: Vec<OpenSession>,
    /// The edges, newest first.
    pub edges: Vec<HistoryEdge>,
}

impl History {
    /// An empty history.
    pub fn new(half_life: HalfLife) -> Self {
        let header = HistoryHeader {
            version: VERSION,
            kind: Kind::History as u8,
            open: 0,
            reserved: 0,
            events: 0.into(),
            landmark: 0.into(),
            total: 0.0.into(),
            last_at: i64::MIN.into(),
            last_tie: 0.into(),
        };
        Self { header, landmark: Landmark { at: 0, half_life }, open: Vec::new(), edges: Vec::new() }
    }

    /// A copy of a stored row, to be advanced.
    pub fn from_view(view: &HistoryView<'_>, half_life: HalfLife) -> Self {
        Self {
            header: *view.header,
            landmark: Landmark { at: view.header.landmark.get(), half_life },
            open: view.open.to_vec(),
            edges: view.edges.to_vec(),
        }
    }

    /// The number of events behind the row.
    pub fn events(&self) -> u32 {
        self.header.events.get()
    }

    /// The place of the newest event in the user's order.
    pub fn position(&self) -> (Micros, u64) {
        (self.header.last_at.get(), self.header.last_tie.get())
    }

    /// What weights are relative to.
    pub fn landmark(&self) -> Landmark {
        self.landmark
    }

    /// The user's decayed total of positive weights at `now`.
    pub fn total(&self, now: Micros) -> f64 {
        self.header.total.get() * self.landmark.loss(now)
    }

    /// Adds the user's next event in order, and cuts the oldest edges beyond `max_edges`.
    pub fn push(&mut self, event: &Event, max_edges: usize) {
        if self.events() == 0 {
            self.landmark.at = event.at;
        } else if let Some(factor) = self.landmark.rebase(event.at) {
            self.header.total = (self.header.total.get() * factor).into();
            for edge in &mut self.edges {
                edge.weight = ((f64::from(edge.weight.get()) * factor) as f32).into();
            }
        }
        let gain = self.landmark.gain(event.at) * f64::from(event.weight);
        self.header.events = (self.events() + 1).into();
        self.header.total = (self.header.total.get() + gain.max(0.0)).into();
        self.header.last_at = event.at.into();
        self.header.last_tie = event.tie.into();
        let found = self.edges.iter().position(|edge| edge.item.get() == event.item);
        let (count, weight) = match found {
            Some(place) => {
                let old = self.edges.remove(place);
                (old.count.get() + 1, f64::from(old.weight.get()) + gain)
            }
            None => (1, gain),
        };
        let edge = HistoryEdge {
            item: event.item.into(),
            context: event.context.into(),
            last_at: event.at.into(),
            count: count.into(),
            weight: (weight as f32).into(),
            last_weight: event.weight.into(),
        };
        self.edges.insert(0, edge);
        self.edges.truncate(max_edges);
    }

    /// The distinct items that the user did not dislike, newest first, without `item`.
    pub fn others(&self, item: ItemId) -> impl Iterator<Item = &HistoryEdge> {
        self.edges.iter().filter(move |edge| edge.item.get() != item && !edge.disliked())
    }

    /// The row as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut header = self.header;
        header.landmark = self.landmark.at.into();
        header.open = self.open.len() as u8;
        let mut bytes = super::to_bytes(&header, &self.open);
        bytes.extend_from_slice(self.edges.as_bytes());
        bytes
    }
}
