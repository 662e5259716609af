//! The rows of the greatest cosine with a query: exact, and faster than reading the vectors.
//!
//! A [`Segment`] keeps each vector twice: scaled to length 1 in f32, and as codes of 8 bits in two planes of 4 bits, each with a scale and a measure of
//! what it leaves out. A search for one query reads the upper plane, an eighth of the bytes. It gives a cosine with a proven bound of its error ([`Query`]
//! has the derivation). Rows whose upper bound reaches the k-th best score so far are looked at by the lower plane too, where a block has many of them, or
//! are scored in f32 in the end, as far as they still reach it; so the answer is that of scoring every row. Searches for many queries, which computing
//! holds up and not reading, put the planes together and take whole codes.
//!
//! The score is one function, and no kernel or thread changes a bit of it: both vectors are scaled to length 1 in f64 and rounded to
//! f32, their products are exact in f64, and are summed there in 16 lanes in a fixed order; the sum is rounded to f32 and kept within -1 and 1.

mod bitmap;
mod builder;
mod candidates;
mod error;
mod kernel;
mod quantize;
mod query;
mod question;
mod scan;
mod search;
mod segment;

pub use bitmap::Bitmap;
pub use builder::{Buffer, SegmentBuilder, bytes_needed};
pub use error::{Result, TopkError};
pub use kernel::Kernel;
pub use query::Query;
pub use question::{Part, Question, Rows};
pub use search::{Hit, Settings, search, search_batch};
pub use segment::Segment;

/// The most dimensions of a vector: pgvector's bound, so that each vector fits its type.
pub const MAX_DIMENSIONS: usize = 16_000;

/// Refuses a vector with more or fewer dimensions than the types hold.
fn check_dimensions(dimensions: usize) -> Result<()> {
    if (1..=MAX_DIMENSIONS).contains(&dimensions) { Ok(()) } else { Err(TopkError::DimensionCount(dimensions)) }
}

/// Refuses vectors of different dimensions.
fn check_same_dimensions(expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(TopkError::Dimensions { expected, found }) }
}
