//! Windowed features: `create_features`, `features`, `training_set`, and the compactor under them.
//!
//! Features have a feed of their own on the recommender's event table: every row of the declared event types counts, whatever it weighs.

pub mod catalog;
pub mod categories;
pub mod compact;
pub mod define;
pub mod definition;
pub mod delta;
pub mod entities;
pub mod error;
pub mod event;
mod first_phase;
pub mod log;
pub mod reader;
pub mod replay;
pub mod rows;
pub mod serve;
mod training;
pub mod write;
