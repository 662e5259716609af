//! One score out of many features: a log-linear model.

use super::SessionNeighbors;
use super::features::{FEATURE_COUNT, Features};

/// The weights of a log-linear model over [`super::FEATURES`], and the settings of the sources.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// A weight for each feature.
    pub features: [f64; FEATURE_COUNT],
    /// How session neighbours are searched.
    pub sessions: SessionNeighbors,
}

impl Weights {
    /// The score of a candidate; higher is better, differences are log-odds.
    pub fn score(&self, features: &Features) -> f64 {
        self.features.iter().zip(features).map(|(weight, value)| weight * value).sum()
    }
}

/// Fixed weights for users with a history.
pub const USER_WEIGHTS: Weights = Weights {
    features: [0.31, 0.37, 0.18, 0.0, -0.1, -0.14, -0.16, 0.14, 0.05, 1.5, 2.0, 0.76, -0.36, 4.3, -2.25, 0.62, 0.33, 0.3, 0.14],
    sessions: SessionNeighbors { neighbors: 100, items: 10, match_decay: 2.0, age_decay: 10.0, distance_decay: 2.0, backward: 1.0 },
};

/// Fixed weights for anonymous sessions.
pub const SESSION_WEIGHTS: Weights = Weights {
    features: [0.32, 0.25, 0.05, 0.0, 0.0, 0.0, 0.0, 0.24, 0.35, 0.0, 0.0, 0.0, 0.0, 2.0, -0.25, 0.46, 0.0, 0.3, 0.75],
    sessions: SessionNeighbors { neighbors: 100, items: 10, match_decay: 2.0, age_decay: 10.0, distance_decay: 2.0, backward: 1.0 },
};
