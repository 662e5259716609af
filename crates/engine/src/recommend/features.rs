//! Features of a candidate: numbers that a log-linear model weighs.
//!
//! Probabilities are smoothed towards popularity, `P(z|x) = (c(x,z) + a * B(z)) / (n(x) + a)`, and enter as log-lifts
//! `ln P(z|x) - ln B(z)`: no evidence is zero.

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
    /// -ln(1 + age) of anybody's newest event on the item, in thousandths of the half-life.
    Fresh,
    /// Log-lift of the context.
    Context,
    /// ln(1 + sequential item-kNN).
    ItemNeighbors,
}

/// The number of features.
pub const FEATURE_COUNT: usize = 18;

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
/// Smoothing of shares that are no counts.
const SHARE_SMOOTHING: f64 = 0.1;
/// Decay by place, and exponents of the two norms, of the sequential item-kNN.
const PLACE_DECAY: f64 = 0.6;
const ITEM_NORM: f64 = 0.3;

pub(super) fn features(candidate: &Candidate, all: &Candidates, query: &Query<'_>) -> Features {
    let now = |score: crate::decay::LogSum| score.at(query.now, query.half_life);
    let count = now(candidate.stats.score);
    let items = f64::from(all.totals.items.max(1));
    let base = (count + PSEUDO_EVENTS) / (now(all.totals.score) + PSEUDO_EVENTS * items);
    let lift = |part: f64, whole: f64, smoothing: f64| ((part + smoothing * base) / ((whole + smoothing) * base)).ln();
    let unit = query.half_life.micros() / 1000.0;
    let ages = |age: i64| age.max(0) as f64 / unit;

    let mut f = [0.0; FEATURE_COUNT];
    f[Feature::Popularity as usize] = base.ln();
    for place in 0..PAIR_WINDOW {
        f[Feature::Next1 as usize + place] = lift(candidate.next[place], all.next_total[place], SMOOTHING);
    }
    f[Feature::Together as usize] = lift(candidate.together.iter().sum(), all.together_total.iter().sum(), SMOOTHING);
    if all.sessions_total > 0.0 {
        f[Feature::Sessions as usize] = lift(candidate.sessions / all.sessions_total, 1.0, SHARE_SMOOTHING);
    }
    let mut weight = 0.0;
    if let Some(place) = candidate.place {
        let known = &query.profile.items[place];
        weight = known.weight.max(0.0);
        let age = ages(known.age);
        f[Feature::JustNow as usize] = (-age).exp();
        f[Feature::Recently as usize] = (-age * 0.03).exp();
        f[Feature::Lately as usize] = (-age * 0.001).exp();
        f[Feature::Age as usize] = -age.ln_1p();
        f[Feature::Place as usize] = 1.0 / (place + 1) as f64;
        f[Feature::Seen as usize] = 1.0;
    }
    f[Feature::History as usize] = lift(weight, query.profile.total, SMOOTHING);
    if candidate.stats.events > 0 {
        f[Feature::Fresh as usize] = -ages(query.now.saturating_sub(candidate.stats.last_at)).ln_1p();
    } else {
        f[Feature::Fresh as usize] = -20.0;
    }
    if all.context_total > 0.0 {
        f[Feature::Context as usize] = lift(now(candidate.context), all.context_total, SMOOTHING);
    }
    let mut sequential = 0.0;
    for place in 0..PAIR_WINDOW {
        let met = candidate.together[place] + candidate.next[place];
        sequential += PLACE_DECAY.powi(place as i32) * met / (all.together_total[place] + 2.0).sqrt();
    }
    f[Feature::ItemNeighbors as usize] = (10.0 * sequential / (count + 2.0).powf(ITEM_NORM)).ln_1p();
    f
}
