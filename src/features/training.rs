//! `training_set`: the features of each label as serving would have computed them at its time.

use engine::Micros;
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum};

use super::catalog::FeatureSet;
use super::categories::ItemCategories;
use super::error::{FeatureError, Result};
use super::first_phase;
use super::replay::{Label, Labels, replay};
use super::rows::FeatureState;
use super::serve::{Chosen, open};
use crate::key::{Key, KeyType};
use crate::pg::function::Call;
use crate::pg::label::Label as Text;
use crate::pg::number::NumberType;
use crate::pg::spi::{self, Row};
use crate::pg::{array, clock, relation, varlena};
use crate::sql_function;
use crate::totals::int8;

sql_function!(features_training_set, pg_finfo_features_training_set, training_set);

/// How many labels are read at a time.
const CHUNK: usize = 1000;

/// Where the labels' columns stand, counted from 1, with their types.
struct Columns {
    user: (usize, KeyType),
    item: (usize, KeyType),
    time: usize,
    label: (usize, NumberType),
    /// By context column, where it has one of its own.
    contexts: Vec<Option<(usize, Text)>>,
    /// A jsonb with the values of context columns.
    context: Option<usize>,
}

/// What is kept of a label beside what its features are asked with.
#[derive(Clone, Copy)]
struct Kept {
    at: Micros,
    label: Option<f32>,
}

/// The statement that gives the labels: a query, or all of a table.
fn labels_sql(labels: &str) -> String {
    let first = labels.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_ascii_lowercase();
    let is_query = matches!(first.as_str(), "select" | "with" | "values" | "table") || labels.trim_start().starts_with('(');
    if is_query { labels.to_owned() } else { format!("SELECT * FROM {labels}") }
}

impl Columns {
    fn of(set: &FeatureSet, row: &Row) -> Result<Self> {
        let names = row.columns();
        let find = |wanted: &'static str, called: &[&str]| {
            let place = called.iter().find_map(|name| names.iter().position(|other| other == name));
            place.map(|place| place + 1).ok_or_else(|| FeatureError::LabelColumn {
                wanted,
                names: called
                    .iter()
                    .enumerate()
                    .filter(|(place, name)| !called[..*place].contains(name))
                    .map(|(_, name)| (*name).to_owned())
                    .collect(),
                existing: names.clone(),
            })
        };
        let wrong = |place: usize, expected: String| FeatureError::LabelType {
            column: names[place - 1].clone(),
            found: relation::type_name(row.type_oid(place)),
            expected,
        };
        let key = |place: usize, expected: KeyType| match KeyType::of(row.type_oid(place)) {
            Ok(found) if found.comparable(expected) => Ok((place, found)),
            _ => Err(wrong(place, expected.sql().into())),
        };
        let feed = &set.feed;
        let time_name = feed.time.as_deref().unwrap_or("at");
        let user = find("user", &["user", "user_id", &feed.user])?;
        let item = find("item", &["item", "item_id", &feed.item])?;
        let time = find("time", &["time", "at", time_name])?;
        let label = find("label", &["label"])?;
        if !matches!(relation::base_type(row.type_oid(time)), pg_sys::TIMESTAMPTZOID | pg_sys::TIMESTAMPOID) {
            return Err(wrong(time, "timestamptz".into()));
        }
        let number = match relation::base_type(row.type_oid(label)) {
            pg_sys::BOOLOID => NumberType::Int2,
            other => NumberType::of(other).ok_or_else(|| wrong(label, "real".into()))?,
        };
        let own = |name: &String| {
            let place = names.iter().position(|other| other == name)? + 1;
            Some((place, Text::of(row.type_oid(place))))
        };
        let context = names.iter().position(|name| name == "context").map(|place| place + 1);
        Ok(Self {
            user: key(user, set.keys.0)?,
            item: key(item, set.keys.1)?,
            time,
            label: (label, number),
            contexts: feed.context[usize::from(set.typed)..].iter().map(own).collect(),
            context: context.filter(|place| row.type_oid(*place) == pg_sys::JSONBOID),
        })
    }

    /// The values of the context columns.
    fn context(&self, set: &FeatureSet, row: &Row) -> Result<Vec<Option<String>>> {
        let object = match self.context {
            Some(place) => row.get::<pgrx::JsonB>(place)?.map(|json| json.0),
            None => None,
        };
        let columns = &set.feed.context[usize::from(set.typed)..];
        let value = |(name, own): (&String, &Option<(usize, Text)>)| match own {
            Some((place, text)) => row.labelled(*place, text),
            None => match object.as_ref().and_then(|object| object.get(name)) {
                None | Some(serde_json::Value::Null) => None,
                Some(serde_json::Value::String(text)) => Some(text.clone()),
                Some(other) => Some(other.to_string()),
            },
        };
        Ok(columns.iter().zip(&self.contexts).map(value).collect())
    }
}

/// Reads the labels with the caller's own privileges.
fn read(set: &FeatureSet, sql: &str) -> Result<(Labels, Vec<Kept>)> {
    let mut labels = Labels::new(set.feed.context.len() - usize::from(set.typed));
    let mut kept: Vec<Kept> = Vec::new();
    let mut columns = None;
    let now = clock::transaction_start();
    spi::stream(sql, &[], CHUNK, |row| {
        let columns = match &mut columns {
            Some(columns) => columns,
            none => none.insert(Columns::of(set, row)?),
        };
        let number = kept.len() as i64 + 1;
        let at = row.any_datum(columns.time).map(int8).filter(|at| !matches!(*at, i64::MIN | i64::MAX));
        let at = at.ok_or(FeatureError::LabelTime(number))?;
        if at > now {
            return Err(FeatureError::FutureLabel { row: number });
        }
        let key = |(place, key): (usize, KeyType)| row.any_datum(place).map(|datum| Key::read(datum, key)).transpose();
        let (user, item) = (key(columns.user)?, key(columns.item)?);
        let context = columns.context(set, row)?;
        let context: Vec<Option<&str>> = context.iter().map(Option::as_deref).collect();
        labels.push(Label { at, user: user.as_ref(), item: item.as_ref(), context: &context });
        let (place, number) = columns.label;
        kept.push(Kept { at, label: row.number(place, number) });
        Ok::<_, FeatureError>(())
    })?;
    Ok((labels, kept))
}

/// training_set(recommender, labels, features)
fn training_set(call: &Call) -> Result<Datum> {
    let (arguments, set) = open(call, 0)?;
    let statement: String = call.required(1, "labels")?;
    let chosen = Chosen::of(&set, call.arg(2))?;
    if !chosen.first_phase.is_empty() && arguments.recommender.vector_set.is_some() {
        return Err(FeatureError::PastOfVectors(set.name.clone()));
    }
    let mut rows = call.rows()?;
    let (labels, kept) = read(&set, &labels_sql(&statement))?;
    let state = FeatureState::read(set.id).ok_or(FeatureError::UnknownId(set.id))?;
    let categories = ItemCategories::open(&set, &state);
    let text = |key: Option<&Key>| key.map(|key| varlena::from_bytes(key.to_string().as_bytes()));
    let (users, items) = labels.keys();
    let first_phase =
        first_phase::of_labels(&arguments.recommender, &labels, &chosen.first_phase).map_err(|source| arguments.failure(source))?;
    let width = chosen.first_phase.len();
    let mut row = Vec::with_capacity(chosen.width());
    replay(&set, &chosen.plan, &labels, &categories, |place, values| {
        row.clear();
        row.extend_from_slice(values);
        row.extend_from_slice(&first_phase[place * width..][..width]);
        let Kept { at, label } = kept[place];
        let (user, item) = labels.of(place);
        rows.push(&[
            (place as i64 + 1).into_datum(),
            text(user.map(|number| users[number])),
            text(item.map(|number| items[number])),
            Some(Datum::from(at)),
            label.and_then(IntoDatum::into_datum),
            Some(array::of_reals(&row)),
        ]);
        Ok(())
    })
    .map_err(|source| FeatureError::Engine { name: set.name.clone(), source })?;
    Ok(rows.finish(call))
}
