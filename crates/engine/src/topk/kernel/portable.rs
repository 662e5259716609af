//! Loops that any processor runs.

pub use super::lanes::{join, quantize, scale, upper};

use super::lanes::{self, LANES};
use super::{Codes, Look, QUERIES, Search, is_less};
use crate::topk::segment::{BLOCK, Block};

/// What one query finds in a block; the products are added to those that are there.
#[inline(always)]
pub fn look(block: &Block<'_>, search: &Search<'_>, look: &mut Look) {
    for (group, words) in block.groups.iter().zip(search.query.words().as_chunks::<2>().0) {
        for (product, numbers) in look.products.iter_mut().zip(group) {
            *product += sum(&numbers.map(|number| number & 15), &words[0]) + sum(&numbers.map(|number| number >> 4), &words[1]);
        }
    }
    reaching(block, search, look);
}

/// What queries find in a block by whole codes, which are kept plus 128.
#[inline(always)]
pub fn look_all(codes: &Codes, factors: &Block<'_>, searches: &[Search<'_>], looks: &mut [Look; QUERIES]) {
    for (search, look) in searches.iter().zip(looks) {
        look.products.fill(search.query.correction(128));
        for (group, word) in codes.iter().zip(search.query.words()) {
            look.products.iter_mut().zip(group).for_each(|(product, codes)| *product += sum(codes, word));
        }
        reaching(factors, search, look);
    }
}

/// The product of four numbers and four codes.
#[inline(always)]
fn sum(numbers: &[u8; 4], word: &[i8; 4]) -> i32 {
    (0..4).map(|place| i32::from(numbers[place]) * i32::from(word[place])).sum()
}

/// Finds out by the products which rows they are.
#[inline(always)]
pub fn reaching(block: &Block<'_>, search: &Search<'_>, look: &mut Look) {
    look.rows = (0..BLOCK).fold(0, |rows, row| {
        let (_, most) = search.bound.range(look.products[row], block.scales[row], block.residuals[row]);
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
