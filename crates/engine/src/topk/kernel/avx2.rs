//! Loops in AVX2: 32 products of bytes in three instructions. Vectors have 8 numbers, eight of them a block's rows.

use super::{Bound, Products, QUERIES, lanes};
use crate::topk::Query;
use crate::topk::segment::{Block, Group};
use std::arch::x86_64::*;
use zerocopy::transmute;

/// By query and row: the product of the codes.
#[target_feature(enable = "avx2,fma")]
pub fn products(groups: &[Group], queries: &[&Query], products: &mut [Products; QUERIES]) {
    for (queries, products) in queries.chunks(3).zip(products.chunks_mut(3)) {
        match queries.len() {
            // One query reads the block from its beginning to its end.
            1 => tile::<1, 8>(groups, queries, products),
            2 => tile::<2, 2>(groups, queries, products),
            _ => tile::<3, 2>(groups, queries, products),
        }
    }
}

/// The sums of `Q` queries and `8 * V` rows stay in registers.
#[target_feature(enable = "avx2,fma")]
fn tile<const Q: usize, const V: usize>(groups: &[Group], queries: &[&Query], products: &mut [Products]) {
    let words: [&[[i8; 4]]; Q] = std::array::from_fn(|query| &queries[query].words()[..groups.len()]);
    let (plus, ones) = (_mm256_set1_epi8(-128), _mm256_set1_epi16(1));
    for first in (0..8).step_by(V) {
        let mut sums = [[_mm256_setzero_si256(); V]; Q];
        for (place, group) in groups.iter().enumerate() {
            let all: [__m256i; 8] = transmute!(*group);
            let codes: [__m256i; V] = std::array::from_fn(|i| _mm256_xor_si256(all[first + i], plus));
            for (sums, words) in sums.iter_mut().zip(&words) {
                let word = _mm256_set1_epi32(transmute!(words[place]));
                let size = _mm256_abs_epi8(word);
                for (sum, codes) in sums.iter_mut().zip(codes) {
                    // Unsigned by signed bytes: the sign goes to the row's codes. Two products are at most 2 * 127^2, which 16 bits hold.
                    let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(codes, word));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        for (products, sums) in products.iter_mut().zip(sums) {
            for (products, sum) in products.as_chunks_mut::<8>().0[first..].iter_mut().zip(sums) {
                *products = transmute!(sum);
            }
        }
    }
}

/// Which rows have an upper bound of `threshold` or more. What is not a number counts as such.
#[target_feature(enable = "avx2,fma")]
pub fn reaching(products: &Products, block: &Block<'_>, bound: &Bound, threshold: f32) -> u64 {
    let products: [__m256i; 8] = transmute!(*products);
    let scales: [__m256; 8] = transmute!(*block.scales);
    let residuals: [__m256; 8] = transmute!(*block.residuals);
    let [scale, reach, slack, threshold] = [bound.scale, bound.reach, bound.slack, threshold].map(|x| _mm256_set1_ps(x));
    (0..8).fold(0, |rows, i| {
        let estimate = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(products[i]), scale), scales[i]);
        let most = _mm256_add_ps(estimate, _mm256_fmadd_ps(reach, residuals[i], slack));
        rows | u64::from(_mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(most, threshold)) as u32) << (8 * i)
    })
}

lanes::with_features!("avx2,fma");
