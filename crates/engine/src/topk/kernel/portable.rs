//! Loops that any processor runs.

pub use super::lanes::{quantize, scale};

use super::lanes::{self, LANES};
use super::{Look, QUERIES, Search, is_less};
use crate::topk::segment::{BLOCK, Block};

/// Which rows of a block may have a score of their query's threshold or more, one bit each, and by row the product of the codes.
#[inline(always)]
pub fn look(block: &Block<'_>, searches: &[Search<'_>], looks: &mut [Look; QUERIES]) {
    for (search, look) in searches.iter().zip(looks) {
        look.products.fill(search.query.correction());
        for (group, word) in block.groups.iter().zip(search.query.words()) {
            for (product, codes) in look.products.iter_mut().zip(group) {
                *product += (0..4).map(|place| i32::from(codes[place]) * i32::from(word[place])).sum::<i32>();
            }
        }
        reaching(block, search, look);
    }
}

/// Finds out by the products which rows they are.
#[inline(always)]
pub fn reaching(block: &Block<'_>, search: &Search<'_>, look: &mut Look) {
    look.rows = (0..BLOCK).fold(0, |rows, row| {
        let (_, most) = search.query.bound().range(look.products[row], block.scales[row], block.residuals[row]);
        rows | u64::from(!is_less(most, search.threshold)) << row
    });
}

/// The dot product.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    lanes::sum(a, b, [0.0; LANES], |sums, a, b| std::array::from_fn(|i| sums[i] + f64::from(a[i]) * f64::from(b[i])), |sums| sums)
}

/// The dot product of `a`, and of `b` times a factor, rounded to f32.
pub fn scaled_dot(a: &[f32], b: &[f32], factor: f64) -> f64 {
    let product = |a: f32, b: f32| f64::from(a) * f64::from(lanes::scaled(b, factor));
    lanes::sum(a, b, [0.0; LANES], |sums, a, b| std::array::from_fn(|i| sums[i] + product(a[i], b[i])), |sums| sums)
}

/// About the products `a.b` and `b.b`. Nothing is brought into the cache.
#[inline(always)]
pub fn estimate(a: &[f32], b: &[f32], _ahead: [isize; 2]) -> (f32, f32) {
    let zero = [[0.0f32; LANES]; 2];
    let [dots, squares] = lanes::pairs(a, b, zero, |[mut dots, mut squares], a, b| {
        for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                dots[lane] += a[lane] * b[lane];
                squares[lane] += b[lane] * b[lane];
            }
        }
        [dots, squares]
    });
    (dots.iter().sum(), squares.iter().sum())
}
