//! Models that score rows: deployed as rows, run by ONNX Runtime in the session that asks, switched by an UPDATE.

pub mod catalog;
mod define;
mod deploy;
mod error;
mod named;
mod predict;
mod reader;
mod rows;
mod runtime;
mod session;
mod shadow;
mod watch;
mod weights;

pub use define::forget;
pub use deploy::{Deployment, check_may, model_name};
pub use error::ModelsError;
pub use predict::{ENDS, ROWS_AT_ONCE, answer, bytea, score, unit_hash};
pub use reader::{Reader, UNIT, array_column};
pub use session::Rows;
