//! How a model is trained.

use super::error::{Result, TrainError};

/// The form of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Logistic regression, by FTRL-proximal.
    Logistic,
    /// The same, and a field-weighted factorization machine of the columns beside it.
    Fwfm,
}

impl Method {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Fwfm => "fwfm",
        }
    }

    /// The method of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Logistic, Self::Fwfm].into_iter().find(|method| method.name() == name)
    }
}

/// How a model is trained. The defaults are meant to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The form of the model.
    pub method: Method,
    /// Crosses of two or three columns, written `country * device`; `*` alone stands for all pairs.
    pub crosses: Vec<String>,
    /// The most different values of a column that have weights of their own, the most frequent ones; at most 2^20. Rarer texts share the weight of
    /// the unknown, and a column of integers with more is hashed.
    pub vocabulary: usize,
    /// Values that come less often share the weight of the unknown.
    pub min_count: u64,
    /// A cross or a column that is hashed has 2^`table_bits` weights, 8 to 24 bits.
    pub table_bits: u32,
    /// Bins of a column of numbers, each of about as many rows, 2 to 256.
    pub bins: usize,
    /// The length of a value's vector in the factorization machine, 1 to 64.
    pub factors: usize,
    /// Step size of FTRL, above 0. A model of more than 30 fields (columns and crosses) takes it times 30 over their number, for a score is a sum over
    /// fields.
    pub alpha: f64,
    /// Smoothing of its first steps, at least 0.
    pub beta: f64,
    /// L1 regularisation of the weights, at least 0: what is below it stays 0.
    pub l1: f64,
    /// L2 regularisation of the weights, at least 0.
    pub l2: f64,
    /// Step size of AdaGrad, by which vectors and the weights of pairs are learnt, above 0.
    pub vector_step: f64,
    /// L2 regularisation of a value's vector, in each pass, at least 0: as much for a rare value as for a frequent one.
    pub vector_l2: f64,
    /// Most passes over the rows, 1 to 1000.
    pub passes: usize,
    /// The share of the rows, the last ones, that are held out to find when to stop, 0 to 0.5. Without any, all passes are made.
    pub validation: f64,
    /// Whether the model that is given is trained on the held-out rows too, for as many passes as were best.
    pub refit: bool,
    /// What random numbers begin with.
    pub seed: u64,
    /// Bytes of decoded rows that may be kept between passes; beyond that, each pass decodes the log anew.
    pub memory: usize,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            method: Method::Fwfm,
            crosses: Vec::new(),
            vocabulary: 1 << 16,
            min_count: 3,
            table_bits: 18,
            bins: 32,
            factors: 8,
            alpha: 0.1,
            beta: 1.0,
            l1: 0.0,
            l2: 1.0,
            vector_step: 0.1,
            vector_l2: 80.0,
            passes: 50,
            validation: 0.1,
            refit: true,
            seed: 0,
            memory: 256 << 20,
        }
    }
}

impl Spec {
    /// Refuses settings out of their ranges.
    pub fn check(&self) -> Result<()> {
        let positive = |number: f64| number.is_finite() && number > 0.0;
        let not_negative = |number: f64| number.is_finite() && number >= 0.0;
        let checks: [(&'static str, String, bool, &'static str); 14] = [
            ("vocabulary", self.vocabulary.to_string(), (1..=1 << 20).contains(&self.vocabulary), "from 1 to 1048576"),
            ("min_count", self.min_count.to_string(), self.min_count >= 1, "at least 1"),
            ("table_bits", self.table_bits.to_string(), (8..=24).contains(&self.table_bits), "from 8 to 24"),
            ("bins", self.bins.to_string(), (2..=256).contains(&self.bins), "from 2 to 256"),
            ("factors", self.factors.to_string(), (1..=64).contains(&self.factors), "from 1 to 64"),
            ("alpha", self.alpha.to_string(), positive(self.alpha), "above 0"),
            ("beta", self.beta.to_string(), not_negative(self.beta), "at least 0"),
            ("l1", self.l1.to_string(), not_negative(self.l1), "at least 0"),
            ("l2", self.l2.to_string(), not_negative(self.l2), "at least 0"),
            ("vector_step", self.vector_step.to_string(), positive(self.vector_step), "above 0"),
            ("vector_l2", self.vector_l2.to_string(), not_negative(self.vector_l2), "at least 0"),
            ("passes", self.passes.to_string(), (1..=1000).contains(&self.passes), "from 1 to 1000"),
            ("validation", self.validation.to_string(), (0.0..=0.5).contains(&self.validation), "from 0 to 0.5"),
            ("memory", self.memory.to_string(), self.memory <= 1 << 40, "at most 1 TB"),
        ];
        match checks.into_iter().find(|(_, _, good, _)| !good) {
            Some((name, value, _, allowed)) => Err(TrainError::Setting { name, value, allowed }),
            None => Ok(()),
        }
    }
}
