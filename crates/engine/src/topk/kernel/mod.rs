//! The inner loops, once for each set of instructions; all give the same bits.
//!
//! Products of codes are integers. Sums of scores are doubles, added in one order, of products that doubles hold exactly (two f32 of 24 bits
//! each), so that fusing them or not makes no difference.

mod lanes;
mod portable;

use super::segment::{BLOCK, Block, Group};
use super::{Query, Result, TopkError, check_same_dimensions};

/// How many queries go over a block at once.
pub(super) const QUERIES: usize = 6;

/// By row of a block: the product of its codes with those of a query.
pub(super) type Products = [i32; BLOCK];

/// What makes bounds of a cosine out of the product of the codes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    /// Of the query's codes.
    pub scale: f32,
    /// At least the length of the vector that the query's codes stand for: what a row's residual counts.
    pub reach: f32,
    /// What the query's residual and rounding add.
    pub slack: f32,
}

impl Bound {
    /// The least and the greatest that the score of a row may be.
    #[inline(always)]
    pub fn range(&self, product: i32, scale: f32, residual: f32) -> (f32, f32) {
        let (estimate, width) = self.estimate(product, scale, residual);
        (estimate - width, estimate + width)
    }

    /// The estimate of a row's cosine, and how far its score may be from it.
    #[inline(always)]
    fn estimate(&self, product: i32, scale: f32, residual: f32) -> (f32, f32) {
        (product as f32 * self.scale * scale, self.reach * residual + self.slack)
    }
}

/// A set of instructions that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Portable,
}

impl Kernel {
    /// All that this processor has, the fastest first.
    pub fn all() -> impl Iterator<Item = Self> {
        [Kind::Portable].into_iter().map(Self)
    }

    /// The fastest one.
    pub fn best() -> Self {
        Self::all().next().unwrap_or(Self(Kind::Portable))
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
        }
    }

    /// Writes a vector scaled to length 1; `false`, and nothing written, where its length is 0.
    ///
    /// # Panics
    ///
    /// Unless both have the same length.
    pub fn normalize(self, vector: &[f32], unit: &mut [f32]) -> Result<bool> {
        assert_eq!(vector.len(), unit.len(), "room for each element");
        let Some(inverse) = self.inverse_length(vector)? else { return Ok(false) };
        match self.0 {
            Kind::Portable => lanes::scale(vector, inverse, unit),
        }
        Ok(true)
    }

    /// The score of a vector of any length: its cosine with the query, from -1 to 1. `None` where its length is 0.
    ///
    /// The same bits as [`Self::score`] of the vector scaled to length 1.
    pub fn cosine(self, query: &Query, vector: &[f32]) -> Result<Option<f32>> {
        check_same_dimensions(query.dimensions(), vector.len())?;
        let Some(inverse) = self.inverse_length(vector)? else { return Ok(None) };
        Ok(Some(rounded(match self.0 {
            Kind::Portable => lanes::scaled_dot(query.unit(), vector, inverse),
        })))
    }

    /// The score of a vector that [`Self::normalize`] has scaled to length 1.
    ///
    /// # Panics
    ///
    /// Unless it has as many dimensions as the query.
    pub fn score(self, query: &Query, unit: &[f32]) -> f32 {
        assert_eq!(query.dimensions(), unit.len(), "the dimensions of the query");
        rounded(match self.0 {
            Kind::Portable => lanes::dot(query.unit(), unit),
        })
    }

    /// `1 / |vector|`; `None` for a length of 0.
    fn inverse_length(self, vector: &[f32]) -> Result<Option<f64>> {
        // No square of a finite f32 overflows a double or vanishes in it.
        let squares = match self.0 {
            Kind::Portable => lanes::dot(vector, vector),
        };
        if !squares.is_finite() {
            let infinite = vector.iter().position(|x| !x.is_finite()).unwrap_or(0);
            return Err(TopkError::NotFinite { place: infinite + 1, value: vector[infinite] });
        }
        Ok((squares > 0.0).then(|| 1.0 / squares.sqrt()))
    }

    /// The products of all rows of a block with up to [`QUERIES`] queries.
    pub(super) fn products(self, groups: &[Group], queries: &[&Query], products: &mut [Products; QUERIES]) {
        match self.0 {
            Kind::Portable => portable::products(groups, queries, products),
        }
    }

    /// Which rows of a block may have a score of `threshold` or more, one bit each.
    pub(super) fn reaching(self, products: &Products, block: &Block<'_>, bound: &Bound, threshold: f32) -> u64 {
        match self.0 {
            Kind::Portable => portable::reaching(products, block, bound, threshold),
        }
    }
}

/// The score that a sum is.
fn rounded(sum: f64) -> f32 {
    // Adding 0 makes the negative zero a positive one, so that the order of scores is that of numbers.
    (sum as f32).clamp(-1.0, 1.0) + 0.0
}
