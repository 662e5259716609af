//! Features of a candidate: numbers that a log-linear model weighs.
//!
//! Popularity B is the share of all events, each window smoothed by the next longer one. Where q is how often the candidate z came with the items
//! asked about, and beta B what popularity alone would bring, evidence enters as the log-lift `ln((q + beta B) / (beta B))`: Dirichlet smoothing
//! (Zhai, Lafferty: "A study of smoothing methods", 2004) up to a term that all candidates of a query share. No evidence is exactly zero.

use super::Query;
use super::candidates::{Candidate, Candidates, Source};
use crate::Micros;
use crate::store::{ItemStats, WINDOW_HALF_LIVES, WINDOWS};

/// One feature of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Feature {
    /// `ln B` with a half-life of 30 days.
    Popularity,
    /// What the popularity of all time has beyond that, as a difference of logarithms.
    PopularEver,
    /// What the popularity with a half-life of 7 days has beyond that of 30 days.
    PopularThisWeek,
    /// ... 1 day beyond 7 days.
    PopularToday,
    /// ... 1 hour beyond 1 day.
    PopularThisHour,
    /// -ln(1 + seconds since anybody's newest event).
    Fresh,
    /// -ln(1 + seconds since the mean time of its events).
    New,
    /// 1 for an item that the user met.
    Seen,
    /// -ln of its place in the user's list, the newest being 1.
    Rank,
    /// -ln(1 + seconds since the user's newest event on it).
    Recent,
    /// ln of the user's events on it.
    Count,
    /// ln(share + 1e-4) + 4 of the user's decayed events.
    Share,
    /// Log-odds that it is taken again by those who met it.
    TakenAgain,
    /// 1 for an item of the list: the user's last ones, or the given ones.
    Listed,
    /// 1 for the newest of them.
    Last,
    /// 1 for an item that the user's running session met.
    InSession,
    /// Log-lift of what followed the last item.
    NextOfLast,
    /// ... all items of the list, the nearer the more.
    Next,
    /// Log-lift of what was in a session with the items of the list.
    Together,
    /// ... with the last item.
    TogetherWithLast,
    /// Log-lift of what users met who met the items of the list.
    SameUsers,
    /// Log-lift of the share in session neighbours, by the order of their items.
    Sessions,
    /// ... without it.
    SessionsUnordered,
    /// ln(1 + 1000 x) of the mean cosine over the list by sessions.
    SessionCosine,
    /// The same of the mean of c / ((n(v) + 5) (n(z) + 5)^0.3) by sessions.
    SessionRate,
    /// ln(1 + 1000 x) of the mean cosine over the list by users.
    UserCosine,
    /// The same of the sum of c / sqrt((n(v) + 5) (n(z) + 5)) by users, fading with age.
    UserRate,
    /// Log-lift of the context.
    Context,
    /// The cosine of the item's vector and the interest.
    Interest,
}

/// The number of features.
pub const FEATURE_COUNT: usize = 29;

/// All features, in order.
pub const FEATURES: [(Feature, &str); FEATURE_COUNT] = [
    (Feature::Popularity, "popularity"),
    (Feature::PopularEver, "popular_ever"),
    (Feature::PopularThisWeek, "popular_this_week"),
    (Feature::PopularToday, "popular_today"),
    (Feature::PopularThisHour, "popular_this_hour"),
    (Feature::Fresh, "fresh"),
    (Feature::New, "new"),
    (Feature::Seen, "seen"),
    (Feature::Rank, "rank"),
    (Feature::Recent, "recent"),
    (Feature::Count, "count"),
    (Feature::Share, "share"),
    (Feature::TakenAgain, "taken_again"),
    (Feature::Listed, "listed"),
    (Feature::Last, "last"),
    (Feature::InSession, "in_session"),
    (Feature::NextOfLast, "next_of_last"),
    (Feature::Next, "next"),
    (Feature::Together, "together"),
    (Feature::TogetherWithLast, "together_with_last"),
    (Feature::SameUsers, "same_users"),
    (Feature::Sessions, "sessions"),
    (Feature::SessionsUnordered, "sessions_unordered"),
    (Feature::SessionCosine, "session_cosine"),
    (Feature::SessionRate, "session_rate"),
    (Feature::UserCosine, "user_cosine"),
    (Feature::UserRate, "user_rate"),
    (Feature::Context, "context"),
    (Feature::Interest, "interest"),
];

/// A candidate's features, by [`Feature`].
pub type Features = [f64; FEATURE_COUNT];

/// What is added to an item's events, and to all events for each item: the prior of Jeffreys.
const PSEUDO_EVENTS: f64 = 0.5;
/// The sum from which cosines and rates count by their logarithm.
const LEAST: f64 = 0.001;
/// The exponent of the candidate's count in a rate; ACCURACY's protocol of baskets found it good for baskets and for films.
const RATE_EXPONENT: f64 = 0.3;
/// What is added to the counts of a rate, and how many events the log's share of repeats weighs.
const SUPPORT: f64 = 5.0;
/// The share of a user's events from which a share counts by its logarithm.
const LEAST_SHARE: f64 = 1e-4;
/// An age of an item without events: ten years in seconds.
const NEVER: f64 = 3.2e8;

/// Popularities of one item: of all time, then in the windows.
struct Popularity {
    ever: f64,
    windows: [f64; WINDOWS],
}

impl Popularity {
    fn of(stats: &ItemStats, all: &Candidates) -> Self {
        let totals = &all.totals;
        let items = f64::from(totals.items.max(1));
        let ever = (stats.events as f64 + PSEUDO_EVENTS) / (totals.events as f64 + PSEUDO_EVENTS * items);
        let mut longer = ever;
        let windows = std::array::from_fn(|place| {
            longer = (stats.windows[place].at(all.weighed_at, WINDOW_HALF_LIVES[place]) + longer) / (all.windows[place] + 1.0);
            longer
        });
        Self { ever, windows }
    }
}

/// The features of a candidate whose popularity is looked up.
pub(super) fn features(candidate: &Candidate, all: &Candidates, query: &Query<'_>) -> Features {
    let mut f = [0.0; FEATURE_COUNT];
    let stats = &candidate.stats;
    let popularity = Popularity::of(stats, all);
    let [month, week, day, hour] = popularity.windows.map(f64::ln);
    f[Feature::Popularity as usize] = month;
    f[Feature::PopularEver as usize] = popularity.ever.ln() - month;
    f[Feature::PopularThisWeek as usize] = week - month;
    f[Feature::PopularToday as usize] = day - week;
    f[Feature::PopularThisHour as usize] = hour - day;
    let met = stats.events > 0;
    f[Feature::Fresh as usize] = -(if met { seconds(all.weighed_at, stats.last_at) } else { NEVER }).ln_1p();
    f[Feature::New as usize] = -(if met { seconds(all.weighed_at, stats.mean_at()) } else { NEVER }).ln_1p();
    history(candidate, all, query, &mut f);
    let counts = [stats.sessions, stats.users].map(|sum| sum.at(all.weighed_at, query.half_life));
    evidence(candidate, all, popularity.windows[0], counts, &mut f);
    if !candidate.context.is_empty() {
        f[Feature::Context as usize] = (candidate.context.at(all.weighed_at, query.half_life) / popularity.windows[0]).ln_1p();
    }
    f
}

/// What the user and the item have to do with each other.
fn history(candidate: &Candidate, all: &Candidates, query: &Query<'_>, f: &mut Features) {
    f[Feature::Listed as usize] = f64::from(candidate.found.listed.is_some());
    f[Feature::Last as usize] = f64::from(candidate.found.listed == Some(0));
    let Some(place) = candidate.found.place.filter(|_| !query.profile.given) else { return };
    let known = &query.profile.items[place as usize];
    let (totals, stats) = (&all.totals, &candidate.stats);
    let repeats = totals.repeats as f64 / totals.events.max(1) as f64;
    let again = ((stats.repeats as f64 + SUPPORT * repeats) / (stats.events as f64 + SUPPORT)).clamp(LEAST, 1.0 - LEAST);
    let share = if query.profile.total > 0.0 { (known.weight / query.profile.total).clamp(0.0, 1.0) } else { 0.0 };
    f[Feature::Seen as usize] = 1.0;
    f[Feature::Rank as usize] = -f64::from(place + 1).ln();
    f[Feature::Recent as usize] = -(known.age as f64 / 1e6).ln_1p();
    f[Feature::Count as usize] = f64::from(known.count.max(1)).ln();
    f[Feature::Share as usize] = (share + LEAST_SHARE).ln() + 4.0;
    f[Feature::TakenAgain as usize] = (again / (1.0 - again)).ln();
    f[Feature::InSession as usize] = f64::from(known.in_session);
}

/// What the list and the candidate have to do with each other. `base` is the candidate's popularity; `sessions` and `users` are those that met it.
fn evidence(candidate: &Candidate, all: &Candidates, base: f64, [sessions, users]: [f64; 2], f: &mut Features) {
    f[Feature::Interest as usize] = f64::from(candidate.found.interest);
    let (found, prior) = (&candidate.found.evidence, &all.smoothing);
    f[Feature::NextOfLast as usize] = lift(found.next_of_last, prior.next_of_last * base);
    f[Feature::Next as usize] = lift(found.next, prior.next * base);
    f[Feature::Together as usize] = lift(found.session, prior.session * base);
    f[Feature::TogetherWithLast as usize] = lift(found.session_of_last, prior.session_of_last * base);
    f[Feature::SameUsers as usize] = lift(found.user, prior.user * base);
    let neighbors = all.neighbor_count as f64;
    f[Feature::Sessions as usize] = lift(found.neighbors.ordered * neighbors, all.neighbors.ordered * base);
    f[Feature::SessionsUnordered as usize] = lift(found.neighbors.unordered * neighbors, all.neighbors.unordered * base);
    let asked = all.asked.len().max(1) as f64;
    let mean = |sum: f64, norm: f64| if sum > 0.0 { (sum / asked / norm / LEAST).ln_1p() } else { 0.0 };
    f[Feature::SessionCosine as usize] = mean(found.session_cosine, sessions.sqrt());
    f[Feature::SessionRate as usize] = mean(found.session_rate, (sessions + SUPPORT).powf(RATE_EXPONENT));
    f[Feature::UserCosine as usize] = mean(found.user_cosine, users.sqrt());
    f[Feature::UserRate as usize] = mean(found.user_rate * asked, (users + SUPPORT).sqrt());
}

/// How much more of `count` than of nothing there is, `smoothing` being what chance brings.
fn lift(count: f64, smoothing: f64) -> f64 {
    if count > 0.0 { (count / smoothing).ln_1p() } else { 0.0 }
}

fn seconds(now: Micros, at: Micros) -> f64 {
    now.saturating_sub(at).max(0) as f64 / 1e6
}

/// The source that a feature comes from.
pub(super) fn source_of(feature: Feature) -> Source {
    match feature {
        Feature::NextOfLast | Feature::Next => Source::Transitions,
        Feature::Together
        | Feature::TogetherWithLast
        | Feature::SameUsers
        | Feature::SessionCosine
        | Feature::SessionRate
        | Feature::UserCosine
        | Feature::UserRate => Source::Covisits,
        Feature::Sessions | Feature::SessionsUnordered => Source::Sessions,
        Feature::Popularity
        | Feature::PopularEver
        | Feature::PopularThisWeek
        | Feature::PopularToday
        | Feature::PopularThisHour
        | Feature::Fresh
        | Feature::New => Source::Trending,
        Feature::Context => Source::Context,
        Feature::Interest => Source::Interest,
        Feature::Seen
        | Feature::Rank
        | Feature::Recent
        | Feature::Count
        | Feature::Share
        | Feature::TakenAgain
        | Feature::Listed
        | Feature::Last
        | Feature::InSession => Source::History,
    }
}
