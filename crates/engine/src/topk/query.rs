//! The vector that rows are compared with.

use super::kernel::{Bound, Kernel, margin};
use super::quantize::{Quantized, quantize};
use super::{Result, TopkError, check_dimensions};

/// What rounding adds to the bound of an estimate; [`Query`] has the derivation.
const MARGIN: f32 = 2e-6;

/// A query, scaled to length 1, and as int8 codes.
///
/// # The bound
///
/// `q` and `x` are the vectors of length 1 as f32 holds them, `q' = s d` and `x' = t c` what their codes stand for, and `ρ >= |q - q'|`,
/// `r >= |x - x'|` the stored residuals. From `q.x = q'.x' + q'.(x - x') + (q - q').x` and the Cauchy-Schwarz inequality follows
///
/// ```text
/// |q.x - q'.x'| <= |q'| r + ρ |x|
/// ```
///
/// `q'.x'` is `s t` times the integer `d.c`, so the estimate is `e = t (s (d.c))` and half the width of the bound `w = reach * r + slack`,
/// with `reach >= |q'|` and `slack = ρ (1 + 1e-6) + MARGIN`. Rounding to f32 loses at most `u = 2^-24` of each result, and with 1 to 16,000
/// dimensions `|q| <= 1 + 1e-6`, `ρ <= 127^-1 / 2 * sqrt(16000) < 0.5` (the same for x), hence `|q'.x'| < 2.26`. The margin covers:
///
/// | | at most |
/// |---|---|
/// | `e`: conversion of the integer and two products | `3 u * 2.26` = 4.1e-7 |
/// | `w`: product and sum, of values below 1.26 | `2 u * 1.26` = 1.6e-7 |
/// | `e + w`, `e - w`: one sum of a value below 3.6 | `u * 3.6` = 2.2e-7 |
/// | the score: rounding to f32, and the cut to -1 and 1, beyond which `q.x` goes by less than `3 u` | `4 u` = 2.4e-7 |
///
/// Together that is 1.03e-6, half of MARGIN. Sums and products may be fused, which rounds less.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    unit: Vec<f32>,
    /// Four codes each, the first in the lowest address.
    words: Vec<[i8; 4]>,
    /// -128 times the sum of the codes: rows keep their codes plus 128.
    correction: i32,
    bound: Bound,
    margin: f32,
}

impl Query {
    /// Takes a vector of any length but 0.
    pub fn new(vector: &[f32]) -> Result<Self> {
        check_dimensions(vector.len())?;
        let mut unit = vec![0.0; vector.len()];
        if !Kernel::best().normalize(vector, &mut unit)? {
            return Err(TopkError::ZeroQuery);
        }
        let mut words = vec![[0; 4]; vector.len().div_ceil(4)];
        let Quantized { scale, residual } = quantize(&unit, words.as_flattened_mut());
        let codes = || words.as_flattened().iter().map(|code| i32::from(*code));
        let correction = -128 * codes().sum::<i32>();
        // The squares of 16,000 codes fit an i32.
        let squares: i32 = codes().map(|code| code * code).sum();
        let reach = (f64::from(scale) * f64::from(squares).sqrt() * (1.0 + 1e-6)) as f32;
        let slack = (f64::from(residual) * (1.0 + 1e-6)) as f32 + MARGIN;
        Ok(Self { unit, words, correction, bound: Bound { scale, reach, slack }, margin: margin(vector.len()) })
    }

    /// The number of dimensions.
    pub fn dimensions(&self) -> usize {
        self.unit.len()
    }

    /// The vector scaled to length 1.
    pub fn unit(&self) -> &[f32] {
        &self.unit
    }

    /// The codes, four each, filled up with zeros.
    pub(super) fn words(&self) -> &[[i8; 4]] {
        &self.words
    }

    /// What the sum of the products with codes that are kept plus 128 begins with.
    pub(super) fn correction(&self) -> i32 {
        self.correction
    }

    /// What an estimate of a cosine in f32 may be off by.
    pub(super) fn margin(&self) -> f32 {
        self.margin
    }

    /// How to bound a cosine by the product of the codes.
    pub(super) fn bound(&self) -> &Bound {
        &self.bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topk::kernel::{Look, QUERIES, Search};
    use crate::topk::segment::BLOCK;
    use crate::topk::{Buffer, Segment, SegmentBuilder, bytes_needed};
    use proptest::prelude::*;

    /// Vectors whose codes leave out much, and such whose codes leave out nothing but what rounding does.
    fn vectors() -> impl Strategy<Value = Vec<Vec<f32>>> {
        (1usize..80, any::<bool>()).prop_flat_map(|(dimensions, even)| {
            let any = prop_oneof![-1.0f32..1.0, Just(1.0), Just(0.5 / 127.0), Just(-0.5 / 127.0), -1e-3f32..1e-3, Just(1e-40), Just(0.0)];
            let element = if even { prop_oneof![Just(1.0f32), Just(-1.0)].boxed() } else { any.boxed() };
            prop::collection::vec(prop::collection::vec(element, dimensions), 2..=BLOCK)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bounds_hold(vectors in vectors()) {
            let Ok(query) = Query::new(&vectors[0]) else { return Ok(()) };
            let mut buffer = Buffer::zeroed(bytes_needed(BLOCK, query.dimensions()).expect("few"));
            let mut builder = SegmentBuilder::new(buffer.bytes_mut(), query.dimensions(), BLOCK).expect("room");
            for vector in &vectors {
                builder.push(vector).expect("finite");
            }
            builder.finish().expect("few");
            let segment = Segment::parse(buffer.bytes()).expect("built");
            let block = segment.block(0);
            for kernel in Kernel::all() {
                let look = |threshold| {
                    let mut looks = [Look::NONE; QUERIES];
                    kernel.look(&block, &[Search { query: &query, threshold }], &mut looks);
                    looks[0]
                };
                let all = look(f32::NEG_INFINITY);
                for row in 0..segment.rows() {
                    let (least, most) = query.bound().range(all.products[row], block.scales[row], block.residuals[row]);
                    let score = kernel.score(&query, segment.unit(row as u32));
                    prop_assert!(least <= score && score <= most, "{least} {score} {most}");
                    prop_assert_eq!(look(score).rows >> row & 1, 1);
                    prop_assert_eq!(look(most + 1e-6).rows >> row & 1, 0);
                }
            }
        }
    }
}
