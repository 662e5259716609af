//! `ctr_predict_rows`: the rows of a query, scored in batches.

use std::collections::HashMap;
use std::rc::Rc;

use engine::model::{Batch, FeatureError, Value};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::catalog::{Model, Version};
use super::error::{ModelsError, Result};
use super::predict::{self, ROWS_AT_ONCE};
use super::session::Rows;
use crate::pg::function::{Call, RowSet};
use crate::pg::relation;
use crate::pg::spi::{self, Features, Row};
use crate::sql_function;

sql_function!(ctr_predict_query, pg_finfo_ctr_predict_query, predict_query);

/// The column that chooses a version in a traffic split.
const UNIT: &str = "unit";

/// ctr_predict_rows(model, query [, id_type])
fn predict_query(call: &Call) -> Result<pg_sys::Datum> {
    let mut out = call.rows()?;
    if let (Some(model), Some(query)) = (predict::model(call)?, call.arg::<String>(1)) {
        let mut reader = None;
        spi::stream_chunks(&query, &[], ROWS_AT_ONCE, |rows| {
            let Some(first) = rows.first() else { return Ok(()) };
            if reader.is_none() {
                reader = Some(Reader::new(&model, first, &out)?);
            }
            reader.as_mut().map_or(Ok(()), |reader| reader.score(rows, &mut out))
        })?;
    }
    Ok(out.finish(call))
}

/// How the rows of one query are read.
struct Reader {
    model: Rc<Model>,
    /// Whether the ids are integers that become bigint.
    widen: bool,
    unit: Option<usize>,
    columns: Columns,
    batches: HashMap<i32, Part>,
}

/// Where the features are.
enum Columns {
    /// In one column of type real[].
    Array(usize),
    /// In columns named as they are; for each feature its place among those read.
    Named { read: Features, places: HashMap<String, usize> },
}

/// The rows of a chunk that one version scores.
struct Part {
    version: Rc<Version>,
    batch: Batch,
    rows: Vec<usize>,
    /// For each feature, the place of its value among those read.
    places: Vec<Option<usize>>,
}

impl Reader {
    fn new(model: &Rc<Model>, row: &Row, out: &RowSet) -> Result<Self> {
        let (found, expected) = (row.type_oid(1), out.column_type(0));
        let widen = expected == pg_sys::INT8OID && matches!(found, pg_sys::INT4OID | pg_sys::INT2OID);
        if found != expected && !widen {
            return Err(ModelsError::IdType { expected: relation::type_name(expected), found: relation::type_name(found) });
        }
        let known = model.version_for(None)?;
        let names: Vec<String> = (1..=row.width()).map(|column| row.name(column)).collect();
        let unit = (2..=row.width()).find(|&column| names[column - 1] == UNIT && !known.places.contains_key(UNIT));
        let others: Vec<usize> = (2..=row.width()).filter(|column| Some(*column) != unit).collect();
        let columns = match others[..] {
            [] => return Err(ModelsError::QueryColumns(row.width())),
            [only] if row.type_oid(only) == pg_sys::FLOAT4ARRAYOID => Columns::Array(only),
            _ => {
                // Those that any version may want: other columns need not be of a type that is read.
                let mut wanted = Vec::with_capacity(others.len());
                for column in others {
                    if model.wants(&names[column - 1])? {
                        wanted.push(column);
                    }
                }
                let read = row.features(&wanted).map_err(|column| ModelsError::ColumnType {
                    column: names[column - 1].clone(),
                    found: relation::type_name(row.type_oid(column)),
                })?;
                Columns::Named {
                    read,
                    places: wanted.iter().enumerate().map(|(place, &column)| (names[column - 1].clone(), place)).collect(),
                }
            }
        };
        Ok(Self { model: Rc::clone(model), widen, unit, columns, batches: HashMap::new() })
    }

    fn score(&mut self, rows: &[Row], out: &mut RowSet) -> Result<()> {
        let mut scores = vec![None; rows.len()];
        for (place, row) in rows.iter().enumerate() {
            self.add(place, row)?;
        }
        for part in self.batches.values_mut() {
            let mut found = Vec::with_capacity(part.rows.len());
            predict::answer(&self.model, &part.version, Rows::Batch(&part.batch), &mut found)?;
            for (place, score) in part.rows.drain(..).zip(found) {
                scores[place] = Some(score);
            }
            part.batch.clear();
        }
        for (row, score) in rows.iter().zip(scores) {
            let id = if self.widen { row_integer(row)?.into_datum() } else { row.datum(1) };
            out.push(&[id, score.and_then(IntoDatum::into_datum)]);
        }
        Ok(())
    }

    /// Puts a row into the batch of the version that answers for it.
    fn add(&mut self, place: usize, row: &Row) -> Result<()> {
        let unit = self.unit.and_then(|column| row.text(column)).map(|unit| predict::unit_hash(&self.model.name, &unit));
        let version = self.model.version_for(unit)?;
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
            Columns::Named { read, .. } => {
                let values: Vec<Option<Value>> = read.read(row).collect();
                let features: Vec<Option<Value>> = part.places.iter().map(|place| place.and_then(|place| values[place].clone())).collect();
                part.batch.push_values(&part.version.signature, &features, &part.version.defaults).map_err(wrong)?;
            }
        }
        part.rows.push(place);
        Ok(())
    }
}

/// An id of a type narrower than bigint.
fn row_integer(row: &Row) -> Result<Option<i64>> {
    Ok(match row.type_oid(1) {
        pg_sys::INT2OID => row.get::<i16>(1)?.map(i64::from),
        _ => row.get::<i32>(1)?.map(i64::from),
    })
}
