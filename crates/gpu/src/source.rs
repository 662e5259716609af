//! Where vectors come from.

use crate::exact;

/// The vectors of a set, scaled to length 1, as they were when the set was made: it never changes. They are read while the set is put on
/// a device, and afterwards to score what the device has found.
pub trait Source {
    /// How many rows.
    fn rows(&self) -> usize;

    /// How many dimensions.
    fn dimensions(&self) -> usize;

    /// The vector of a row, which exists.
    fn unit(&self, row: u32) -> &[f32];

    /// The score of a row: that of [`exact::score`], to the bit, however it is computed.
    fn score(&self, query: &[f32], row: u32) -> f32 {
        exact::score(query, self.unit(row))
    }
}

/// Vectors in memory, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Units {
    dimensions: usize,
    values: Vec<f32>,
}

impl Units {
    /// Takes vectors of length 1; what is left of an incomplete one is not used.
    ///
    /// # Panics
    ///
    /// Without dimensions.
    pub fn new(dimensions: usize, mut values: Vec<f32>) -> Self {
        assert!(dimensions > 0, "vectors have dimensions");
        values.truncate(values.len() / dimensions * dimensions);
        Self { dimensions, values }
    }
}

impl Source for Units {
    fn rows(&self) -> usize {
        self.values.len() / self.dimensions
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn unit(&self, row: u32) -> &[f32] {
        &self.values[row as usize * self.dimensions..][..self.dimensions]
    }
}
