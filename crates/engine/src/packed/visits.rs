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
    /// The session.
    pub session: U32,
    seconds: U32,
}

impl Visit {
    fn new(session: SessionId, at: Micros) -> Self {
        let seconds = at.div_euclid(MICROS_PER_SECOND).clamp(0, i64::from(u32::MAX)) as u32;
        Self { session: session.into(), seconds: seconds.into() }
    }

    /// When the session met the item last, to the second; 2000-01-01 for anything earlier.
    pub fn at(&self) -> Micros {
        i64::from(self.seconds.get()) * MICROS_PER_SECOND
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

    /// Sets (`Some(time)`) or removes (`None`) sessions, and cuts the oldest beyond `max_visits`.
    pub fn merge(&mut self, changes: &FxHashMap<SessionId, Option<Micros>>, max_visits: usize) {
        self.sessions.retain(|visit| !changes.contains_key(&visit.session.get()));
        self.sessions.extend(changes.iter().filter_map(|(&session, at)| at.map(|at| Visit::new(session, at))));
        self.sessions.sort_unstable_by_key(|visit| std::cmp::Reverse((visit.seconds.get(), visit.session.get())));
        self.sessions.truncate(max_visits);
    }

    /// The row as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.header, &self.sessions)
    }
}
