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
    kernel: Kernel,
}

/// A row as its bytes.
#[derive(Debug, Clone)]
struct Packed {
    unit: Vec<u8>,
    codes: Vec<[u8; 4]>,
    /// The scale and the residual.
    factors: [[u8; 4]; 2],
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
        let (unit, codes) = (vec![0.0; dimensions], vec![[0; 4]; groups(dimensions)]);
        Ok(Self { memory, header, dimensions, capacity, rows: 0, unit, codes, kernel: Kernel::best() })
    }

    /// The number of rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a vector as the next row, and says which it is. `None`, and no row, for a vector of length 0: it has no direction.
    pub fn push(&mut self, vector: &[f32]) -> Result<Option<u32>> {
        check_same_dimensions(self.dimensions, vector.len())?;
        if !self.kernel.normalize(vector, &mut self.unit)? {
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

    /// Puts the rows into another order: row `i` is from then on the one that was row `order[i]`. Takes the memory of one row beside.
    ///
    /// # Panics
    ///
    /// Unless `order` has each row once.
    pub fn reorder(&mut self, order: &[u32]) {
        assert_eq!(order.len(), self.rows, "a place for each row");
        let mut done = vec![false; self.rows];
        let mut first = Packed { unit: vec![0; self.dimensions * 4], codes: vec![[0; 4]; self.codes.len()], factors: [[0; 4]; 2] };
        let mut moved = first.clone();
        for start in 0..self.rows {
            if done[start] || order[start] as usize == start {
                continue;
            }
            // Around the cycle of places that this one is in: each takes the row of the next, the last that of the first.
            self.take(start, &mut first);
            let mut place = start;
            loop {
                assert!(!std::mem::replace(&mut done[place], true), "each row once");
                let from = order[place] as usize;
                if from == start {
                    self.put(place, &first);
                    break;
                }
                self.take(from, &mut moved);
                self.put(place, &moved);
                place = from;
            }
        }
    }

    /// The bytes of a row's block, its codes and its factors, and those of its vector.
    fn row_mut(&mut self, row: usize) -> (&mut [[u8; size_of::<Group>()]], &mut [[u8; 4]], &mut [u8]) {
        let (blocks, vectors) = self.memory.split_at_mut(self.header.vectors());
        let start = size_of::<Header>() + row / BLOCK * block_bytes(self.dimensions);
        let (codes, factors) = blocks[start..][..block_bytes(self.dimensions)].split_at_mut(self.codes.len() * size_of::<Group>());
        let width = self.dimensions * 4;
        (codes.as_chunks_mut().0, factors.as_chunks_mut().0, &mut vectors[row * width..][..width])
    }

    fn take(&mut self, row: usize, packed: &mut Packed) {
        let place = row % BLOCK;
        let (groups, factors, vector) = self.row_mut(row);
        packed.unit.copy_from_slice(vector);
        for (group, four) in groups.iter().zip(&mut packed.codes) {
            four.copy_from_slice(&group[place * 4..][..4]);
        }
        packed.factors = [factors[place], factors[BLOCK + place]];
    }

    fn put(&mut self, row: usize, packed: &Packed) {
        let place = row % BLOCK;
        let (groups, factors, vector) = self.row_mut(row);
        vector.copy_from_slice(&packed.unit);
        for (group, four) in groups.iter_mut().zip(&packed.codes) {
            group[place * 4..][..4].copy_from_slice(four);
        }
        [factors[place], factors[BLOCK + place]] = packed.factors;
    }

    /// Ends the segment, and says how many of the bytes it has taken.
    pub fn finish(self) -> Result<usize> {
        let header = Header::new(self.dimensions, self.rows, self.capacity)?;
        self.memory[..size_of::<Header>()].copy_from_slice(header.as_bytes());
        Ok(header.length())
    }
}
