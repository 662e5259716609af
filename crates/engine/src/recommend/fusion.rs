//! One score out of many features: a log-linear model.

use super::SessionNeighbors;
use super::features::{FEATURE_COUNT, Feature, Features};

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

const fn weights<const N: usize>(list: [(Feature, f64); N]) -> [f64; FEATURE_COUNT] {
    let mut features = [0.0; FEATURE_COUNT];
    let mut place = 0;
    while place < N {
        features[list[place].0 as usize] = list[place].1;
        place += 1;
    }
    features
}

/// The search that both sets use. Accuracy hardly depends on it: on the validation sessions of a click log, 50 to 500 neighbours and
/// decays of 1 to 4 places differed by less than a hundredth, so it is kept cheap.
const SESSION_SEARCH: SessionNeighbors =
    SessionNeighbors { neighbors: 48, items: 10, match_decay: 2.0, age_decay: 10.0, distance_decay: 2.0 };

/// Fixed weights for users with a history.
///
/// Fitted by a softmax over all candidates on logs of four kinds together (page edits, first lines of baskets, lines of baskets
/// new to the user, film ratings), training and validation parts only. Logs pull the weights of a user's own acts apart; these are
/// round numbers between the joint fit and the one for page edits alone. Fitting to one's own log does better.
pub const USER_WEIGHTS: Weights = Weights {
    features: weights([
        (Feature::Trending, 0.5),
        (Feature::Popularity, 0.35),
        // What the user did counts by its decayed amount,
        (Feature::History, 0.25),
        // ... by how long ago it was, at two scales,
        (Feature::JustNow, 1.0),
        (Feature::Recently, 1.5),
        // ... by its place in the list, the last one most,
        (Feature::Place, 2.0),
        (Feature::Last, 1.5),
        // ... and by whether this user repeats at all.
        (Feature::Seen, 1.0),
        (Feature::Repeats, 0.55),
        // What others did after the same items: small for those who repeat, decisive for those who do not.
        (Feature::Next, 0.15),
        (Feature::NextEarlier, 0.05),
        (Feature::ItemNeighbors, 0.7),
        (Feature::SessionsLift, 0.1),
        (Feature::Fresh, 0.25),
        // By analogy with the lifts above: no log with contexts was at hand.
        (Feature::Context, 0.3),
        // Of 0.5, 1, 2, 3 and 5 the best for film ratings with vectors of genres, on the fifth of the log before the last.
        (Feature::Interest, 1.0),
    ]),
    sessions: SESSION_SEARCH,
};

/// Fixed weights for anonymous sessions, fitted in the same way on the last days of the training part of a shop's click log.
pub const SESSION_WEIGHTS: Weights = Weights {
    features: weights([
        (Feature::Trending, 0.2),
        // Between items that others met in such a session the rarer one says more.
        (Feature::Popularity, -0.4),
        (Feature::ItemNeighbors, 1.2),
        // Together s^0.32 for a large share s: the lift takes back part of what a large share brings.
        (Feature::Sessions, 0.65),
        (Feature::SessionsLift, -0.33),
        // Visitors return to what they looked at before, but not to what they look at now.
        (Feature::History, 0.2),
        (Feature::Place, 3.6),
        (Feature::Last, -7.5),
        (Feature::Seen, -0.4),
        (Feature::Repeats, 0.4),
        (Feature::Fresh, 0.2),
        (Feature::Context, 0.3),
        (Feature::Interest, 1.0),
    ]),
    sessions: SESSION_SEARCH,
};
