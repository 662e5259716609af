//! The kernels on the host, and what is built on them, against a naive oracle.

mod driver;
mod scheduler;
mod search;
mod worlds;
