//! From rows to an ordered list: candidates -> features -> one score -> filters -> cut.

mod candidates;
mod contribution;
mod features;
mod fusion;
mod neighbors_of_sessions;
mod profile;
mod rank;
mod similar;

pub use candidates::{Nearest, Source};
pub use contribution::Contribution;
pub use features::{FEATURE_COUNT, FEATURES, Feature, Features};
pub use fusion::{SESSION_WEIGHTS, USER_WEIGHTS, Weights};
pub use neighbors_of_sessions::SessionNeighbors;
pub use profile::{Profile, ProfileItem};
pub use rank::{Explanation, Filter, Query, Recommendation, explain, features_of, rank, recommend};
pub use similar::{similar_items, trending_in_contexts};
