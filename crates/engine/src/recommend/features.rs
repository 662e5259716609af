//! Features of a candidate: numbers that a log-linear model weighs.
//!
//! A count c of the candidate z in some company x enters as a log-lift over popularity, `ln(1 + c(x,z) / (a * B(z)))`. With Dirichlet
//! smoothing, `P(z|x) = (c(x,z) + a * B(z)) / (n(x) + a)` (Zhai, Lafferty: "A study of smoothing methods", 2004), it is
//! `ln P(z|x) - ln B(z)` up to a term that all candidates of a query share. No evidence is exactly zero, and costs no logarithm.

use super::Query;
use super::candidates::{Candidate, Candidates, Source};
use crate::event::PAIR_WINDOW;

/// One feature of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Feature {
    /// `ln B(z)`, the share of all decayed events, of an item that nothing else speaks for.
    Trending,
    /// `ln B(z)` of an item that the profile brought. Two features, because rarity may speak for an item that neighbours
    /// name, but never for one of which nothing is known.
    Popularity,
    /// Log-lift of the user's own decayed events.
    History,
    /// Log-lift of transitions from the last item.
    Next,
    /// Log-lift of transitions from the items before it, the nearer the more.
    NextEarlier,
    /// ln(1 + sequential item-kNN): co-visits and transitions over norms of both items, the nearer the more.
    ItemNeighbors,
    /// ln(1 + 1000 * share) in the sum over session neighbours.
    Sessions,
    /// Log-lift of that share.
    SessionsLift,
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
    /// 1 for the user's last item.
    Last,
    /// 1 for an item that the user met.
    Seen,
    /// For an item that the user met: log-odds of a repeat among the user's events.
    Repeats,
    /// -ln(1 + age) of anybody's newest event on the item, in thousandths of the half-life.
    Fresh,
    /// Log-lift of the context.
    Context,
    /// The cosine of the item's vector and the interest.
    Interest,
}

/// The number of features.
pub const FEATURE_COUNT: usize = 19;

/// All features, in order.
pub const FEATURES: [(Feature, &str); FEATURE_COUNT] = [
    (Feature::Trending, "trending"),
    (Feature::Popularity, "popularity"),
    (Feature::History, "history"),
    (Feature::Next, "next"),
    (Feature::NextEarlier, "next_earlier"),
    (Feature::ItemNeighbors, "item_neighbors"),
    (Feature::Sessions, "sessions"),
    (Feature::SessionsLift, "sessions_lift"),
    (Feature::JustNow, "just_now"),
    (Feature::Recently, "recently"),
    (Feature::Lately, "lately"),
    (Feature::Age, "age"),
    (Feature::Place, "place"),
    (Feature::Last, "last"),
    (Feature::Seen, "seen"),
    (Feature::Repeats, "repeats"),
    (Feature::Fresh, "fresh"),
    (Feature::Context, "context"),
    (Feature::Interest, "interest"),
];

/// A candidate's features, by [`Feature`].
pub type Features = [f64; FEATURE_COUNT];

/// Weight of the popularity in smoothing, in decayed events.
const SMOOTHING: f64 = 1.0;
/// Pseudo-events of every item, so that an item without events has a probability.
const PSEUDO_EVENTS: f64 = 0.01;
/// The share of the session neighbours' sum from which a share counts by its logarithm, and what popularity weighs in
/// smoothing such shares.
const LEAST_SHARE: f64 = 0.001;
const SHARE_SMOOTHING: f64 = 0.1;
/// The sequential item-kNN: decay by place, what is added to both norms, exponent of the candidate's norm, and the sum from
/// which it counts by its logarithm. The exponents are those that did best for data without repeats.
const PLACE_DECAY: [f64; PAIR_WINDOW] = [1.0, 0.6, 0.36, 0.216, 0.1296];
const NORM_PRIOR: f64 = 2.0;
const ITEM_NORM: f64 = 0.3;
const ITEM_SMOOTHING: f64 = 0.1;
/// What [`Feature::Fresh`] is for an item without events: a thousand half-lives old.
const NEVER: f64 = -13.8;

/// The features of a candidate whose popularity is looked up.
pub(super) fn features(candidate: &Candidate, all: &Candidates, query: &Query<'_>) -> Features {
    let now = |score: crate::decay::LogSum| score.at(all.weighed_at, query.half_life);
    let count = now(candidate.stats.score);
    let items = f64::from(all.totals.items.max(1));
    let base = (count + PSEUDO_EVENTS) / (now(all.totals.score) + PSEUDO_EVENTS * items);
    let mut f = evidence(candidate, all, query, count, base);
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
    let (mut earlier, mut sequential) = (0.0, 0.0);
    for (place, decay) in PLACE_DECAY.into_iter().enumerate() {
        let met = candidate.together[place] + candidate.next[place];
        if met > 0.0 {
            sequential += decay * met / (all.together_total[place] + NORM_PRIOR).sqrt();
            if place > 0 {
                earlier += decay * candidate.next[place];
            }
        }
    }
    if sequential > 0.0 {
        f[Feature::Next as usize] = lift(candidate.next[0], SMOOTHING * base);
        f[Feature::NextEarlier as usize] = lift(earlier, SMOOTHING * base);
        f[Feature::ItemNeighbors as usize] = lift(sequential / (count + NORM_PRIOR).powf(ITEM_NORM), ITEM_SMOOTHING);
    }
    if candidate.sessions > 0.0 {
        let share = candidate.sessions / all.sessions_total;
        f[Feature::Sessions as usize] = lift(share, LEAST_SHARE);
        f[Feature::SessionsLift as usize] = lift(share, SHARE_SMOOTHING * base);
    }
    let near = candidate.sources & Source::Interest as u8 != 0;
    f[Feature::Interest as usize] = f64::from(candidate.interest);
    let named = sequential > 0.0 || candidate.sessions > 0.0 || candidate.place.is_some() || near;
    f[if named { Feature::Popularity } else { Feature::Trending } as usize] = base.ln();
    if let Some(place) = candidate.place {
        let known = &query.profile.items[place];
        let age = ages(query, known.age);
        f[Feature::History as usize] = lift(known.weight.max(0.0), SMOOTHING * base);
        f[Feature::JustNow as usize] = (-age).exp();
        f[Feature::Recently as usize] = (-age * 0.03).exp();
        f[Feature::Lately as usize] = (-age * 0.001).exp();
        f[Feature::Age as usize] = -age.ln_1p();
        f[Feature::Place as usize] = 1.0 / (place + 1) as f64;
        f[Feature::Last as usize] = f64::from(place == 0);
        f[Feature::Seen as usize] = 1.0;
        f[Feature::Repeats as usize] = query.profile.repeats();
    }
    f
}

/// The places of the profile's items that Next, NextEarlier and ItemNeighbors owe most to.
pub(super) fn leading(candidate: &Candidate, all: &Candidates) -> [Option<usize>; 3] {
    let strongest = |strength: &dyn Fn(usize) -> f64| {
        let places = (0..PAIR_WINDOW).map(|place| (place, strength(place))).filter(|(_, strength)| *strength > 0.0);
        places.reduce(|best, other| if other.1 > best.1 { other } else { best }).map(|(place, _)| place)
    };
    [
        strongest(&|place| if place == 0 { candidate.next[place] } else { 0.0 }),
        strongest(&|place| if place > 0 { PLACE_DECAY[place] * candidate.next[place] } else { 0.0 }),
        strongest(&|place| {
            PLACE_DECAY[place] * (candidate.together[place] + candidate.next[place]) / (all.together_total[place] + NORM_PRIOR).sqrt()
        }),
    ]
}

/// How much more of `count` than of nothing there is, `smoothing` being what chance brings.
fn lift(count: f64, smoothing: f64) -> f64 {
    (count / smoothing).ln_1p()
}

/// An age in thousandths of the half-life.
fn ages(query: &Query<'_>, age: i64) -> f64 {
    age.max(0) as f64 * 1000.0 / query.half_life.micros()
}
