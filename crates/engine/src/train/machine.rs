//! A model that learns: a bias, weights of numbers and of slots, and a factorization machine where the method has one.

use rayon::prelude::*;

use super::error::{Result, TrainError};
use super::layout::Layout;
use super::linear::{Coordinate, Ftrl, Table};
use super::pairs::{Lanes, Pairs};
use super::rows::Batch;
use super::spec::{Method, Spec};

/// Rows that one thread scores at a time. Sums over rows are made within such a chunk and then over chunks in their order, so that the number of
/// threads changes no bit of them.
const CHUNK: usize = 64;
/// Fields that one thread learns at a time.
const FIELDS: usize = 4;

/// A model that learns.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What is added to each row's score.
    pub bias: f32,
    bias_state: Coordinate,
    rows: u64,
    positives: u64,
    /// The weights of standardised numbers.
    pub numbers: Vec<f32>,
    number_states: Vec<Coordinate>,
    /// The weights of slots, by field.
    pub tables: Vec<Table>,
    /// The factorization machine.
    pub pairs: Option<Pairs>,
    ftrl: Ftrl,
}

/// What a minibatch is computed in.
#[derive(Default)]
pub struct Scratch {
    gradients: Vec<f32>,
    vectors: Vec<Lanes>,
    sums: Vec<Lanes>,
    pairs: Vec<f32>,
}

impl Scratch {
    fn prepare(&mut self, rows: usize, pairs: Option<&Pairs>) {
        self.gradients.resize(rows, 0.0);
        let (lanes, weights) = pairs.map_or((0, 0), |pairs| (pairs.columns() * pairs.parts, pairs.weights.len()));
        self.vectors.resize(rows * lanes, [0.0; 8]);
        self.sums.resize(rows * lanes, [0.0; 8]);
        self.pairs.clear();
        self.pairs.resize(rows.div_ceil(CHUNK) * weights, 0.0);
    }
}

/// The logistic function.
pub fn sigmoid(score: f32) -> f32 {
    1.0 / (1.0 + (-score).exp())
}

impl Machine {
    /// One that knows nothing yet.
    pub fn new(layout: &Layout, spec: &Spec) -> Self {
        Self {
            bias: 0.0,
            bias_state: Coordinate::default(),
            rows: 0,
            positives: 0,
            numbers: vec![0.0; layout.numbers()],
            number_states: vec![Coordinate::default(); layout.numbers()],
            tables: layout.sizes.iter().map(|size| Table::new(*size)).collect(),
            pairs: (spec.method == Method::Fwfm && layout.places.len() > 1).then(|| Pairs::new(layout, spec)),
            ftrl: Ftrl::new(spec, layout.fields()),
        }
    }

    /// Counts rows that will be learnt from, all of them before any is.
    pub fn count(&mut self, batch: &Batch) {
        self.rows += batch.rows() as u64;
        self.positives += batch.labels.iter().filter(|label| **label > 0.0).count() as u64;
        if let Some(pairs) = &mut self.pairs {
            pairs.tables.par_iter_mut().enumerate().with_min_len(FIELDS).for_each(|(column, table)| table.count(batch.field(column)));
        }
    }

    /// Begins with the base rate of the rows that were counted; they have both labels.
    pub fn begin(&mut self) -> Result<()> {
        if self.positives == 0 || self.positives == self.rows {
            return Err(TrainError::OneClass { rows: self.rows, label: u8::from(self.positives > 0) });
        }
        self.bias = (self.positives as f32 / (self.rows - self.positives) as f32).ln();
        self.bias_state = Coordinate::at(self.bias, &self.ftrl);
        Ok(())
    }

    /// The scores of rows `first..` of a minibatch, without the factorization machine.
    fn linear(&self, batch: &Batch, first: usize, scores: &mut [f32]) {
        scores.fill(self.bias);
        for (column, weight) in self.numbers.iter().enumerate() {
            for (score, number) in scores.iter_mut().zip(&batch.number(column)[first..]) {
                *score += weight * number;
            }
        }
        for (field, table) in self.tables.iter().enumerate() {
            for (score, slot) in scores.iter_mut().zip(&batch.field(field)[first..]) {
                *score += table.weights[*slot as usize];
            }
        }
    }

    /// The probabilities of a minibatch's rows, appended.
    pub fn predict(&self, batch: &Batch, probabilities: &mut Vec<f32>) {
        let start = probabilities.len();
        probabilities.resize(start + batch.rows(), 0.0);
        probabilities[start..].par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, scores)| {
            let first = chunk * CHUNK;
            self.linear(batch, first, scores);
            if let Some(pairs) = &self.pairs {
                let lanes = pairs.columns() * pairs.parts;
                let (mut vectors, mut sums) = (vec![[0.0; 8]; lanes], vec![[0.0; 8]; lanes]);
                for (row, score) in (first..).zip(scores.iter_mut()) {
                    *score += pairs.score(|column| batch.field(column)[row], &mut vectors, &mut sums);
                }
            }
            scores.iter_mut().for_each(|score| *score = sigmoid(*score));
        });
    }

    /// Learns from a minibatch: all its gradients are of the weights before it.
    pub fn learn(&mut self, batch: &Batch, scratch: &mut Scratch) {
        scratch.prepare(batch.rows(), self.pairs.as_ref());
        let Scratch { gradients, vectors, sums, pairs: pair_gradients } = scratch;
        self.gradients(batch, gradients, vectors, sums, pair_gradients);
        let (ftrl, gradients, sums) = (&self.ftrl, &gradients[..], &sums[..]);
        self.tables
            .par_iter_mut()
            .enumerate()
            .with_min_len(FIELDS)
            .for_each(|(field, table)| table.learn(ftrl, batch.field(field), gradients));
        let free = ftrl.free();
        self.bias = self.bias_state.update(&free, self.bias, gradients.iter().sum());
        for (column, (weight, state)) in self.numbers.iter_mut().zip(&mut self.number_states).enumerate() {
            let gradient = batch.number(column).iter().zip(gradients).map(|(number, gradient)| number * gradient).sum();
            *weight = state.update(ftrl, *weight, gradient);
        }
        if let Some(pairs) = &mut self.pairs {
            let (lanes, parts) = (pairs.columns() * pairs.parts, pairs.parts);
            pairs.tables.par_iter_mut().enumerate().for_each(|(column, table)| {
                let sums = sums.chunks_exact(lanes).map(|row| &row[column * parts..][..parts]);
                table.learn(batch.field(column), gradients, sums);
            });
            let size = pairs.weights.len();
            let mut total = vec![0.0; size];
            for chunk in pair_gradients.chunks_exact(size) {
                total.iter_mut().zip(chunk).for_each(|(total, gradient)| *total += gradient);
            }
            pairs.learn(&total);
        }
    }

    /// The derivative of the log loss of each row by its score, and what the factorization machine needs to learn.
    fn gradients(&self, batch: &Batch, gradients: &mut [f32], vectors: &mut [Lanes], sums: &mut [Lanes], pair_gradients: &mut [f32]) {
        let finish = |first: usize, scores: &mut [f32]| {
            for (score, label) in scores.iter_mut().zip(&batch.labels[first..]) {
                *score = sigmoid(*score) - label;
            }
        };
        let Some(pairs) = &self.pairs else {
            gradients.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, scores)| {
                self.linear(batch, chunk * CHUNK, scores);
                finish(chunk * CHUNK, scores);
            });
            return;
        };
        let lanes = pairs.columns() * pairs.parts;
        let chunks = gradients
            .par_chunks_mut(CHUNK)
            .zip(vectors.par_chunks_mut(CHUNK * lanes))
            .zip(sums.par_chunks_mut(CHUNK * lanes))
            .zip(pair_gradients.par_chunks_mut(pairs.weights.len()));
        chunks.enumerate().for_each(|(chunk, (((scores, vectors), sums), pair_gradients))| {
            let first = chunk * CHUNK;
            self.linear(batch, first, scores);
            for (row, score) in scores.iter_mut().enumerate() {
                let (vectors, sums) = (&mut vectors[row * lanes..][..lanes], &mut sums[row * lanes..][..lanes]);
                *score += pairs.score(|column| batch.field(column)[first + row], vectors, sums);
            }
            finish(first, scores);
            for (row, gradient) in scores.iter().enumerate() {
                pairs.gradients(&vectors[row * lanes..][..lanes], *gradient, pair_gradients);
            }
        });
    }

    /// Ends the training.
    pub fn finish(&mut self) {
        if let Some(pairs) = &mut self.pairs {
            pairs.finish();
        }
    }

    /// Weights that are not 0, the bias left out.
    pub fn weights(&self) -> u64 {
        let count = |weights: &[f32]| weights.iter().filter(|weight| **weight != 0.0).count() as u64;
        let linear = count(&self.numbers) + self.tables.iter().map(|table| count(&table.weights)).sum::<u64>();
        let vectors =
            |pairs: &Pairs| pairs.tables.iter().map(|table| count(table.vectors.as_flattened())).sum::<u64>() + count(&pairs.weights) / 2;
        linear + self.pairs.as_ref().map_or(0, vectors)
    }
}
