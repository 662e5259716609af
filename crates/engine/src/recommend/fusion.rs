//! One score out of many features: a log-linear model, with weights for each kind of question.

use super::features::{FEATURE_COUNT, Feature, Features};

/// The weights of a log-linear model over [`super::FEATURES`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights(pub Features);

impl Weights {
    /// The score of a candidate; higher is better, differences are log-odds.
    pub fn score(&self, features: &Features) -> f64 {
        self.0.iter().zip(features).map(|(weight, value)| weight * value).sum()
    }
}

/// A kind of question; each has weights of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Head {
    /// What a known user takes next, be it seen or new.
    User = 0,
    /// What a user takes next of what is new to the user.
    New = 1,
    /// What goes with a list of given items: a session or a basket.
    List = 2,
}

impl Head {
    /// All heads.
    pub const ALL: [Head; 3] = [Head::User, Head::New, Head::List];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Head::User => "user",
            Head::New => "new",
            Head::List => "list",
        }
    }

    /// The weights before anything was learnt: means over the logs that the method was developed on, rounded. A prior of zeros ends at
    /// the same weights; it matters for the first fifty questions.
    pub fn prior(self) -> &'static Weights {
        match self {
            Head::User => &USER,
            Head::New => &NEW,
            Head::List => &LIST,
        }
    }
}

const fn weights<const N: usize>(list: [(Feature, f64); N]) -> Weights {
    let mut features = [0.0; FEATURE_COUNT];
    // No log with contexts was at hand: popularity in the context counts as popularity does. Of 0.5, 1, 2, 3 and 5 the best for films with genres.
    features[Feature::Context as usize] = 1.0;
    features[Feature::Interest as usize] = 1.0;
    let mut place = 0;
    while place < N {
        features[list[place].0 as usize] = list[place].1;
        place += 1;
    }
    Weights(features)
}

static USER: Weights = weights([
    (Feature::Popularity, 0.6),
    (Feature::PopularEver, 0.3),
    (Feature::PopularThisWeek, 1.1),
    (Feature::PopularToday, 0.1),
    (Feature::Fresh, 0.1),
    (Feature::New, 0.2),
    (Feature::Seen, 0.5),
    (Feature::Count, 0.2),
    (Feature::Share, 0.1),
    (Feature::Listed, -0.7),
    (Feature::Last, -0.4),
    (Feature::InSession, 2.7),
    (Feature::Next, 0.1),
    (Feature::SessionCosine, -0.2),
    (Feature::SessionRate, 0.2),
    (Feature::UserCosine, 0.3),
    (Feature::UserRate, 0.2),
]);

static NEW: Weights = weights([
    (Feature::Popularity, 0.7),
    (Feature::PopularEver, 0.3),
    (Feature::PopularThisWeek, 1.0),
    (Feature::PopularToday, 0.1),
    (Feature::Fresh, 0.1),
    (Feature::New, 0.2),
    (Feature::Together, -0.1),
    (Feature::SameUsers, 0.1),
    (Feature::Sessions, 0.1),
    (Feature::SessionsUnordered, 0.1),
    (Feature::SessionCosine, -0.1),
    (Feature::SessionRate, 0.2),
    (Feature::UserCosine, 0.3),
    (Feature::UserRate, 0.2),
]);

static LIST: Weights = weights([
    (Feature::Popularity, 0.4),
    (Feature::PopularEver, -0.3),
    (Feature::PopularThisWeek, 1.1),
    (Feature::PopularToday, 0.1),
    (Feature::New, 0.1),
    (Feature::Listed, -1.1),
    (Feature::Last, -1.6),
    (Feature::Next, 0.1),
    (Feature::Together, -0.1),
    (Feature::SameUsers, -0.2),
    (Feature::Sessions, 0.1),
    (Feature::SessionsUnordered, 0.3),
    (Feature::SessionCosine, -0.2),
    (Feature::SessionRate, 0.8),
    (Feature::UserCosine, 0.4),
    (Feature::UserRate, -0.1),
]);
