//! What each feature adds to a score, and where it comes from.

use super::features::source_of;
use super::{Explanation, FEATURES, Feature, Source, Weights};
use crate::ItemId;

/// One feature's part of a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The feature.
    pub feature: &'static str,
    /// The source that it comes from.
    pub source: Source,
    /// The item of the list that it owes most to.
    pub item: Option<ItemId>,
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
        let [next, session, user] = self.leading;
        let part = |(index, &(feature, name)): (usize, &(Feature, &'static str))| {
            let item = match feature {
                Feature::NextOfLast | Feature::Next => next,
                Feature::Together | Feature::TogetherWithLast | Feature::SessionCosine | Feature::SessionRate => session,
                Feature::SameUsers | Feature::UserCosine | Feature::UserRate => user,
                _ => None,
            };
            Contribution { feature: name, source: source_of(feature), item, value: self.features[index], weight: weights.0[index] }
        };
        FEATURES.iter().enumerate().map(part).collect()
    }
}
