//! Features of a candidate: numbers that a log-linear model weighs.
//!
//! A count c of the candidate z in some company x enters as a log-lift over popularity, `ln(1 + c(x,z) / (a * B(z)))`. With Dirichlet
//! smoothing, `P(z|x) = (c(x,z) + a * B(z)) / (n(x) + a)` (Zhai, Lafferty: "A study of smoothing methods", 2004), it is
//! `ln P(z|x) - ln B(z)` up to a term that all candidates of a query share. No evidence is exactly zero, and costs no logarithm.

use super::Query;
use super::candidates::{Candidate, Candidates};
use crate::event::PAIR_WINDOW;

/// One feature of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Feature {
    /// `ln B(z)`: the share of all decayed events.
    Popularity,
    /// Log-lift of the user's own decayed events.
    History,
    /// Log-lift of transitions from the last item.
    Next1,
    /// ... from the last but one.
    Next2,
    /// ... and so on.
    Next3,
    /// ...
    Next4,
    /// ...
    Next5,
    /// Log-lift of co-visits with the last items.
    Together,
    /// Log-lift of the sessions' neighbours.
    Sessions,
    /// exp(-age / s) of the user's newest event on the item, s = a thousandth of the half-life.
    JustNow,
    /// ..., s = a thirtieth of the half-life.
    Recently,
    /// ..., s = the half-life.
    Lately,
    /// -ln(1 + age) of the same, in thousandths of the half-life; 0 for an item never met.
    Age,
    /// 1 / place in the user's list.
    Place,
    /// 1 for an item that the user met.
    Seen,
    /// For an item that the user met: log-odds of a repeat among the user's events.
    Repeats,
    /// -ln(1 + age) of anybody's newest event on the item, in thousandths of the half-life.
    Fresh,
    /// Log-lift of the context.
    Context,
    /// ln(1 + sequential item-kNN).
    ItemNeighbors,
}

/// The number of features.
pub const FEATURE_COUNT: usize = 19;

/// All features, in order.
pub const FEATURES: [(Feature, &str); FEATURE_COUNT] = [
    (Feature::Popularity, "popularity"),
    (Feature::History, "history"),
    (Feature::Next1, "next_1"),
    (Feature::Next2, "next_2"),
    (Feature::Next3, "next_3"),
    (Feature::Next4, "next_4"),
    (Feature::Next5, "next_5"),
    (Feature::Together, "together"),
    (Feature::Sessions, "sessions"),
    (Feature::JustNow, "just_now"),
    (Feature::Recently, "recently"),
    (Feature::Lately, "lately"),
    (Feature::Age, "age"),
    (Feature::Place, "place"),
    (Feature::Seen, "seen"),
    (Feature::Repeats, "repeats"),
    (Feature::Fresh, "fresh"),
    (Feature::Context, "context"),
    (Feature::ItemNeighbors, "item_neighbors"),
];

/// A candidate's features, by [`Feature`].
pub type Features = [f64; FEATURE_COUNT];

/// Weight of the popularity in smoothing, in decayed events.
const SMOOTHING: f64 = 1.0;
/// Pseudo-events of every item, so that an item without events has a probability.
const PSEUDO_EVENTS: f64 = 0.01;
/// Smoothing of the session neighbours, whose sum is taken as 1.
const SHARE_SMOOTHING: f64 = 0.1;
/// Decay by place, and exponent of the candidate's norm, of the sequential item-kNN.
const PLACE_DECAY: [f64; PAIR_WINDOW] = [1.0, 0.6, 0.36, 0.216, 0.1296];
const ITEM_NORM: f64 = 0.3;
/// What [`Feature::Fresh`] is for an item without events: a thousand half-lives old.
const NEVER: f64 = -13.8;

/// The features of a candidate whose popularity is looked up.
pub(super) fn features(candidate: &Candidate, all: &Candidates, query: &Query<'_>) -> Features {
    let now = |score: crate::decay::LogSum| score.at(query.now, query.half_life);
    let count = now(candidate.stats.score);
    let items = f64::from(all.totals.items.max(1));
    let base = (count + PSEUDO_EVENTS) / (now(all.totals.score) + PSEUDO_EVENTS * items);
    let mut f = evidence(candidate, all, query, count, base);
    f[Feature::Popularity as usize] = base.ln();
    f[Feature::Fresh as usize] =
        if candidate.stats.events > 0 { -ages(query, query.now.saturating_sub(candidate.stats.last_at)).ln_1p() } else { NEVER };
    if !candidate.context.is_empty() {
        f[Feature::Context as usize] = lift(now(candidate.context), SMOOTHING * base);
    }
    f
}

/// The score of a candidate that is not looked up, as if all items were equally popular.
pub(super) fn shortlist_score(candidate: &Candidate, all: &Candidates, query: &Query<'_>) -> f32 {
    let base = 1.0 / f64::from(all.totals.items.max(1));
    query.weights.score(&evidence(candidate, all, query, 1.0, base)) as f32
}

/// The features that say what the candidate and the profile have to do with each other. `count` is the candidate's
/// decayed popularity and `base` its share.
fn evidence(candidate: &Candidate, all: &Candidates, query: &Query<'_>, count: f64, base: f64) -> Features {
    let mut f = [0.0; FEATURE_COUNT];
    let mut together = 0.0;
    let mut sequential = 0.0;
    for place in 0..PAIR_WINDOW {
        if candidate.together[place] > 0.0 {
            f[Feature::Next1 as usize + place] = lift(candidate.next[place], SMOOTHING * base);
            together += candidate.together[place];
            let met = candidate.together[place] + candidate.next[place];
            sequential += PLACE_DECAY[place] * met / (all.together_total[place] + 2.0).sqrt();
        }
    }
    if together > 0.0 {
        f[Feature::Together as usize] = lift(together, SMOOTHING * base);
        f[Feature::ItemNeighbors as usize] = (10.0 * sequential / (count + 2.0).powf(ITEM_NORM)).ln_1p();
    }
    if candidate.sessions > 0.0 {
        f[Feature::Sessions as usize] = lift(candidate.sessions / all.sessions_total, SHARE_SMOOTHING * base);
    }
    if let Some(place) = candidate.place {
        let known = &query.profile.items[place];
        let age = ages(query, known.age);
        f[Feature::History as usize] = lift(known.weight.max(0.0), SMOOTHING * base);
        f[Feature::JustNow as usize] = (-age).exp();
        f[Feature::Recently as usize] = (-age * 0.03).exp();
        f[Feature::Lately as usize] = (-age * 0.001).exp();
        f[Feature::Age as usize] = -age.ln_1p();
        f[Feature::Place as usize] = 1.0 / (place + 1) as f64;
        f[Feature::Seen as usize] = 1.0;
        f[Feature::Repeats as usize] = query.profile.repeats();
    }
    f
}

/// How much more of `count` than of nothing there is, `smoothing` being what chance brings.
fn lift(count: f64, smoothing: f64) -> f64 {
    (count / smoothing).ln_1p()
}

/// An age in thousandths of the half-life.
fn ages(query: &Query<'_>, age: i64) -> f64 {
    age.max(0) as f64 * 1000.0 / query.half_life.micros()
}
