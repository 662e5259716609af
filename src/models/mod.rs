//! Models that score rows: deployed as rows, run by ONNX Runtime in the session that asks, switched by an UPDATE.

pub mod catalog;
mod define;
mod deploy;
pub mod error;
mod named;
pub mod predict;
mod rows;
mod runtime;
pub mod session;
mod shadow;
mod watch;
mod weights;

pub use predict::ENDS;
