//! Models that score rows: deployed as rows, run by ONNX Runtime in the session that asks, switched by an UPDATE.

pub mod catalog;
mod define;
mod deploy;
pub mod error;
mod named;
pub mod predict;
mod reader;
mod rows;
mod runtime;
pub mod session;
mod shadow;
mod watch;
mod weights;

pub use deploy::{Deployment, check_may, model_name};
pub use error::ModelsError;
pub use predict::{ENDS, ROWS_AT_ONCE, bytea, score};
pub use reader::{Reader, UNIT, array_column};
