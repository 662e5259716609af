//! What a training run did, and how good its model is.

/// How well probabilities fit labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The chance that a row with label 1 has a higher probability than one with label 0, ties counting half; NaN with one label only.
    pub auc: f64,
    /// The mean of -ln(probability of the label), in nats.
    pub log_loss: f64,
    /// The log loss over that of the rows' own mean label (He et al. 2014); NaN with one label only.
    pub normalized_entropy: f64,
    /// The sum of probabilities over the number of labels 1; infinite without any.
    pub calibration: f64,
}

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
    pub validation: Option<Figures>,
}
