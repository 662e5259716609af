//! Vector sets: tables of vectors with a packed copy beside them, and the nearest vectors to a query by cosine.

pub mod aggregate;
pub mod catalog;
pub mod define;
pub mod error;
pub mod query;
pub mod rows;
