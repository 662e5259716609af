//! A field-weighted factorization machine over the columns (Pan et al., "Field-weighted factorization machines for click-through rate prediction in
//! display advertising", 2018): the sum over pairs of columns of `r[i][j] * <v[i], v[j]>`, v being the vectors of the row's slots. Vectors and weights
//! of pairs are learnt by AdaGrad (Duchi, Hazan, Singer 2011).

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::layout::Layout;
use super::spec::Spec;

/// Numbers that are computed with at once.
pub const LANES: usize = 8;
/// A part of a vector.
pub type Lanes = [f32; LANES];

/// Vectors begin even in plus and minus that.
const SPREAD: f32 = 0.05;
/// What the sums of squared gradients begin with, so that first steps are not the longest.
const SMOOTH: f32 = 1.0;
/// The settings of AdaGrad.
#[derive(Clone, Copy, Debug)]
struct AdaGrad {
    step: f32,
    l2: f32,
}

impl AdaGrad {
    /// Takes a gradient to a number with that sum of squared gradients.
    fn update(self, number: &mut f32, squares: &mut f32, gradient: f32) {
        *squares += gradient * gradient;
        *number -= self.step * gradient / (SMOOTH + *squares).sqrt();
    }
}

/// The vectors of a column's slots.
#[derive(Clone, Debug)]
pub struct Vectors {
    /// `parts` lanes a slot.
    pub vectors: Vec<Lanes>,
    squares: Vec<Lanes>,
    gradients: Vec<Lanes>,
    counts: Vec<u32>,
    rows: Vec<u32>,
    touched: Vec<u32>,
    parts: usize,
    settings: AdaGrad,
}

impl Vectors {
    fn new(slots: u32, factors: usize, seed: u64, settings: AdaGrad) -> Self {
        let (slots, parts) = (slots as usize, factors.div_ceil(LANES));
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut even = || ((random.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * SPREAD;
        let mut part = |place: usize| std::array::from_fn(|lane| if place % parts * LANES + lane < factors { even() } else { 0.0 });
        let zeros = vec![[0.0; LANES]; slots * parts];
        Self {
            vectors: (0..slots * parts).map(&mut part).collect(),
            squares: zeros.clone(),
            gradients: zeros,
            counts: vec![0; slots],
            rows: vec![0; slots],
            touched: Vec::new(),
            parts,
            settings,
        }
    }

    /// Counts rows that will be learnt from.
    pub fn count(&mut self, slots: &[u32]) {
        slots.iter().for_each(|slot| self.rows[*slot as usize] += 1);
    }

    /// Learns from a minibatch: the slot and the gradient of each row, and the sums over other columns that the gradient is a multiple of.
    pub fn learn<'a>(&mut self, slots: &[u32], gradients: &[f32], sums: impl Iterator<Item = &'a [Lanes]>) {
        let settings = self.settings;
        self.touched.clear();
        for ((slot, gradient), sums) in slots.iter().zip(gradients).zip(sums) {
            let count = &mut self.counts[*slot as usize];
            if *count == 0 {
                self.touched.push(*slot);
            }
            *count += 1;
            let place = *slot as usize * self.parts;
            for (total, sum) in self.gradients[place..place + self.parts].iter_mut().zip(sums) {
                (0..LANES).for_each(|lane| total[lane] += gradient * sum[lane]);
            }
        }
        for slot in &self.touched {
            let rows = self.rows[*slot as usize].max(1) as f32;
            let decay = settings.l2 * std::mem::take(&mut self.counts[*slot as usize]) as f32 / rows;
            let places = *slot as usize * self.parts..(*slot as usize + 1) * self.parts;
            let state = self.vectors[places.clone()].iter_mut().zip(&mut self.squares[places.clone()]).zip(&mut self.gradients[places]);
            for ((vector, squares), total) in state {
                for lane in 0..LANES {
                    let gradient = total[lane] + decay * vector[lane];
                    settings.update(&mut vector[lane], &mut squares[lane], gradient);
                    total[lane] = 0.0;
                }
            }
        }
    }

    /// Slots that no row met have no vector.
    fn forget_untouched(&mut self) {
        for (vectors, squares) in self.vectors.chunks_mut(self.parts).zip(self.squares.chunks(self.parts)) {
            if squares.iter().flatten().all(|square| *square == 0.0) {
                vectors.fill([0.0; LANES]);
            }
        }
    }
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// The vectors, by column.
    pub tables: Vec<Vectors>,
    /// The weights of pairs: symmetric, with zeros for a column and itself.
    pub weights: Vec<f32>,
    squares: Vec<f32>,
    settings: AdaGrad,
    /// The length of a vector.
    pub factors: usize,
    /// Lanes of a vector, in units of [`LANES`].
    pub parts: usize,
}

impl Pairs {
    /// One that has learnt nothing.
    pub fn new(layout: &Layout, spec: &Spec) -> Self {
        let columns = layout.places.len();
        let settings = AdaGrad { step: spec.vector_step as f32, l2: spec.vector_l2 as f32 };
        let seed = |column: usize| spec.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(column as u64);
        let tables =
            layout.sizes[..columns].iter().enumerate().map(|(column, size)| Vectors::new(*size, spec.factors, seed(column), settings));
        let weights = (0..columns * columns).map(|pair| if pair / columns == pair % columns { 0.0 } else { 1.0 });
        Self {
            tables: tables.collect(),
            weights: weights.collect(),
            squares: vec![0.0; columns * columns],
            settings,
            factors: spec.factors,
            parts: spec.factors.div_ceil(LANES),
        }
    }

    /// How many columns it is over.
    pub fn columns(&self) -> usize {
        self.tables.len()
    }

    /// The vectors of a row's slots to `vectors`, for each column the weighted sum of the others' vectors to `sums`; gives the sum over pairs.
    pub fn score(&self, slot: impl Fn(usize) -> u32, vectors: &mut [Lanes], sums: &mut [Lanes]) -> f32 {
        let (columns, parts) = (self.columns(), self.parts);
        for (column, table) in self.tables.iter().enumerate() {
            let place = slot(column) as usize * parts;
            vectors[column * parts..][..parts].copy_from_slice(&table.vectors[place..place + parts]);
        }
        let mut total = [0.0; LANES];
        for part in 0..parts {
            for (column, weights) in self.weights.chunks_exact(columns).enumerate() {
                let mut sum = [0.0; LANES];
                for (weight, vector) in weights.iter().zip(vectors[part..].iter().step_by(parts)) {
                    (0..LANES).for_each(|lane| sum[lane] += weight * vector[lane]);
                }
                let place = column * parts + part;
                (0..LANES).for_each(|lane| total[lane] += sum[lane] * vectors[place][lane]);
                sums[place] = sum;
            }
        }
        0.5 * total.iter().sum::<f32>()
    }

    /// Adds a row's part to the gradients of the weights of pairs with a lower second column.
    pub fn gradients(&self, vectors: &[Lanes], gradient: f32, gradients: &mut [f32]) {
        let (columns, parts) = (self.columns(), self.parts);
        for (left, mine) in vectors.chunks_exact(parts).enumerate() {
            for (right, others) in vectors.chunks_exact(parts).take(left).enumerate() {
                let mut products = [0.0; LANES];
                for (a, b) in mine.iter().zip(others) {
                    (0..LANES).for_each(|lane| products[lane] += a[lane] * b[lane]);
                }
                gradients[left * columns + right] += gradient * products.iter().sum::<f32>();
            }
        }
    }

    /// Learns the weights of pairs from the gradients of a minibatch.
    pub fn learn(&mut self, gradients: &[f32]) {
        let columns = self.columns();
        for (left, right) in (0..columns).flat_map(|left| (0..left).map(move |right| (left, right))) {
            let place = left * columns + right;
            let gradient = gradients[place];
            self.settings.update(&mut self.weights[place], &mut self.squares[place], gradient);
            self.weights[right * columns + left] = self.weights[place];
        }
    }

    /// Ends the training.
    pub fn finish(&mut self) {
        self.tables.iter_mut().for_each(Vectors::forget_untouched);
    }
}
