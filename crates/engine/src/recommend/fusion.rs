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
    features: [0.5, 1.0, 0.3, 0.1, 0.0, 0.0, 0.0, 0.1, 0.3, 1.0, 1.0, 1.0, 0.3, 1.0, 0.0, 0.1, 0.3, 0.1],
    sessions: SessionNeighbors { neighbors: 100, items: 10, match_decay: 2.0, age_decay: 10.0, distance_decay: 2.0, rarity: 0.0 },
};

/// Fixed weights for anonymous sessions.
pub const SESSION_WEIGHTS: Weights = Weights {
    features: [0.7, 0.0, 0.4, 0.2, 0.1, 0.0, 0.0, 0.1, 0.6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 0.1],
    sessions: SessionNeighbors { neighbors: 100, items: 10, match_decay: 2.0, age_decay: 10.0, distance_decay: 2.0, rarity: 0.0 },
};
