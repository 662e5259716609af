//! Rows of scores and labels, and what they say about a model.

use rustc_hash::FxHashMap;

use super::order::{Group, Order};

/// How near to 0 or 1 a probability is taken for the log loss, as scikit-learn does for 32-bit scores: no single row makes it infinite.
const NEAREST: f64 = f32::EPSILON as f64;

/// Why a row cannot be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// NaN or infinity.
    #[error("a score must be finite: {0}")]
    Score(f32),
}

/// How good scores are. What is not defined is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// How many rows.
    pub rows: u64,
    /// How many of them have the label true.
    pub positives: u64,
    /// The area under the ROC curve: how often a row that is true scores higher than one that is not, ties counting half (Mann and Whitney 1947). Of 0
    /// to 1; none where all labels are the same.
    pub auc: Option<f64>,
    /// At most how far `auc` is from the one that tells all scores apart: 0 unless the evaluation was coarsened.
    pub auc_error: f64,
    /// The mean of -ln of the probability given to what happened, in nats; none without rows, or where a score is no probability.
    pub log_loss: Option<f64>,
    /// `log_loss` over that of the share of rows that are true (He et al. 2014): below 1 is better than knowing nothing; none where all labels are the same.
    pub normalized_entropy: Option<f64>,
    /// The sum of the scores over the number of rows that are true (He et al. 2014): 1 is right; none where none is true.
    pub calibration: Option<f64>,
    /// The expected calibration error over the bins: the mean distance of a bin's `predicted` and `observed`, weighted by rows (Naeini et al. 2015).
    pub calibration_error: Option<f64>,
    /// Bins of about equally many rows, the lowest scores first; empty where a score is no probability.
    pub bins: Vec<Bin>,
}

/// Rows of neighbouring scores. Rows of the same score are in the same bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// The lowest score.
    pub low: f32,
    /// The highest score.
    pub high: f32,
    /// How many rows.
    pub rows: u64,
    /// The mean score.
    pub predicted: f64,
    /// The share of rows that are true.
    pub observed: f64,
}

/// Rows of scores and labels, as they come.
#[derive(Clone, Debug)]
pub struct Evaluation {
    order: Order,
    rows: u64,
    positives: u64,
    predicted: f64,
    loss: f64,
    are_probabilities: bool,
}

impl Default for Evaluation {
    fn default() -> Self {
        Self::new()
    }
}

impl Evaluation {
    /// One without rows.
    pub fn new() -> Self {
        let order = Order::Exact([Vec::new(), Vec::new()]);
        Self { order, rows: 0, positives: 0, predicted: 0.0, loss: 0.0, are_probabilities: true }
    }

    /// Adds a row.
    pub fn push(&mut self, score: f32, positive: bool) -> Result<(), MetricsError> {
        if !score.is_finite() {
            return Err(MetricsError::Score(score));
        }
        self.order.push(score, positive);
        self.rows += 1;
        self.positives += u64::from(positive);
        self.predicted += f64::from(score);
        self.are_probabilities &= (0.0..=1.0).contains(&score);
        let probability = f64::from(score).clamp(NEAREST, 1.0 - NEAREST);
        self.loss -= if positive { probability.ln() } else { (-probability).ln_1p() };
        Ok(())
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The bytes of memory that it takes: 4 to 8 a row until [`Evaluation::coarsen`].
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.order.bytes()
    }

    /// Bounds the memory: from now on scores that agree in their first 12 binary digits, so that they are less than 1/2048 of themselves apart, count as ties
    /// in `auc` and share a bin. Of probabilities above 10^-6 there are at most 41,000 such groups, 2 MB. `auc_error` says what that costs; all else but the
    /// borders of bins stays exact.
    pub fn coarsen(&mut self) {
        self.order.coarsen();
    }

    /// What the rows say, with at most `bins` bins.
    pub fn finish(self, bins: usize) -> Metrics {
        let Self { order, rows, positives, predicted, loss, are_probabilities } = self;
        let negatives = rows - positives;
        let is_exact = matches!(order, Order::Exact(_));
        // Twice the pairs in the right order, and the pairs that are not told apart.
        let (mut ordered, mut tied) = (0u128, 0u128);
        let mut before = Group { low: 0.0, high: 0.0, negatives: 0, positives: 0, sum: 0.0 };
        let mut table: FxHashMap<u64, Group> = FxHashMap::default();
        let wanted = if are_probabilities { bins as u128 } else { 0 };
        order.visit(|group| {
            let pairs = u128::from(group.positives) * u128::from(group.negatives);
            ordered += 2 * u128::from(group.positives) * u128::from(before.negatives) + pairs;
            tied += pairs;
            if wanted > 0 {
                // The bin that the group's middle row is in.
                let middle = 2 * u128::from(before.rows()) + u128::from(group.rows());
                let place = (middle * wanted / (2 * u128::from(rows))) as u64;
                table.entry(place).and_modify(|bin| join(bin, group)).or_insert(*group);
            }
            before.negatives += group.negatives;
            before.positives += group.positives;
        });
        let pairs = u128::from(positives) * u128::from(negatives);
        let mut table: Vec<(u64, Group)> = table.into_iter().collect();
        table.sort_unstable_by_key(|(place, _)| *place);
        let bins: Vec<Bin> = table.iter().map(|(_, group)| Bin::of(group)).collect();
        let error: f64 = bins.iter().map(|bin| bin.rows as f64 * (bin.predicted - bin.observed).abs()).sum();
        let log_loss = (are_probabilities && rows > 0).then(|| loss / rows as f64);
        Metrics {
            rows,
            positives,
            auc: (pairs > 0).then(|| ordered as f64 / (2.0 * pairs as f64)),
            auc_error: if is_exact || pairs == 0 { 0.0 } else { tied as f64 / (2.0 * pairs as f64) },
            log_loss,
            normalized_entropy: log_loss.filter(|_| pairs > 0).map(|loss| loss / entropy(positives as f64 / rows as f64)),
            calibration: (are_probabilities && positives > 0).then(|| predicted / positives as f64),
            calibration_error: (!bins.is_empty()).then(|| error / rows as f64),
            bins,
        }
    }
}

fn join(bin: &mut Group, group: &Group) {
    bin.high = group.high;
    bin.negatives += group.negatives;
    bin.positives += group.positives;
    bin.sum += group.sum;
}

/// Of a coin, in nats.
fn entropy(share: f64) -> f64 {
    -(share * share.ln() + (1.0 - share) * (-share).ln_1p())
}

impl Bin {
    fn of(group: &Group) -> Self {
        let rows = group.rows();
        Self { low: group.low, high: group.high, rows, predicted: group.sum / rows as f64, observed: group.positives as f64 / rows as f64 }
    }
}
