//! A device without a GPU: the kernels' own source, compiled for the host, with faults on demand.

mod faults;
mod host;

pub use faults::Faults;
pub use host::Host;

/// A device that runs the kernels on the host.
pub type SimulatedDevice = crate::device::Gpu<Host>;
