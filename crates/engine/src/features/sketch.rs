//! How many distinct keys: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) over 2,048 registers, standard error 2.3%, with the estimator of
//! Ertl ("New cardinality estimation algorithms for HyperLogLog sketches", 2017). Up to [`MAX_SPARSE`] keys the hashes themselves are kept,
//! and the number is exact but for keys of equal hash (512 keys: three in 100,000 sets).
//!
//! The estimate depends on the set of keys alone, not on their order: a sketch that was built step by step says what one that was built at once
//! does. Estimators that count along (HIP), which crates have, do not.

use crate::error::{Error, Result};

/// The bits of a hash that choose a register.
const PRECISION: u32 = 11;
const REGISTERS: usize = 1 << PRECISION;
/// The bits that are left to count zeros in.
const RANK_BITS: u32 = 32 - PRECISION;

/// How many hashes are kept before registers take their place: both take 2 KiB then.
pub const MAX_SPARSE: usize = REGISTERS / 4;

/// The distinct keys of a set, by their hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sketch {
    /// The hashes in ascending order.
    Sparse(Vec<u32>),
    /// By register, the greatest number of leading zeros met, and 1; 0 for none.
    Dense(Box<[u8]>),
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Sparse(Vec::new())
    }
}

impl Sketch {
    /// Adds a key by a hash of it whose bits are evenly spread.
    pub fn insert(&mut self, hash: u64) {
        let hash = (hash >> 32) as u32;
        match self {
            Self::Dense(registers) => raise(registers, hash),
            Self::Sparse(hashes) => {
                let Err(place) = hashes.binary_search(&hash) else { return };
                if hashes.len() < MAX_SPARSE {
                    hashes.insert(place, hash);
                    return;
                }
                let mut registers = vec![0; REGISTERS].into_boxed_slice();
                hashes.iter().chain([&hash]).for_each(|hash| raise(&mut registers, *hash));
                *self = Self::Dense(registers);
            }
        }
    }

    /// About how many keys there are.
    pub fn estimate(&self) -> f64 {
        match self {
            Self::Sparse(hashes) => hashes.len() as f64,
            Self::Dense(registers) => estimate(registers),
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Sparse(hashes) => hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect(),
            Self::Dense(registers) => registers.to_vec(),
        }
    }

    /// The sketch of these bytes: fewer than four for each register are hashes.
    pub fn parse(bytes: &[u8], is_dense: bool) -> Result<Self> {
        let corrupt = |what: &str| Error::Corrupt(format!("a sketch of {} bytes {what}", bytes.len()));
        if is_dense {
            let valid = bytes.len() == REGISTERS && bytes.iter().all(|rank| u32::from(*rank) <= RANK_BITS + 1);
            return if valid { Ok(Self::Dense(bytes.into())) } else { Err(corrupt("has no such registers")) };
        }
        let (hashes, rest) = bytes.as_chunks::<4>();
        let hashes: Vec<u32> = hashes.iter().map(|hash| u32::from_le_bytes(*hash)).collect();
        if !rest.is_empty() || hashes.len() > MAX_SPARSE || !hashes.is_sorted_by(|left, right| left < right) {
            return Err(corrupt("has no such hashes"));
        }
        Ok(Self::Sparse(hashes))
    }

    /// Whether registers have taken the place of hashes.
    pub fn is_dense(&self) -> bool {
        matches!(self, Self::Dense(_))
    }
}

fn raise(registers: &mut [u8], hash: u32) {
    let register = &mut registers[(hash >> RANK_BITS) as usize];
    let rank = (hash << PRECISION).leading_zeros().min(RANK_BITS) + 1;
    *register = (*register).max(rank as u8);
}

/// Ertl's "improved raw estimator" (his algorithm 6).
fn estimate(registers: &[u8]) -> f64 {
    let mut counts = [0u32; RANK_BITS as usize + 2];
    registers.iter().for_each(|rank| counts[usize::from(*rank).min(RANK_BITS as usize + 1)] += 1);
    let m = REGISTERS as f64;
    let mut z = m * tau(1.0 - f64::from(counts[RANK_BITS as usize + 1]) / m);
    for count in counts[1..=RANK_BITS as usize].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += m * sigma(f64::from(counts[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The finalizer of SplitMix64: a bijection whose bits are evenly spread.
    fn hash(key: u64) -> u64 {
        let mut z = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    #[test]
    fn small_sets_are_exact_and_large_ones_near() {
        for (keys, error) in [(0, 0.0), (1, 0.0), (MAX_SPARSE as u64, 0.0), (600, 0.07), (5_000, 0.07), (100_000, 0.07), (2_000_000, 0.07)]
        {
            let mut sketch = Sketch::default();
            (0..keys).for_each(|key| sketch.insert(hash(key)));
            let off = (sketch.estimate() - keys as f64).abs();
            assert!(off <= error * keys as f64, "{keys} keys: {}", sketch.estimate());
        }
    }

    #[test]
    fn neither_order_nor_repetition_matters() {
        for keys in [300u64, 3_000] {
            let (mut one, mut other) = (Sketch::default(), Sketch::default());
            (0..keys).for_each(|key| one.insert(hash(key)));
            (0..2 * keys).rev().for_each(|key| other.insert(hash(key % keys)));
            assert_eq!(one, other);
            assert_eq!(Sketch::parse(&one.to_bytes(), one.is_dense()).unwrap(), one);
        }
    }
}
