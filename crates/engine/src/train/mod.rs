//! Models of click-through rates, trained on the rows of a query.
//!
//! ```text
//! rows -> Encoder::push -> RowLog (fixed width)  -> train -> Trained -> onnx()
//!              |                                     ^
//!              +-> finish -> Encoded ----------------+
//! ```
//!
//! The rows are taken once, in their order, and written to a log of the caller's; meanwhile each column learns what has to be known of all rows.
//! Then the log is read in several passes. What comes out is an ONNX model with an input for each column, of its name, and one output,
//! `probability`.

mod column;
mod dictionary;
mod encoder;
mod error;
mod fit;
mod graph;
mod hash;
mod layout;
mod linear;
mod log;
mod machine;
mod numbers;
mod pairs;
mod report;
mod rows;
mod spec;
mod trained;

pub use column::{Cell, Column, Kind, MAX_COLUMNS, MAX_CROSSES};
pub use encoder::{Encoded, Encoder, MISSING_INTEGER, MISSING_TEXT};
pub use error::{Result, TrainError};
pub use graph::OUTPUT;
pub use log::{MemoryLog, RowLog};
pub use report::Report;
pub use spec::{Method, Spec};
pub use trained::{Trained, train};
