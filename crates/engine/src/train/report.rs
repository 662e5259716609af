//! What a training run did, and how good its model is.

use crate::metrics::Metrics;

/// What a training run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Rows with a label.
    pub rows: u64,
    /// Rows without one, left out.
    pub skipped: u64,
    /// Rows with label 1.
    pub positives: u64,
    /// The last rows, which were held out.
    pub validation_rows: u64,
    /// Passes over the rows that were made before stopping.
    pub passes: usize,
    /// The passes after which the held-out rows were predicted best: those that the model is made of.
    pub best_passes: usize,
    /// Weights of the model that are not 0.
    pub weights: u64,
    /// On the held-out rows, of the model after `best_passes` passes that has not seen them; `None` where none were held out.
    pub validation: Option<Metrics>,
}
