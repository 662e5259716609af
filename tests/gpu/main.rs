//! The kernels on the host, and what is built on them, against a naive oracle.

mod scheduler;
mod search;
mod worlds;
