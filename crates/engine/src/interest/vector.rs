//! A decayed, weighted sum of vectors: the bytes of the type `interest`, read and written in place.

use super::grid::shifted;
use super::{
    END_TIME, Grid, InterestError, MAX_DIMENSIONS, MIN_TIME, Result, VERSION, check_dimensions, check_finite, check_same_dimensions,
};
use crate::Micros;
use zerocopy::byteorder::little_endian::{F64, I64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The greatest strength: as long as the weights add up to less, no sum of weighted f32 leaves the range of a double.
const MAX_STRENGTH: f64 = f64::MAX / (4.0 * f32::MAX as f64);

/// The head of an interest. The sums follow, one double a dimension; their exponent is where `last_at` lies, in whole
/// half-lives.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    version: u8,
    reserved: [u8; 3],
    half_life: I64,
    first_at: I64,
    last_at: I64,
    count: I64,
    strength: F64,
}

/// The numbers in an interest, as its text form gives them.
#[derive(Debug, Clone, PartialEq)]
pub struct InterestFields {
    /// Microseconds.
    pub half_life: i64,
    /// The oldest event.
    pub first_at: Micros,
    /// The newest event.
    pub last_at: Micros,
    /// How many events.
    pub count: i64,
    /// The sum of all `|weight| * 2^(t / half_life - scale)`.
    pub strength: f64,
    /// The sum of all `weight * vector * 2^(t / half_life - scale)`.
    pub vector: Vec<f64>,
}

/// How many bytes an interest of so many dimensions takes.
pub fn interest_bytes(dimensions: usize) -> Result<usize> {
    check_dimensions(dimensions)?;
    Ok(size_of::<Header>() + size_of::<F64>() * dimensions)
}

/// An interest, read in place.
#[derive(Debug, Clone, Copy)]
pub struct InterestView<'a> {
    header: &'a Header,
    vector: &'a [F64],
    grid: Grid,
}

impl<'a> InterestView<'a> {
    /// From bytes that were checked when they came in.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| too_few(bytes.len()))?;
        let vector = <[F64]>::ref_from_bytes(rest).map_err(|_| no_whole_number(rest.len()))?;
        Ok(Self { header, vector, grid: check_header(header, vector.len())? })
    }

    /// From bytes of anybody, after a check of every field.
    pub fn parse_unknown(bytes: &'a [u8]) -> Result<Self> {
        let view = Self::parse(bytes)?;
        let corrupt = |what: String| Err(InterestError::Corrupt(what));
        let times = MIN_TIME..END_TIME;
        let (first_at, last_at) = (view.first_at(), view.last_at());
        if !times.contains(&first_at) || !times.contains(&last_at) || first_at > last_at {
            return corrupt(format!("events from {first_at} to {last_at} microseconds after 2000-01-01"));
        }
        if view.count() < 1 {
            return corrupt(format!("{} events", view.count()));
        }
        let strength = view.header.strength.get();
        if !(0.0..=MAX_STRENGTH).contains(&strength) {
            return corrupt(format!("strength {strength:e}"));
        }
        match view.vector().find(|value| value.is_nan() || value.abs() > f64::MAX / 4.0) {
            Some(value) => corrupt(format!("vector element {value:e}")),
            None => Ok(view),
        }
    }

    /// How it decays.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The exponent of the sums, in whole half-lives.
    fn scale(&self) -> i64 {
        self.grid.whole(self.last_at())
    }

    /// The oldest event.
    pub fn first_at(&self) -> Micros {
        self.header.first_at.get()
    }

    /// The newest event.
    pub fn last_at(&self) -> Micros {
        self.header.last_at.get()
    }

    /// How many events.
    pub fn count(&self) -> i64 {
        self.header.count.get()
    }

    /// How many dimensions.
    pub fn dimensions(&self) -> usize {
        self.vector.len()
    }

    /// The sums, up to a factor that all share.
    pub fn vector(&self) -> impl Iterator<Item = f64> + Clone + use<'a> {
        self.vector.iter().map(|value| value.get())
    }

    /// The decayed sum of the weights' sizes at a time; an event after it counts more than its weight.
    pub fn strength(&self, as_of: Micros) -> Result<f64> {
        let strength = self.grid.read(self.header.strength.get(), self.scale(), as_of);
        if strength.is_finite() { Ok(strength) } else { Err(InterestError::OutOfRange) }
    }

    /// All its numbers.
    pub fn fields(&self) -> InterestFields {
        InterestFields {
            half_life: self.grid.half_life(),
            first_at: self.first_at(),
            last_at: self.last_at(),
            count: self.count(),
            strength: self.header.strength.get(),
            vector: self.vector().collect(),
        }
    }
}

impl InterestFields {
    /// As bytes, after a check of every field.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let header = Header {
            version: VERSION,
            reserved: [0; 3],
            half_life: self.half_life.into(),
            first_at: self.first_at.into(),
            last_at: self.last_at.into(),
            count: self.count.into(),
            strength: self.strength.into(),
        };
        let mut bytes = Vec::with_capacity(interest_bytes(self.vector.len())?);
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend(self.vector.iter().flat_map(|value| value.to_le_bytes()));
        InterestView::parse_unknown(&bytes)?;
        Ok(bytes)
    }
}

/// An interest, written in place.
#[derive(Debug)]
pub struct InterestMut<'a> {
    header: &'a mut Header,
    vector: &'a mut [F64],
    grid: Grid,
}

impl<'a> InterestMut<'a> {
    /// Makes zeroed bytes, [`interest_bytes`] of them, an interest without events.
    pub fn begin(bytes: &'a mut [u8], grid: Grid) -> Result<Self> {
        let (header, rest) = Header::mut_from_prefix(bytes).map_err(|_| too_few(0))?;
        header.version = VERSION;
        header.half_life = grid.half_life().into();
        let vector = <[F64]>::mut_from_bytes(rest).map_err(|_| no_whole_number(0))?;
        Ok(Self { header, vector, grid })
    }

    /// From bytes that were checked when they came in.
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self> {
        let length = bytes.len();
        let (header, rest) = Header::mut_from_prefix(bytes).map_err(|_| too_few(length))?;
        let length = rest.len();
        let vector = <[F64]>::mut_from_bytes(rest).map_err(|_| no_whole_number(length))?;
        let grid = check_header(header, vector.len())?;
        Ok(Self { header, vector, grid })
    }

    /// Adds an event: `vector`, times a finite weight that is negative for a dislike. Errors: another half-life or other
    /// dimensions than those of the events before; NaN or infinity; weights that add up to too much.
    #[inline]
    pub fn add(&mut self, vector: &[f32], at: Micros, weight: f64, grid: Grid) -> Result<()> {
        check_same_dimensions(self.vector.len(), vector.len())?;
        self.grid.check_same(grid)?;
        check_finite(vector)?;
        let place = grid.place(at);
        let (keep, scale) = self.meet(at, at, place.whole);
        let gain = shifted(weight * place.gain, place.whole.saturating_sub(scale));
        for (sum, value) in self.vector.iter_mut().zip(vector) {
            sum.set(sum.get() * keep + f64::from(*value) * gain);
        }
        self.count(1, keep, gain.abs())
    }

    /// Adds all events of another interest.
    pub fn merge(&mut self, other: &InterestView<'_>) -> Result<()> {
        check_same_dimensions(self.vector.len(), other.vector.len())?;
        self.grid.check_same(other.grid)?;
        let theirs = other.scale();
        let (keep, scale) = self.meet(other.first_at(), other.last_at(), theirs);
        let by = theirs.saturating_sub(scale);
        for (sum, value) in self.vector.iter_mut().zip(other.vector) {
            sum.set(sum.get() * keep + shifted(value.get(), by));
        }
        self.count(other.count(), keep, shifted(other.header.strength.get(), by))?;
        let odd = self.vector.iter().fold(false, |odd, sum| odd | (sum.get().abs() > f64::MAX / 4.0));
        if odd { Err(InterestError::OutOfRange) } else { Ok(()) }
    }

    /// Widens the times for events that end `whole` half-lives after 2000-01-01. Gives the factor that the sums must be
    /// multiplied by and their new exponent.
    #[inline]
    fn meet(&mut self, first_at: Micros, last_at: Micros, whole: i64) -> (f64, i64) {
        if self.header.count.get() == 0 {
            self.header.first_at = first_at.into();
            self.header.last_at = last_at.into();
            return (1.0, whole);
        }
        let scale = self.grid.whole(self.header.last_at.get());
        self.header.first_at = self.header.first_at.get().min(first_at).into();
        self.header.last_at = self.header.last_at.get().max(last_at).into();
        if whole <= scale {
            return (1.0, scale);
        }
        let by = scale.saturating_sub(whole);
        if by < -1022 {
            // No factor is so small; what is left of the sums may still be a double.
            self.vector.iter_mut().for_each(|sum| sum.set(shifted(sum.get(), by)));
            self.header.strength = shifted(self.header.strength.get(), by).into();
            return (1.0, whole);
        }
        (shifted(1.0, by), whole)
    }

    /// Counts events that were added.
    #[inline]
    fn count(&mut self, events: i64, keep: f64, strength: f64) -> Result<()> {
        self.header.count = self.header.count.get().checked_add(events).ok_or(InterestError::OutOfRange)?.into();
        let strength = self.header.strength.get() * keep + strength;
        self.header.strength = strength.into();
        // NaN is no weight of ours, but may be one of another.
        if strength <= MAX_STRENGTH { Ok(()) } else { Err(InterestError::OutOfRange) }
    }
}

fn check_header(header: &Header, dimensions: usize) -> Result<Grid> {
    let corrupt = |what: String| Err(InterestError::Corrupt(what));
    if header.version != VERSION || header.reserved != [0; 3] {
        return corrupt(format!("version {}, expected {VERSION}", header.version));
    }
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return corrupt(format!("{dimensions} dimensions"));
    }
    Grid::new(header.half_life.get())
}

fn too_few(bytes: usize) -> InterestError {
    InterestError::Corrupt(format!("{bytes} bytes are too few"))
}

fn no_whole_number(bytes: usize) -> InterestError {
    InterestError::Corrupt(format!("{bytes} bytes are no whole number of dimensions"))
}
