//! The vector that rows are compared with.

use super::kernel::{Bound, Kernel, margin};
use super::quantize::{QUERY, Quantized, quantize};
use super::segment::groups;
use super::{Result, TopkError, check_dimensions};

/// What rounding adds to the bounds; [`Query`] has the derivation.
const MARGIN: f32 = 2e-6;

/// A query, scaled to length 1, and as codes of 8 bits.
///
/// `q` and `x` are the vectors of length 1 as f32 holds them, `q' = s d` what the query's codes stand for, and `ρ >= |q - q'|` its residual.
/// Rounding to f32 loses at most `v = 2^-24` of each result, and with 1 to 16,000 dimensions `|q| <= 1 + 1e-6`, `ρ <= 119^-1 / 2 * sqrt(16000) < 0.54`
/// (the same for x).
///
/// # The bound by whole codes
///
/// `x' = t c` is what the row's codes stand for, `r >= |x - x'|`. From `q.x = q'.x' + q'.(x - x') + (q - q').x` and the Cauchy-Schwarz inequality
/// follows
///
/// ```text
/// |q.x - q'.x'| <= |q'| r + ρ |x|
/// ```
///
/// `q'.x'` is `s t` times the integer `d.c`, so the estimate is `e = t (s (d.c))` and half the width of the bound `w = reach * r + slack`,
/// with `reach >= |q'|` and `slack = ρ (1 + 1e-6) + MARGIN`. As `|q'.x'| < 2.4`, the margin covers:
///
/// | | at most |
/// |---|---|
/// | `e`: conversion of the integer and two products | `3 v * 2.4` = 4.3e-7 |
/// | `w`: product and sum, of values below 1.4 | `2 v * 1.4` = 1.7e-7 |
/// | `e + w`, `e - w`: one sum of a value below 3.8 | `v * 3.8` = 2.3e-7 |
/// | the score: rounding to f32, and the cut to -1 and 1, beyond which `q.x` goes by less than `3 v` | `4 v` = 2.4e-7 |
///
/// Together that is 1.08e-6, about half of MARGIN. Sums and products may be fused, which rounds less.
///
/// # The bound by the upper plane
///
/// The upper plane `u` of the codes has about the direction of `x`; `β` is the angle between them, less than a right one. Angles obey the triangle
/// inequality, so a row whose cosine with `q` is `T >= 0` or more has
///
/// ```text
/// cos(q, u) >= cos(arccos T + β) = T cos β - sqrt(1 - T²) sin β
/// ```
///
/// and with `q' . u / |u| >= cos(q, u) - ρ` and `1 / cos β <= 1 + tan β`
///
/// ```text
/// q'.u / (|u| cos β) + (sqrt(1 - T²) + ρ) tan β + ρ >= T
/// ```
///
/// The estimate `q'.u / (|u| cos β)` is `f (s (d.u))` with `f = 1 / x.u`, which a row has beside `tan β`. For a `T` below 0, the root is 1: `q.x <= cos β
/// cos(q, u) + sin β` holds for all. The better the best rows are, the narrower the bound; Cauchy-Schwarz would have 1 for the root.
///
/// All of its terms are below `2.6 (1 + tan β)`. The seven roundings on the way (of `f`, `tan β`, three of the estimate, two of the rest and the
/// sum) and the lengths of `q` and `x` lose less than `12 v` of that, 1.9e-6: MARGIN in the slack and in the reach. The root, which is steep where `T` is about 1, is
/// that of `T - MARGIN`, which is less than what any score of `T` stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    unit: Vec<f32>,
    /// Four codes each, the first in the lowest address; two for each group.
    words: Vec<[i8; 4]>,
    /// Of the codes.
    sum: i32,
    /// By whole codes.
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
        let mut words = vec![[0; 4]; 2 * groups(vector.len())];
        let Quantized { scale, residual } = quantize(&unit, QUERY, words.as_flattened_mut());
        let codes = || words.as_flattened().iter().map(|code| i32::from(*code));
        let sum = codes().sum();
        // The squares of 16,000 codes fit an i32.
        let squares: i32 = codes().map(|code| code * code).sum();
        let reach = (f64::from(scale) * f64::from(squares).sqrt() * (1.0 + 1e-6)) as f32;
        let slack = (f64::from(residual) * (1.0 + 1e-6)) as f32 + MARGIN;
        Ok(Self { unit, words, sum, bound: Bound { scale, reach, slack }, margin: margin(vector.len()) })
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

    /// What the sum of the products with numbers that are kept plus `more` begins with.
    pub(super) fn correction(&self, more: i32) -> i32 {
        -more * self.sum
    }

    /// What an estimate of a cosine in f32 may be off by.
    pub(super) fn margin(&self) -> f32 {
        self.margin
    }

    /// How to bound a cosine by the product of the whole codes.
    pub(super) fn bound(&self) -> Bound {
        self.bound
    }

    /// How to tell by the product of the upper plane which rows have no cosine of `threshold` or more.
    pub(super) fn upper_bound(&self, threshold: f32) -> Bound {
        let Bound { scale, slack, .. } = self.bound;
        let least = f64::from(threshold - MARGIN).clamp(0.0, 1.0);
        let root = ((1.0 - least * least).sqrt() * (1.0 + 1e-6)) as f32;
        Bound { scale, reach: root + slack, slack }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topk::kernel::{Look, QUERIES, Search};
    use crate::topk::segment::{BLOCK, Plane};
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
            let [upper, lower] = [Plane::Upper, Plane::Lower].map(|plane| segment.block(plane, 0));
            for kernel in Kernel::all() {
                let look = |block, threshold, bound, start: [i32; BLOCK]| {
                    let mut one = Look { rows: 0, products: start.map(|start| start + query.correction(8)) };
                    let search = Search { query: &query, threshold, bound };
                    kernel.look(block, &search, &mut one);
                    one
                };
                let look_upper = |threshold| look(&upper, threshold, query.upper_bound(threshold), [0; BLOCK]);
                let products = look_upper(f32::NEG_INFINITY).products;
                let look_lower = |threshold| look(&lower, threshold, query.bound(), products.map(|product| 16 * product));
                let all = look_lower(f32::NEG_INFINITY);
                let (mut codes, mut looks) = (Vec::new(), [Look::NONE; QUERIES]);
                kernel.join(&upper, &lower, &mut codes);
                for queries in 1..=QUERIES {
                    let search = Search { query: &query, threshold: f32::NEG_INFINITY, bound: query.bound() };
                    kernel.look_all(&codes, &lower, &[search; QUERIES][..queries], &mut looks);
                    prop_assert!(looks[..queries].iter().all(|look| look.rows == u64::MAX && look.products[..segment.rows()] == all.products[..segment.rows()]));
                }
                for (row, product) in products.into_iter().enumerate().take(segment.rows()) {
                    let (least, most) = query.bound().range(all.products[row], lower.scales[row], lower.residuals[row]);
                    let score = kernel.score(&query, segment.unit(row as u32));
                    prop_assert!(least <= score && score <= most, "{least} {score} {most}");
                    for threshold in [-1.0, score - 0.1, score.next_down(), score] {
                        prop_assert_eq!(look_upper(threshold).rows >> row & 1, 1, "{} at {}", row, threshold);
                        prop_assert_eq!(look_lower(threshold).rows >> row & 1, 1, "{} at {}", row, threshold);
                    }
                    prop_assert_eq!(look_lower(most + 1e-6).rows >> row & 1, 0);
                    // The widest that the upper plane may be: the root is 1 or less.
                    let upper_bound = query.upper_bound(-1.0);
                    let (_, most) = upper_bound.range(product, upper.scales[row], upper.residuals[row]);
                    prop_assert_eq!(look_upper((most + 1e-5).max(most.next_up())).rows >> row & 1, 0);
                }
            }
        }
    }
}
