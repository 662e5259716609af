//! How vectors lie in the memory of a device: tiles of 32 rows and chunks of 16 bytes.
//!
//! Chunk `c` of row `r` is chunk number `(r / 32 * chunks + c) * 32 + r % 32` of the memory, so that the 32 threads of a warp, one row each,
//! read 512 bytes side by side. What there is beyond the last element and the last row is zero.

use crate::{GpuError, Result};

/// The most dimensions of a vector: the queries of a block must fit its shared memory.
pub const MAX_DIMENSIONS: usize = 4096;

/// The most rows of a set: numbers of rows, filled up to whole tiles, are 32 bits.
pub const MAX_ROWS: usize = u32::MAX as usize - 4096;

/// How many rows a tile has.
pub const TILE: usize = 32;

/// How many bytes a chunk has.
pub const CHUNK: usize = 16;

/// The numbers that rows are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// As they are.
    F32,
    /// Rounded to 11 bits.
    F16,
    /// As codes from -127 to 127 with a scale for each row.
    I8,
}

impl Dtype {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::I8];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I8 => "int8",
        }
    }

    /// How many elements a chunk has.
    pub(crate) fn elements(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 8,
            Self::I8 => 16,
        }
    }

    /// How many chunks a row has; of halves an even number, for tensor cores take two at a time.
    pub(crate) fn chunks(self, dimensions: usize) -> usize {
        match self {
            Self::F16 => dimensions.div_ceil(16) * 2,
            _ => dimensions.div_ceil(self.elements()),
        }
    }
}

/// How a set is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// What searches read.
    pub dtype: Dtype,
    /// Whether the device has the rows in f32 beside it, to score candidates by itself. With [`Dtype::F32`] it always has.
    pub units: bool,
}

impl Layout {
    /// Whether the device scores candidates by itself.
    pub(crate) fn scores(self) -> bool {
        self.units || self.dtype == Dtype::F32
    }

    /// How many bytes of the device's memory a set takes.
    pub fn bytes(self, rows: usize, dimensions: usize) -> u64 {
        let padded = rows.div_ceil(TILE) as u64 * TILE as u64;
        let of = |dtype: Dtype| padded * (dtype.chunks(dimensions) * CHUNK) as u64;
        let factors = if self.dtype == Dtype::I8 { padded * 8 } else { 0 };
        let units = if self.units && self.dtype != Dtype::F32 { of(Dtype::F32) } else { 0 };
        of(self.dtype) + factors + units
    }
}

/// Refuses sets that no device takes.
pub(crate) fn check(rows: usize, dimensions: usize) -> Result<()> {
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        return Err(GpuError::Dimensions { found: dimensions });
    }
    if rows > MAX_ROWS { Err(GpuError::Rows { rows }) } else { Ok(()) }
}
