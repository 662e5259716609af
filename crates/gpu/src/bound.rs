//! How wrong the estimates of the kernels may be.
//!
//! `q` and `x` are the vectors of length 1 as f32 holds them, `q'` and `x'` what a kernel multiplies in their place, `ρ >= |q - q'|` and
//! `r >= |x - x'|`. As `q.x - q'.x' = q'.(x - x') + (q - q').x`, the Cauchy-Schwarz inequality gives
//!
//! ```text
//! |q.x - e| <= |q'| r + ρ |x| + a
//! ```
//!
//! where `e` is what the kernel has for `q'.x'`, and `a` what its additions lose:
//!
//! | kernel | `q'` | `x'` | `a` |
//! |---|---|---|---|
//! | scan of f32 | `q` | `x` | `(chunks + 3) 2^-24` |
//! | scan of f16 | `q` | halves | `(2 chunks + 3) 2^-24` |
//! | scan of int8 | codes | codes | 0: the sum is an integer |
//! | batch of f16 | halves | halves | `elements 2^-22` |
//!
//! A thread of a scan has four sums with one fused step for each chunk of f32 (two for f16), and two more additions: each rounds a value
//! that is at most `|q'| |x'|`, by one part in 2^24. Tensor cores add in an order, and cut off in a way, that the PTX manual leaves open ("at least
//! single precision"); two units in the last place for each element are taken, which is more than the loss that has been measured on any
//! generation (Fasi et al., Numerical behavior of NVIDIA tensor cores, 2021: one unit in the last place for each addition of several elements).
//!
//! [`MARGIN`] covers the roundings of the estimate's scaling, of `e + w` and `e - w`, and of the score, as in the engine's `topk::Query`, and
//! underflow: 4,096 times 2^-149.

use crate::layout::Dtype;
use crate::pack;

/// What rounding adds to every bound.
pub const MARGIN: f32 = 2e-6;

/// What makes bounds of a cosine out of a kernel's sum: the estimate is `sum * scale * (the row's scale)`, and it is wrong by at most
/// `reach * (the row's residual) + slack`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// Of the query's codes.
    pub scale: f32,
    /// At least `|q'|`, where rows have residuals of their own.
    pub reach: f32,
    /// The rest.
    pub slack: f32,
}

/// How a query is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// By the scan of a number type.
    Scan(Dtype),
    /// By tensor cores in f16.
    Batch,
}

/// A little more, for the rounding of what is not exact.
const MORE: f64 = 1.0 + 1e-5;

/// The bound of a query, and its bytes as the kernel takes them, which are zeros beforehand; `residual` is the greatest of the set's rows.
pub fn bound(method: Method, unit: &[f32], residual: f32, bytes: &mut [u8]) -> Bound {
    let (chunks, residual) = (|dtype: Dtype| dtype.chunks(unit.len()) as f64, f64::from(residual));
    let step = f64::from(f32::EPSILON) / 2.0;
    let slack = |slack: f64| (slack * MORE) as f32 + MARGIN;
    match method {
        Method::Scan(Dtype::F32) => {
            floats(unit, bytes);
            Bound { scale: 1.0, reach: 0.0, slack: slack((chunks(Dtype::F32) + 3.0) * step) }
        }
        Method::Scan(Dtype::F16) => {
            floats(unit, bytes);
            Bound { scale: 1.0, reach: 0.0, slack: slack(residual + (2.0 * chunks(Dtype::F16) + 3.0) * step * MORE) }
        }
        Method::Scan(Dtype::I8) => {
            let codes = pack::codes(unit, bytes);
            let squares: i64 = bytes.iter().map(|code| i64::from(*code as i8).pow(2)).sum();
            let reach = (f64::from(codes.scale) * (squares as f64).sqrt() * MORE) as f32;
            Bound { scale: codes.scale, reach, slack: slack(f64::from(codes.residual)) }
        }
        Method::Batch => {
            let own = f64::from(pack::halves(unit, bytes));
            let reach = 1.0 + own;
            Bound { scale: 1.0, reach: 0.0, slack: slack(reach * residual + own + (1.0 + own) * chunks(Dtype::F16) * 8.0 * step * 4.0) }
        }
    }
}

/// Writes a vector as it is.
pub(crate) fn floats(unit: &[f32], bytes: &mut [u8]) {
    for (x, bytes) in unit.iter().zip(bytes.as_chunks_mut::<4>().0) {
        *bytes = x.to_ne_bytes();
    }
}
