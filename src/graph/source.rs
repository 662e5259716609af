//! A source of edges: its row of the catalog, and what makes one valid.

use std::collections::BTreeMap;

use pgrx::pg_sys;

use crate::definition::{self, DefinitionError};
use crate::feed::{Feed, Weight};
use crate::key::KeyType;
use crate::pg::number::NumberType;
use crate::pg::relation::{self, Relation};
use crate::pg::shape;
use crate::pg::spi::Row;
use crate::view;

/// A row of `recommend.edge_sources`.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceDefinition {
    /// Its number, the S in the names of its state tables.
    pub id: i32,
    /// The graph.
    pub graph: i32,
    /// The table.
    pub table: pg_sys::Oid,
    /// The column of the node where an edge starts.
    pub from_column: String,
    /// That node's type.
    pub from_type: i16,
    /// The column of the node where an edge ends.
    pub to_column: String,
    /// That node's type.
    pub to_type: i16,
    /// What its edges are called.
    pub edge_type: String,
    /// The time column; edges without time do not decay.
    pub time_column: Option<String>,
    /// The column that holds a row's weight.
    pub weight_column: Option<String>,
    /// The column whose text says a row's weight.
    pub event_column: Option<String>,
    /// The weights of those texts.
    pub event_weights: Option<BTreeMap<String, f32>>,
    /// The context columns.
    pub context_columns: Vec<String>,
}

impl SourceDefinition {
    /// Take a row of `sql/edge_sources.sql`.
    pub fn from_row(row: &Row) -> Result<Self, DefinitionError> {
        Ok(Self {
            id: row.value(1)?,
            graph: row.value(2)?,
            table: row.value(3)?,
            from_column: row.value(4)?,
            from_type: row.value(5)?,
            to_column: row.value(6)?,
            to_type: row.value(7)?,
            edge_type: row.value(8)?,
            time_column: row.get(9)?,
            weight_column: row.get(10)?,
            event_column: row.get(11)?,
            event_weights: row.get::<String>(12)?.map(|json| definition::parse_weights(&json)).transpose()?,
            context_columns: row.value(13)?,
        })
    }

    /// What is tracked of its table.
    pub fn feed(&self) -> Feed {
        Feed {
            id: self.id,
            table: self.table,
            user: self.from_column.clone(),
            item: self.to_column.clone(),
            time: self.time_column.clone(),
            weight: match (&self.weight_column, &self.event_column, &self.event_weights) {
                (Some(column), ..) => Weight::Column(column.clone()),
                (None, Some(column), Some(weights)) => Weight::Events(column.clone(), weights.clone()),
                _ => Weight::One,
            },
            session: None,
            recorded: None,
            context: self.context_columns.clone(),
        }
    }

    /// Check everything that can be wrong, against the table. Gives the key types of both ends.
    pub fn check(&self) -> Result<(KeyType, KeyType), DefinitionError> {
        let table = Relation::open(self.table, pg_sys::AccessShareLock as i32);
        let ends = (definition::check_key(&table, &self.from_column)?, definition::check_key(&table, &self.to_column)?);
        if let Some(time) = &self.time_column {
            definition::check_time(&table, time)?;
        }
        if let Some(weight) = &self.weight_column {
            if self.event_weights.is_some() {
                return Err(DefinitionError::TwoWeights);
            }
            let found = definition::column_type(&table, weight)?;
            NumberType::of(found).ok_or_else(|| definition::no_number(weight, found))?;
        }
        if self.event_weights.is_some() && self.event_column.is_none() {
            return Err(DefinitionError::WeightsWithoutColumn);
        }
        if let Some(event) = &self.event_column {
            definition::check_label(&table, event, "event_column")?;
        }
        for context in &self.context_columns {
            definition::check_label(&table, context, "context_columns")?;
        }
        Ok(ends)
    }
}

/// A source with the relations that hold its state.
#[derive(Clone, Debug)]
pub struct EdgeSource {
    /// Its number.
    pub id: i32,
    /// The table.
    pub table: pg_sys::Oid,
    /// The table's owner, as whom it is read.
    pub owner: pg_sys::Oid,
    /// What is tracked of the table.
    pub feed: Feed,
    /// The numbers of the columns that are read.
    pub columns: Vec<i16>,
    /// The key types of both ends.
    pub keys: (KeyType, KeyType),
    /// The delta.
    pub delta: pg_sys::Oid,
    /// The contexts, and the index by their values.
    pub contexts: (pg_sys::Oid, pg_sys::Oid),
    /// The rows of edges that start at a node, and their primary key.
    pub out: (pg_sys::Oid, pg_sys::Oid),
    /// The rows of edges that end at a node, and their primary key.
    pub into: (pg_sys::Oid, pg_sys::Oid),
}

impl EdgeSource {
    /// Look up what a definition names; the error says what is missing.
    pub fn resolve(definition: &SourceDefinition) -> Result<Self, String> {
        let id = definition.id;
        let state = |name: String| relation::state_relation(&name).ok_or(format!("recommend.{name}"));
        let indexed = |stem: &str, index: &str| Ok::<_, String>((state(format!("{stem}_{id}"))?, state(format!("{stem}_{id}_{index}"))?));
        let key = |column: &str| {
            let number = relation::column_number(definition.table, column);
            let found = number.map(|number| relation::column_type(definition.table, number));
            found.and_then(|found| KeyType::of(found).ok()).ok_or(format!("key column \"{column}\""))
        };
        let owner = relation::owner_held(definition.table).ok_or("a table of its edges")?;
        let keys = (key(&definition.from_column)?, key(&definition.to_column)?);
        shape::keys_are(id, [keys.0.oid(), keys.1.oid()]);
        view::check_events(id, owner, keys)?;
        Ok(Self {
            id,
            table: definition.table,
            owner,
            feed: definition.feed(),
            columns: definition.feed().columns().iter().filter_map(|column| relation::column_number(definition.table, column)).collect(),
            keys,
            delta: state(format!("delta_{id}"))?,
            contexts: indexed("contexts", "key")?,
            out: indexed("out", "pkey")?,
            into: indexed("in", "pkey")?,
        })
    }

    /// True when its edges have no time.
    pub fn is_static(&self) -> bool {
        self.feed.time.is_none()
    }
}
