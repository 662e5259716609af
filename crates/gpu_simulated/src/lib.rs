//! A device without a GPU, for tests: the kernels' own source, compiled for the host, with faults on demand.
//!
//! It is a crate of its own so that what is installed and what is tested are the same build of `crates/gpu`.

mod faults;
mod host;

pub use faults::Faults;
pub use host::Host;

/// A device that runs the kernels on the host.
pub type SimulatedDevice = gpu::device::Gpu<Host>;

/// A folder with drivers that stand for CUDA's: `stub/libcuda.so` runs kernels on the host, `broken/libcuda.so` lacks nearly all functions.
pub const DRIVERS: &str = env!("PG_RECOMMEND_DRIVERS");
