//! A vector as int8 codes.

/// What the codes of a vector leave unsaid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantized {
    /// The vector that codes `c` stand for is `scale * c`.
    pub scale: f32,
    /// At least how long the difference of the two is.
    pub residual: f32,
}

/// Writes the codes of a vector of length 1, from -127 to 127, the nearest ones by `scale = max |x| / 127`.
pub(super) fn quantize(unit: &[f32], codes: &mut [i8]) -> Quantized {
    let greatest = unit.iter().fold(0.0f32, |greatest, x| greatest.max(x.abs()));
    let scale = greatest / 127.0;
    let inverse = 1.0 / f64::from(scale);
    let mut squares = 0.0f64;
    for (code, x) in codes.iter_mut().zip(unit) {
        // Rounds to even as the processor does, where `round` would be a call; which neighbour is taken matters to nothing.
        let nearest = (f64::from(*x) * inverse).round_ties_even().clamp(-127.0, 127.0);
        let left = f64::from(*x) - f64::from(scale) * nearest;
        *code = nearest as i8;
        squares += left * left;
    }
    // The rounding of doubles is far below 1e-12, that of the result to f32 below one part in ten million.
    Quantized { scale, residual: ((squares.sqrt() + 1e-12) * (1.0 + 1e-6)) as f32 }
}
