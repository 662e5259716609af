//! An item's most recent sessions: the index of VMIS-kNN (Kersbergen, Sprangers, Schelter: "Serenade", SIGMOD 2022).

use super::{Kind, VERSION, entries_of, header_of, to_bytes};
use crate::error::Result;
use crate::{Micros, SessionId};
use rustc_hash::FxHashMap;
use zerocopy::byteorder::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The head of a visit row.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct VisitsHeader {
    version: u8,
    kind: u8,
    reserved: [u8; 2],
}

/// One session that met the item.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Visit {
    /// The session; [`Visit::ALONE`] for one that met nothing else, which has no row.
    pub session: U32,
    seconds: U32,
}

/// What a batch of events does to the visits of one item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VisitsDelta {
    /// The sessions that met it and when; `None` for those that no longer do.
    pub sessions: FxHashMap<SessionId, Option<Micros>>,
    /// How many sessions that met nothing else came, less those that went, by the second.
    pub alone: FxHashMap<u32, i64>,
}

impl VisitsDelta {
    /// Counts a session that met nothing else.
    pub fn count_alone(&mut self, at: Micros, count: i64) {
        *self.alone.entry(seconds(at)).or_insert(0) += count;
    }

    /// Adds what another batch does.
    pub fn merge(&mut self, other: &VisitsDelta) {
        self.sessions.extend(other.sessions.iter().map(|(session, at)| (*session, *at)));
        for (second, count) in &other.alone {
            *self.alone.entry(*second).or_insert(0) += count;
        }
    }
}

/// A time to the second, as rows keep it; anything before 2000-01-01 is 0.
pub(super) fn seconds(at: Micros) -> u32 {
    at.div_euclid(MICROS_PER_SECOND).clamp(0, i64::from(u32::MAX)) as u32
}

/// The time that [`seconds`] stands for.
pub(super) fn of_seconds(seconds: U32) -> Micros {
    i64::from(seconds.get()) * MICROS_PER_SECOND
}

impl Visit {
    /// Stands for the number of a session that met one item only.
    pub const ALONE: SessionId = SessionId::MAX;

    fn new(session: SessionId, seconds: u32) -> Self {
        Self { session: session.into(), seconds: seconds.into() }
    }

    /// Whether the session met nothing else.
    pub fn is_alone(&self) -> bool {
        self.session.get() == Self::ALONE
    }

    /// When the session met the item last, to the second; 2000-01-01 for anything earlier.
    pub fn at(&self) -> Micros {
        of_seconds(self.seconds)
    }
}

/// A visit row, read in place.
#[derive(Debug, Clone, Copy)]
pub struct VisitsView<'a> {
    /// The header.
    pub header: &'a VisitsHeader,
    /// The sessions, newest first.
    pub sessions: &'a [Visit],
}

impl<'a> VisitsView<'a> {
    /// Reads a row; [`crate::Error::Corrupt`] unless all of it is well-formed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (header, rest) = header_of::<VisitsHeader>(bytes, Kind::Visits)?;
        Ok(Self { header, sessions: entries_of(rest)? })
    }
}

/// A visit row in the making.
#[derive(Debug, Clone)]
pub struct Visits {
    header: VisitsHeader,
    sessions: Vec<Visit>,
}

impl Default for Visits {
    fn default() -> Self {
        Self { header: VisitsHeader { version: VERSION, kind: Kind::Visits as u8, reserved: [0; 2] }, sessions: Vec::new() }
    }
}

impl Visits {
    /// A copy of a stored row.
    pub fn from_view(view: &VisitsView<'_>) -> Self {
        Self { header: *view.header, sessions: view.sessions.to_vec() }
    }

    /// The row as it is read.
    pub fn view(&self) -> VisitsView<'_> {
        VisitsView { header: &self.header, sessions: &self.sessions }
    }

    /// True when no session is left.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Takes in a batch, and cuts the oldest beyond `max_visits`.
    pub fn merge(&mut self, delta: &VisitsDelta, max_visits: usize) {
        let mut gone: FxHashMap<u32, i64> = delta.alone.iter().filter(|(_, count)| **count < 0).map(|(at, count)| (*at, -count)).collect();
        self.sessions.retain(|visit| match gone.get_mut(&visit.seconds.get()).filter(|_| visit.is_alone()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => !delta.sessions.contains_key(&visit.session.get()),
        });
        let came = delta.sessions.iter().filter_map(|(&session, at)| at.map(|at| Visit::new(session, seconds(at))));
        self.sessions.extend(came);
        for (second, count) in delta.alone.iter().filter(|(_, count)| **count > 0) {
            let count = (*count as usize).min(max_visits);
            self.sessions.extend(std::iter::repeat_n(Visit::new(Visit::ALONE, *second), count));
        }
        self.sessions.sort_unstable_by_key(|visit| std::cmp::Reverse((visit.seconds.get(), visit.session.get())));
        self.sessions.truncate(max_visits);
    }

    /// The row as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.header, &self.sessions)
    }
}
