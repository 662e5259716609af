//! Sums of doubles in 16 lanes, and loops that compilers vectorise with whatever instructions the caller has.

use super::{Codes, Upper};
use crate::topk::segment::{Block, upper_half};

/// How many sums run side by side: element `i` goes to sum `i % LANES`.
pub const LANES: usize = 16;

/// The sum of the lanes: the upper half is added to the lower one, until one is left.
#[inline(always)]
fn total(lanes: [f64; LANES]) -> f64 {
    let eight: [f64; 8] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
    let four: [f64; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// The sum of what `add` makes of 16 elements of both at a time, in lanes of whatever form. Zeros fill the last ones up: no lane is a negative
/// zero, so adding 0 changes none.
#[inline(always)]
pub fn sum<L>(a: &[f32], b: &[f32], zero: L, add: impl Fn(L, &[f32; LANES], &[f32; LANES]) -> L, lanes: impl Fn(L) -> [f64; LANES]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = a.iter().zip(b).fold(zero, |sums, (a, b)| add(sums, a, b));
    if !a_rest.is_empty() {
        let mut last = [[0.0; LANES]; 2];
        last[0][..a_rest.len()].copy_from_slice(a_rest);
        last[1][..b_rest.len()].copy_from_slice(b_rest);
        sums = add(sums, &last[0], &last[1]);
    }
    total(lanes(sums))
}

/// How many f32 [`pairs`] hands over at a time.
pub const WIDE: usize = 4 * LANES;

/// What `add` makes, 64 elements of both at a time, of sums that begin as `zero`. Zeros fill the last ones up.
#[inline(always)]
pub fn pairs<S>(a: &[f32], b: &[f32], zero: S, add: impl Fn(S, &[f32; WIDE], &[f32; WIDE]) -> S) -> S {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<WIDE>(), b.as_chunks::<WIDE>());
    let mut sums = a.iter().zip(b).fold(zero, |sums, (a, b)| add(sums, a, b));
    if !a_rest.is_empty() {
        let mut last = [[0.0; WIDE]; 2];
        last[0][..a_rest.len()].copy_from_slice(a_rest);
        last[1][..b_rest.len()].copy_from_slice(b_rest);
        sums = add(sums, &last[0], &last[1]);
    }
    sums
}

/// Writes a vector times a factor.
#[inline(always)]
pub fn scale(vector: &[f32], factor: f64, result: &mut [f32]) {
    result.iter_mut().zip(vector).for_each(|(result, x)| *result = scaled(*x, factor));
}

#[inline(always)]
pub fn scaled(x: f32, factor: f64) -> f32 {
    (f64::from(x) * factor) as f32
}

/// Writes the codes `x / scale`, rounded to the nearest integer, and gives the sum of the squares of what they leave out. No element is larger
/// than 127 times the scale.
#[inline(always)]
pub fn quantize(unit: &[f32], scale: f32, codes: &mut [i8]) -> f64 {
    // Adding it rounds to an integer, which is then in the lowest bits.
    const INTEGER: f32 = 12_582_912.0;
    let (inverse, mut lanes) = (1.0 / scale, [0.0f64; LANES]);
    let mut one = |lane: usize, x: f32, code: &mut i8| {
        let shifted = x * inverse + INTEGER;
        let left = f64::from(x) - f64::from(scale) * f64::from(shifted - INTEGER);
        *code = shifted.to_bits() as i8;
        lanes[lane] += left * left;
    };
    let ((units, rest), (codes, codes_rest)) = (unit.as_chunks::<LANES>(), codes.as_chunks_mut::<LANES>());
    for (unit, codes) in units.iter().zip(codes) {
        for lane in 0..LANES {
            one(lane, unit[lane], &mut codes[lane]);
        }
    }
    for (lane, (x, code)) in rest.iter().zip(codes_rest).enumerate() {
        one(lane, *x, code);
    }
    total(lanes)
}

/// The products of a vector and the upper plane of its codes.
#[inline(always)]
pub fn upper(unit: &[f32], codes: &[i8]) -> Upper {
    let (mut dots, mut squares, mut lengths) = ([0.0f64; LANES], [0i32; LANES], [0.0f64; LANES]);
    let mut one = |lane: usize, x: f32, code: i8| {
        let (x, half) = (f64::from(x), upper_half(code));
        dots[lane] += x * f64::from(half);
        squares[lane] += i32::from(half) * i32::from(half);
        lengths[lane] += x * x;
    };
    let ((units, rest), (codes, codes_rest)) = (unit.as_chunks::<LANES>(), codes.as_chunks::<LANES>());
    for (unit, codes) in units.iter().zip(codes) {
        for lane in 0..LANES {
            one(lane, unit[lane], codes[lane]);
        }
    }
    for (lane, (x, code)) in rest.iter().zip(codes_rest).enumerate() {
        one(lane, *x, *code);
    }
    Upper { dot: total(dots), squares: squares.iter().sum::<i32>().into(), length: total(lengths) }
}

/// Puts the planes of a block together: whole codes plus 128.
#[inline(always)]
pub fn join(upper: &Block<'_>, lower: &Block<'_>, codes: &mut Codes) {
    for ((upper, lower), codes) in upper.groups.iter().zip(lower.groups).zip(codes.as_chunks_mut::<2>().0) {
        let [first, second] = codes.each_mut().map(|codes| codes.as_flattened_mut());
        for (((upper, lower), first), second) in upper.as_flattened().iter().zip(lower.as_flattened()).zip(first).zip(second) {
            // 16 (u + 8) + (l + 8) - 8
            *first = (upper << 4 | lower & 15).wrapping_sub(8);
            *second = (upper & 0xf0 | lower >> 4).wrapping_sub(8);
        }
    }
}

/// The functions of this module for processors that have some features.
macro_rules! with_features {
    ($features:literal) => {
        /// [`lanes::scale`].
        #[target_feature(enable = $features)]
        pub fn scale(vector: &[f32], factor: f64, result: &mut [f32]) {
            lanes::scale(vector, factor, result);
        }

        /// [`lanes::quantize`].
        #[target_feature(enable = $features)]
        pub fn quantize(unit: &[f32], scale: f32, codes: &mut [i8]) -> f64 {
            lanes::quantize(unit, scale, codes)
        }

        /// [`lanes::join`].
        #[target_feature(enable = $features)]
        pub fn join(upper: &Block<'_>, lower: &Block<'_>, codes: &mut Codes) {
            lanes::join(upper, lower, codes);
        }

        /// [`lanes::upper`].
        #[target_feature(enable = $features)]
        pub fn upper(unit: &[f32], codes: &[i8]) -> Upper {
            lanes::upper(unit, codes)
        }
    };
}
pub(super) use with_features;
