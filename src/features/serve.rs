//! `features`, `features_json`, `candidate_features`, `feature_names`: arguments in, vectors out.

use std::rc::Rc;

use engine::features::{Patterns, Plan};
use engine::recommend::{first_phase_like, first_phase_names};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum};

use super::catalog::{self as features, FeatureSet};
use super::error::{FeatureError, Result};
use super::first_phase;
use super::reader::{Ask, matrix};
use crate::arguments;
use crate::key::{Key, KeyType};
use crate::pg::function::Call;
use crate::pg::{array, error, interrupt, owner, privilege, relation};
use crate::serve::ServeError;
use crate::serve::arguments::{Arguments, check_privileges};
use crate::sql_function;

sql_function!(features_of_item, pg_finfo_features_of_item, of_item);
sql_function!(features_json, pg_finfo_features_json, json);
sql_function!(features_of_candidates, pg_finfo_features_of_candidates, of_candidates);
sql_function!(features_names, pg_finfo_features_names, names);

/// The features of the recommender that argument `place` names, after a check of the caller's privileges.
pub fn open(call: &Call, place: usize) -> Result<(Arguments<'_>, Rc<FeatureSet>)> {
    let arguments = Arguments::open(call, place)?;
    let set = features::held(&arguments.recommender)?;
    check_reader(&set)?;
    Ok((arguments, set))
}

/// Checks that the caller may read what features read beyond the columns of their recommender: when an event was recorded, and categories.
pub fn check_reader(set: &FeatureSet) -> std::result::Result<(), ServeError> {
    let columns: Vec<i16> = set.feed.recorded.iter().filter_map(|name| relation::column_number(set.feed.table, name)).collect();
    if !columns.is_empty() && !privilege::may_select(set.feed.table, &columns) {
        let table = relation::qualified_name(set.feed.table).unwrap_or_default();
        return Err(ServeError::Denied { table, name: set.name.clone() });
    }
    if let Some(categories) = set.categories.as_ref().filter(|_| set.by_category) {
        error::or_raise(categories.reader_for(owner::current_user()));
    }
    Ok(())
}

/// The longest pattern that is tried; no name is as long.
pub const MAX_PATTERN_BYTES: usize = 4096;
/// How many patterns with wildcards a declaration may have: each is tried for every name, whenever a session reads it.
pub const MAX_PATTERNS: usize = 1000;

/// Some of the features that a recommender has.
pub struct Chosen {
    /// Declared ones.
    pub plan: Plan,
    /// Behind these, what the first phase says, by the places of [`engine::recommend::first_phase_names`].
    pub first_phase: Vec<usize>,
}

impl Chosen {
    /// Those whose names are like one of the patterns; without patterns all declared ones.
    pub fn of(set: &FeatureSet, patterns: Option<Vec<Option<String>>>) -> Result<Self> {
        let Some(patterns) = patterns else { return Ok(Self { plan: set.plan.clone(), first_phase: Vec::new() }) };
        let patterns: Vec<String> = patterns.into_iter().flatten().collect();
        if let Some(pattern) = patterns.iter().find(|pattern| pattern.len() > MAX_PATTERN_BYTES) {
            return Err(FeatureError::Pattern(pattern.len()));
        }
        let check = interrupt::checker::<FeatureError>();
        let chosen = Self { plan: set.plan.like(&Patterns::new(&patterns), &check)?, first_phase: first_phase_like(&patterns, &check)? };
        if chosen.width() == 0 { Err(FeatureError::NoFeature(patterns)) } else { Ok(chosen) }
    }

    /// How many they are.
    pub fn width(&self) -> usize {
        self.plan.features().len() + self.first_phase.len()
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        let first_phase = first_phase_names();
        let declared = self.plan.features().iter().map(|feature| feature.name.clone());
        declared.chain(self.first_phase.iter().map(|place| first_phase[*place].clone())).collect()
    }

    /// Their values for each item, one row after the other.
    fn values(&self, arguments: &Arguments<'_>, set: &FeatureSet, ask: &Ask<'_>) -> Result<Vec<f32>> {
        let declared = matrix(set, &self.plan, ask)?;
        if self.first_phase.is_empty() {
            return Ok(declared);
        }
        let (width, of_items) = (self.plan.features().len(), first_phase::of_items(arguments, ask)?);
        let mut values = Vec::with_capacity(self.width() * of_items.len());
        for (row, first_phase) in of_items.iter().enumerate() {
            values.extend_from_slice(&declared[row * width..][..width]);
            values.extend(self.first_phase.iter().map(|place| first_phase[*place]));
        }
        Ok(values)
    }
}

/// Checks that items can be given in this type.
fn check_item_type(set: &FeatureSet, given: pg_sys::Oid) -> Result<()> {
    let expected = set.keys.1;
    match KeyType::of(given) {
        Ok(given) if given.comparable(expected) => Ok(()),
        _ => Err(FeatureError::ItemType { name: set.name.clone(), expected: expected.sql(), given: relation::type_name(given) }),
    }
}

/// (user, item, recommender, context, as_of, features): the features of one item.
fn of_one(call: &Call) -> Result<(Chosen, Vec<f32>)> {
    let (arguments, set) = open(call, 2)?;
    let chosen = Chosen::of(&set, call.arg(5))?;
    check_item_type(&set, call.arg_type(1))?;
    let item = call.datum(1).map(|_| arguments.item(1)).transpose()?;
    let (user, context) = (arguments.user(0)?, arguments.context(3)?);
    let as_of = arguments::time(call, 4)?;
    let ask = Ask { user: user.as_ref(), items: &[item], context: &context, as_of };
    let values = chosen.values(&arguments, &set, &ask)?;
    Ok((chosen, values))
}

fn of_item(call: &Call) -> Result<Datum> {
    Ok(array::of_reals(&of_one(call)?.1))
}

/// A number of JSON with the digits that tell a real from its neighbours; null for NaN.
fn number(value: f32) -> serde_json::Value {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        return (value as i64).into();
    }
    let digits = value.to_string().parse().ok();
    digits.and_then(serde_json::Number::from_f64).map_or(serde_json::Value::Null, serde_json::Value::Number)
}

fn json(call: &Call) -> Result<Datum> {
    let (chosen, values) = of_one(call)?;
    let object = chosen.names().into_iter().zip(values).map(|(name, value)| (name, number(value))).collect();
    Ok(call.value(Some(pgrx::JsonB(serde_json::Value::Object(object)))))
}

/// candidate_features(user, items, recommender, context, as_of, features)
fn of_candidates(call: &Call) -> Result<Datum> {
    let (arguments, set) = open(call, 2)?;
    let chosen = Chosen::of(&set, call.arg(5))?;
    let mut rows = call.rows()?;
    let item_type = rows.column_type(0);
    check_item_type(&set, item_type)?;
    let (user, context) = (arguments.user(0)?, arguments.context(3)?);
    let items: Vec<Option<Key>> = arguments.items(1)?.into_iter().map(Some).collect();
    let as_of = arguments::time(call, 4)?;
    let ask = Ask { user: user.as_ref(), items: &items, context: &context, as_of };
    let values = chosen.values(&arguments, &set, &ask)?;
    for (item, values) in items.iter().flatten().zip(values.chunks_exact(chosen.width())) {
        rows.push(&[Some(item.to_datum(item_type)?), Some(array::of_reals(values))]);
    }
    Ok(rows.finish(call))
}

/// feature_names(recommender, features)
fn names(call: &Call) -> Result<Datum> {
    let recommender = crate::catalog::by_name(call.arg::<String>(0).as_deref())?;
    check_privileges(&recommender)?;
    let set = features::held(&recommender)?;
    check_reader(&set)?;
    let chosen = Chosen::of(&set, call.arg(1))?;
    let mut names: Vec<Datum> = chosen.names().into_iter().filter_map(IntoDatum::into_datum).collect();
    Ok(array::of(pg_sys::TEXTOID, &mut names))
}
