//! The products in NEON, which every aarch64 has: compilers make the rest out of the portable loops. Vectors have 4 numbers, sixteen of
//! them a block's rows.

use super::{Bound, Products, QUERIES, lanes, portable};
use crate::topk::Query;
use crate::topk::segment::{Block, Group};
use std::arch::aarch64::*;
use zerocopy::transmute;

/// By query and row: the product of the codes.
#[target_feature(enable = "neon")]
pub fn products(groups: &[Group], queries: &[&Query], products: &mut [Products; QUERIES]) {
    for (query, products) in queries.iter().zip(products) {
        let plus = vdupq_n_u8(128);
        let mut sums = [vdupq_n_s32(0); 16];
        for (group, word) in groups.iter().zip(query.words()) {
            let codes: [uint8x16_t; 16] = transmute!(*group);
            let word = vreinterpretq_s8_s32(vdupq_n_s32(transmute!(*word)));
            for (sum, codes) in sums.iter_mut().zip(codes) {
                let codes = vreinterpretq_s8_u8(veorq_u8(codes, plus));
                let low = vmull_s8(vget_low_s8(codes), vget_low_s8(word));
                // Two products are at most 2 * 127^2, which 16 bits hold.
                *sum = vpadalq_s16(*sum, vpaddq_s16(low, vmull_high_s8(codes, word)));
            }
        }
        *products = transmute!(sums);
    }
}

/// [`portable::reaching`].
#[target_feature(enable = "neon")]
pub fn reaching(products: &Products, block: &Block<'_>, bound: &Bound, threshold: f32) -> u64 {
    portable::reaching(products, block, bound, threshold)
}

lanes::with_features!("neon");
