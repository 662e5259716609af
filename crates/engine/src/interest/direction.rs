//! Where an interest points to.

use super::grid::shifted;
use super::{InterestView, Result, check_finite, check_same_dimensions};

/// A vector whose greatest element is from 1 to 2, by a power of two: its squares neither overflow nor vanish. `None` for
/// the zero vector.
fn scaled(vector: impl Iterator<Item = f64> + Clone) -> Option<impl Iterator<Item = f64> + Clone> {
    let greatest = vector.clone().fold(0.0f64, |greatest, value| greatest.max(value.abs()));
    let exponent = ((greatest.to_bits() >> 52) as i64 & 0x7ff) - 1023;
    let factor = shifted(1.0, -exponent);
    (greatest > 0.0).then(|| vector.map(move |value| value * factor))
}

/// `a . b / (|a| |b|)`, from -1 to 1; `None` where one of them is zero.
fn cosine(a: impl Iterator<Item = f64> + Clone, b: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let (dot, aa, bb) = scaled(a)?.zip(scaled(b)?).fold((0.0, 0.0, 0.0), |(dot, aa, bb), (a, b)| (dot + a * b, aa + a * a, bb + b * b));
    // The roots apart: the product of two subnormal squares would vanish.
    Some((dot / (f64::sqrt(aa) * f64::sqrt(bb))).clamp(-1.0, 1.0))
}

/// The direction of an interest: a vector of length 1, the same at any time, because all events decay alike. `None` for
/// the zero vector, which has none.
pub fn direction(interest: &InterestView<'_>) -> Option<Vec<f32>> {
    let vector = scaled(interest.vector())?;
    let length = vector.clone().map(|value| value * value).sum::<f64>().sqrt();
    Some(vector.map(|value| (value / length) as f32).collect())
}

/// The cosine of an interest and a vector; `None` where one of them is zero.
pub fn similarity(interest: &InterestView<'_>, vector: &[f32]) -> Result<Option<f64>> {
    check_same_dimensions(interest.dimensions(), vector.len())?;
    check_finite(vector)?;
    Ok(cosine(interest.vector(), vector.iter().map(|value| f64::from(*value))))
}

/// `1 - cosine` of two interests: 0 for the same direction, 1 for unrelated ones, 2 for opposite ones. They may decay
/// differently. `None` where one of them is zero.
pub fn drift(a: &InterestView<'_>, b: &InterestView<'_>) -> Result<Option<f64>> {
    check_same_dimensions(a.dimensions(), b.dimensions())?;
    Ok(cosine(a.vector(), b.vector()).map(|cosine| 1.0 - cosine))
}
