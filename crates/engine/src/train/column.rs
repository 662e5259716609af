//! What a model learns from: columns and crosses of them.

use std::collections::HashSet;

use super::error::{Result, TrainError};

/// Columns that a model may have.
pub const MAX_COLUMNS: usize = 1000;
/// Crosses that a model may have: all pairs of 45 columns.
pub const MAX_CROSSES: usize = 1000;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers. NaN is a missing one; the model's input is float.
    Number,
    /// Categories that are 64-bit integers, also truth values (0 and 1). [`super::MISSING_INTEGER`] is a missing one; the input is int64.
    Integer,
    /// Categories that are texts. The empty text is a missing one; the input is string.
    Text,
}

impl Kind {
    /// What a value of it is.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Integer => "an integer",
            Self::Text => "a text",
        }
    }
}

/// A feature of a row, and the model's input of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// A value of a row. NULL is [`Cell::Missing`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// None.
    Missing,
    /// Of a column of numbers. NaN is missing.
    Number(f64),
    /// Of a column of integers; a column of numbers takes it as well.
    Integer(i64),
    /// Of a column of texts.
    Text(&'a str),
}

/// Refuses no columns, too many, and names that are empty or come twice.
pub(super) fn check(columns: &[Column]) -> Result<()> {
    if columns.is_empty() {
        return Err(TrainError::NoColumns);
    }
    if columns.len() > MAX_COLUMNS {
        return Err(TrainError::TooMany { what: "features", given: columns.len(), limit: MAX_COLUMNS });
    }
    let mut seen = HashSet::new();
    match columns.iter().find(|column| column.name.is_empty() || !seen.insert(column.name.as_str())) {
        Some(wrong) => Err(TrainError::ColumnName(wrong.name.clone())),
        None => Ok(()),
    }
}

/// The columns that each cross is of, by their places. A cross is written `country * device`, of two or three columns; `*` alone stands for all
/// pairs of columns. One that is given twice counts once, in whatever order its columns are.
pub(super) fn crosses(written: &[String], columns: &[Column]) -> Result<Vec<Vec<usize>>> {
    let mut crosses: Vec<Vec<usize>> = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |places: Vec<usize>| {
        if seen.insert(places.clone()) {
            crosses.push(places);
        }
        match crosses.len() > MAX_CROSSES {
            true => Err(TrainError::TooMany { what: "crosses", given: crosses.len(), limit: MAX_CROSSES }),
            false => Ok(()),
        }
    };
    for cross in written {
        if cross.trim() == "*" {
            let pairs = (0..columns.len()).flat_map(|left| (left + 1..columns.len()).map(move |right| vec![left, right]));
            pairs.into_iter().try_for_each(&mut add)?;
            continue;
        }
        let place = |name: &str| {
            columns.iter().position(|column| column.name == name).ok_or_else(|| TrainError::UnknownColumn {
                cross: cross.clone(),
                name: name.to_owned(),
                existing: columns.iter().map(|column| column.name.clone()).collect(),
            })
        };
        let mut places = cross.split('*').map(|name| place(name.trim())).collect::<Result<Vec<usize>>>()?;
        places.sort_unstable();
        places.dedup();
        if places.len() != cross.split('*').count() || !(2..=3).contains(&places.len()) {
            return Err(TrainError::Cross(cross.clone()));
        }
        add(places)?;
    }
    Ok(crosses)
}
