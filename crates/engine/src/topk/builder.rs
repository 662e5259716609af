//! Writing packed vectors.

use super::kernel::Kernel;
use super::quantize::{Quantized, quantize};
use super::segment::{BLOCK, Group, Header, Line, block_bytes, groups};
use super::{Result, TopkError, check_dimensions, check_same_dimensions};
use zerocopy::IntoBytes;

/// How many bytes a segment of so many rows takes.
pub fn bytes_needed(rows: usize, dimensions: usize) -> Result<usize> {
    check_dimensions(dimensions)?;
    Ok(Header::new(dimensions, rows, rows)?.length())
}

/// Memory of a process, aligned as a segment must be.
#[derive(Debug, Default)]
pub struct Buffer(Vec<Line>);

impl Buffer {
    /// At least so many bytes of zeros.
    pub fn zeroed(bytes: usize) -> Self {
        Self(vec![Line([0; 64]); bytes.div_ceil(size_of::<Line>())])
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The bytes, to write to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_bytes()
    }
}

/// Writes a segment, one vector after the other, into memory of any kind that is aligned to 64 bytes.
#[derive(Debug)]
pub struct SegmentBuilder<'a> {
    memory: &'a mut [u8],
    header: Header,
    dimensions: usize,
    capacity: usize,
    rows: usize,
    unit: Vec<f32>,
    codes: Vec<[i8; 4]>,
}

impl<'a> SegmentBuilder<'a> {
    /// Begins a segment of at most `capacity` rows; the memory must have [`bytes_needed`] for that.
    pub fn new(memory: &'a mut [u8], dimensions: usize, capacity: usize) -> Result<Self> {
        check_dimensions(dimensions)?;
        let header = Header::new(dimensions, capacity, capacity)?;
        if !memory.as_ptr().cast::<Line>().is_aligned() {
            return Err(TopkError::Alignment);
        }
        if memory.len() < header.length() {
            return Err(TopkError::Space { needed: header.length(), found: memory.len() });
        }
        // Until it is finished, no header says what it is.
        memory[..size_of::<Header>()].fill(0);
        Ok(Self { memory, header, dimensions, capacity, rows: 0, unit: vec![0.0; dimensions], codes: vec![[0; 4]; groups(dimensions)] })
    }

    /// The number of rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a vector as the next row, and says which it is. `None`, and no row, for a vector of length 0: it has no direction.
    pub fn push(&mut self, vector: &[f32]) -> Result<Option<u32>> {
        check_same_dimensions(self.dimensions, vector.len())?;
        if !Kernel::best().normalize(vector, &mut self.unit)? {
            return Ok(None);
        }
        if self.rows == self.capacity {
            return Err(TopkError::Full(self.capacity));
        }
        let (block, place) = (self.rows / BLOCK, self.rows % BLOCK);
        let start = size_of::<Header>() + block * block_bytes(self.dimensions);
        let bytes = &mut self.memory[start..][..block_bytes(self.dimensions)];
        let (codes, factors) = bytes.split_at_mut(self.codes.len() * size_of::<Group>());
        if place == 0 {
            // Rows that do not come are zero vectors.
            codes.fill(128);
            factors.fill(0);
        }
        let Quantized { scale, residual } = quantize(&self.unit, self.codes.as_flattened_mut());
        for (group, four) in codes.as_chunks_mut::<{ size_of::<Group>() }>().0.iter_mut().zip(&self.codes) {
            group[place * 4..][..4].copy_from_slice(&four.map(|code| code as u8 ^ 128));
        }
        let (scales, residuals) = factors.as_chunks_mut::<4>().0.split_at_mut(BLOCK);
        scales[place] = scale.to_ne_bytes();
        residuals[place] = residual.to_ne_bytes();
        let vector = self.header.vectors() + self.rows * self.dimensions * 4;
        self.memory[vector..][..self.dimensions * 4].copy_from_slice(self.unit.as_bytes());
        self.rows += 1;
        Ok(Some(self.rows as u32 - 1))
    }

    /// Ends the segment, and says how many of the bytes it has taken.
    pub fn finish(self) -> Result<usize> {
        let header = Header::new(self.dimensions, self.rows, self.capacity)?;
        self.memory[..size_of::<Header>()].copy_from_slice(header.as_bytes());
        Ok(header.length())
    }
}
