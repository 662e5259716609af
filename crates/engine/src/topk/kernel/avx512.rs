//! Loops in AVX-512 with VNNI: 64 products of bytes an instruction. Vectors have 16 numbers, four of them a block's rows.

use super::lanes::{self, LANES};
use super::{Codes, Look, QUERIES, Search, Upper, prefetch_ahead, prefetch_group};
use crate::topk::segment::Block;
use std::arch::x86_64::*;
use zerocopy::transmute;

/// What one query finds in a block; the products are added to those that are there.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn look(block: &Block<'_>, search: &Search<'_>, look: &mut Look) {
    let mut sums: [__m512i; 4] = transmute!(look.products);
    let low_bits = _mm512_set1_epi8(15);
    for (group, words) in block.groups.iter().zip(search.query.words().as_chunks::<2>().0) {
        prefetch_group(group);
        let [first, second]: [i32; 2] = transmute!(*words);
        let (first, second) = (_mm512_set1_epi32(first), _mm512_set1_epi32(second));
        let numbers: [__m512i; 4] = transmute!(*group);
        for (sum, numbers) in sums.iter_mut().zip(numbers) {
            *sum = _mm512_dpbusd_epi32(*sum, _mm512_and_si512(numbers, low_bits), first);
            *sum = _mm512_dpbusd_epi32(*sum, _mm512_and_si512(_mm512_srli_epi16::<4>(numbers), low_bits), second);
        }
    }
    reaching(block, search, sums, look);
}

/// What queries find in a block by whole codes, which are kept plus 128.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn look_all(codes: &Codes, factors: &Block<'_>, searches: &[Search<'_>], looks: &mut [Look; QUERIES]) {
    match searches.len() {
        1 => tile::<1>(codes, factors, searches, looks),
        2 => tile::<2>(codes, factors, searches, looks),
        3 => tile::<3>(codes, factors, searches, looks),
        4 => tile::<4>(codes, factors, searches, looks),
        5 => tile::<5>(codes, factors, searches, looks),
        _ => tile::<6>(codes, factors, searches, looks),
    }
}

/// The sums of `Q` queries stay in registers, four each.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn tile<const Q: usize>(codes: &Codes, factors: &Block<'_>, searches: &[Search<'_>], looks: &mut [Look; QUERIES]) {
    let mut words: [&[[i8; 4]]; Q] = [&[]; Q];
    let mut sums = [[_mm512_setzero_si512(); 4]; Q];
    for ((search, words), sums) in searches.iter().zip(&mut words).zip(&mut sums) {
        *words = &search.query.words()[..codes.len()];
        *sums = [_mm512_set1_epi32(search.query.correction(128)); 4];
    }
    for (place, group) in codes.iter().enumerate() {
        let codes: [__m512i; 4] = transmute!(*group);
        for (sums, words) in sums.iter_mut().zip(&words) {
            let word = _mm512_set1_epi32(transmute!(words[place]));
            for (sum, codes) in sums.iter_mut().zip(codes) {
                *sum = _mm512_dpbusd_epi32(*sum, codes, word);
            }
        }
    }
    for ((search, look), sums) in searches.iter().zip(looks).zip(sums) {
        reaching(factors, search, sums, look);
    }
}

/// Finds out by the products which rows they are.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
#[inline]
fn reaching(block: &Block<'_>, search: &Search<'_>, sums: [__m512i; 4], look: &mut Look) {
    let scales: [__m512; 4] = transmute!(*block.scales);
    let residuals: [__m512; 4] = transmute!(*block.residuals);
    let bound = search.bound;
    let [scale, reach, slack, threshold] = [bound.scale, bound.reach, bound.slack, search.threshold].map(|x| _mm512_set1_ps(x));
    look.rows = (0..4).fold(0, |rows, i| {
        let estimate = _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[i]), scale), scales[i]);
        let most = _mm512_add_ps(estimate, _mm512_fmadd_ps(reach, residuals[i], slack));
        rows | u64::from(_mm512_cmp_ps_mask::<_CMP_NLT_UQ>(most, threshold)) << (16 * i)
    });
    if look.rows != 0 {
        look.products = transmute!(sums);
    }
}

/// Sixteen lanes.
type Lanes = [__m512d; 2];

/// The dot product.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    let add = |sums: Lanes, a: &[f32; LANES], b: &[f32; LANES]| {
        let (a, b): ([__m256; 2], [__m256; 2]) = (transmute!(*a), transmute!(*b));
        [0, 1].map(|i| _mm512_fmadd_pd(_mm512_cvtps_pd(a[i]), _mm512_cvtps_pd(b[i]), sums[i]))
    };
    lanes::sum(a, b, [_mm512_setzero_pd(); 2], add, |sums| transmute!(sums))
}

/// The dot product of `a`, and of `b` times a factor, rounded to f32.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn scaled_dot(a: &[f32], b: &[f32], factor: f64) -> f64 {
    let factor = _mm512_set1_pd(factor);
    let scaled = |b| _mm512_cvtps_pd(_mm512_cvtpd_ps(_mm512_mul_pd(_mm512_cvtps_pd(b), factor)));
    let add = |sums: Lanes, a: &[f32; LANES], b: &[f32; LANES]| {
        let (a, b): ([__m256; 2], [__m256; 2]) = (transmute!(*a), transmute!(*b));
        [0, 1].map(|i| _mm512_fmadd_pd(_mm512_cvtps_pd(a[i]), scaled(b[i]), sums[i]))
    };
    lanes::sum(a, b, [_mm512_setzero_pd(); 2], add, |sums| transmute!(sums))
}

/// About the products `a.b` and `b.b`, and what lies `ahead` of `b` by so many bytes brought into the cache.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn estimate(a: &[f32], b: &[f32], ahead: [isize; 2]) -> (f32, f32) {
    let zero = [[_mm512_setzero_ps(); 4]; 2];
    let [dots, squares] = lanes::pairs(a, b, zero, |[mut dots, mut squares], a, next| {
        prefetch_ahead(next, ahead[0]);
        prefetch_ahead(next, ahead[1]);
        let (a, b): ([__m512; 4], [__m512; 4]) = (transmute!(*a), transmute!(*next));
        for i in 0..4 {
            dots[i] = _mm512_fmadd_ps(a[i], b[i], dots[i]);
            squares[i] = _mm512_fmadd_ps(b[i], b[i], squares[i]);
        }
        [dots, squares]
    });
    let total = |[a, b, c, d]: [__m512; 4]| _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
    (total(dots), total(squares))
}

lanes::with_features!("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni");
