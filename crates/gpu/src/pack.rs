//! Vectors as a device takes them.

use crate::layout::{CHUNK, Dtype, TILE};
use half::f16;

/// A vector as int8 codes: it is `scale` times them, and at most `residual` from that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Codes {
    /// Of the codes.
    pub scale: f32,
    /// At least how long the difference is.
    pub residual: f32,
}

/// At least the square root of a sum of squares in f64: its rounding is far below 1e-12, that to f32 below one part in ten million.
fn length(squares: f64) -> f32 {
    ((squares.sqrt() + 1e-12) * (1.0 + 1e-6)) as f32
}

/// Writes the codes of a vector of length 1, from -127 to 127: the nearest ones by `scale = max |x| / 127`.
pub fn codes(unit: &[f32], codes: &mut [u8]) -> Codes {
    let greatest = unit.iter().fold(0.0f32, |greatest, x| greatest.max(x.abs()));
    let scale = greatest / 127.0;
    let mut squares = 0.0;
    for (x, code) in unit.iter().zip(codes) {
        let nearest = if scale > 0.0 { (x / scale).round_ties_even().clamp(-127.0, 127.0) } else { 0.0 };
        *code = nearest as i8 as u8;
        squares += (f64::from(*x) - f64::from(scale) * f64::from(nearest)).powi(2);
    }
    Codes { scale, residual: length(squares) }
}

/// Writes a vector in halves, and gives at least how long the difference is.
pub fn halves(unit: &[f32], bytes: &mut [u8]) -> f32 {
    let mut squares = 0.0;
    for (x, bytes) in unit.iter().zip(bytes.as_chunks_mut::<2>().0) {
        let half = f16::from_f32(*x);
        *bytes = half.to_ne_bytes();
        squares += (f64::from(*x) - half.to_f64()).powi(2);
    }
    length(squares)
}

/// A tile of rows, filled one by one.
#[derive(Debug)]
pub struct Tile {
    dtype: Dtype,
    chunks: usize,
    row: Vec<u8>,
    /// The bytes of the tile.
    pub bytes: Vec<u8>,
    /// By row: scale and residual of its codes, zeros for other numbers.
    pub factors: [[f32; 2]; TILE],
    /// The greatest residual of its rows.
    pub residual: f32,
}

impl Tile {
    /// Zeros.
    pub fn new(dtype: Dtype, dimensions: usize) -> Self {
        let chunks = dtype.chunks(dimensions);
        let row = vec![0; chunks * CHUNK];
        Self { dtype, chunks, bytes: vec![0; row.len() * TILE], row, factors: [[0.0; 2]; TILE], residual: 0.0 }
    }

    /// Makes it zeros again.
    pub fn clear(&mut self) {
        self.bytes.fill(0);
        self.factors = [[0.0; 2]; TILE];
        self.residual = 0.0;
    }

    /// Writes a row.
    pub fn put(&mut self, place: usize, unit: &[f32]) {
        match self.dtype {
            Dtype::F32 => {
                for (x, bytes) in unit.iter().zip(self.row.as_chunks_mut::<4>().0) {
                    *bytes = x.to_ne_bytes();
                }
            }
            Dtype::F16 => self.residual = self.residual.max(halves(unit, &mut self.row)),
            Dtype::I8 => {
                let Codes { scale, residual } = codes(unit, &mut self.row);
                self.factors[place] = [scale, residual];
                self.residual = self.residual.max(residual);
            }
        }
        for chunk in 0..self.chunks {
            let to = (chunk * TILE + place) * CHUNK;
            self.bytes[to..to + CHUNK].copy_from_slice(&self.row[chunk * CHUNK..][..CHUNK]);
        }
    }
}
