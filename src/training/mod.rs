//! What labelled rows say of models, and models that are learnt from them.

mod error;
mod evaluate;
mod label;
mod options;
mod rows;
mod train;
