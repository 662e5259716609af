//! Learning the weights of the score while the log is folded.
//!
//! Just before events are folded in, some of them are asked about: what would have been answered? What the answer teaches goes into decayed sums
//! of some 12 KB ([`Sums`]). There is no training pass and no setting.

mod cholesky;
mod learnt;
mod normal;
mod question;

pub use learnt::Learnt;
pub use normal::Sums;
pub use question::{append, append_log, lessons};
