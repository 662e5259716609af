//! How good scores are, against labels that are true or false: ranking (AUC), likelihood (log loss, normalised entropy) and calibration.
//!
//! An [`Evaluation`] takes rows one after the other and gives [`Metrics`]. All sums are exact at any size. The order of scores takes 4 bytes a row while
//! it is exact; [`Evaluation::coarsen`] bounds that, see there.

mod evaluation;
mod order;

pub use evaluation::{Bin, Evaluation, Metrics, MetricsError};
