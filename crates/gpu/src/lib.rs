//! Exact cosine top-k on a GPU. No Postgres, no clock, no globals, no threads.
//!
//! The kernels (`kernels/` at the root of the tree) find the rows that may be among the best, with a proven bound of the error of
//! their estimates; what is left is scored exactly ([`exact`]), so that ids and scores are those of the CPU, bit by bit.
//!
//! | module | what |
//! |---|---|
//! | [`source`] | where vectors come from |
//! | [`layout`] | how they lie in the memory of the device |
//! | [`bound`] | how wrong an estimate may be |
//! | [`exact`] | the score |
//! | [`machine`] | what runs kernels: CUDA (feature `cuda`), or the host (`crates/gpu_simulated`) |
//! | [`device`] | searches over such a machine |
//! | [`scheduler`] | which sets are on the device, and batches of what waits |

pub mod bound;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod device;
mod error;
pub mod exact;
pub mod layout;
pub mod machine;
mod pack;
mod program;
pub mod scheduler;
pub mod source;

pub use error::{GpuError, Result};
