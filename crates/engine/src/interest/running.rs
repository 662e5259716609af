//! The state of `decayed_count`, `decayed_sum` and `decayed_avg`: a window's rows can be taken out again.

use super::grid::shifted;
use super::{Decayed, Grid, InterestError, Place, Result, Sum, VERSION};
use crate::Micros;
use zerocopy::byteorder::little_endian::{F64, I64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// How long a state is, in bytes.
pub const RUNNING_BYTES: usize = size_of::<Row>();

/// How much may have gone through a sum, as a multiple of what is in it, before taking rows out is no longer as good as
/// adding up what is left. An addition of two doubles each loses at most 3/4 `EPSILON^2`: 1/10 `EPSILON` in all.
const MAX_CHURN: f64 = 0.125 / f64::EPSILON;

/// Below this, what small terms have lost by underflow could be seen.
const SMALLEST: f64 = 1e-290;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Row {
    version: u8,
    reserved: [u8; 3],
    half_life: I64,
    scale: I64,
    count: [F64; 2],
    sum: [F64; 2],
    magnitude: F64,
    churn: F64,
    count_churn: F64,
    rows: I64,
    as_of: I64,
    as_of_rows: I64,
}

/// When a direct aggregate is read: as of the latest `as_of` of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsOf {
    /// The latest, and how many rows have it; `None` where no row gives one.
    pub latest: Option<(Micros, i64)>,
}

impl AsOf {
    fn add(&mut self, as_of: Option<Micros>, rows: i64) {
        let Some(at) = as_of else { return };
        match &mut self.latest {
            Some((latest, count)) if *latest == at => *count = count.saturating_add(rows),
            Some((latest, _)) if *latest > at => {}
            other => *other = Some((at, rows)),
        }
    }

    /// False if the latest is unknown now.
    fn take(&mut self, as_of: Option<Micros>) -> bool {
        if let (Some((latest, count)), Some(at)) = (&mut self.latest, as_of)
            && *latest == at
        {
            *count -= 1;
            return *count > 0;
        }
        true
    }
}

/// Decayed events of a group or of a window's frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Running {
    /// The sums, `None` before the first event.
    pub decayed: Option<Decayed>,
    /// When to read them.
    pub as_of: AsOf,
    /// How many events there are.
    pub rows: i64,
    /// The sum of the values' sizes, at the exponent of `decayed`.
    pub magnitude: f64,
    /// The sum of all magnitudes that there have been, at the same exponent: the rounding is a fraction of it.
    pub churn: f64,
    /// The same for the count.
    pub count_churn: f64,
}

impl Running {
    /// No event.
    pub const EMPTY: Running =
        Running { decayed: None, as_of: AsOf { latest: None }, rows: 0, magnitude: 0.0, churn: 0.0, count_churn: 0.0 };

    /// The sums at the exponent that an event at `place` needs.
    #[inline]
    fn raised(&mut self, grid: Grid, place: Place) -> Result<&mut Decayed> {
        let decayed = self.decayed.get_or_insert_with(|| Decayed::new(grid, place));
        decayed.grid.check_same(grid)?;
        let by = decayed.raise(place.whole);
        self.magnitude = shifted(self.magnitude, by);
        self.churn = shifted(self.churn, by);
        self.count_churn = shifted(self.count_churn, by);
        Ok(decayed)
    }

    /// Adds an event of a finite value. Errors: another half-life than that of the events before; a sum that leaves the
    /// range of a double.
    #[inline]
    pub fn add(&mut self, value: f64, at: Micros, grid: Grid, as_of: Option<Micros>) -> Result<()> {
        let place = grid.place(at);
        let decayed = self.raised(grid, place)?;
        decayed.add(value, place)?;
        let (count, weight) = (decayed.count.high, decayed.weight(place));
        self.magnitude += (value * weight).abs();
        self.churn += self.magnitude;
        self.count_churn += count;
        self.rows = self.rows.saturating_add(1);
        self.as_of.add(as_of, 1);
        if self.magnitude.is_finite() { Ok(()) } else { Err(InterestError::OutOfRange) }
    }

    /// Takes an event out that was added before. False if the rest must be added up anew: when so much has gone through the
    /// sums that what is left would be less exact than that, by more than a unit in the last place of the sum of sizes.
    pub fn take(&mut self, value: f64, at: Micros, grid: Grid, as_of: Option<Micros>) -> Result<bool> {
        let place = grid.place(at);
        if self.rows <= 1 {
            *self = Self::EMPTY;
            return Ok(true);
        }
        // Before and after, because the subtraction loses a fraction of what it starts from.
        self.churn += self.magnitude;
        let decayed = self.raised(grid, place)?;
        let before = decayed.count.high;
        let weight = decayed.weight(place);
        decayed.count.add(-weight);
        decayed.sum.add(-(value * weight));
        let left = decayed.count.high;
        self.count_churn += before;
        self.magnitude -= (value * weight).abs();
        self.rows -= 1;
        let exact = |churn: f64, magnitude: f64| churn == 0.0 || (magnitude > SMALLEST && churn <= MAX_CHURN * magnitude);
        Ok(self.as_of.take(as_of) && exact(self.churn, self.magnitude) && exact(self.count_churn, left))
    }

    /// Adds all events of another state.
    pub fn merge(&mut self, other: Running) -> Result<()> {
        let Some(theirs) = other.decayed else { return Ok(()) };
        let Some(ours) = &mut self.decayed else {
            *self = other;
            return Ok(());
        };
        let ahead = theirs.scale.saturating_sub(ours.scale).max(-i64::MAX);
        let both = |mine: f64, yours: f64| shifted(mine, (-ahead).min(0)) + shifted(yours, ahead.min(0));
        ours.merge(theirs)?;
        self.magnitude = both(self.magnitude, other.magnitude);
        self.churn = both(self.churn, other.churn);
        self.count_churn = both(self.count_churn, other.count_churn);
        self.rows = self.rows.saturating_add(other.rows);
        if let Some((at, rows)) = other.as_of.latest {
            self.as_of.add(Some(at), rows);
        }
        if self.magnitude.is_finite() { Ok(()) } else { Err(InterestError::OutOfRange) }
    }

    /// As bytes.
    #[inline]
    pub fn to_bytes(&self) -> [u8; RUNNING_BYTES] {
        let empty = Sum::default();
        let (half_life, scale, count, sum) =
            self.decayed.map_or((0, 0, empty, empty), |decayed| (decayed.grid.half_life(), decayed.scale, decayed.count, decayed.sum));
        let (as_of, as_of_rows) = self.as_of.latest.unwrap_or((0, 0));
        let row = Row {
            version: VERSION,
            reserved: [0; 3],
            half_life: half_life.into(),
            scale: scale.into(),
            count: [count.high.into(), count.low.into()],
            sum: [sum.high.into(), sum.low.into()],
            magnitude: self.magnitude.into(),
            churn: self.churn.into(),
            count_churn: self.count_churn.into(),
            rows: self.rows.into(),
            as_of: as_of.into(),
            as_of_rows: as_of_rows.into(),
        };
        zerocopy::transmute!(row)
    }

    /// Refuses what no aggregate gives.
    pub fn validate(&self) -> Result<()> {
        let corrupt = |what: &str| Err(InterestError::Corrupt(what.into()));
        if let Some(decayed) = &self.decayed {
            if !decayed.grid.knows(decayed.scale) {
                return corrupt(&format!("scale {} lies beyond all times", decayed.scale));
            }
            if !decayed.count.is_sound() || !decayed.sum.is_sound() {
                return corrupt("the sums are no sums of events");
            }
        }
        let sizes = [self.magnitude, self.churn, self.count_churn];
        if sizes.iter().any(|size| !size.is_finite()) {
            return corrupt("the sizes of the sums must be finite");
        }
        let as_of_rows = self.as_of.latest.map_or(0, |(_, rows)| rows);
        if self.rows < 0 || as_of_rows < 0 || (self.decayed.is_none() && (self.rows > 0 || sizes != [0.0; 3])) {
            return corrupt("the numbers of rows contradict each other");
        }
        Ok(())
    }

    /// From bytes that came from elsewhere, after a check of every one.
    pub fn parse_unknown(bytes: &[u8]) -> Result<Self> {
        let running = Self::parse(bytes)?;
        running.validate()?;
        if running.to_bytes() == bytes { Ok(running) } else { Err(InterestError::Corrupt("bytes that say nothing must be zero".into())) }
    }

    /// From the bytes that [`Running::to_bytes`] gives. A state is written by aggregates alone: what is checked is what
    /// the arithmetic needs.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let row = Row::read_from_bytes(bytes)
            .ok()
            .filter(|row| row.version == VERSION)
            .ok_or_else(|| InterestError::Corrupt("no state of a decayed aggregate".into()))?;
        let sum = |[high, low]: [F64; 2]| Sum { high: high.get(), low: low.get() };
        let decayed = match row.half_life.get() {
            0 => None,
            half_life => Some(Decayed { grid: Grid::new(half_life)?, scale: row.scale.get(), count: sum(row.count), sum: sum(row.sum) }),
        };
        let latest = (row.as_of_rows.get() > 0).then(|| (row.as_of.get(), row.as_of_rows.get()));
        Ok(Self {
            decayed,
            as_of: AsOf { latest },
            rows: row.rows.get(),
            magnitude: row.magnitude.get(),
            churn: row.churn.get(),
            count_churn: row.count_churn.get(),
        })
    }
}
