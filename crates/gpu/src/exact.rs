//! The score, one function for every processor: bit by bit that of the engine's `topk`.
//!
//! Both vectors are scaled to length 1 in f64 and rounded to f32. Their products are exact in f64 (two f32 of 24 bits each), and are
//! summed there in 16 lanes, element `i` in lane `i % 16`; the upper half of the lanes is added to the lower one until one is left. The sum
//! is rounded to f32 and kept within -1 and 1.

/// How many sums run side by side.
const LANES: usize = 16;

/// The score of two vectors of length 1 and of the same dimensions, from -1 to 1.
pub fn score(query: &[f32], unit: &[f32]) -> f32 {
    // Adding 0 makes a negative zero positive.
    (dot(query, unit) as f32).clamp(-1.0, 1.0) + 0.0
}

/// The vector scaled to length 1; `None` where it has no direction, or holds what is not finite.
pub fn normalize(vector: &[f32]) -> Option<Vec<f32>> {
    let squares = dot(vector, vector);
    let inverse = (squares.is_finite() && squares > 0.0).then(|| 1.0 / squares.sqrt())?;
    Some(vector.iter().map(|x| (f64::from(*x) * inverse) as f32).collect())
}

/// The dot product.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0f64; LANES];
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        lanes[i % LANES] += f64::from(*a) * f64::from(*b);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// A key by which answers are ordered: the greatest comes first, that is the greatest score, and among equal ones the least row.
pub(crate) fn key(score: f32, row: u32) -> u64 {
    let bits = score.to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(!row)
}
