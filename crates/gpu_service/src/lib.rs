//! The service of a GPU: one process owns the device, and the sessions of a Postgres server ask it over a Unix socket.
//!
//! It is a process of its own, no background worker. A worker that dies takes the whole server through a crash restart, because it shares the
//! server's memory; what a driver does must not. A socket needs no shared memory either: the kernel keeps the queue, and tells both sides at once
//! when the other one is gone.
//!
//! [`protocol`] is what they say to each other, [`server`] the process's side.

pub mod protocol;
pub mod scheduled;
pub mod segment;
pub mod server;
pub mod simulated;
