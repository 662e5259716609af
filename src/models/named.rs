//! Features by name: of JSON, and of the columns of a row.

use engine::model::{Batch, Element, FeatureError, Value};

use super::catalog::{self, Version};
use super::error::{ModelsError, Result};
use crate::pg::record::Column;
use crate::pg::relation;

/// A value of a feature for each of the model's, in their order; `None` where there is none.
pub type Row = Vec<Option<Value>>;

fn wrong(version: &Version, error: FeatureError) -> ModelsError {
    ModelsError::Feature { name: version.model.clone(), error }
}

/// The features of a JSON object. A name that the model does not know is an error: it may be another one misspelt.
pub fn of_json(version: &Version, features: &serde_json::Value) -> Result<Row> {
    let form =
        || ModelsError::Form { argument: "features", expected: "an object of numbers and texts by feature", found: features.to_string() };
    let mut row = vec![None; version.signature.width()];
    for (name, value) in features.as_object().ok_or_else(form)? {
        let unknown = || FeatureError::Unknown { name: name.clone(), existing: version.signature.features.clone() };
        let place = *version.places.get(name).ok_or_else(|| wrong(version, unknown()))?;
        row[place] = catalog::value_of(value).ok_or_else(form)?;
    }
    Ok(row)
}

/// The features among the columns of a row; others are left out.
pub fn of_columns(version: &Version, columns: &[Column]) -> Result<Row> {
    let mut row = vec![None; version.signature.width()];
    for column in columns {
        if let Some(&place) = version.places.get(&column.name) {
            row[place] = column
                .value()
                .ok_or_else(|| ModelsError::ColumnType { column: column.name.clone(), found: relation::type_name(column.type_oid) })?;
        }
    }
    Ok(row)
}

/// A batch of one row.
pub fn batch(version: &Version, row: &Row) -> Result<Batch> {
    let mut batch = Batch::new(&version.signature);
    batch.push_values(&version.signature, row, &version.defaults).map_err(|error| wrong(version, error))?;
    Ok(batch)
}

/// What stands for a feature where a model is tried out and has no default.
pub fn zero(element: Element) -> Value {
    match element {
        Element::String => Value::Text(String::new()),
        _ => Value::Integer(0),
    }
}

/// What stands for a missing feature where a model is tried out: NaN, where there is such a number.
pub fn missing(element: Element) -> Value {
    match element {
        Element::Float | Element::Double => Value::Number(f64::NAN),
        other => zero(other),
    }
}
