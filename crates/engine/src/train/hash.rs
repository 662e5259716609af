//! Hashes that a graph of ONNX computes with 64-bit integers: no step overflows, so that both sides agree on every value.

/// A prime, 2^31 - 1.
pub const PRIME: i64 = (1 << 31) - 1;
/// The factor and the summand of [`slot`].
pub const FACTOR: i64 = 1_103_515_245;
/// See [`FACTOR`].
pub const SUMMAND: i64 = 12_345;

/// An integer modulo the prime, from 0.
pub fn fold(value: i64) -> u32 {
    value.rem_euclid(PRIME) as u32
}

/// The key of a combination: the one so far times the number of places of the next part, plus the place there.
pub fn combine(key: u32, size: u32, place: u32) -> u32 {
    ((i64::from(key) * i64::from(size) + i64::from(place)) % PRIME) as u32
}

/// A key below the prime as one of 2^bits slots: `((a * key + b) mod p) mod 2^bits` (Carter and Wegman, "Universal classes of hash functions", 1979).
pub fn slot(key: u32, bits: u32) -> u32 {
    (((FACTOR * i64::from(key) + SUMMAND) % PRIME) & ((1 << bits) - 1)) as u32
}
