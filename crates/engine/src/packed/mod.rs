//! Packed rows: what one node knows, as one run of bytes.
//!
//! A row is a header followed by entries, both little-endian and without alignment, so that it is read in place from
//! wherever Postgres keeps it. Every read checks version, kind and length; hostile bytes give [`Error::Corrupt`].
//! Weights are forward-decayed relative to the header's landmark, which moves only when exponents grow large, so that
//! no rounding piles up by rewriting.

mod edges;
mod features;
mod history;
mod leaders;
mod neighbors;
mod session;
mod user_interest;
mod visits;

pub use edges::{EdgeDelta, EdgeEntry, Edges, EdgesHeader, EdgesView, MAX_CONTEXTS, NewestOf, RowDelta, STATIC};
pub use features::{FeaturesEntry, FeaturesHeader, FeaturesTotal, FeaturesView};
pub use history::{History, HistoryEdge, HistoryHeader, HistoryView, OpenSession};
pub use leaders::Leaders;
pub use neighbors::{NeighborEdge, Neighbors, NeighborsHeader, NeighborsView, PairDelta};
pub use session::{Session, SessionHeader, SessionView};
pub use user_interest::{CurrentInterest, UserInterest};
pub use visits::{Visit, Visits, VisitsDelta, VisitsHeader, VisitsView};

use crate::Micros;
use crate::decay::HalfLife;
use crate::error::{Error, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The version that this code writes, and the only one that it reads.
pub const VERSION: u8 = 1;

/// How many half-lives a weight may lie after its row's landmark before the row is rebased: f32 holds 2^127.
const MAX_EXPONENT: f64 = 60.0;

/// How far after its row's landmark a weight may lie at most: popularity in the shortest window is measured from the same landmark.
const MAX_AHEAD: Micros = 500 * 3_600_000_000;

/// What a packed row holds; its second byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A user's items: [`History`].
    History = 1,
    /// What followed an item and what was met with it: [`Neighbors`].
    Neighbors = 2,
    /// An item's most recent sessions: [`Visits`].
    Visits = 3,
    /// A session's items: [`Session`].
    Session = 4,
    /// A graph node's edges: [`Edges`].
    Edges = 5,
    /// What a user is interested in, as vectors: [`UserInterest`].
    UserInterest = 6,
    /// An entity's counts: [`crate::features::Entity`].
    Features = 7,
    /// The first items of an order: [`Leaders`].
    Leaders = 8,
    /// What was learnt of a recommender's own questions: [`crate::learn::Learnt`].
    Learnt = 9,
}

/// The kind of a packed row, after checking that all of it parses.
pub fn validate(bytes: &[u8]) -> Result<Kind> {
    let kind = *bytes.get(1).ok_or_else(|| Error::Corrupt(format!("{} bytes are too few", bytes.len())))?;
    match kind {
        1 => HistoryView::parse(bytes).map(|_| Kind::History),
        2 => NeighborsView::parse(bytes).map(|_| Kind::Neighbors),
        3 => VisitsView::parse(bytes).map(|_| Kind::Visits),
        4 => SessionView::parse(bytes).map(|_| Kind::Session),
        5 => EdgesView::parse(bytes).map(|_| Kind::Edges),
        6 => UserInterest::parse(bytes).map(|_| Kind::UserInterest),
        7 => FeaturesView::check(bytes).map(|_| Kind::Features),
        8 => Leaders::parse(bytes).map(|_| Kind::Leaders),
        9 => crate::learn::Learnt::parse(bytes).map(|_| Kind::Learnt),
        other => Err(Error::Corrupt(format!("unknown kind {other}"))),
    }
}

/// Splits a row into its header and the bytes behind it, after checking version and kind.
fn header_of<H>(bytes: &[u8], kind: Kind) -> Result<(&H, &[u8])>
where
    H: FromBytes + Immutable + KnownLayout + Unaligned,
{
    match bytes {
        [version, ..] if *version != VERSION => Err(Error::Corrupt(format!("version {version}, expected {VERSION}"))),
        [_, found, ..] if *found != kind as u8 => Err(Error::Corrupt(format!("kind {found}, expected {}", kind as u8))),
        _ => H::ref_from_prefix(bytes).map_err(|_| Error::Corrupt(format!("{} bytes are too few for {kind:?}", bytes.len()))),
    }
}

/// The rest of a row as entries.
fn entries_of<E>(bytes: &[u8]) -> Result<&[E]>
where
    E: FromBytes + Immutable + Unaligned,
{
    <[E]>::ref_from_bytes(bytes).map_err(|_| Error::Corrupt(format!("{} bytes are no whole number of entries", bytes.len())))
}

/// A header and entries as one run of bytes.
fn to_bytes<H, E>(header: &H, entries: &[E]) -> Vec<u8>
where
    H: IntoBytes + Immutable,
    E: IntoBytes + Immutable,
{
    let mut bytes = Vec::with_capacity(size_of_val(header) + size_of_val(entries));
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(entries.as_bytes());
    bytes
}

/// Where a row's weights are measured from.
#[derive(Debug, Clone, Copy)]
pub struct Landmark {
    /// The time at which a weight of 1 is stored as 1.
    pub at: Micros,
    /// The half-life.
    pub half_life: HalfLife,
}

impl Landmark {
    /// The factor by which a weight of an event at `at` is stored.
    pub fn gain(&self, at: Micros) -> f64 {
        self.half_life.between(self.at, at).exp2()
    }

    /// The factor that turns a stored weight into the decayed one at `now`.
    pub fn loss(&self, now: Micros) -> f64 {
        (-self.half_life.between(self.at, now)).exp2()
    }

    /// Whether the weight of an event at `at` can be stored without moving the landmark.
    pub fn reaches(&self, at: Micros) -> bool {
        self.half_life.between(self.at, at) <= MAX_EXPONENT
    }

    /// The same of an event's weights in the windows of popularity too.
    pub fn reaches_in_windows(&self, at: Micros) -> bool {
        self.reaches(at) && at.saturating_sub(self.at) <= MAX_AHEAD
    }

    /// The factor for stored weights when the landmark must move so that `at` can be stored; moves it.
    fn rebase(&mut self, at: Micros) -> Option<f64> {
        (!self.reaches(at)).then(|| {
            let factor = self.loss(at);
            self.at = at;
            factor
        })
    }
}
