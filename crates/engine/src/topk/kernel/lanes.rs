//! Sums of doubles in 16 lanes, written so that compilers vectorise them with whatever instructions the caller has.

/// How many sums run side by side: element `i` goes to sum `i % LANES`.
const LANES: usize = 16;

/// The sum of the lanes: the upper half is added to the lower one, until one is left.
#[inline(always)]
fn total(lanes: [f64; LANES]) -> f64 {
    let eight: [f64; 8] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
    let four: [f64; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// The sum of what `term` makes of the elements of both.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f64) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane]);
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[lane] += term(*a, *b);
    }
    total(lanes)
}

/// The dot product.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |a, b| f64::from(a) * f64::from(b))
}

/// The dot product of `a`, and of `b` times a factor, rounded to f32.
#[inline(always)]
pub fn scaled_dot(a: &[f32], b: &[f32], factor: f64) -> f64 {
    sum(a, b, |a, b| f64::from(a) * f64::from(scaled(b, factor)))
}

/// Writes a vector times a factor.
#[inline(always)]
pub fn scale(vector: &[f32], factor: f64, result: &mut [f32]) {
    result.iter_mut().zip(vector).for_each(|(result, x)| *result = scaled(*x, factor));
}

#[inline(always)]
fn scaled(x: f32, factor: f64) -> f32 {
    (f64::from(x) * factor) as f32
}

/// The functions of this module for processors that have some features.
macro_rules! with_features {
    ($features:literal) => {
        /// [`lanes::dot`].
        #[target_feature(enable = $features)]
        pub fn dot(a: &[f32], b: &[f32]) -> f64 {
            lanes::dot(a, b)
        }

        /// [`lanes::scaled_dot`].
        #[target_feature(enable = $features)]
        pub fn scaled_dot(a: &[f32], b: &[f32], factor: f64) -> f64 {
            lanes::scaled_dot(a, b, factor)
        }

        /// [`lanes::scale`].
        #[target_feature(enable = $features)]
        pub fn scale(vector: &[f32], factor: f64, result: &mut [f32]) {
            lanes::scale(vector, factor, result);
        }
    };
}
pub(super) use with_features;
