//! Running normal equations: what the answers to a recommender's own questions teach, as decayed sums.
//!
//! A question's softmax over its candidates has the gradient g = x(y) - E[x] and the curvature Cov(x). Both estimate the Fisher information,
//! H = 0.9 Cov + 0.1 g g': the share of g g' keeps steps sane while the model is confidently wrong. A <- d A + sum H and b <- d b + sum (g + H w) make
//! w = (A + I)^-1 (b + w0) the ridge solution around the prior w0: Newton's method over a stream, as in recursive least squares.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::cholesky;
use crate::recommend::{FEATURE_COUNT, Features, Weights};

/// The share of g g' in the curvature.
const GRADIENT_SHARE: f64 = 0.1;

/// Questions by which a block is closed and weights are solved: few at first, more once they are known roughly.
const FIRST_BLOCK: usize = 8;
const BLOCK: usize = 32;
const FIRST_QUESTIONS: u64 = 256;

/// The half-life of what was learnt, in questions: it grows with their number, within these bounds.
const SHORTEST_MEMORY: f64 = 50.0;
const LONGEST_MEMORY: f64 = 2000.0;

/// How many questions the learnt weights must have answered better than the prior before they serve.
const PROBATION: f64 = 50.0;

/// What questions of one head have taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    pub(super) curvature: Array2<f64>,
    pub(super) target: Array1<f64>,
    pub(super) weights: Array1<f64>,
    /// Questions that taught something.
    pub(super) asked: u64,
    /// What is left of them after decay.
    pub(super) count: f64,
    /// Decayed losses, -ln of what the answer was given, of the weights before each question and of the prior.
    pub(super) loss: f64,
    pub(super) prior_loss: f64,
    block: Block,
}

/// Questions since the weights were solved last.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    curvature: Array2<f64>,
    target: Array1<f64>,
    questions: usize,
    loss: f64,
    prior_loss: f64,
}

impl Block {
    fn new() -> Self {
        let (curvature, target) = (Array2::zeros((FEATURE_COUNT, FEATURE_COUNT)), Array1::zeros(FEATURE_COUNT));
        Self { curvature, target, questions: 0, loss: 0.0, prior_loss: 0.0 }
    }
}

/// One question's candidates.
pub(super) struct Question<'a> {
    /// A row of features for each candidate.
    pub features: &'a Array2<f64>,
    /// What is added to each candidate's score: the logarithm of how many it stands for.
    pub offsets: &'a [f64],
    /// The rows of the answers, which weigh alike.
    pub answers: &'a [usize],
}

impl Question<'_> {
    /// The probabilities of the candidates, and -ln of the answers' on average.
    fn softmax(&self, weights: &ArrayView1<'_, f64>) -> (Array1<f64>, f64) {
        let mut scores = self.features.dot(weights);
        scores.iter_mut().zip(self.offsets).for_each(|(score, offset)| *score += offset);
        let most = scores.fold(f64::NEG_INFINITY, |most, score| most.max(*score));
        scores.mapv_inplace(|score| (score - most).exp());
        let sum = scores.sum();
        scores.mapv_inplace(|score| score / sum);
        let loss = self.answers.iter().map(|row| -scores[*row].max(f64::MIN_POSITIVE).ln()).sum::<f64>() / self.answers.len() as f64;
        (scores, loss)
    }
}

impl Sums {
    pub(super) fn new(prior: &Weights) -> Self {
        Self {
            curvature: Array2::zeros((FEATURE_COUNT, FEATURE_COUNT)),
            target: Array1::zeros(FEATURE_COUNT),
            weights: Array1::from_iter(prior.0),
            asked: 0,
            count: 0.0,
            loss: 0.0,
            prior_loss: 0.0,
            block: Block::new(),
        }
    }

    pub(super) fn stored(
        curvature: Array2<f64>,
        target: Array1<f64>,
        weights: Array1<f64>,
        asked: u64,
        [count, loss, prior_loss]: [f64; 3],
    ) -> Self {
        Self { curvature, target, weights, asked, count, loss, prior_loss, block: Block::new() }
    }

    /// The weights as far as they are learnt, proven or not.
    pub fn learnt(&self) -> Weights {
        let mut weights: Features = [0.0; FEATURE_COUNT];
        weights.iter_mut().zip(&self.weights).for_each(|(weight, learnt)| *weight = *learnt);
        Weights(weights)
    }

    /// Whether the learnt weights have answered better than the prior, question after question, each before it was learnt from.
    pub fn is_proven(&self) -> bool {
        self.count >= PROBATION.min(self.asked as f64) && self.asked as f64 >= PROBATION && self.loss < self.prior_loss
    }

    /// The number of questions that taught something.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// The mean loss of recent questions, of the learnt weights and of the prior.
    pub fn losses(&self) -> Option<(f64, f64)> {
        (self.count > 0.0).then(|| (self.loss / self.count, self.prior_loss / self.count))
    }

    /// Learns from one question.
    pub(super) fn learn(&mut self, question: &Question<'_>, prior: &Weights) {
        // A time made up, years off, gives numbers that teach nothing.
        if question.features.iter().any(|value| !value.is_finite()) {
            return;
        }
        let (p, loss) = question.softmax(&self.weights.view());
        let (_, prior_loss) = question.softmax(&ArrayView1::from(&prior.0));
        let mean = question.features.t().dot(&p);
        let answer = question.features.select(Axis(0), question.answers).mean_axis(Axis(0)).unwrap_or_else(|| mean.clone());
        let gradient = answer - &mean;
        let mut weighted = question.features.clone();
        weighted.axis_iter_mut(Axis(0)).zip(&p).for_each(|(mut row, p)| row *= *p);
        let mut curvature = question.features.t().dot(&weighted);
        curvature.zip_mut_with(&outer(&mean), |cov, square| *cov -= square);
        curvature *= 1.0 - GRADIENT_SHARE;
        curvature.scaled_add(GRADIENT_SHARE, &outer(&gradient));
        self.block.target += &(&gradient + &curvature.dot(&self.weights));
        self.block.curvature += &curvature;
        self.block.loss += loss;
        self.block.prior_loss += prior_loss;
        self.block.questions += 1;
        let most = if self.asked < FIRST_QUESTIONS { FIRST_BLOCK } else { BLOCK };
        if self.block.questions >= most {
            self.solve(prior);
        }
    }

    /// Closes the block: solves the weights anew.
    pub(super) fn solve(&mut self, prior: &Weights) {
        let block = std::mem::replace(&mut self.block, Block::new());
        if block.questions == 0 {
            return;
        }
        let questions = block.questions as f64;
        let memory = (self.asked as f64 / 2.0).clamp(SHORTEST_MEMORY, LONGEST_MEMORY);
        let decay = (-questions / memory).exp2();
        self.curvature *= decay;
        self.curvature += &block.curvature;
        self.target *= decay;
        self.target += &block.target;
        self.asked += block.questions as u64;
        self.count = self.count * decay + questions;
        self.loss = self.loss * decay + block.loss;
        self.prior_loss = self.prior_loss * decay + block.prior_loss;
        let ridge = &self.curvature + &Array2::<f64>::eye(FEATURE_COUNT);
        let right = &self.target + &ArrayView1::from(&prior.0);
        let Some(solved) = cholesky::solve(&ridge, &right) else { return };
        let mut step = solved - &self.weights;
        let size = step.dot(&self.curvature.dot(&step)) / self.count;
        if size > 1.0 {
            step /= size.sqrt();
        }
        if step.iter().all(|weight| weight.is_finite()) {
            self.weights += &step;
        }
    }
}

fn outer(vector: &Array1<f64>) -> Array2<f64> {
    let column = vector.view().insert_axis(Axis(1));
    column.dot(&column.t())
}
