//! A feed: a table whose rows are tracked as events, for a recommender, as edges of a graph, or for features.
//!
//! Triggers, delta, view of the events, epochs and partitions are the same for all. What a recommender calls user and item are
//! the two ends of an edge.

use std::collections::BTreeMap;

use pgrx::pg_sys;

/// What is tracked of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// Its number, the N in the names of its state tables.
    pub id: i32,
    /// The table.
    pub table: pg_sys::Oid,
    /// The column of the user, or of the node where an edge starts.
    pub user: String,
    /// The column of the item, or of the node where an edge ends.
    pub item: String,
    /// The column of the time; edges need none.
    pub time: Option<String>,
    /// What a row weighs.
    pub weight: Weight,
    /// The column whose values tell sessions apart.
    pub session: Option<String>,
    /// The column that says when a row could be known, for features. Its microseconds stand where other feeds have the session's hash.
    pub recorded: Option<String>,
    /// The context columns.
    pub context: Vec<String>,
}

/// What a row of a tracked table weighs.
#[derive(Clone, Debug, PartialEq)]
pub enum Weight {
    /// One.
    One,
    /// What this column holds; a row of weight 0 is ignored.
    Column(String),
    /// What this column's text says; texts that are not listed, or listed with 0, are ignored.
    Events(String, BTreeMap<String, f32>),
}

impl Feed {
    /// The columns that are read, each once, in the order of their names.
    pub fn columns(&self) -> Vec<String> {
        let weight = match &self.weight {
            Weight::One => None,
            Weight::Column(column) | Weight::Events(column, _) => Some(column),
        };
        let ends = [&self.user, &self.item];
        let mut columns: Vec<String> = ends
            .into_iter()
            .chain(&self.time)
            .chain(weight)
            .chain(&self.session)
            .chain(&self.recorded)
            .chain(&self.context)
            .cloned()
            .collect();
        columns.sort();
        columns.dedup();
        columns
    }
}
