//! Vectors that are hard to tell apart, and the oracle.

use gpu::device::{Hit, Query};
use gpu::exact;
use gpu::source::{Source, Units};

/// Vectors of length 1 of a kind: random ones, few ones many times, near ties, one-hot ones, and such that halves and codes keep badly.
pub fn make(rows: usize, dimensions: usize, kind: usize, seed: u64) -> Units {
    let mut random = Random(seed | 1);
    let some: Vec<Vec<f32>> = (0..7).map(|_| (0..dimensions).map(|_| random.normal()).collect()).collect();
    let mut values = Vec::with_capacity(rows * dimensions);
    while values.len() < rows * dimensions {
        let vector: Vec<f32> = match kind {
            0 => (0..dimensions).map(|_| random.normal()).collect(),
            1 => some[random.below(7)].clone(),
            2 => some[0].iter().map(|x| x + 1e-4 * random.normal()).collect(),
            3 => {
                let hot = random.below(dimensions);
                (0..dimensions).map(|i| if i == hot { random.normal() } else { 0.0 }).collect()
            }
            4 => (0..dimensions).map(|i| if i % 3 == 0 { 1.0 } else { random.normal() * 1e-5 }).collect(),
            _ => {
                let scale = 10f32.powi(random.below(60) as i32 - 30);
                (0..dimensions).map(|_| random.normal() * scale).collect()
            }
        };
        if let Some(unit) = exact::normalize(&vector) {
            values.extend(unit);
        }
    }
    Units::new(dimensions, values)
}

/// Xorshift, for vectors that proptest need not shrink.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    /// Less than that.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// About normal.
    pub fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.next() as f32 / (1u64 << 53) as f32 - 0.5).sum::<f32>() * 1.7
    }
}

/// The answer, by scoring every row.
pub fn oracle(units: &Units, query: &Query<'_>) -> Vec<Hit> {
    let allowed = |row: u32| query.allowed.is_none_or(|words| words[row as usize / 64] >> (row % 64) & 1 == 1);
    let rows = (0..units.rows() as u32).filter(|row| allowed(*row));
    let mut hits: Vec<Hit> = rows.map(|row| Hit { row, score: naive(query.unit, units.unit(row)) }).collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    hits.truncate(query.k as usize);
    hits
}

/// The score as `exact` describes it, written another way.
fn naive(a: &[f32], b: &[f32]) -> f32 {
    let lane = |lane: usize| -> f64 { a.iter().zip(b).skip(lane).step_by(16).fold(0.0, |sum, (a, b)| sum + f64::from(*a) * f64::from(*b)) };
    let two = |i: usize| lane(i) + lane(i + 8);
    let four = |i: usize| two(i) + two(i + 4);
    let score = ((four(0) + four(2)) + (four(1) + four(3))) as f32;
    if score == 0.0 { 0.0 } else { score.clamp(-1.0, 1.0) }
}
