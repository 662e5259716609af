//! A log whose true probabilities are known: numbers, categories of Zipf frequencies, effects of each and of pairs.

use pg_recommend_engine::metrics::{Evaluation, Metrics};
use pg_recommend_engine::train::{Cell, Column, Encoder, Kind, MemoryLog, Spec, train};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::error::Error;

/// Categories and how many values each has.
const CATEGORIES: [(&str, usize); 8] = [
    ("device", 4),
    ("hour", 24),
    ("country", 40),
    ("placement", 100),
    ("category", 200),
    ("campaign", 500),
    ("publisher", 300),
    ("item", 1000),
];
/// Pairs of categories that have an effect together.
const PAIRS: [(usize, usize); 3] = [(0, 4), (1, 3), (2, 4)];
/// The length of the vectors whose products those effects are.
const RANK: usize = 3;

/// Draws rows.
pub struct Generator {
    random: Xoshiro256PlusPlus,
    shares: Vec<Vec<f64>>,
    effects: Vec<Vec<f64>>,
    vectors: Vec<Vec<[f64; RANK]>>,
}

/// A row: its categories, its numbers, the true probability and the label drawn by it.
pub struct Row {
    categories: [usize; CATEGORIES.len()],
    numbers: [f64; 3],
    truth: f64,
    label: bool,
}

/// What the columns of [`Row`]s are.
pub fn columns() -> Vec<Column> {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let numbers = ["price", "age", "quality"].map(|name| column(name, Kind::Number));
    CATEGORIES.iter().map(|(name, _)| column(name, Kind::Integer)).chain(numbers).collect()
}

impl Generator {
    /// The truth is drawn by `seed` too.
    pub fn new(seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let share = |size: usize| {
            let weights: Vec<f64> = (1..=size).map(|rank| 1.0 / rank as f64).collect();
            let total: f64 = weights.iter().sum();
            weights
                .iter()
                .scan(0.0, |sum, weight| {
                    Some({
                        *sum += weight / total;
                        *sum
                    })
                })
                .collect()
        };
        let shares = CATEGORIES.iter().map(|(_, size)| share(*size)).collect();
        let effects = CATEGORIES.iter().map(|(_, size)| (0..*size).map(|_| 0.4 * normal(&mut random)).collect()).collect();
        let vectors = CATEGORIES.iter().map(|(_, size)| (0..*size).map(|_| std::array::from_fn(|_| 0.6 * normal(&mut random))).collect());
        let vectors = vectors.collect();
        Self { random, shares, effects, vectors }
    }

    /// The next row.
    pub fn row(&mut self) -> Row {
        let random = &mut self.random;
        let categories: [usize; CATEGORIES.len()] = std::array::from_fn(|field| {
            let (share, place) = (&self.shares[field], even(random));
            share.partition_point(|sum| *sum <= place).min(share.len() - 1)
        });
        let numbers = [normal(random).exp() * 20.0, 18.0 + 60.0 * even(random), normal(random)];
        let [price, age, quality] = [(numbers[0] / 20.0).ln(), (numbers[1] - 48.0) / 30.0, numbers[2]];
        let mut score = -2.5 - 0.5 * price + 0.6 * (1.0 - age * age) + 0.4 * quality;
        score += categories.iter().enumerate().map(|(field, value)| self.effects[field][*value]).sum::<f64>();
        for (left, right) in PAIRS {
            let (left, right) = (&self.vectors[left][categories[left]], &self.vectors[right][categories[right]]);
            score += left.iter().zip(right).map(|(a, b)| a * b).sum::<f64>();
        }
        let truth = 1.0 / (1.0 + (-score).exp());
        Row { categories, numbers, truth, label: even(random) < truth }
    }
}

fn even(random: &mut Xoshiro256PlusPlus) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// By Box and Muller.
fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    (-2.0 * (1.0 - even(random)).ln()).sqrt() * (std::f64::consts::TAU * even(random)).cos()
}

impl Row {
    fn cells(&self) -> Vec<Cell<'static>> {
        let categories = self.categories.iter().map(|value| Cell::Integer(*value as i64));
        categories.chain(self.numbers.iter().map(|number| Cell::Number(*number))).collect()
    }
}

/// How well the true probabilities and those of a model of `rows` rows, predict `test` further rows.
pub fn compare(spec: &Spec, rows: usize, test: usize) -> Result<(Metrics, Metrics), Box<dyn Error>> {
    let mut generator = Generator::new(1);
    let (mut encoder, mut log) = (Encoder::new(columns(), spec.clone())?, MemoryLog::default());
    for _ in 0..rows {
        let row = generator.row();
        encoder.push(&mut log, &row.cells(), Some(f64::from(u8::from(row.label))))?;
    }
    let pool = rayon::ThreadPoolBuilder::new().build()?;
    let encoded = encoder.finish(&mut log)?;
    let trained = train(&mut log, encoded, &pool, &|| Ok(()))?;
    let (mut truth, mut model) = (Evaluation::new(), Evaluation::new());
    for _ in 0..test {
        let row = generator.row();
        truth.push(row.truth as f32, row.label)?;
        model.push(trained.predict(&row.cells())?, row.label)?;
    }
    Ok((truth.finish(10), model.finish(10)))
}
