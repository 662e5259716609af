//! A column of numbers: what is known of it when all rows have been seen.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Numbers that the quantiles are read from, drawn evenly from all.
const SAMPLE: usize = 16_384;
/// Standardised numbers are cut off there.
pub const CLIP: f32 = 5.0;

/// Mean and deviation (Welford 1962), and an even sample (Vitter 1985, algorithm R).
#[derive(Clone, Debug)]
pub struct Numbers {
    count: u64,
    mean: f64,
    squares: f64,
    sample: Vec<f32>,
    random: Xoshiro256PlusPlus,
}

/// How a number becomes a bin and a standardised number.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// The least numbers of the bins but the first, ascending.
    pub bounds: Vec<f32>,
    /// The mean.
    pub mean: f32,
    /// One over the standard deviation; 0 where all numbers are the same.
    pub inverse: f32,
}

impl Numbers {
    /// Of no numbers. The sample is drawn by `seed`.
    pub fn new(seed: u64) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { count: 0, mean: 0.0, squares: 0.0, sample: Vec::new(), random }
    }

    /// Takes a finite number.
    pub fn push(&mut self, value: f32) {
        self.count += 1;
        let difference = f64::from(value) - self.mean;
        self.mean += difference / self.count as f64;
        self.squares += difference * (f64::from(value) - self.mean);
        if self.sample.len() < SAMPLE {
            self.sample.push(value);
            return;
        }
        // The upper half of the product is even in 0..count but for 2^-64.
        let place = (u128::from(self.random.next_u64()) * u128::from(self.count)) >> 64;
        if let Some(kept) = self.sample.get_mut(place as usize) {
            *kept = value;
        }
    }

    /// Bins of about as many numbers each, at most `bins`; each number is its own where there are not more.
    pub fn scale(mut self, bins: usize) -> Scale {
        self.sample.sort_unstable_by(f32::total_cmp);
        let mut bounds: Vec<f32> = self.sample.clone();
        bounds.dedup();
        if bounds.len() > bins {
            bounds = (0..bins).map(|bin| self.sample[bin * self.sample.len() / bins]).collect();
            bounds.dedup();
        }
        if !bounds.is_empty() {
            bounds.remove(0);
        }
        let deviation = if self.count > 0 { (self.squares / self.count as f64).sqrt() } else { 0.0 };
        let inverse = if deviation > 0.0 { (1.0 / deviation) as f32 } else { 0.0 };
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        Scale { bounds, mean: self.mean as f32, inverse }
    }
}

impl Scale {
    /// The slot of a number: 0 for NaN, and from 1 by its bin.
    pub fn slot(&self, value: f32) -> u32 {
        if value.is_nan() { 0 } else { 1 + self.bounds.partition_point(|bound| *bound <= value) as u32 }
    }

    /// The number less the mean, in standard deviations, at most [`CLIP`] of them; 0 for NaN.
    pub fn standard(&self, value: f32) -> f32 {
        let standard = (value - self.mean) * self.inverse;
        if standard.is_nan() { 0.0 } else { standard.clamp(-CLIP, CLIP) }
    }
}
