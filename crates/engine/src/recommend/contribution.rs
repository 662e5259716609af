//! What each feature adds to a score, and where it comes from.

use super::{Explanation, Source, Weights};

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
        let part = |(feature, value, weight, _): (&'static str, f64, f64, f64)| {
            let (source, place) = origin(feature);
            Contribution { feature, source, place, value, weight }
        };
        self.contributions(weights).into_iter().map(part).collect()
    }
}

fn origin(feature: &str) -> (Source, Option<usize>) {
    if let Some(place) = feature.strip_prefix("next_").and_then(|place| place.parse::<usize>().ok()) {
        return (Source::Transitions, place.checked_sub(1));
    }
    let source = match feature {
        "popularity" | "fresh" => Source::Trending,
        "together" | "item_neighbors" => Source::Covisits,
        "sessions" => Source::Sessions,
        "context" => Source::Context,
        _ => Source::History,
    };
    (source, None)
}
