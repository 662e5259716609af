//! What each feature adds to a score, and where it comes from.

use super::{Explanation, FEATURES, Feature, Source, Weights};

/// One feature's part of a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The feature.
    pub feature: &'static str,
    /// The source that it comes from.
    pub source: Source,
    /// The place of the profile's item that led to it, counted from the newest that is not disliked.
    pub place: Option<usize>,
    /// Its value.
    pub value: f64,
    /// Its weight.
    pub weight: f64,
}

impl Contribution {
    /// What it adds to the score.
    pub fn contribution(&self) -> f64 {
        self.value * self.weight
    }
}

impl Explanation {
    /// All features' parts; they add up to the score.
    pub fn parts(&self, weights: &Weights) -> Vec<Contribution> {
        let [next, earlier, neighbors] = self.leading;
        let part = |(index, &(feature, name)): (usize, &(Feature, &'static str))| {
            let (source, place) = match feature {
                Feature::Next => (Source::Transitions, next),
                Feature::NextEarlier => (Source::Transitions, earlier),
                Feature::ItemNeighbors => (Source::Covisits, neighbors),
                Feature::Sessions | Feature::SessionsLift => (Source::Sessions, None),
                Feature::Trending | Feature::Popularity | Feature::Fresh => (Source::Trending, None),
                Feature::Context => (Source::Context, None),
                Feature::Interest => (Source::Interest, None),
                Feature::History
                | Feature::JustNow
                | Feature::Recently
                | Feature::Lately
                | Feature::Age
                | Feature::Place
                | Feature::Last
                | Feature::Seen
                | Feature::Repeats => (Source::History, None),
            };
            Contribution { feature: name, source, place, value: self.features[index], weight: weights.features[index] }
        };
        FEATURES.iter().enumerate().map(part).collect()
    }
}
