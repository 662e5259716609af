//! A vector as codes of 8 bits, and their upper half alone.

use super::kernel::{Kernel, Upper};

/// The greatest code of a query.
pub(super) const QUERY: f32 = 127.0;

/// The greatest code of a row: the greatest whose nearest multiple of 16 is `16 * 7`.
pub(super) const ROW: f32 = 119.0;

/// What codes leave unsaid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantized {
    /// The vector that codes `c` stand for is `scale * c`.
    pub scale: f32,
    /// At least how long the difference of the two is.
    pub residual: f32,
}

/// Writes the codes of a vector of length 1, from `-greatest` to `greatest`, the nearest ones by `scale = max |x| / greatest`. Codes beyond the
/// elements stay.
pub(super) fn quantize(unit: &[f32], greatest: f32, codes: &mut [i8]) -> Quantized {
    // The order of numbers that are not negative is that of their bits, and a loop over integers vectorises.
    let most = unit.iter().fold(0, |most: u32, x| most.max(x.abs().to_bits()));
    let scale = f32::from_bits(most) / greatest;
    let squares = Kernel::best().quantize(unit, scale, &mut codes[..unit.len()]);
    // The rounding of doubles is far below 1e-12, that of the result to f32 below one part in ten million.
    Quantized { scale, residual: ((squares.sqrt() + 1e-12) * (1.0 + 1e-6)) as f32 }
}

/// Of the upper plane `u` of a row's codes: the scale `1 / x.u`, and as its residual at least the tangent of the angle between `x` and `u`.
pub(super) fn upper(unit: &[f32], codes: &[i8]) -> Quantized {
    let Upper { dot, squares, length } = Kernel::best().upper(unit, &codes[..unit.len()]);
    // What doubles lose of a number of about 1 is below 1e-14, of its root below 1e-7.
    let across = (length - dot * dot / squares).max(0.0).sqrt() + 1e-7;
    Quantized { scale: (1.0 / dot) as f32, residual: (across * squares.sqrt() / dot * (1.0 + 1e-6)) as f32 }
}
