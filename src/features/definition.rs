//! The declaration of features as the catalog stores it, and what makes one valid.

use std::collections::BTreeMap;

use engine::features::{Declaration, EntityKind, MAX_SPANS, MAX_TYPES, Patterns, Plan, Rate, Spec, Window};
use engine::interest::Grid;
use pgrx::pg_sys;

use super::error::{FeatureError, Result};
use super::serve::{MAX_PATTERN_BYTES, MAX_PATTERNS};
use crate::definition::{self, Definition};
use crate::feed::{Feed, Weight};
use crate::key::KeyType;
use crate::lent::{self, LentError};
use crate::pg::interval;
use crate::pg::relation::{self, Relation};
use crate::pg::spi::{Row, SpiError};

/// The most features of one declaration.
pub const MAX_FEATURES: usize = 10_000;

/// The event type of a log without event column.
pub const EVENT: &str = "event";

/// Where the categories of items stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Categories {
    /// The table or view.
    pub relation: pg_sys::Oid,
    /// Its column of items.
    pub item_column: String,
    /// Its column of categories.
    pub category_column: String,
}

impl Categories {
    /// The role as which they are read for `role`.
    pub fn reader_for(&self, role: pg_sys::Oid) -> std::result::Result<pg_sys::Oid, LentError> {
        lent::reader_for(role, self.relation, &[&self.item_column, &self.category_column])
    }
}

/// A row of `recommend.features`.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureDefinition {
    /// Its number, the N in the names of its state tables.
    pub id: i32,
    /// The recommender.
    pub recommender: i32,
    /// The names of the entities.
    pub entities: Vec<String>,
    /// The event types that count.
    pub event_types: Vec<String>,
    /// The windows in microseconds.
    pub windows: Vec<i64>,
    /// The half-lives in microseconds.
    pub half_lives: Vec<i64>,
    /// Rates, as a JSON object of pairs of event types.
    pub rates: String,
    /// How many events the prior of a rate weighs.
    pub smoothing: f64,
    /// Where the categories of items stand.
    pub categories: Option<Categories>,
    /// The column that says when a row could be known.
    pub recorded_column: Option<String>,
    /// Which features are chosen, as patterns of LIKE.
    pub patterns: Option<Vec<String>>,
}

impl FeatureDefinition {
    /// Takes a row of `sql/feature_set.sql`.
    pub fn from_row(row: &Row) -> std::result::Result<Self, SpiError> {
        let spans = |column| row.datum(column, pg_sys::INTERVALARRAYOID)?.map(interval::array_micros).ok_or(SpiError::Null { column });
        let categories = (row.get::<pg_sys::Oid>(9)?, row.get::<String>(10)?, row.get::<String>(11)?);
        Ok(Self {
            id: row.value(1)?,
            recommender: row.value(2)?,
            entities: row.value(3)?,
            event_types: row.value(4)?,
            windows: spans(5)?,
            half_lives: spans(6)?,
            rates: row.value(7)?,
            smoothing: row.value(8)?,
            categories: match categories {
                (Some(relation), Some(item_column), Some(category_column)) => Some(Categories { relation, item_column, category_column }),
                _ => None,
            },
            recorded_column: row.get(12)?,
            patterns: row.get(13)?,
        })
    }

    /// What is tracked of the recommender's event table.
    pub fn feed(&self, recommender: &Definition) -> Feed {
        let event = &recommender.event_column;
        Feed {
            id: self.id,
            table: recommender.events,
            user: recommender.user_column.clone(),
            item: recommender.item_column.clone(),
            time: Some(recommender.time_column.clone()),
            weight: match event {
                Some(column) => Weight::Events(column.clone(), self.event_types.iter().map(|name| (name.clone(), 1.0)).collect()),
                None => Weight::One,
            },
            session: None,
            recorded: self.recorded_column.clone(),
            context: event.iter().chain(&recommender.context_columns).cloned().collect(),
        }
    }

    /// The features that it declares; an error says what is wrong with it.
    pub fn plan(&self, recommender: &Definition) -> Result<Plan> {
        let types = &self.event_types;
        if types.is_empty() || types.len() > MAX_TYPES || types.iter().any(String::is_empty) {
            return Err(FeatureError::TypeCount(types.len()));
        }
        if let Some(twice) = types.iter().enumerate().find(|(place, name)| types[..*place].contains(name)) {
            return Err(FeatureError::TypeTwice(twice.1.clone()));
        }
        if recommender.event_column.is_none() && *types != [EVENT] {
            return Err(FeatureError::TypesWithoutColumn);
        }
        let span = |argument, micros| FeatureError::Span { argument, seconds: micros as f64 / 1e6 };
        for (argument, spans) in [("windows", &self.windows), ("half_lives", &self.half_lives)] {
            if spans.len() > MAX_SPANS {
                return Err(FeatureError::SpanCount { argument, count: spans.len() });
            }
        }
        let windows = self.windows.iter().map(|&micros| Window::new(micros).ok_or_else(|| span("windows", micros)));
        let half_lives = self.half_lives.iter().map(|&micros| Grid::new(micros).map_err(|_| span("half_lives", micros)));
        let spec = Spec::new(types.len(), windows.collect::<Result<_>>()?, half_lives.collect::<Result<_>>()?);
        if !(0.0..=1e12).contains(&self.smoothing) {
            return Err(FeatureError::Smoothing(self.smoothing));
        }
        let declaration = Declaration {
            spec: spec.ok_or(FeatureError::TypeCount(types.len()))?,
            types: types.clone(),
            entities: self.entity_kinds(&recommender.context_columns)?,
            context_columns: recommender.context_columns.clone(),
            rates: parse_rates(&self.rates, types)?,
            smoothing: self.smoothing,
        };
        let plan = Plan::new(declaration, self.patterns.as_deref());
        match plan.features().len() {
            0 => Err(FeatureError::NoFeature(self.patterns.clone().unwrap_or_default())),
            count if count > MAX_FEATURES => Err(FeatureError::FeatureCount(count)),
            _ => Ok(plan),
        }
    }

    fn entity_kinds(&self, context_columns: &[String]) -> Result<Vec<EntityKind>> {
        let known = entity_names(context_columns);
        let mut kinds = Vec::new();
        for name in &self.entities {
            match known.iter().position(|other| other == name) {
                Some(slot) => kinds.push(EntityKind::at(slot)),
                None if name == "context" && !context_columns.is_empty() => {
                    kinds.extend((0..context_columns.len()).map(EntityKind::Context));
                }
                None => return Err(FeatureError::Entity { name: name.clone(), allowed: known }),
            }
        }
        kinds.sort();
        kinds.dedup();
        let of_category = kinds.iter().find(|kind| matches!(kind, EntityKind::Category | EntityKind::UserCategory));
        match of_category {
            Some(kind) if self.categories.is_none() => Err(FeatureError::NoCategories(kind.name(context_columns))),
            _ => Ok(kinds),
        }
    }

    /// Checks everything that can be wrong, against the tables it names.
    pub fn check(&self, recommender: &Definition) -> Result<Plan> {
        let patterns = self.patterns.as_deref().unwrap_or_default();
        if let Some(pattern) = patterns.iter().find(|pattern| pattern.len() > MAX_PATTERN_BYTES) {
            return Err(FeatureError::Pattern(pattern.len()));
        }
        let tried = Patterns::new(patterns).tried();
        if tried > MAX_PATTERNS {
            return Err(FeatureError::Patterns(tried));
        }
        let plan = self.plan(recommender)?;
        let events = Relation::open(recommender.events, pg_sys::AccessShareLock as i32);
        if let Some(recorded) = &self.recorded_column {
            definition::check_timestamp(&events, recorded, "recorded_column")?;
        }
        if let Some(categories) = &self.categories {
            let item = relation::column_number(events.oid(), &recommender.item_column);
            let item = item.map_or(pg_sys::InvalidOid, |number| relation::column_type(events.oid(), number));
            categories.check(KeyType::of(item)?)?;
        }
        Ok(plan)
    }
}

impl Categories {
    fn check(&self, item: KeyType) -> Result<()> {
        let table = Relation::open(self.relation, pg_sys::AccessShareLock as i32);
        let refuse = |what: String| FeatureError::Categories { relation: definition::display_name(&table), what };
        if !matches!(table.class().relkind as u8, b'r' | b'p' | b'v' | b'm' | b'f') {
            return Err(refuse("no table and no view".into()));
        }
        if table.class().relpersistence as u8 == b't' {
            return Err(refuse("temporary".into()));
        }
        let found = definition::column_type(&table, &self.item_column)?;
        if !KeyType::of(found).is_ok_and(|key| key.comparable(item)) {
            return Err(refuse(format!("keyed by {}, while items are {}", relation::type_name(found), item.sql())));
        }
        Ok(definition::check_label(&table, &self.category_column, "category_column")?)
    }
}

/// The names of all entities by their places.
pub fn entity_names(context_columns: &[String]) -> Vec<String> {
    (0..EntityKind::CONTEXTS + context_columns.len()).map(|slot| EntityKind::at(slot).name(context_columns)).collect()
}

/// An object of pairs of event types: what is counted, and of what.
fn parse_rates(json: &str, types: &[String]) -> Result<Vec<Rate>> {
    let refuse = |reason: String| FeatureError::Rates { reason };
    let rates: BTreeMap<String, Vec<String>> =
        serde_json::from_str(json).map_err(|_| refuse("it is no object of pairs of event types".into()))?;
    let place = |name: &String| {
        types.iter().position(|other| other == name).ok_or_else(|| refuse(format!("\"{name}\" is none of the event types")))
    };
    rates
        .into_iter()
        .map(|(name, pair)| match &pair[..] {
            [numerator, denominator] if !name.is_empty() => {
                Ok(Rate { numerator: place(numerator)?, denominator: place(denominator)?, name })
            }
            _ => Err(refuse(format!("\"{name}\" is not a name with two event types"))),
        })
        .collect()
}
