//! A decayed count and a decayed sum of numbers, as stored by `decayed_summary`.

use super::grid::shifted;
use super::{Grid, InterestError, Place, Result, Sum, VERSION};
use crate::Micros;
use zerocopy::byteorder::little_endian::{F64, I64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// How long a stored summary is, in bytes.
pub const SUMMARY_BYTES: usize = size_of::<Row>();

/// The bytes of a summary.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Row {
    version: u8,
    reserved: [u8; 3],
    half_life: I64,
    scale: I64,
    count: [F64; 2],
    sum: [F64; 2],
}

/// Decayed events: how many, and the sum of their values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decayed {
    /// How they decay.
    pub grid: Grid,
    /// The exponent of both sums: where the newest event lies, in whole half-lives.
    pub scale: i64,
    /// The sum of all `2^(t / half_life - scale)`.
    pub count: Sum,
    /// The same, each event times its value.
    pub sum: Sum,
}

impl Decayed {
    /// No event yet; `place` is that of the first one to come.
    pub fn new(grid: Grid, place: Place) -> Self {
        Self { grid, scale: place.whole, count: Sum::default(), sum: Sum::default() }
    }

    /// Moves the exponent up to `scale`, if it lies below; gives the power of two that the sums were multiplied by: 0, or less.
    #[inline]
    pub fn raise(&mut self, scale: i64) -> i64 {
        if scale <= self.scale {
            return 0;
        }
        let by = self.scale.saturating_sub(scale);
        self.scale = scale;
        self.count = self.count.shifted(by);
        self.sum = self.sum.shifted(by);
        by
    }

    /// What an event at `place` counts at the exponent of the sums, which must not lie below it.
    #[inline]
    pub fn weight(&self, place: Place) -> f64 {
        shifted(place.gain, place.whole.saturating_sub(self.scale))
    }

    /// Adds an event of a finite value; [`InterestError::OutOfRange`] where the sum leaves the range of a double.
    #[inline]
    pub fn add(&mut self, value: f64, place: Place) -> Result<()> {
        self.raise(place.whole);
        let weight = self.weight(place);
        self.count.add(weight);
        self.sum.add(value * weight);
        self.check()
    }

    /// Adds all events of another one; an error if it decays otherwise.
    pub fn merge(&mut self, mut other: Decayed) -> Result<()> {
        self.grid.check_same(other.grid)?;
        self.raise(other.scale);
        other.raise(self.scale);
        self.count.plus(other.count);
        self.sum.plus(other.sum);
        self.check()
    }

    #[inline]
    fn check(&self) -> Result<()> {
        if self.count.is_sound() && self.sum.is_sound() { Ok(()) } else { Err(InterestError::OutOfRange) }
    }

    /// The decayed number of events at a time; an event after it counts more than 1.
    pub fn count_at(&self, as_of: Micros) -> Result<f64> {
        self.read(self.count, as_of)
    }

    /// The decayed sum of values at a time.
    pub fn sum_at(&self, as_of: Micros) -> Result<f64> {
        self.read(self.sum, as_of)
    }

    fn read(&self, sum: Sum, as_of: Micros) -> Result<f64> {
        let value = self.grid.read(sum.high, self.scale, as_of);
        if value.is_finite() { Ok(value) } else { Err(InterestError::OutOfRange) }
    }

    /// The average value, newer events weighing more. It is the same at any time: all events decay alike.
    pub fn average(&self) -> f64 {
        self.sum.high / self.count.high
    }

    /// As bytes.
    pub fn to_bytes(&self) -> [u8; SUMMARY_BYTES] {
        let row = Row {
            version: VERSION,
            reserved: [0; 3],
            half_life: self.grid.half_life().into(),
            scale: self.scale.into(),
            count: [self.count.high.into(), self.count.low.into()],
            sum: [self.sum.high.into(), self.sum.low.into()],
        };
        zerocopy::transmute!(row)
    }

    /// From bytes, after a check of every field.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let corrupt = |what: String| InterestError::Corrupt(what);
        let row = Row::read_from_bytes(bytes).map_err(|_| corrupt(format!("{} bytes instead of {SUMMARY_BYTES}", bytes.len())))?;
        if row.version != VERSION || row.reserved != [0; 3] {
            return Err(corrupt(format!("version {}, expected {VERSION}", row.version)));
        }
        let sum = |[high, low]: [F64; 2]| Sum { high: high.get(), low: low.get() };
        let read = Self { grid: Grid::new(row.half_life.get())?, scale: row.scale.get(), count: sum(row.count), sum: sum(row.sum) };
        read.validate()?;
        Ok(read)
    }

    /// Refuses what no aggregate gives.
    pub fn validate(&self) -> Result<()> {
        let corrupt = |what: &str| Err(InterestError::Corrupt(what.into()));
        if !self.grid.knows(self.scale) {
            return corrupt(&format!("scale {} lies beyond all times", self.scale));
        }
        // The newest event counts at least 1 at its own exponent.
        if !self.count.is_sound() || self.count.high < 1.0 {
            return corrupt("the count is no sum of events");
        }
        if !self.sum.is_sound() {
            return corrupt("the sum is no sum of values");
        }
        Ok(())
    }
}
