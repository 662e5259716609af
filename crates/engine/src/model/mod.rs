//! ONNX models that score rows: what is in a file, whether it may be served, how a row's features become its inputs, and which of a model's
//! versions answers for whom.
//!
//! Nothing here runs a model. The messages of [`onnx`] are those of the format's own `onnx-ml.proto`, IR version 12.

mod check;
mod error;
mod features;
mod operators;
mod output;
mod prepare;
mod signature;
mod traffic;

/// The messages of the ONNX format: `make onnx-messages` writes them from `onnx-ml.proto`, which is that of the Python package onnx 1.19.1.
#[allow(missing_docs, clippy::all)]
#[rustfmt::skip]
pub mod onnx;

pub use check::{Limits, parse};
pub use error::ModelError;
pub use features::{Batch, Buffer, Defaults, FeatureError, Value};
pub use operators::is_allowed;
pub use output::{Output, OutputChoice};
pub use prepare::{Prepared, WEIGHTS_FILE, prepare};
pub use signature::{Element, Input, Signature};
pub use traffic::{Traffic, TrafficError};
