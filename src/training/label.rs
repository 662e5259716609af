//! The column of a query that says what happened.

use engine::model::Value;

use super::error::{Result, TrainingError};
use crate::pg::relation;
use crate::pg::scalar::Kind;
use crate::pg::spi::Row;

/// The place of a column of that name, counted from 1; `argument` is the one that names it.
pub fn column(row: &Row, argument: &'static str, name: &str) -> Result<usize> {
    let names = row.columns();
    let place = names.iter().position(|other| other == name);
    place.map(|place| place + 1).ok_or_else(|| TrainingError::Column { argument, name: name.to_owned(), existing: names })
}

/// How the labels of one query are read.
pub struct Label {
    /// Its column, counted from 1.
    pub column: usize,
    kind: Kind,
}

impl Label {
    /// By the query's first row.
    pub fn of(row: &Row, name: &str) -> Result<Self> {
        let column = column(row, "label", name)?;
        let type_oid = row.type_oid(column);
        match Kind::of(type_oid).filter(|kind| !kind.is_text()) {
            Some(kind) => Ok(Self { column, kind }),
            None => Err(TrainingError::LabelType { column: name.to_owned(), found: relation::type_name(type_oid) }),
        }
    }

    /// What happened in a row, `None` where that is not known; `number` is which row it is, counted from 1.
    pub fn read(&self, row: &Row, number: u64) -> Result<Option<bool>> {
        let value = match row.scalar(self.column, self.kind) {
            None => return Ok(None),
            Some(Value::Integer(0)) => return Ok(Some(false)),
            Some(Value::Integer(1)) => return Ok(Some(true)),
            Some(Value::Number(0.0)) => return Ok(Some(false)),
            Some(Value::Number(1.0)) => return Ok(Some(true)),
            Some(_) => row.text(self.column).unwrap_or_default(),
        };
        Err(TrainingError::Label { column: row.name(self.column), row: number, value })
    }
}
