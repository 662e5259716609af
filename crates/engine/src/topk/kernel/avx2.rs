//! Loops in AVX2: 32 products of bytes in two instructions where the numbers have 4 bits, in four where codes have 8. Vectors have 8 numbers, eight of them a block's rows.

use super::lanes::{self, LANES};
use super::{Codes, Look, QUERIES, Search, Upper, prefetch_ahead, prefetch_group};
use crate::topk::segment::{BLOCK, Block};
use std::arch::x86_64::*;
use zerocopy::transmute;

/// The groups whose products 16 bits hold: each adds at most `4 * 15 * 127`.
const SHORT: usize = 4;

/// What one query finds in a block; the products are added to those that are there. The block is read from its beginning to its end.
#[target_feature(enable = "avx2,fma")]
pub fn look(block: &Block<'_>, search: &Search<'_>, look: &mut Look) {
    let (low_bits, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi16(1));
    let mut products: [__m256i; 8] = transmute!(look.products);
    for (groups, words) in block.groups.chunks(SHORT).zip(search.query.words().as_chunks::<2>().0.chunks(SHORT)) {
        let mut sums = [_mm256_setzero_si256(); 8];
        for (group, words) in groups.iter().zip(words) {
            prefetch_group(group);
            let [first, second]: [i32; 2] = transmute!(*words);
            let (first, second) = (_mm256_set1_epi32(first), _mm256_set1_epi32(second));
            let numbers: [__m256i; 8] = transmute!(*group);
            for (sum, numbers) in sums.iter_mut().zip(numbers) {
                // Unsigned by signed bytes.
                let low = _mm256_maddubs_epi16(_mm256_and_si256(numbers, low_bits), first);
                let high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16::<4>(numbers), low_bits), second);
                *sum = _mm256_add_epi16(*sum, _mm256_add_epi16(low, high));
            }
        }
        for (product, sum) in products.iter_mut().zip(sums) {
            *product = _mm256_add_epi32(*product, _mm256_madd_epi16(sum, ones));
        }
    }
    look.products = transmute!(products);
    reaching(block, search, look);
}

/// What queries find in a block by whole codes, which are kept plus 128.
#[target_feature(enable = "avx2,fma")]
pub fn look_all(codes: &Codes, factors: &Block<'_>, searches: &[Search<'_>], looks: &mut [Look; QUERIES]) {
    for (searches, looks) in searches.chunks(3).zip(looks.chunks_mut(3)) {
        match searches.len() {
            1 => tile::<1, 4>(codes, searches, looks),
            2 => tile::<2, 2>(codes, searches, looks),
            _ => tile::<3, 2>(codes, searches, looks),
        }
        searches.iter().zip(looks).for_each(|(search, look)| reaching(factors, search, look));
    }
}

/// The sums of `Q` queries and `8 * V` rows stay in registers.
#[target_feature(enable = "avx2,fma")]
fn tile<const Q: usize, const V: usize>(codes: &Codes, searches: &[Search<'_>], looks: &mut [Look]) {
    let words: [&[[i8; 4]]; Q] = std::array::from_fn(|place| &searches[place].query.words()[..codes.len()]);
    let (plus, ones) = (_mm256_set1_epi8(-128), _mm256_set1_epi16(1));
    for first in (0..8).step_by(V) {
        let mut sums = [[_mm256_setzero_si256(); V]; Q];
        for (place, group) in codes.iter().enumerate() {
            let all: [__m256i; 8] = transmute!(*group);
            let codes: [__m256i; V] = std::array::from_fn(|i| _mm256_xor_si256(all[first + i], plus));
            for (sums, words) in sums.iter_mut().zip(&words) {
                let word = _mm256_set1_epi32(transmute!(words[place]));
                let size = _mm256_abs_epi8(word);
                for (sum, codes) in sums.iter_mut().zip(codes) {
                    // Unsigned by signed bytes: the sign goes to the row's codes. Two products are at most 2 * 127 * 128, which 16 bits hold.
                    let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(codes, word));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        for (look, sums) in looks.iter_mut().zip(sums) {
            for (products, sum) in look.products.as_chunks_mut::<8>().0[first..].iter_mut().zip(sums) {
                *products = transmute!(sum);
            }
        }
    }
}

/// Finds out by the products which rows they are.
#[target_feature(enable = "avx2,fma")]
fn reaching(block: &Block<'_>, search: &Search<'_>, look: &mut Look) {
    let products: [__m256i; BLOCK / 8] = transmute!(look.products);
    let scales: [__m256; BLOCK / 8] = transmute!(*block.scales);
    let residuals: [__m256; BLOCK / 8] = transmute!(*block.residuals);
    let bound = search.bound;
    let [scale, reach, slack, threshold] = [bound.scale, bound.reach, bound.slack, search.threshold].map(|x| _mm256_set1_ps(x));
    look.rows = (0..8).fold(0, |rows, i| {
        let estimate = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(products[i]), scale), scales[i]);
        let most = _mm256_add_ps(estimate, _mm256_fmadd_ps(reach, residuals[i], slack));
        rows | u64::from(_mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(most, threshold)) as u32) << (8 * i)
    });
}

/// Sixteen lanes.
type Lanes = [__m256d; 4];

/// The dot product.
#[target_feature(enable = "avx2,fma")]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    let add = |sums: Lanes, a: &[f32; LANES], b: &[f32; LANES]| {
        let (a, b): ([__m128; 4], [__m128; 4]) = (transmute!(*a), transmute!(*b));
        [0, 1, 2, 3].map(|i| _mm256_fmadd_pd(_mm256_cvtps_pd(a[i]), _mm256_cvtps_pd(b[i]), sums[i]))
    };
    lanes::sum(a, b, [_mm256_setzero_pd(); 4], add, |sums| transmute!(sums))
}

/// The dot product of `a`, and of `b` times a factor, rounded to f32.
#[target_feature(enable = "avx2,fma")]
pub fn scaled_dot(a: &[f32], b: &[f32], factor: f64) -> f64 {
    let factor = _mm256_set1_pd(factor);
    let scaled = |b| _mm256_cvtps_pd(_mm256_cvtpd_ps(_mm256_mul_pd(_mm256_cvtps_pd(b), factor)));
    let add = |sums: Lanes, a: &[f32; LANES], b: &[f32; LANES]| {
        let (a, b): ([__m128; 4], [__m128; 4]) = (transmute!(*a), transmute!(*b));
        [0, 1, 2, 3].map(|i| _mm256_fmadd_pd(_mm256_cvtps_pd(a[i]), scaled(b[i]), sums[i]))
    };
    lanes::sum(a, b, [_mm256_setzero_pd(); 4], add, |sums| transmute!(sums))
}

/// About the products `a.b` and `b.b`, and what lies `ahead` of `b` by so many bytes brought into the cache.
#[target_feature(enable = "avx2,fma")]
pub fn estimate(a: &[f32], b: &[f32], ahead: [isize; 2]) -> (f32, f32) {
    let zero = [[_mm256_setzero_ps(); 4]; 2];
    let [dots, squares] = lanes::pairs(a, b, zero, |[mut dots, mut squares], a, next| {
        prefetch_ahead(next, ahead[0]);
        prefetch_ahead(next, ahead[1]);
        let (a, b): ([__m256; 8], [__m256; 8]) = (transmute!(*a), transmute!(*next));
        for i in 0..8 {
            dots[i % 4] = _mm256_fmadd_ps(a[i], b[i], dots[i % 4]);
            squares[i % 4] = _mm256_fmadd_ps(b[i], b[i], squares[i % 4]);
        }
        [dots, squares]
    });
    let total = |[a, b, c, d]: [__m256; 4]| {
        let eight: [f32; 8] = transmute!(_mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)));
        ((eight[0] + eight[4]) + (eight[1] + eight[5])) + ((eight[2] + eight[6]) + (eight[3] + eight[7]))
    };
    (total(dots), total(squares))
}

lanes::with_features!("avx2,fma");
