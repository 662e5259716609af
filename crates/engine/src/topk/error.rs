//! What can be wrong with vectors, their packed bytes, and questions to them.

use super::MAX_DIMENSIONS;

/// The module's result.
pub type Result<T> = std::result::Result<T, TopkError>;

/// An error of a search, or of what is searched.
#[derive(Debug, thiserror::Error)]
pub enum TopkError {
    /// Vectors that cannot be compared.
    #[error("different vector dimensions {expected} and {found}")]
    Dimensions {
        /// Of the query, or of the segment that a vector goes to.
        expected: usize,
        /// Of what it met.
        found: usize,
    },
    /// A vector with none, or with too many.
    #[error("a vector must have 1 to {MAX_DIMENSIONS} dimensions, not {0}")]
    DimensionCount(usize),
    /// NaN or infinity.
    #[error("vector element {place} must be finite: {value}")]
    NotFinite {
        /// Which element, counted from 1.
        place: usize,
        /// What it is.
        value: f32,
    },
    /// A query without a direction.
    #[error("the query vector has length 0, and a cosine with it is not defined")]
    ZeroQuery,
    /// More rows than a segment can number.
    #[error("a segment holds at most {max} rows, not {rows}", max = u32::MAX)]
    TooManyRows {
        /// How many were asked for.
        rows: usize,
    },
    /// More rows than were planned for.
    #[error("the segment is full: it was made for {0} rows")]
    Full(usize),
    /// Memory for a segment that is too small.
    #[error("a segment needs {needed} bytes, not {found}")]
    Space {
        /// What it takes.
        needed: usize,
        /// What there is.
        found: usize,
    },
    /// Memory for a segment that begins between two lines of the cache.
    #[error("a segment must be aligned to 64 bytes")]
    Alignment,
    /// Bytes that no builder wrote.
    #[error("segment is corrupt: {0}")]
    Corrupt(&'static str),
    /// A filter for other parts.
    #[error("{found} filters for {expected} parts")]
    Filters {
        /// How many parts there are.
        expected: usize,
        /// How many filters there are.
        found: usize,
    },
    /// The caller's interrupt check asked to stop.
    #[error(transparent)]
    Interrupted(#[from] crate::Error),
}
