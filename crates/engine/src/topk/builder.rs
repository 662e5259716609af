//! Writing packed vectors.

use super::kernel::Kernel;
use super::quantize::{Quantized, ROW, quantize, upper};
use super::segment::{BLOCK, Group, Header, Line, Plane, block_bytes, groups, planes};
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

/// A row as a segment has it.
#[derive(Debug, Clone)]
struct Packed {
    unit: Vec<f32>,
    upper: PackedPlane,
    lower: PackedPlane,
}

/// What a row has in a block.
#[derive(Debug, Clone)]
struct PackedPlane {
    groups: Vec<[u8; 4]>,
    /// The scale and the residual.
    factors: [[u8; 4]; 2],
}

impl Packed {
    fn new(dimensions: usize) -> Self {
        let plane = PackedPlane { groups: vec![[0; 4]; groups(dimensions)], factors: [[0; 4]; 2] };
        Self { unit: vec![0.0; dimensions], upper: plane.clone(), lower: plane }
    }

    /// Makes the planes those of the vector; the codes have room for a whole number of groups, and zeros beyond the vector.
    fn quantize(&mut self, codes: &mut [[i8; 8]]) {
        let factors = |quantized: Quantized| [quantized.scale, quantized.residual].map(f32::to_ne_bytes);
        self.lower.factors = factors(quantize(&self.unit, ROW, codes.as_flattened_mut()));
        self.upper.factors = factors(upper(&self.unit, codes.as_flattened()));
        for ((codes, upper), lower) in codes.iter().zip(&mut self.upper.groups).zip(&mut self.lower.groups) {
            [*upper, *lower] = planes(codes);
        }
    }
}

/// The memory of a segment.
#[derive(Debug)]
struct Memory<'a> {
    bytes: &'a mut [u8],
    header: Header,
    dimensions: usize,
}

impl Memory<'_> {
    /// The codes and the factors of the block that a row is in.
    fn block(&mut self, plane: Plane, row: usize) -> (&mut [[u8; size_of::<Group>()]], &mut [[u8; 4]]) {
        let bytes = block_bytes(self.dimensions);
        let start = self.header.plane(plane) + row / BLOCK * bytes;
        let (codes, factors) = self.bytes[start..][..bytes].split_at_mut(groups(self.dimensions) * size_of::<Group>());
        (codes.as_chunks_mut().0, factors.as_chunks_mut().0)
    }

    fn vector(&mut self, row: usize) -> &mut [u8] {
        let width = self.dimensions * size_of::<f32>();
        &mut self.bytes[self.header.vectors() + row * width..][..width]
    }

    fn take(&mut self, row: usize, packed: &mut Packed) {
        let place = row % BLOCK;
        packed.unit.as_mut_bytes().copy_from_slice(self.vector(row));
        for (plane, packed) in [(Plane::Upper, &mut packed.upper), (Plane::Lower, &mut packed.lower)] {
            let (groups, factors) = self.block(plane, row);
            for (group, four) in groups.iter().zip(&mut packed.groups) {
                four.copy_from_slice(&group[place * 4..][..4]);
            }
            packed.factors = [factors[place], factors[BLOCK + place]];
        }
    }

    fn put(&mut self, row: usize, packed: &Packed) {
        let place = row % BLOCK;
        self.vector(row).copy_from_slice(packed.unit.as_bytes());
        for (plane, packed) in [(Plane::Upper, &packed.upper), (Plane::Lower, &packed.lower)] {
            let (groups, factors) = self.block(plane, row);
            for (group, four) in groups.iter_mut().zip(&packed.groups) {
                group[place * 4..][..4].copy_from_slice(four);
            }
            [factors[place], factors[BLOCK + place]] = packed.factors;
        }
    }

    /// Makes the blocks that begin with a row zeros, as those stay that get no row.
    fn clear_blocks(&mut self, row: usize) {
        for plane in [Plane::Upper, Plane::Lower] {
            let (groups, factors) = self.block(plane, row);
            groups.as_flattened_mut().fill(0);
            factors.as_flattened_mut().fill(0);
        }
    }
}

/// Writes a segment, one vector after the other, into memory of any kind that is aligned to 64 bytes.
#[derive(Debug)]
pub struct SegmentBuilder<'a> {
    memory: Memory<'a>,
    capacity: usize,
    rows: usize,
    next: Packed,
    codes: Vec<[i8; 8]>,
    kernel: Kernel,
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
        let memory = Memory { bytes: memory, header, dimensions };
        let (next, codes) = (Packed::new(dimensions), vec![[0; 8]; groups(dimensions)]);
        Ok(Self { memory, capacity, rows: 0, next, codes, kernel: Kernel::best() })
    }

    /// The number of rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a vector as the next row, and says which it is. `None`, and no row, for a vector of length 0: it has no direction.
    pub fn push(&mut self, vector: &[f32]) -> Result<Option<u32>> {
        check_same_dimensions(self.memory.dimensions, vector.len())?;
        if !self.kernel.normalize(vector, &mut self.next.unit)? {
            return Ok(None);
        }
        if self.rows == self.capacity {
            return Err(TopkError::Full(self.capacity));
        }
        if self.rows.is_multiple_of(BLOCK) {
            self.memory.clear_blocks(self.rows);
        }
        self.next.quantize(&mut self.codes);
        self.memory.put(self.rows, &self.next);
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
        let mut first = Packed::new(self.memory.dimensions);
        let mut moved = first.clone();
        for start in 0..self.rows {
            if done[start] || order[start] as usize == start {
                continue;
            }
            // Around the cycle of places that this one is in: each takes the row of the next, the last that of the first.
            self.memory.take(start, &mut first);
            let mut place = start;
            loop {
                assert!(!std::mem::replace(&mut done[place], true), "each row once");
                let from = order[place] as usize;
                if from == start {
                    self.memory.put(place, &first);
                    break;
                }
                self.memory.take(from, &mut moved);
                self.memory.put(place, &moved);
                place = from;
            }
        }
    }

    /// Ends the segment, and says how many of the bytes it has taken.
    pub fn finish(self) -> Result<usize> {
        let header = Header::new(self.memory.dimensions, self.rows, self.capacity)?;
        self.memory.bytes[..size_of::<Header>()].copy_from_slice(header.as_bytes());
        Ok(header.length())
    }
}
