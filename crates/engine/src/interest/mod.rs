//! Interest aggregates: decayed sums of numbers and of vectors, session numbers, and averages over sessions.
//!
//! All decay is kept forward (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay", ICDE 2009): an event of weight `w` at
//! time `t` adds `w * 2^(t / half_life)` to a sum, and reading at a time divides by `2^(time / half_life)`. A sum is
//! therefore the same in any order of events and merges by addition. Its exponent is kept apart as a whole number of
//! half-lives ([`Grid`]), so that nothing overflows, and moving it multiplies by a power of two, which rounds nothing.

mod decayed;
mod direction;
mod error;
mod ewma;
mod grid;
mod running;
mod sessions;
mod sum;
mod vector;

pub use decayed::{Decayed, SUMMARY_BYTES};
pub use direction::{direction, drift, similarity};
pub use error::{InterestError, Length, Result};
pub use ewma::{ewma_add, ewma_begin, ewma_bytes, ewma_check, ewma_numbers, ewma_of, ewma_vector};
pub(crate) use grid::shifted;
pub use grid::{Grid, MAX_HALF_LIFE, Place};
pub use running::{AsOf, RUNNING_BYTES, Running};
pub use sessions::Sessions;
pub use sum::Sum;
pub use vector::{InterestFields, InterestMut, InterestView, interest_bytes};

use crate::Micros;

/// The version of the bytes that this code writes, and the only one that it reads.
pub const VERSION: u8 = 1;

/// The most dimensions of a vector: pgvector's bound, so that each answer fits its type.
pub const MAX_DIMENSIONS: usize = 16_000;

/// The earliest time that Postgres knows: 4714-11-24 BC.
pub const MIN_TIME: Micros = -211_813_488_000_000_000;

/// The first time beyond what Postgres knows: 294277-01-01.
pub const END_TIME: Micros = 9_223_371_331_200_000_000;

/// Refuses a vector with more or fewer dimensions than the types hold.
fn check_dimensions(dimensions: usize) -> Result<()> {
    if (1..=MAX_DIMENSIONS).contains(&dimensions) { Ok(()) } else { Err(InterestError::DimensionCount(dimensions)) }
}

/// Refuses vectors of different dimensions.
fn check_same_dimensions(left: usize, right: usize) -> Result<()> {
    if left == right { Ok(()) } else { Err(InterestError::Dimensions { left, right }) }
}

/// Refuses NaN and infinity in a vector. The test of all elements has no branch, so that it vectorises.
fn check_finite(vector: &[f32]) -> Result<()> {
    const EXPONENT: u32 = 0x7f80_0000;
    let odd = vector.iter().fold(false, |odd, value| odd | (value.to_bits() & EXPONENT == EXPONENT));
    match vector.iter().find(|value| odd && !value.is_finite()) {
        Some(value) => Err(InterestError::NotFinite { what: "vector element", value: f64::from(*value) }),
        None => Ok(()),
    }
}
