//! Why a question is one for the CPU.

use crate::GpuError;

/// Why the device has no answer now. Whoever gets one asks the CPU.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fallback {
    /// There is none, or it was lost.
    #[error(transparent)]
    Device(GpuError),
    /// The device takes no such question, or no such set.
    #[error(transparent)]
    Refused(GpuError),
    /// The set is not on the device yet.
    #[error("the set is not on the GPU yet")]
    Warming,
    /// The set is larger than what sets may take.
    #[error("the set takes {needed} bytes, and all sets on the GPU may take {limit}")]
    TooLarge {
        /// Bytes of the set.
        needed: u64,
        /// Bytes of all.
        limit: u64,
    },
    /// No such set was published.
    #[error("the GPU knows no such set")]
    UnknownSet,
    /// Another version of the set was published.
    #[error("the GPU has another version of the set")]
    OtherVersion,
    /// It was too late.
    #[error("the deadline passed before the GPU came to the question")]
    Deadline,
    /// The interrupt check asked to stop.
    #[error("interrupted")]
    Interrupted,
}
