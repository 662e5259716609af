//! The rows of a query as a model takes them: features by name or as an array, each row for the version that answers for its unit.

use std::collections::HashMap;
use std::rc::Rc;

use engine::model::{Batch, FeatureError, Value};
use pgrx::pg_sys;

use super::catalog::{Model, Version};
use super::error::{ModelsError, Result};
use super::predict;
use super::session::Rows;
use crate::pg::relation;
use crate::pg::spi::{Features, Row};

/// The column that chooses a version in a traffic split.
pub const UNIT: &str = "unit";

/// How the rows of one query are read.
pub struct Reader {
    model: Rc<Model>,
    only: Option<Rc<Version>>,
    unit: Option<usize>,
    columns: Columns,
    batches: HashMap<i32, Part>,
}

/// Where the features are.
enum Columns {
    /// In one column of type real[], in the model's order.
    Array(usize),
    /// In columns named as they are, and in one of type real[] whose elements have names; for each feature its place among those read.
    Named { read: Features, array: Option<(usize, usize)>, places: HashMap<String, usize> },
}

/// The rows of a chunk that one version scores.
struct Part {
    version: Rc<Version>,
    batch: Batch,
    rows: Vec<usize>,
    /// For each feature, the place of its value among those read.
    places: Vec<Option<usize>>,
}

/// The one column of type real[] among these, if it is one.
pub fn array_column(row: &Row, columns: &[usize]) -> Option<usize> {
    let mut arrays = columns.iter().copied().filter(|&column| row.type_oid(column) == pg_sys::FLOAT4ARRAYOID);
    arrays.next().filter(|_| arrays.next().is_none())
}

impl Reader {
    /// By the columns of a query's first row, of which `other` is no feature. `only` scores all rows, whatever their unit. `array_names` are those of the
    /// elements of the column of type real[], where these are not in the model's own order.
    pub fn new(model: &Rc<Model>, only: Option<Rc<Version>>, row: &Row, other: usize, array_names: Option<&[String]>) -> Result<Self> {
        let known = only.clone().map_or_else(|| model.version_for(None), Ok)?;
        let names: Vec<String> = row.columns();
        let candidates = || (1..=row.width()).filter(move |&column| column != other);
        let unit = candidates().find(|&column| names[column - 1] == UNIT && !known.places.contains_key(UNIT));
        let others: Vec<usize> = candidates().filter(|column| Some(*column) != unit).collect();
        if others.is_empty() {
            return Err(ModelsError::QueryColumns(row.width()));
        }
        let wants = |name: &str| if only.is_some() { Ok(known.places.contains_key(name)) } else { model.wants(name) };
        // Those that any version may want: other columns need not be of a type that is read.
        let mut wanted = Vec::with_capacity(others.len());
        for &column in &others {
            if wants(&names[column - 1])? {
                wanted.push(column);
            }
        }
        let array = array_column(row, &others);
        let columns = match (array, array_names) {
            (Some(array), None) if wanted.iter().all(|column| *column == array) => Columns::Array(array),
            (None, Some(_)) => return Err(ModelsError::NoArray),
            (_, array_names) => {
                let array = array.zip(array_names);
                wanted.retain(|column| array.is_none_or(|(array, _)| array != *column));
                let read = row.features(&wanted).map_err(|column| ModelsError::ColumnType {
                    column: names[column - 1].clone(),
                    found: relation::type_name(row.type_oid(column)),
                })?;
                let mut places: HashMap<String, usize> =
                    array.iter().flat_map(|(_, names)| names.iter().cloned().zip(wanted.len()..)).collect();
                places.extend(wanted.iter().enumerate().map(|(place, &column)| (names[column - 1].clone(), place)));
                Columns::Named { read, array: array.map(|(column, names)| (column, names.len())), places }
            }
        };
        Ok(Self { model: Rc::clone(model), only, unit, columns, batches: HashMap::new() })
    }

    /// The scores of rows by `run`, `None` for a row whose array of features is NULL.
    pub fn score<'a>(
        &mut self,
        rows: impl ExactSizeIterator<Item = &'a Row>,
        mut run: impl FnMut(&Version, Rows, &mut Vec<f32>) -> Result<()>,
    ) -> Result<Vec<Option<f32>>> {
        let mut scores = vec![None; rows.len()];
        for (place, row) in rows.enumerate() {
            self.add(place, row)?;
        }
        for part in self.batches.values_mut() {
            let mut found = Vec::with_capacity(part.rows.len());
            run(&part.version, Rows::Batch(&part.batch), &mut found)?;
            for (place, score) in part.rows.drain(..).zip(found) {
                scores[place] = Some(score);
            }
            part.batch.clear();
        }
        Ok(scores)
    }

    /// Puts a row into the batch of the version that answers for it.
    fn add(&mut self, place: usize, row: &Row) -> Result<()> {
        let version = match &self.only {
            Some(version) => Rc::clone(version),
            None => {
                let unit = self.unit.and_then(|column| row.text(column)).map(|unit| predict::unit_hash(&self.model.name, &unit));
                self.model.version_for(unit)?
            }
        };
        let part = self.batches.entry(version.number).or_insert_with(|| {
            let places = match &self.columns {
                Columns::Array(_) => Vec::new(),
                Columns::Named { places, .. } => version.signature.features.iter().map(|name| places.get(name).copied()).collect(),
            };
            Part { batch: Batch::new(&version.signature), version, rows: Vec::new(), places }
        });
        let wrong = |error: FeatureError| ModelsError::Feature { name: part.version.model.clone(), error };
        match &mut self.columns {
            Columns::Array(column) => {
                // No features, no score.
                let Some(features) = row.reals(*column)? else { return Ok(()) };
                part.batch.push_reals(&part.version.signature, &features).map_err(wrong)?;
            }
            Columns::Named { read, array, .. } => {
                let mut values: Vec<Option<Value>> = read.read(row).collect();
                if let Some((column, names)) = *array {
                    let Some(numbers) = row.reals(column)? else { return Ok(()) };
                    if numbers.len() != names {
                        return Err(wrong(FeatureError::Count { given: numbers.len(), expected: names }));
                    }
                    values.extend(numbers.iter().map(|number| Some(Value::Number(f64::from(*number)))));
                }
                let features: Vec<Option<Value>> = part.places.iter().map(|place| place.and_then(|place| values[place].clone())).collect();
                part.batch.push_values(&part.version.signature, &features, &part.version.defaults).map_err(wrong)?;
            }
        }
        part.rows.push(place);
        Ok(())
    }
}
