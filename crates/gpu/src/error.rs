//! Why a device gives no answer.

/// The crate's result.
pub type Result<T> = std::result::Result<T, GpuError>;

/// An error of a device, or of what is asked of it. Whoever gets one asks the CPU.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GpuError {
    /// There is none, or no driver for it.
    #[error("no GPU can be used: {0}")]
    NoDevice(String),
    /// It was there, and its context is of no use any more.
    #[error("the GPU was lost: {0}")]
    Lost(String),
    /// Its memory is full.
    #[error("the GPU has no {needed} bytes of memory left")]
    Memory {
        /// What was asked for.
        needed: u64,
    },
    /// More candidates have nearly the same score than there is room for.
    #[error("more than {capacity} rows have nearly the same score as row {k} of the answer")]
    Ties {
        /// How many candidates are kept.
        capacity: u32,
        /// How many rows were asked for.
        k: u32,
    },
    /// Vectors that are not for this device.
    #[error("a GPU takes vectors of 1 to {max} dimensions, not {found}", max = crate::layout::MAX_DIMENSIONS)]
    Dimensions {
        /// How many there are.
        found: usize,
    },
    /// A query for another set.
    #[error("different vector dimensions {expected} and {found}")]
    OtherDimensions {
        /// Of the set.
        expected: usize,
        /// Of the query.
        found: usize,
    },
    /// More rows than the device is asked for.
    #[error("a GPU gives at most {max} rows, not {k}", max = crate::device::MAX_K)]
    TooMany {
        /// How many were asked for.
        k: u32,
    },
    /// More rows than a set may have.
    #[error("a set on a GPU holds at most {max} rows, not {rows}", max = crate::layout::MAX_ROWS)]
    Rows {
        /// How many there are.
        rows: usize,
    },
    /// A query that is no vector of length 1.
    #[error("the query must be a vector of length 1, not of {length}")]
    Length {
        /// How long it is.
        length: f64,
    },
    /// A filter that does not have a bit for each row.
    #[error("a filter of {found} words for rows of {expected} words")]
    Filter {
        /// Words of 64 rows that the set has.
        expected: usize,
        /// Words of the filter.
        found: usize,
    },
    /// The caller's interrupt check asked to stop.
    #[error("interrupted")]
    Interrupted,
}
