//! Loops that any processor runs.

pub use super::lanes::{dot, scale, scaled_dot};

use super::{Bound, Products, QUERIES};
use crate::topk::Query;
use crate::topk::segment::{BLOCK, Block, Group};

/// By query and row: the product of the codes.
pub fn products(groups: &[Group], queries: &[&Query], products: &mut [Products; QUERIES]) {
    for (query, products) in queries.iter().zip(products) {
        products.fill(query.correction());
        for (group, word) in groups.iter().zip(query.words()) {
            for (product, codes) in products.iter_mut().zip(group) {
                *product += (0..4).map(|place| i32::from(codes[place]) * i32::from(word[place])).sum::<i32>();
            }
        }
    }
}

/// Which rows have an upper bound of `threshold` or more. What is not a number counts as such.
#[inline(always)]
pub fn reaching(products: &Products, block: &Block<'_>, bound: &Bound, threshold: f32) -> u64 {
    (0..BLOCK).fold(0, |rows, row| {
        let (_, most) = bound.range(products[row], block.scales[row], block.residuals[row]);
        rows | u64::from(!matches!(most.partial_cmp(&threshold), Some(std::cmp::Ordering::Less))) << row
    })
}
