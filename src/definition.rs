//! The definition of a recommender as the catalog stores it, and what makes one valid.
//!
//! `create_` and `alter_recommender` write the row first and check it then: one set of rules for both, and an error
//! takes the row back.

use std::collections::BTreeMap;

use pgrx::{PgSqlErrorCode, pg_sys};

use crate::catalog::SessionRule;
use crate::feed::{Feed, Weight};
use crate::key::{KeyError, KeyType};
use crate::pg::error::SqlError;
use crate::pg::number::NumberType;
use crate::pg::relation::{self, Relation};
use crate::pg::spi::{Row, SpiError};
use crate::pg::{column, interval, owner};
use crate::vectors;

/// The longest time that an interval option may span: 1,000 years of 12 months of 30 days.
const MAX_INTERVAL_US: i64 = 1000 * 360 * 86_400_000_000;

/// The highest `max_edges_per_node`: a packed row stays within a page or a few.
const MAX_EDGES: i32 = 1000;

/// What can be wrong with a definition.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error("cannot track {what} \"{table}\"")]
    NotTrackable { table: String, what: &'static str },
    #[error("must be owner of table \"{table}\"")]
    NotOwner { table: String },
    #[error("row security is forced on the owner of table \"{table}\"")]
    ForcedRowSecurity { table: String },
    #[error("column \"{column}\" of table \"{table}\" does not exist")]
    UnknownColumn { column: String, table: String, nearest: Option<String> },
    #[error("column \"{column}\" has type {found}, which cannot be the {argument}")]
    ColumnType { column: String, found: String, argument: &'static str, allowed: &'static str },
    #[error("column \"{column}\" is a virtual generated column")]
    VirtualColumn { column: String },
    #[error("event_weights is not valid: {reason}")]
    Weights { reason: String },
    #[error("event_weights needs an event_column")]
    WeightsWithoutColumn,
    #[error("weight_column and event_weights cannot both say what a row weighs")]
    TwoWeights,
    #[error("{argument} must be positive and at most 1000 years, but is {seconds} seconds")]
    Interval { argument: &'static str, seconds: i64 },
    #[error("max_edges_per_node must be between 1 and {MAX_EDGES}, but is {0}")]
    MaxEdges(i32),
    #[error("a recommender needs a name")]
    Nameless,
    #[error("recommender \"{0}\" already exists")]
    Duplicate(String),
    #[error("\"{relation}\" cannot list the eligible items: it is {what}")]
    Eligible { relation: String, what: String },
    #[error("vector set \"{name}\" has ids of type {found}, while items are {expected}")]
    VectorSet { name: String, found: &'static str, expected: &'static str },
    #[error("text keys need a database in encoding UTF8")]
    Encoding,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl SqlError for DefinitionError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::VectorSet { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::NotTrackable { .. } | Self::Eligible { .. } => PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            Self::NotOwner { .. } => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::UnknownColumn { .. } => PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
            Self::ColumnType { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::ForcedRowSecurity { .. } | Self::VirtualColumn { .. } | Self::Encoding => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::Weights { .. }
            | Self::WeightsWithoutColumn
            | Self::TwoWeights
            | Self::Interval { .. }
            | Self::MaxEdges(_)
            | Self::Nameless => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Duplicate(_) => PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            Self::Key(error) => error.sqlstate(),
            Self::Spi(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotTrackable { .. } => "Track a permanent table or a partitioned table.".into(),
            Self::NotOwner { table } => format!("Let the owner of \"{table}\" do it: row triggers are added to it."),
            Self::ForcedRowSecurity { table } => {
                format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY: what the owner cannot see cannot be counted.")
            }
            Self::UnknownColumn { nearest, .. } => format!("Perhaps you meant \"{}\".", nearest.as_ref()?),
            Self::ColumnType { allowed, .. } => format!("It may be {allowed}."),
            Self::VirtualColumn { .. } => "Make it a stored generated column: triggers do not see virtual ones.".into(),
            Self::Weights { .. } => {
                "Give an object of numbers, as '{\"view\": 1, \"purchase\": 8}'; negative is a dislike, 0 ignores.".into()
            }
            Self::WeightsWithoutColumn => "Name the column that holds the event type.".into(),
            Self::TwoWeights => "Leave one of them out.".into(),
            Self::Interval { .. } => "Give an interval such as '7 days'; a month counts 30 days.".into(),
            Self::MaxEdges(_) => "128 is the default; more neighbours make rows longer and reads slower.".into(),
            Self::Nameless => "Give a name that is not empty.".into(),
            Self::Duplicate(_) => "Choose another name, or use alter_recommender() or drop_recommender().".into(),
            Self::Eligible { .. } => {
                "Name a permanent table, view, materialized view or foreign table with a column of the item's type.".into()
            }
            Self::VectorSet { expected, .. } => format!("Make a vector set whose ids are the items: of type {expected}."),
            Self::Encoding => "Use integer or uuid keys, or a database in UTF8.".into(),
            Self::Key(error) => return error.hint(),
            Self::Spi(error) => return error.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Spi(error) => error.detail(),
            _ => None,
        }
    }
}

/// A row of `recommend.recommenders`.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub id: i32,
    pub name: String,
    pub events: pg_sys::Oid,
    pub user_column: String,
    pub item_column: String,
    pub time_column: String,
    pub event_column: Option<String>,
    pub event_weights: Option<BTreeMap<String, f32>>,
    pub session: SessionRule,
    pub context_columns: Vec<String>,
    pub half_life_us: i64,
    pub time_window_us: Option<i64>,
    pub max_edges: i32,
    pub eligible: Option<(pg_sys::Oid, String)>,
    pub include_seen: bool,
    pub vector_set: Option<i32>,
    pub model: Option<String>,
    pub weight_column: Option<String>,
    pub learn: bool,
    /// Whether the half-life is the pace of the log.
    pub follows_pace: bool,
}

impl Definition {
    /// Take a row of `sql/recommender.sql`.
    pub fn from_row(row: &Row) -> Result<Self, DefinitionError> {
        let required = |column| row.datum(column, pg_sys::INTERVALOID)?.map(interval::micros).ok_or(SpiError::Null { column });
        let event_weights = row.get::<String>(8)?.map(|json| parse_weights(&json)).transpose()?;
        Ok(Self {
            id: row.value(1)?,
            name: row.value(2)?,
            events: row.value(3)?,
            user_column: row.value(4)?,
            item_column: row.value(5)?,
            time_column: row.value(6)?,
            event_column: row.get(7)?,
            event_weights,
            session: match row.get::<String>(9)? {
                Some(column) => SessionRule::Column(column),
                None => SessionRule::Gap(required(10)?),
            },
            context_columns: row.value(11)?,
            half_life_us: required(12)?,
            time_window_us: row.datum(13, pg_sys::INTERVALOID)?.map(interval::micros),
            max_edges: row.value(14)?,
            eligible: row.get::<pg_sys::Oid>(15)?.zip(row.get::<String>(16)?),
            include_seen: row.value(17)?,
            vector_set: row.get(18)?,
            model: row.get(19)?,
            weight_column: row.get(20)?,
            learn: row.value(21)?,
            follows_pace: row.value(22)?,
        })
    }

    /// What is tracked of the event table.
    pub fn feed(&self) -> Feed {
        Feed {
            id: self.id,
            table: self.events,
            user: self.user_column.clone(),
            item: self.item_column.clone(),
            time: Some(self.time_column.clone()),
            // Without weights the event type does not matter, and its column is free.
            weight: match (&self.event_column, &self.event_weights, &self.weight_column) {
                (_, _, Some(column)) => Weight::Column(column.clone()),
                (Some(column), Some(weights), None) => Weight::Events(column.clone(), weights.clone()),
                _ => Weight::One,
            },
            session: match &self.session {
                SessionRule::Column(column) => Some(column.clone()),
                SessionRule::Gap(_) => None,
            },
            recorded: None,
            context: self.context_columns.clone(),
        }
    }

    /// Check everything that can be wrong, against the tables it names.
    pub fn check(&self) -> Result<(), DefinitionError> {
        if self.name.is_empty() {
            return Err(DefinitionError::Nameless);
        }
        let events = Relation::open(self.events, pg_sys::AccessShareLock as i32);
        self.check_columns(&events)?;
        if self.event_weights.is_some() && self.event_column.is_none() {
            return Err(DefinitionError::WeightsWithoutColumn);
        }
        if self.event_weights.is_some() && self.weight_column.is_some() {
            return Err(DefinitionError::TwoWeights);
        }
        check_interval("half_life", self.half_life_us)?;
        if let SessionRule::Gap(gap) = self.session {
            check_interval("session_gap", gap)?;
        }
        if let Some(window) = self.time_window_us {
            check_interval("time_window", window)?;
        }
        if !(1..=MAX_EDGES).contains(&self.max_edges) {
            return Err(DefinitionError::MaxEdges(self.max_edges));
        }
        self.check_vector_set()?;
        self.check_eligible()
    }

    fn check_vector_set(&self) -> Result<(), DefinitionError> {
        let Some(set) = self.vector_set.and_then(|set| vectors::catalog::by_id(set).ok()) else { return Ok(()) };
        let item = self.item_type()?;
        if set.key.comparable(item) {
            Ok(())
        } else {
            Err(DefinitionError::VectorSet { name: set.name.clone(), found: set.key.sql(), expected: item.sql() })
        }
    }

    fn item_type(&self) -> Result<KeyType, DefinitionError> {
        Ok(KeyType::of(relation::column_type(self.events, column_number(self.events, &self.item_column)))?)
    }

    fn check_columns(&self, events: &Relation) -> Result<(), DefinitionError> {
        for key in [&self.user_column, &self.item_column] {
            check_key(events, key)?;
        }
        check_time(events, &self.time_column)?;
        if let Some(event) = &self.event_column {
            check_label(events, event, "event_column")?;
        }
        if let Some(weight) = &self.weight_column {
            check_weight(events, weight)?;
        }
        if let SessionRule::Column(session) = &self.session {
            check_label(events, session, "session_column")?;
        }
        for context in &self.context_columns {
            check_label(events, context, "context_columns")?;
        }
        Ok(())
    }

    fn check_eligible(&self) -> Result<(), DefinitionError> {
        let Some((oid, column)) = &self.eligible else { return Ok(()) };
        let eligible = Relation::open(*oid, pg_sys::AccessShareLock as i32);
        let refuse = |what: String| DefinitionError::Eligible { relation: display_name(&eligible), what };
        if !matches!(eligible.class().relkind as u8, b'r' | b'p' | b'v' | b'm' | b'f') {
            return Err(refuse("no table and no view".into()));
        }
        if eligible.class().relpersistence as u8 == b't' {
            return Err(refuse("temporary".into()));
        }
        let found = column_type(&eligible, column)?;
        let item = self.item_type()?;
        if !KeyType::of(found).is_ok_and(|key| key.comparable(item)) {
            let item = item.sql();
            return Err(refuse(format!("keyed by {}, while items are {item}", relation::type_name(found))));
        }
        Ok(())
    }
}

/// Check that the current role may put triggers on `events` and that it is a kind of table that can be tracked.
pub fn check_event_table(events: &Relation) -> Result<(), DefinitionError> {
    let class = events.class();
    let refuse = |what| Err(DefinitionError::NotTrackable { table: display_name(events), what });
    match class.relkind as u8 {
        b'r' | b'p' => {}
        b'v' => return refuse("view"),
        b'm' => return refuse("materialized view"),
        b'f' => return refuse("foreign table"),
        _ => return refuse("relation"),
    }
    if relation::is_system(events) {
        return refuse("system table");
    }
    match class.relpersistence as u8 {
        b'p' => {}
        b't' => return refuse("temporary table"),
        _ => return refuse("unlogged table"),
    }
    check_owner(events)?;
    if class.relrowsecurity && class.relforcerowsecurity && !owner::bypasses_row_security(class.relowner) {
        return Err(DefinitionError::ForcedRowSecurity { table: display_name(events) });
    }
    Ok(())
}

/// Check that a leaf partition can be tracked: triggers do not see what a foreign server changes, nor what a crash takes
/// out of an unlogged table.
pub fn check_leaf(leaf: pg_sys::Oid) -> Result<(), DefinitionError> {
    let leaf = Relation::open(leaf, pg_sys::AccessShareLock as i32);
    let what = match (leaf.class().relkind as u8, leaf.class().relpersistence as u8) {
        (b'r', b'p') => return Ok(()),
        (b'f', _) => "foreign partition",
        _ => "partition that is not permanent",
    };
    Err(DefinitionError::NotTrackable { table: display_name(&leaf), what })
}

/// Refuses who does not own a table; nothing is locked.
pub fn refuse_stranger(table: pg_sys::Oid) -> Result<(), DefinitionError> {
    if relation::owner(table).is_some_and(|owner| !owner::has_privileges_of(owner::current_user(), owner)) {
        return Err(DefinitionError::NotOwner { table: relation::name(table).unwrap_or_default() });
    }
    Ok(())
}

/// Lock and open a table of the current role's own. Who does not own it does not wait for it, and holds up nobody who waits behind.
pub fn open_owned(table: pg_sys::Oid, lock: u32) -> Result<Relation, DefinitionError> {
    refuse_stranger(table)?;
    let table = Relation::open(table, lock as i32);
    // It may have been given away meanwhile.
    check_owner(&table)?;
    Ok(table)
}

/// Check that the current role has the rights of the owner of `events`.
pub fn check_owner(events: &Relation) -> Result<(), DefinitionError> {
    if owner::has_privileges_of(owner::current_user(), events.class().relowner) {
        Ok(())
    } else {
        Err(DefinitionError::NotOwner { table: display_name(events) })
    }
}

pub fn display_name(relation: &Relation) -> String {
    relation::name(relation.oid()).unwrap_or_default()
}

fn column_number(relation: pg_sys::Oid, column: &str) -> i16 {
    relation::column_number(relation, column).unwrap_or_default()
}

/// The type of a column that must exist and be stored.
pub fn column_type(table: &Relation, name: &str) -> Result<pg_sys::Oid, DefinitionError> {
    let Some(number) = relation::column_number(table.oid(), name) else {
        return Err(DefinitionError::UnknownColumn {
            column: name.to_owned(),
            table: display_name(table),
            nearest: column::nearest(name, &column::names(table)),
        });
    };
    if column::is_virtual(table, number) {
        return Err(DefinitionError::VirtualColumn { column: name.to_owned() });
    }
    Ok(relation::column_type(table.oid(), number))
}

/// A column whose values are keys.
pub fn check_key(table: &Relation, name: &str) -> Result<KeyType, DefinitionError> {
    let key_type = KeyType::of(column_type(table, name)?)?;
    if key_type == KeyType::Text && !column::database_is_utf8() { Err(DefinitionError::Encoding) } else { Ok(key_type) }
}

/// A column of times.
pub fn check_time(table: &Relation, name: &str) -> Result<(), DefinitionError> {
    check_timestamp(table, name, "time_column")
}

/// A column of times for an argument.
pub fn check_timestamp(table: &Relation, name: &str, argument: &'static str) -> Result<(), DefinitionError> {
    let found = column_type(table, name)?;
    let base = relation::base_type(found);
    if base == pg_sys::TIMESTAMPTZOID || base == pg_sys::TIMESTAMPOID {
        return Ok(());
    }
    Err(DefinitionError::ColumnType {
        column: name.to_owned(),
        found: relation::type_name(found),
        argument,
        allowed: "timestamptz, or timestamp, which is read as UTC",
    })
}

/// A column of numbers that says what a row weighs.
pub fn check_weight(table: &Relation, name: &str) -> Result<(), DefinitionError> {
    let found = column_type(table, name)?;
    if NumberType::of(found).is_some() { Ok(()) } else { Err(no_number(name, found)) }
}

/// The error of a weight column of another type than a number's.
pub fn no_number(column: &str, found: pg_sys::Oid) -> DefinitionError {
    DefinitionError::ColumnType {
        column: column.to_owned(),
        found: relation::type_name(found),
        argument: "weight_column",
        allowed: "smallint, integer, bigint, real, double precision or numeric",
    }
}

/// A column whose text stands for a kind: of event, of session, of context.
pub fn check_label(table: &Relation, name: &str, argument: &'static str) -> Result<(), DefinitionError> {
    let found = column_type(table, name)?;
    if column::has_stable_text(found) {
        return Ok(());
    }
    Err(DefinitionError::ColumnType {
        column: name.to_owned(),
        found: relation::type_name(found),
        argument,
        allowed: "text, varchar, char, an enum, boolean, smallint, integer, bigint, numeric, uuid or inet",
    })
}

pub fn check_interval(argument: &'static str, micros: i64) -> Result<(), DefinitionError> {
    if micros > 0 && micros <= MAX_INTERVAL_US {
        Ok(())
    } else {
        Err(DefinitionError::Interval { argument, seconds: micros.div_euclid(1_000_000) })
    }
}

/// An object of finite numbers, not empty.
pub fn parse_weights(json: &str) -> Result<BTreeMap<String, f32>, DefinitionError> {
    let refuse = |reason: String| DefinitionError::Weights { reason };
    let value: serde_json::Value = serde_json::from_str(json).map_err(|_| refuse("a number is out of range".into()))?;
    let serde_json::Value::Object(entries) = value else {
        return Err(refuse("it is no object".into()));
    };
    if entries.is_empty() {
        return Err(refuse("it lists no event type".into()));
    }
    entries
        .into_iter()
        .map(|(event, weight)| match weight.as_f64().map(|weight| weight as f32) {
            Some(weight) if weight.is_finite() => Ok((event, weight)),
            _ => Err(refuse(format!("the weight of \"{event}\" is {weight}"))),
        })
        .collect()
}
