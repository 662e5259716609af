//! What is asked of which rows.

use super::segment::Segment;
use super::{Bitmap, Query};

/// Vectors of one number of dimensions.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// Packed ones.
    Segment(Segment<'a>),
    /// Vectors scaled to length 1 by [`Kernel::normalize`], one after the other.
    Units(&'a [f32]),
}

/// Rows that are searched, with numbers of their own.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The rows.
    pub rows: Rows<'a>,
    /// Those that are there no more.
    pub dead: Option<Bitmap<'a>>,
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The vector that rows are compared with.
    pub query: &'a Query,
    /// How many rows.
    pub k: usize,
    /// By part: the rows that may be found, `None` for all of them. Empty where that is so for all parts.
    pub allowed: &'a [Option<Bitmap<'a>>],
    /// Whether to give, beyond the `k` rows, all others of the same score as the last one.
    pub ties: bool,
}
