//! How much items are in demand: of all time, and in windows that fade at different speeds.

mod delta;
mod stats;

pub(crate) use delta::{EventWeights, Sign};
pub use delta::{ItemDelta, SumDelta};
pub use stats::{ItemStats, Totals, WINDOW_HALF_LIVES, WINDOWS, Windows};
