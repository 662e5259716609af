//! The recommendation engine of pg_recommend, in pure Rust.
//!
//! It knows no Postgres: time comes in as microseconds, keys as dense numbers, interrupts as a closure, and rows through
//! [`store::Store`]. The same code serves SQL queries, answers `as_of` questions over an in-memory store, and runs the
//! accuracy protocols.

pub mod cache;
pub mod decay;
pub mod error;
pub mod event;
pub mod features;
pub mod fold;
pub mod graph;
pub mod interest;
pub mod learn;
pub mod metrics;
pub mod model;
pub mod packed;
pub mod popularity;
pub mod ranking;
pub mod recommend;
pub mod store;
pub mod topk;
pub mod train;

pub use error::{Error, Result};

/// Microseconds since 2000-01-01 00:00 UTC, as Postgres counts a `timestamptz`.
pub type Micros = i64;

/// A dense number of an item, given in the order in which items were first seen.
pub type ItemId = u32;

/// A dense number of a user.
pub type UserId = u32;

/// A dense number of a session.
pub type SessionId = u32;

/// A dense number of a combination of context values; [`NO_CONTEXT`] where an event has none.
pub type ContextId = u32;

/// The context of an event that carries none.
pub const NO_CONTEXT: ContextId = u32::MAX;
