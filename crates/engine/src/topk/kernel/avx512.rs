//! Loops in AVX-512 with VNNI: 64 products of bytes an instruction. Vectors have 16 numbers, four of them a block's rows.

use super::{Bound, Products, QUERIES, lanes};
use crate::topk::Query;
use crate::topk::segment::{Block, Group};
use std::arch::x86_64::*;
use zerocopy::transmute;

/// By query and row: the product of the codes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn products(groups: &[Group], queries: &[&Query], products: &mut [Products; QUERIES]) {
    match queries.len() {
        1 => tile::<1>(groups, queries, products),
        2 => tile::<2>(groups, queries, products),
        3 => tile::<3>(groups, queries, products),
        4 => tile::<4>(groups, queries, products),
        5 => tile::<5>(groups, queries, products),
        _ => tile::<6>(groups, queries, products),
    }
}

/// The sums of `Q` queries stay in registers, four each.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn tile<const Q: usize>(groups: &[Group], queries: &[&Query], products: &mut [Products; QUERIES]) {
    let words: [&[[i8; 4]]; Q] = std::array::from_fn(|query| &queries[query].words()[..groups.len()]);
    let mut sums: [[__m512i; 4]; Q] = std::array::from_fn(|query| [_mm512_set1_epi32(queries[query].correction()); 4]);
    for (place, group) in groups.iter().enumerate() {
        let codes: [__m512i; 4] = transmute!(*group);
        for (sums, words) in sums.iter_mut().zip(&words) {
            let word = _mm512_set1_epi32(transmute!(words[place]));
            for (sum, codes) in sums.iter_mut().zip(codes) {
                *sum = _mm512_dpbusd_epi32(*sum, codes, word);
            }
        }
    }
    for (products, sums) in products.iter_mut().zip(sums) {
        *products = transmute!(sums);
    }
}

/// Which rows have an upper bound of `threshold` or more. What is not a number counts as such.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn reaching(products: &Products, block: &Block<'_>, bound: &Bound, threshold: f32) -> u64 {
    let products: [__m512i; 4] = transmute!(*products);
    let scales: [__m512; 4] = transmute!(*block.scales);
    let residuals: [__m512; 4] = transmute!(*block.residuals);
    let [scale, reach, slack, threshold] = [bound.scale, bound.reach, bound.slack, threshold].map(|x| _mm512_set1_ps(x));
    (0..4).fold(0, |rows, i| {
        let estimate = _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(products[i]), scale), scales[i]);
        let most = _mm512_add_ps(estimate, _mm512_fmadd_ps(reach, residuals[i], slack));
        rows | u64::from(_mm512_cmp_ps_mask::<_CMP_NLT_UQ>(most, threshold)) << (16 * i)
    })
}

lanes::with_features!("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni");
