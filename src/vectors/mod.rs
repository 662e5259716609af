//! Vector sets: tables of vectors with a packed copy beside them, and the nearest vectors to a query by cosine.

pub mod aggregate;
pub mod build;
pub mod catalog;
pub mod changes;
pub mod compact;
pub mod copy;
pub mod define;
pub mod error;
pub mod files;
pub mod gpu;
pub mod manifest;
pub mod memory;
pub mod query;
pub mod questions;
pub mod ranking_io;
pub mod rows;
pub mod search;
pub mod segment;
pub mod state;
pub mod status;
pub mod threads;
