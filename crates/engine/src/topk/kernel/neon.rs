//! Loops in NEON, which every aarch64 has. Vectors have 4 numbers, sixteen of them a block's rows.

use super::lanes::{self, LANES};
use super::{Codes, Look, QUERIES, Search, Upper, portable};
use crate::topk::segment::Block;
use std::arch::aarch64::*;
use zerocopy::transmute;

/// What one query finds in a block; the products are added to those that are there.
#[target_feature(enable = "neon")]
pub fn look(block: &Block<'_>, search: &Search<'_>, look: &mut Look) {
    let low_bits = vdupq_n_u8(15);
    let mut sums: [int32x4_t; 16] = transmute!(look.products);
    for (group, words) in block.groups.iter().zip(search.query.words().as_chunks::<2>().0) {
        let numbers: [uint8x16_t; 16] = transmute!(*group);
        let words = words.map(|word| vreinterpretq_s8_s32(vdupq_n_s32(transmute!(word))));
        for (sum, numbers) in sums.iter_mut().zip(numbers) {
            *sum = add(*sum, vreinterpretq_s8_u8(vandq_u8(numbers, low_bits)), words[0]);
            *sum = add(*sum, vreinterpretq_s8_u8(vshrq_n_u8::<4>(numbers)), words[1]);
        }
    }
    look.products = transmute!(sums);
    portable::reaching(block, search, look);
}

/// What queries find in a block by whole codes, which are kept plus 128.
#[target_feature(enable = "neon")]
pub fn look_all(codes: &Codes, factors: &Block<'_>, searches: &[Search<'_>], looks: &mut [Look; QUERIES]) {
    let plus = vdupq_n_u8(128);
    for (search, look) in searches.iter().zip(looks) {
        let mut sums = [vdupq_n_s32(0); 16];
        for (group, word) in codes.iter().zip(search.query.words()) {
            let codes: [uint8x16_t; 16] = transmute!(*group);
            let word = vreinterpretq_s8_s32(vdupq_n_s32(transmute!(*word)));
            for (sum, codes) in sums.iter_mut().zip(codes) {
                *sum = add(*sum, vreinterpretq_s8_u8(veorq_u8(codes, plus)), word);
            }
        }
        look.products = transmute!(sums);
        portable::reaching(factors, search, look);
    }
}

/// Adds the products of the codes of four rows, four each, with those of a query.
#[target_feature(enable = "neon")]
#[inline]
fn add(sum: int32x4_t, codes: int8x16_t, word: int8x16_t) -> int32x4_t {
    let low = vmull_s8(vget_low_s8(codes), vget_low_s8(word));
    // Two products are at most 2 * 127 * 128, which 16 bits hold.
    vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(codes, word)))
}

/// Sixteen lanes.
type Lanes = [float64x2_t; 8];

/// Sixteen elements as doubles.
#[target_feature(enable = "neon")]
fn doubles(elements: &[f32; LANES]) -> Lanes {
    let pairs: [float32x2_t; 8] = transmute!(*elements);
    pairs.map(|pair| vcvt_f64_f32(pair))
}

/// The dot product.
#[target_feature(enable = "neon")]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    let add = |sums: Lanes, a: &[f32; LANES], b: &[f32; LANES]| {
        let (a, b) = (doubles(a), doubles(b));
        std::array::from_fn(|i| vfmaq_f64(sums[i], a[i], b[i]))
    };
    lanes::sum(a, b, [vdupq_n_f64(0.0); 8], add, |sums| transmute!(sums))
}

/// The dot product of `a`, and of `b` times a factor, rounded to f32.
#[target_feature(enable = "neon")]
pub fn scaled_dot(a: &[f32], b: &[f32], factor: f64) -> f64 {
    let add = |sums: Lanes, a: &[f32; LANES], b: &[f32; LANES]| {
        let (a, b) = (doubles(a), doubles(b).map(|b| vcvt_f64_f32(vcvt_f32_f64(vmulq_n_f64(b, factor)))));
        std::array::from_fn(|i| vfmaq_f64(sums[i], a[i], b[i]))
    };
    lanes::sum(a, b, [vdupq_n_f64(0.0); 8], add, |sums| transmute!(sums))
}

/// About the products `a.b` and `b.b`. Nothing is brought into the cache: it has no stable intrinsic.
#[target_feature(enable = "neon")]
pub fn estimate(a: &[f32], b: &[f32], _ahead: [isize; 2]) -> (f32, f32) {
    let zero = [[vdupq_n_f32(0.0); 4]; 2];
    let [dots, squares] = lanes::pairs(a, b, zero, |[mut dots, mut squares], a, b| {
        let (a, b): ([float32x4_t; 16], [float32x4_t; 16]) = (transmute!(*a), transmute!(*b));
        for i in 0..16 {
            dots[i % 4] = vfmaq_f32(dots[i % 4], a[i], b[i]);
            squares[i % 4] = vfmaq_f32(squares[i % 4], b[i], b[i]);
        }
        [dots, squares]
    });
    let total = |[a, b, c, d]: [float32x4_t; 4]| vaddvq_f32(vaddq_f32(vaddq_f32(a, b), vaddq_f32(c, d)));
    (total(dots), total(squares))
}

lanes::with_features!("neon");
