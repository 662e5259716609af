//! The rows of a query as the trainer takes them.

use engine::model::Value;
use engine::train::{Cell, Column, Encoder, Kind, RowLog, Spec, TrainError};
use pgrx::pg_sys;

use super::error::{Result, TrainingError};
use super::label::{self, Label};
use crate::models::{self, UNIT};
use crate::pg::relation;
use crate::pg::scalar;
use crate::pg::spi::{Features, Row};

/// Which columns are what.
pub struct Choice {
    /// The model's name, for messages.
    pub model: String,
    /// The column of the labels.
    pub label: String,
    /// Those to learn from; where none are named, the one of type real[], or all others where there is none.
    pub features: Option<Vec<String>>,
    /// Columns of integers that are taken as categories.
    pub categories: Vec<String>,
    /// The names of the elements of the column of type real[].
    pub feature_names: Option<Vec<String>>,
    /// The column of the time.
    pub time: Option<String>,
}

/// The column of type real[].
struct Array {
    column: usize,
    length: usize,
}

/// How the rows of one query are read.
pub struct Reader<'a> {
    choice: &'a Choice,
    label: Label,
    read: Features,
    array: Option<Array>,
    /// Of each feature: which of the columns read, or behind them which of the array's elements.
    order: Vec<usize>,
    encoder: Encoder,
    rows: u64,
}

impl Choice {
    /// What went wrong in the engine.
    pub fn failed(&self, source: TrainError) -> TrainingError {
        TrainingError::Train { name: self.model.clone(), source }
    }

    /// The places of the columns to learn from.
    fn columns(&self, row: &Row) -> Result<Vec<usize>> {
        let names = row.columns();
        if let Some(features) = &self.features {
            return features.iter().map(|name| label::column(row, "features", name)).collect();
        }
        let is_other = |name: &String| *name != self.label && Some(name) != self.time.as_ref() && name != UNIT;
        let others: Vec<usize> = (1..=names.len()).filter(|column| is_other(&names[column - 1])).collect();
        Ok(models::array_column(row, &others).map_or(others, |array| vec![array]))
    }

    /// The array among these columns; `None` where its length is not known, because it is NULL.
    fn array(&self, row: &Row, columns: &[usize]) -> Result<Option<Option<Array>>> {
        let arrays: Vec<usize> = columns.iter().copied().filter(|&column| row.type_oid(column) == pg_sys::FLOAT4ARRAYOID).collect();
        match arrays[..] {
            [] if self.feature_names.is_some() => Err(TrainingError::NoArray),
            [] => Ok(Some(None)),
            [column] => Ok(match (&self.feature_names, row.reals(column)?) {
                (Some(names), _) => Some(Some(Array { column, length: names.len() })),
                (None, Some(numbers)) => Some(Some(Array { column, length: numbers.len() })),
                (None, None) => None,
            }),
            _ => Err(TrainingError::Arrays(arrays.iter().map(|column| row.name(*column)).collect())),
        }
    }

    /// What a column is to a model.
    fn kind(&self, row: &Row, column: usize) -> Result<Kind> {
        let (name, type_oid) = (row.name(column), row.type_oid(column));
        let found = || relation::type_name(type_oid);
        let is_category = self.categories.contains(&name);
        match scalar::Kind::of(type_oid) {
            None => Err(TrainingError::FeatureType { column: name, found: found() }),
            Some(kind) if kind.is_text() => Ok(Kind::Text),
            Some(scalar::Kind::Bool) => Ok(Kind::Integer),
            Some(kind) if is_category && kind.is_integer() => Ok(Kind::Integer),
            Some(_) if is_category => Err(TrainingError::CategoryType { column: name, found: found() }),
            Some(_) => Ok(Kind::Number),
        }
    }
}

impl<'a> Reader<'a> {
    /// By a row of the query. `None` where that does not say how many features there are.
    pub fn new(row: &Row, choice: &'a Choice, spec: &Spec) -> Result<Option<Self>> {
        let label = Label::of(row, &choice.label)?;
        let chosen = choice.columns(row)?;
        let Some(array) = choice.array(row, &chosen)? else { return Ok(None) };
        let array_column = array.as_ref().map(|array| array.column);
        for category in &choice.categories {
            let column = label::column(row, "categories", category)?;
            if !chosen.contains(&column) || Some(column) == array_column {
                return Err(TrainingError::NotChosen(category.clone()));
            }
        }
        let plain: Vec<usize> = chosen.iter().copied().filter(|&column| Some(column) != array_column).collect();
        let (mut columns, mut order, mut next) = (Vec::new(), Vec::new(), 0);
        for column in chosen {
            let name = row.name(column);
            match &array {
                Some(array) if array.column == column => {
                    let names = choice.feature_names.clone();
                    let names = names.unwrap_or_else(|| (0..array.length).map(|place| format!("{name}_{place}")).collect());
                    columns.extend(names.into_iter().map(|name| Column { name, kind: Kind::Number }));
                    order.extend(plain.len()..plain.len() + array.length);
                }
                _ => {
                    columns.push(Column { kind: choice.kind(row, column)?, name });
                    order.push(next);
                    next += 1;
                }
            }
        }
        let read = row
            .features(&plain)
            .map_err(|column| TrainingError::FeatureType { column: row.name(column), found: relation::type_name(row.type_oid(column)) })?;
        let encoder = Encoder::new(columns, spec.clone()).map_err(|source| choice.failed(source))?;
        Ok(Some(Self { choice, label, read, array, order, encoder, rows: 0 }))
    }

    /// Rows that came before, all without features.
    pub fn skip(&mut self, log: &mut dyn RowLog, rows: u64) -> Result<()> {
        (0..rows).try_for_each(|_| self.push(log, None))
    }

    /// Takes a row.
    pub fn add(&mut self, log: &mut dyn RowLog, row: &Row) -> Result<()> {
        let number = self.rows + 1;
        let label = self.label.read(row, number)?;
        let numbers = match &self.array {
            Some(array) => match row.reals(array.column)? {
                Some(numbers) if numbers.len() != array.length => {
                    let (column, given, expected) = (row.name(array.column), numbers.len(), array.length);
                    return Err(TrainingError::Length { column, row: number, given, expected });
                }
                // An array that is not there teaches nothing.
                None => return self.push(log, None),
                numbers => numbers,
            },
            None => None,
        };
        let Some(label) = label else { return self.push(log, None) };
        let values: Vec<Option<Value>> = self.read.read(row).collect();
        let cell = |place: &usize| match values.get(*place) {
            Some(None) => Cell::Missing,
            Some(Some(Value::Number(number))) => Cell::Number(*number),
            Some(Some(Value::Integer(integer))) => Cell::Integer(*integer),
            Some(Some(Value::Text(text))) => Cell::Text(text),
            None => numbers.as_ref().map_or(Cell::Missing, |numbers| Cell::Number(f64::from(numbers[place - values.len()]))),
        };
        let cells: Vec<Cell> = self.order.iter().map(cell).collect();
        self.push(log, Some((&cells, label)))
    }

    fn push(&mut self, log: &mut dyn RowLog, row: Option<(&[Cell], bool)>) -> Result<()> {
        self.rows += 1;
        let pushed = match row {
            Some((cells, label)) => self.encoder.push(log, cells, Some(f64::from(u8::from(label)))),
            None => self.encoder.push(log, &vec![Cell::Missing; self.order.len()], None),
        };
        pushed.map_err(|source| self.choice.failed(source))
    }

    /// All rows have come.
    pub fn finish(self) -> Encoder {
        self.encoder
    }
}
