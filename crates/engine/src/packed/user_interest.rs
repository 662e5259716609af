//! What a user is interested in, as vectors: the session that the user is in, and the average over those before it.
//!
//! A session is the decayed sum of its items' vectors times the events' weights, with the session's gap as its half-life
//! ([`crate::interest::InterestMut`]). When the next session begins, its direction is folded into the average,
//! `long = alpha * long + (1 - alpha) * session`, where the first session starts it. Both are what the aggregates `interest` and
//! `ewma_interest` give for the same events.

use super::{Kind, VERSION, entries_of, header_of};
use crate::Micros;
use crate::error::{Error, Result};
use crate::event::Rules;
use crate::interest::{Grid, InterestError, InterestMut, InterestView, MAX_HALF_LIFE, direction, interest_bytes};
use zerocopy::byteorder::little_endian::{F32, I64, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What the average keeps of itself when a session is folded in: after 14 sessions the first one counts half.
pub const ALPHA: f64 = 0.95;

/// The share of the present session in the blend, as long as it goes on.
const SESSION_SHARE: f64 = 0.5;

/// The head of the row. The average follows, a float a dimension, then the session.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    version: u8,
    kind: u8,
    dimensions: U16,
    /// How many sessions the average is made of; with none, there is no average.
    sessions: U32,
    /// The hash of the session column in the present session; 0 where sessions are cut by time.
    value: I64,
}

/// A user's interest in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct UserInterest {
    sessions: u32,
    value: i64,
    long_term: Vec<f32>,
    /// The bytes of an interest; empty before the first event.
    session: Vec<u8>,
}

/// A user's interest at one time; each vector is `None` where nothing is known.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentInterest {
    /// The direction of the present session, of length 1; `None` when its gap is over.
    pub session: Option<Vec<f32>>,
    /// The average over the sessions that are over; its length says how much they agree, 1 at most.
    pub long_term: Option<Vec<f32>>,
    /// Both, in equal shares, of length 1.
    pub blended: Option<Vec<f32>>,
}

impl Default for UserInterest {
    fn default() -> Self {
        Self::new()
    }
}

impl UserInterest {
    /// Without events.
    pub fn new() -> Self {
        Self { sessions: 0, value: 0, long_term: Vec::new(), session: Vec::new() }
    }

    /// Reads a row; [`Error::Corrupt`] unless all of it is well-formed.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let (header, rest) = header_of::<Header>(bytes, Kind::UserInterest)?;
        let (dimensions, sessions) = (usize::from(header.dimensions.get()), header.sessions.get());
        let average = if sessions == 0 { 0 } else { size_of::<F32>() * dimensions };
        if rest.len() != average + interest_bytes(dimensions).map_err(corrupt)? {
            return Err(Error::Corrupt(format!("{} bytes for {sessions} sessions of {dimensions} dimensions", rest.len())));
        }
        let (long_term, session) = rest.split_at(average);
        let long_term: Vec<f32> = entries_of::<F32>(long_term)?.iter().map(|value| value.get()).collect();
        // A session's direction is 1 long, and so is an average of such at most.
        if let Some(value) = long_term.iter().find(|value| !(-1.001..=1.001).contains(*value)) {
            return Err(Error::Corrupt(format!("an average with {value}")));
        }
        InterestView::parse_unknown(session).map_err(corrupt)?;
        Ok(Self { sessions, value: header.value.get(), long_term, session: session.to_vec() })
    }

    /// The row as bytes; it must have an event.
    pub fn to_bytes(&self) -> Vec<u8> {
        let dimensions = InterestView::parse(&self.session).map_or(0, |session| session.dimensions());
        let header = Header {
            version: VERSION,
            kind: Kind::UserInterest as u8,
            dimensions: (dimensions as u16).into(),
            sessions: self.sessions.into(),
            value: self.value.into(),
        };
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(self.long_term.iter().flat_map(|value| value.to_le_bytes()));
        bytes.extend_from_slice(&self.session);
        bytes
    }

    /// Adds the user's next event in order, with the vector of its item, of finite numbers. A vector of another dimension than those
    /// before begins the interest anew: it lies in another space.
    pub fn push(&mut self, at: Micros, weight: f32, value: Option<i64>, vector: &[f32], rules: &Rules) -> Result<()> {
        let grid = grid(rules)?;
        let value = value.unwrap_or(0);
        if let Some(open) = self.open()? {
            if open.dimensions() != vector.len() || open.grid() != grid {
                *self = Self::new();
            } else if !rules.continues(open.last_at(), self.value, at, value) {
                if let Some(session) = direction(&open) {
                    self.long_term = folded(&self.long_term, &session);
                    self.sessions = self.sessions.saturating_add(1);
                }
                self.session.clear();
            }
        }
        self.value = value;
        let mut session = if self.session.is_empty() {
            self.session.resize(interest_bytes(vector.len()).map_err(corrupt)?, 0);
            InterestMut::begin(&mut self.session, grid)
        } else {
            InterestMut::parse(&mut self.session)
        }
        .map_err(corrupt)?;
        session.add(vector, at, f64::from(weight), grid).map_err(corrupt)
    }

    /// What it is at a time, not before its newest event. A session whose gap is over counts as ended.
    pub fn at(&self, as_of: Micros, rules: &Rules) -> Result<CurrentInterest> {
        let mut long_term = self.long_term.clone();
        let mut session = None;
        if let Some(open) = self.open()?
            && let Some(vector) = direction(&open)
        {
            if as_of.saturating_sub(open.last_at()) > rules.session_gap() {
                long_term = folded(&long_term, &vector);
            } else {
                session = Some(vector);
            }
        }
        let blended = match &session {
            Some(session) => blend(session, &long_term),
            None => unit(long_term.iter().map(|value| f64::from(*value))),
        };
        Ok(CurrentInterest { session, long_term: (!long_term.is_empty()).then_some(long_term), blended })
    }

    fn open(&self) -> Result<Option<InterestView<'_>>> {
        if self.session.is_empty() { Ok(None) } else { InterestView::parse(&self.session).map(Some).map_err(corrupt) }
    }
}

/// The half-life within a session.
fn grid(rules: &Rules) -> Result<Grid> {
    Grid::new(rules.session_gap().clamp(1, MAX_HALF_LIFE)).map_err(corrupt)
}

/// The average with one more session; the first one starts it.
fn folded(long_term: &[f32], session: &[f32]) -> Vec<f32> {
    if long_term.is_empty() {
        return session.to_vec();
    }
    let next = |(long, value): (&f32, &f32)| (ALPHA * f64::from(*long) + (1.0 - ALPHA) * f64::from(*value)) as f32;
    long_term.iter().zip(session).map(next).collect()
}

/// The directions of both in their shares.
fn blend(session: &[f32], long_term: &[f32]) -> Option<Vec<f32>> {
    let Some(long_term) = unit(long_term.iter().map(|value| f64::from(*value))) else { return Some(session.to_vec()) };
    let both = session.iter().zip(&long_term);
    unit(both.map(|(session, long)| SESSION_SHARE * f64::from(*session) + (1.0 - SESSION_SHARE) * f64::from(*long)))
}

/// The vector of length 1 in the same direction; `None` for the zero vector. Elements are 1 in size at most.
fn unit(vector: impl Iterator<Item = f64> + Clone) -> Option<Vec<f32>> {
    let length = vector.clone().map(|value| value * value).sum::<f64>().sqrt();
    (length > 0.0).then(|| vector.map(|value| (value / length) as f32).collect())
}

fn corrupt(error: InterestError) -> Error {
    Error::Corrupt(error.to_string())
}
