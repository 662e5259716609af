//! From rows to an ordered list: candidates -> features -> one score -> filters -> cut.

mod candidates;
mod contribution;
mod features;
mod fusion;
mod neighbors_of_sessions;
mod profile;
mod rank;
mod second_phase;
mod similar;

pub use candidates::{Nearest, Source};
pub use contribution::Contribution;
pub use features::{FEATURE_COUNT, FEATURES, Feature, Features};
pub use fusion::{Head, Weights};
pub use profile::{Profile, ProfileItem};
pub use rank::{
    Choice, Explanation, Filter, Own, Query, Recommendation, explain, rank, rank_with_features, recommend, recommend_with_features,
};
pub use second_phase::{
    FIRST_PHASE, FIRST_PHASE_SCORE, Given, InputError, Inputs, Offer, first_phase_like, first_phase_names, first_phase_values,
};
pub use similar::{Similar, similar_items, trending_in_contexts};
