//! The inner loops, once for each set of instructions; all give the same bits.
//!
//! Products of codes are integers. Sums of scores are doubles, added in one order, of products that doubles hold exactly (two f32 of 24 bits
//! each), so that fusing them or not makes no difference.

// The calls of functions that enable instructions, and prefetching.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use super::segment::{BLOCK, Block, Group};
use super::{Query, Result, TopkError, check_same_dimensions};

/// How many queries go over a block at once.
pub(super) const QUERIES: usize = 6;

/// The whole codes of a block, plus 128: by four dimensions, four of each row.
pub(super) type Codes = [Group];

/// What is looked for in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    /// What its rows are compared with.
    pub query: &'a Query,
    /// The score from which on rows are wanted.
    pub threshold: f32,
    /// Which rows these are.
    pub bound: Bound,
}

/// What a block shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The rows whose score may reach the threshold, one bit each.
    pub rows: u64,
    /// By row: the product of its numbers with the query's codes. Good only if there are such rows.
    pub products: [i32; BLOCK],
}

impl Look {
    /// Of no block yet.
    pub const NONE: Self = Self { rows: 0, products: [0; BLOCK] };
}

/// Whether a number is less than another one; what is not a number is not.
#[inline(always)]
pub(super) fn is_less(a: f32, b: f32) -> bool {
    a < b
}

/// What makes bounds of a cosine out of the product of the codes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    /// Of the query's codes.
    pub scale: f32,
    /// What a row's residual counts.
    pub reach: f32,
    /// What the query's residual and rounding add.
    pub slack: f32,
}

impl Bound {
    /// What the score of a row is about.
    #[inline(always)]
    pub fn estimate(&self, product: i32, scale: f32) -> f32 {
        product as f32 * self.scale * scale
    }

    /// The least and the greatest that it may be.
    #[inline(always)]
    pub fn range(&self, product: i32, scale: f32, residual: f32) -> (f32, f32) {
        let (estimate, width) = (self.estimate(product, scale), self.reach * residual + self.slack);
        (estimate - width, estimate + width)
    }
}

/// What the upper plane of a row's codes has of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Upper {
    /// The product of both.
    pub dot: f64,
    /// The product of the plane with itself.
    pub squares: f64,
    /// The product of the row with itself.
    pub length: f64,
}

/// A set of instructions that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Kind {
    /// The fastest first.
    const ALL: &[Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "aarch64")]
        Self::Neon,
        Self::Portable,
    ];

    /// Whether this processor has all instructions that the module of that name enables.
    fn is_here(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Self::Portable => true,
        }
    }
}

/// Calls a function of the module of a kernel.
macro_rules! dispatch {
    ($kernel:expr, $function:ident, $($argument:expr),+) => {
        match $kernel.0 {
            // SAFETY: only `Kernel::all` makes kernels, and of this kind only where the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::$function($($argument),+) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::$function($($argument),+) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { neon::$function($($argument),+) },
            Kind::Portable => portable::$function($($argument),+),
        }
    };
}

impl Kernel {
    /// All that this processor has, the fastest first.
    pub fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.iter().copied().filter(|kind| kind.is_here()).map(Self)
    }

    /// The fastest one.
    pub fn best() -> Self {
        Self::all().next().unwrap_or(Self(Kind::Portable))
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Portable => "portable",
        }
    }

    /// Writes a vector scaled to length 1; `false`, and nothing written, where its length is 0.
    ///
    /// # Panics
    ///
    /// Unless both have the same length.
    pub fn normalize(self, vector: &[f32], unit: &mut [f32]) -> Result<bool> {
        assert_eq!(vector.len(), unit.len(), "room for each element");
        let Some(inverse) = self.inverse_length(vector)? else { return Ok(false) };
        dispatch!(self, scale, vector, inverse, unit);
        Ok(true)
    }

    /// The score of a vector of any length: its cosine with the query, from -1 to 1. `None` where its length is 0.
    ///
    /// The same bits as [`Self::score`] of the vector scaled to length 1.
    pub fn cosine(self, query: &Query, vector: &[f32]) -> Result<Option<f32>> {
        check_same_dimensions(query.dimensions(), vector.len())?;
        let Some(inverse) = self.inverse_length(vector)? else { return Ok(None) };
        Ok(Some(rounded(dispatch!(self, scaled_dot, query.unit(), vector, inverse))))
    }

    /// [`Self::cosine`] where that may be `least` or more; `None` also where it [is less for sure](Self::is_below).
    pub fn cosine_from(self, query: &Query, vector: &[f32], least: f32) -> Result<Option<f32>> {
        if self.is_below(query, vector, least, [0; 2]) { Ok(None) } else { self.cosine(query, vector) }
    }

    /// Whether [`Self::cosine`] is a number less than `least`, for sure: false says nothing.
    ///
    /// One pass in f32. What lies so many bytes `ahead` of the vector, in one direction or the other, is brought into the cache, as a caller knows
    /// where the next vectors are; 0 for nothing.
    ///
    /// # The bound
    ///
    /// The estimates of `q.x` and `x.x` are sums in 16 lanes or more: at most `m = n / 16 + 20` roundings to f32, each of at most `u = 2^-24` of its
    /// value, lie on the way of each product to its sum, so both are off by at most `g = m u / (1 - m u)` of the sum of the sizes of the products
    /// (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1), which is `|q| |x|` or less, and `x.x` itself. Products that vanish
    /// add less than `n 2^-149`, which is nothing beside an `x.x` from 1e-20 on; vectors out of range go the exact way, as does what is not a number.
    /// With `|q| <= 1 + 1e-6` and `m u < 1e-4`
    ///
    /// | | off by at most |
    /// |---|---|
    /// | `q.x` | `1.001 g` of `\|x\|` |
    /// | the root of `x.x` | `0.501 g` of it, hence of a quotient below 1.001 |
    /// | the root, the quotient and the sum with the margin | `4 u` |
    /// | the score: rounding of the elements of `x / \|x\|`, of the sum, and the cut to -1 and 1 | `6 u` |
    ///
    /// Together that is less than `(2 m + 10) u`, of which `(3 m + 16) u` leaves a third.
    #[inline]
    pub fn is_below(self, query: &Query, vector: &[f32], least: f32, ahead: [isize; 2]) -> bool {
        if is_less(-1.0, least) && query.dimensions() == vector.len() {
            let (dot, squares) = dispatch!(self, estimate, query.unit(), vector, ahead);
            (1e-20..1e30).contains(&squares) && is_less(dot / squares.sqrt() + query.margin(), least)
        } else {
            false
        }
    }

    /// The score of a vector that [`Self::normalize`] has scaled to length 1.
    ///
    /// # Panics
    ///
    /// Unless it has as many dimensions as the query.
    pub fn score(self, query: &Query, unit: &[f32]) -> f32 {
        assert_eq!(query.dimensions(), unit.len(), "the dimensions of the query");
        rounded(dispatch!(self, dot, query.unit(), unit))
    }

    /// `1 / |vector|`; `None` for a length of 0.
    fn inverse_length(self, vector: &[f32]) -> Result<Option<f64>> {
        // No square of a finite f32 overflows a double or vanishes in it.
        let squares: f64 = dispatch!(self, dot, vector, vector);
        if !squares.is_finite() {
            let infinite = vector.iter().position(|x| !x.is_finite()).unwrap_or(0);
            return Err(TopkError::NotFinite { place: infinite + 1, value: vector[infinite] });
        }
        Ok((squares > 0.0).then(|| 1.0 / squares.sqrt()))
    }

    /// Writes the codes of a vector, and gives the sum of the squares of what they leave out.
    pub(super) fn quantize(self, unit: &[f32], scale: f32, codes: &mut [i8]) -> f64 {
        dispatch!(self, quantize, unit, scale, codes)
    }

    /// The products of a vector and the upper plane of its codes.
    pub(super) fn upper(self, unit: &[f32], codes: &[i8]) -> Upper {
        dispatch!(self, upper, unit, codes)
    }

    /// Looks for rows of a block by a plane of the codes, for one query: one reads less, where that takes the time. To the products, those are added that
    /// the look begins with.
    pub(super) fn look(self, plane: &Block<'_>, search: &Search<'_>, look: &mut Look) {
        dispatch!(self, look, plane, search, look);
    }

    /// Looks for rows of a block by the whole codes, for up to [`QUERIES`] queries; `lower` has their scales and residuals.
    pub(super) fn look_all(self, codes: &Codes, lower: &Block<'_>, searches: &[Search<'_>], looks: &mut [Look; QUERIES]) {
        dispatch!(self, look_all, codes, lower, searches, looks);
    }

    /// Puts the planes of a block together.
    pub(super) fn join(self, upper: &Block<'_>, lower: &Block<'_>, codes: &mut Vec<Group>) {
        codes.resize(2 * upper.groups.len(), [[0; 4]; BLOCK]);
        dispatch!(self, join, upper, lower, codes);
    }
}

/// Brings the beginning of a vector into the cache, as long as processors take to find out that more of it is read.
#[inline(always)]
pub(super) fn prefetch_vector(vector: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    prefetch(&vector[..vector.len().min(256)], 0);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = vector;
}

/// Brings into the cache what follows a group by 4 KiB, as far as processors are slow to do so on their own.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_group(group: &Group) {
    prefetch(group, 4096);
}

/// Brings into the cache what lies so many bytes ahead of a value; 0 for nothing.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_ahead<T>(value: &T, ahead: isize) {
    if ahead != 0 {
        prefetch(value, ahead);
    }
}

/// Brings into the cache what lies so many bytes ahead of a value.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch<T: ?Sized>(value: &T, ahead: isize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in 0..size_of_val(value) / 64 {
        let address = std::ptr::from_ref(value).cast::<i8>().wrapping_offset(ahead).wrapping_add(64 * line);
        // SAFETY: prefetching an address that is not mapped does nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
    }
}

/// What the estimate of a cosine may be off by; [`Kernel::is_below`] has the derivation.
pub(super) fn margin(dimensions: usize) -> f32 {
    (3 * (dimensions / lanes::LANES + 20) + 16) as f32 * (f32::EPSILON / 2.0)
}

/// The score that a sum is.
fn rounded(sum: f64) -> f32 {
    // Adding 0 makes the negative zero a positive one, so that the order of scores is that of numbers.
    (sum as f32).clamp(-1.0, 1.0) + 0.0
}
