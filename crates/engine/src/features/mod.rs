//! Windowed features: what users, items, categories and contexts have met lately, as numbers for models.
//!
//! An [`Entity`] is fed events in any order and says, at any time that is not before its newest event, how many of each type it met in each
//! window, how many with exponential decay, and when last. A [`Plan`] names the numbers and puts those of several entities into one vector.
//! Serving reads entities from packed rows ([`crate::packed::FeaturesView`]); training sets replay the log ([`Replay`]). Both ask the same
//! [`Tally`], so that a model is trained on what it will be shown.

mod entity;
mod names;
mod patterns;
mod plan;
mod replay;
mod sketch;
mod slide;
mod spec;
mod tally;
mod window;

pub use entity::{Entity, NEVER, Occurrence};
pub use names::{Declaration, EntityKind, Rate, is_like, span_name};
pub use patterns::Patterns;
pub use plan::{Feature, Plan};
pub use replay::{EntityId, Replay};
pub use sketch::{MAX_SPARSE, Sketch};
pub use spec::{MAX_SPANS, MAX_TYPES, Moment, Question, Spec};
pub use tally::Tally;
pub use window::{MAX_WINDOW, Window};

use crate::Micros;

/// All events of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeTotal {
    /// How many.
    pub count: u64,
    /// When the newest was; [`NEVER`] without any.
    pub last_at: Micros,
}

impl Default for TypeTotal {
    fn default() -> Self {
        Self { count: 0, last_at: NEVER }
    }
}

/// The events of one type in one hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Where the hop starts.
    pub start: Micros,
    /// The number of the type.
    pub kind: u32,
    /// How many.
    pub count: u32,
}

fn bucket_order(left: &Bucket, right: &Bucket) -> std::cmp::Ordering {
    (left.start, left.kind).cmp(&(right.start, right.kind))
}
