//! A vector as int8 codes.

use super::kernel::Kernel;

/// What the codes of a vector leave unsaid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantized {
    /// The vector that codes `c` stand for is `scale * c`.
    pub scale: f32,
    /// At least how long the difference of the two is.
    pub residual: f32,
}

/// Writes the codes of a vector of length 1, from -127 to 127, the nearest ones by `scale = max |x| / 127`. Codes beyond the elements stay.
pub(super) fn quantize(unit: &[f32], codes: &mut [i8]) -> Quantized {
    // The order of numbers that are not negative is that of their bits, and a loop over integers vectorises.
    let greatest = unit.iter().fold(0, |greatest: u32, x| greatest.max(x.abs().to_bits()));
    let scale = f32::from_bits(greatest) / 127.0;
    let squares = Kernel::best().quantize(unit, scale, &mut codes[..unit.len()]);
    // The rounding of doubles is far below 1e-12, that of the result to f32 below one part in ten million.
    Quantized { scale, residual: ((squares.sqrt() + 1e-12) * (1.0 + 1e-6)) as f32 }
}
