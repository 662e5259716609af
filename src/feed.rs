//! A feed: a table whose rows are tracked, as events for a recommender or its features, as edges of a graph, or as a vector set.
//!
//! Triggers, delta, view of the rows, epochs and partitions are the same for all. What a recommender calls user and item are
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

/// What is tracked of a table of vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorFeed {
    /// Its number.
    pub id: i32,
    /// The table.
    pub table: pg_sys::Oid,
    /// The column of the ids.
    pub id_column: String,
    /// The column of the vectors.
    pub vector_column: String,
}

/// A feed of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Tracked {
    /// Events, of a recommender or as edges.
    Events(Feed),
    /// The rows of a vector set.
    Vectors(VectorFeed),
}

impl Tracked {
    /// Its number.
    pub fn id(&self) -> i32 {
        match self {
            Self::Events(feed) => feed.id,
            Self::Vectors(feed) => feed.id,
        }
    }

    /// The table.
    pub fn table(&self) -> pg_sys::Oid {
        match self {
            Self::Events(feed) => feed.table,
            Self::Vectors(feed) => feed.table,
        }
    }

    /// The columns that are read, each once, in the order of their names.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Events(feed) => feed.columns(),
            Self::Vectors(feed) => {
                let mut columns = vec![feed.id_column.clone(), feed.vector_column.clone()];
                columns.sort();
                columns
            }
        }
    }

    /// The table that its trigger appends to, in the schema of the state.
    pub fn delta(&self) -> String {
        match self {
            Self::Events(feed) => format!("delta_{}", feed.id),
            Self::Vectors(feed) => format!("vector_changes_{}", feed.id),
        }
    }
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
