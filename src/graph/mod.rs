//! Temporal graphs: `create_graph`, `add_edges`, and the questions that SQL asks of them.

pub mod arguments;
pub mod cache;
pub mod catalog;
pub mod changes;
pub mod compact;
pub mod define;
pub mod delta;
pub mod error;
pub mod events;
pub mod nodes;
pub mod numbering;
pub mod of_recommender;
pub mod questions;
pub mod reader;
pub mod rows;
pub mod source;
pub mod subgraphs;
pub mod write;
