//! Rows of features as the inputs of a model.

use std::collections::HashMap;

use super::signature::{Element, Signature};

/// The largest integer up to which 32-bit floating point tells all integers apart.
const MAX_REAL_INTEGER: f32 = 16_777_216.0;
/// The same of 64-bit floating point.
const MAX_DOUBLE_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Why a row does not fit a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// Too few or too many.
    #[error("{given} features are given, where the model takes {expected}")]
    Count {
        /// How many.
        given: usize,
        /// How many the model takes.
        expected: usize,
    },
    /// Not given, and without a default.
    #[error("feature \"{0}\" is missing")]
    Missing(String),
    /// A name that the model does not know.
    #[error("the model has no feature \"{name}\"")]
    Unknown {
        /// The name.
        name: String,
        /// Those that it has.
        existing: Vec<String>,
    },
    /// A value that the input's type does not hold.
    #[error("feature \"{feature}\" is of type {element}, which does not hold {value}")]
    Value {
        /// The feature.
        feature: String,
        /// Its type.
        element: &'static str,
        /// The value.
        value: String,
    },
    /// An integer that 32-bit floating point may have changed.
    #[error("feature \"{feature}\" is an integer, and {value} as real is no exact one")]
    Inexact {
        /// The feature.
        feature: String,
        /// The value.
        value: f32,
    },
}

/// The value of a feature.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A number of integer type.
    Integer(i64),
    /// A text.
    Text(String),
}

impl Value {
    /// The value as a 32-bit number, if it is one: rounded, but not to infinity.
    pub fn as_real(&self) -> Option<f32> {
        single(self)
    }
}

/// What features are where they are not given.
pub type Defaults = HashMap<String, Value>;

/// The rows of one input, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Buffer {
    /// Of 32-bit floating point.
    Float(Vec<f32>),
    /// Of 64-bit floating point.
    Double(Vec<f64>),
    /// Of 64-bit integers.
    Int64(Vec<i64>),
    /// Of 32-bit integers.
    Int32(Vec<i32>),
    /// Of truth values.
    Bool(Vec<bool>),
    /// Of texts.
    String(Vec<String>),
}

impl Buffer {
    fn new(element: Element) -> Self {
        match element {
            Element::Float => Self::Float(Vec::new()),
            Element::Double => Self::Double(Vec::new()),
            Element::Int64 => Self::Int64(Vec::new()),
            Element::Int32 => Self::Int32(Vec::new()),
            Element::Bool => Self::Bool(Vec::new()),
            Element::String => Self::String(Vec::new()),
        }
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::String(values) => values.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn truncate(&mut self, length: usize) {
        match self {
            Self::Float(values) => values.truncate(length),
            Self::Double(values) => values.truncate(length),
            Self::Int64(values) => values.truncate(length),
            Self::Int32(values) => values.truncate(length),
            Self::Bool(values) => values.truncate(length),
            Self::String(values) => values.truncate(length),
        }
    }

    /// Appends a value, exactly, or not at all.
    fn push(&mut self, value: &Value) -> Option<()> {
        match self {
            Self::Float(values) => values.push(single(value)?),
            Self::Double(values) => values.push(double(value)?),
            Self::Int64(values) => values.push(integer(value)?),
            Self::Int32(values) => values.push(i32::try_from(integer(value)?).ok()?),
            Self::Bool(values) => values.push(match integer(value)? {
                0 => false,
                1 => true,
                _ => return None,
            }),
            Self::String(values) => match value {
                Value::Text(text) => values.push(text.clone()),
                _ => return None,
            },
        }
        Some(())
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Integer(integer) => Some(*integer as f64),
        Value::Text(text) => special(text),
    }
}

/// Rounded, but not to infinity: that is another value.
fn single(value: &Value) -> Option<f32> {
    let number = double(value)?;
    let single = number as f32;
    (single.is_infinite() == number.is_infinite()).then_some(single)
}

/// The numbers that JSON can write as texts only, by the names that Postgres gives them.
fn special(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// The value as an integer that it is exactly.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(integer) => Some(*integer),
        Value::Number(number) => (number.fract() == 0.0 && number.abs() <= MAX_DOUBLE_INTEGER).then_some(*number as i64),
        Value::Text(_) => None,
    }
}

/// Rows that are run together.
#[derive(Clone, Debug)]
pub struct Batch {
    buffers: Vec<Buffer>,
    rows: usize,
}

impl Batch {
    /// One without rows.
    pub fn new(signature: &Signature) -> Self {
        Self { buffers: signature.inputs.iter().map(|input| Buffer::new(input.element)).collect(), rows: 0 }
    }

    /// The inputs, in the order of the signature.
    pub fn buffers(&self) -> &[Buffer] {
        &self.buffers
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Takes all rows out.
    pub fn clear(&mut self) {
        self.buffers.iter_mut().for_each(|buffer| buffer.truncate(0));
        self.rows = 0;
    }

    /// Takes a row out that was appended in part.
    fn roll_back(&mut self, signature: &Signature) {
        for (buffer, input) in self.buffers.iter_mut().zip(&signature.inputs) {
            buffer.truncate(self.rows * input.width());
        }
    }

    /// Appends a row of 32-bit numbers, one for each feature. NaN and infinity are numbers to a model that takes such.
    pub fn push_reals(&mut self, signature: &Signature, row: &[f32]) -> Result<(), FeatureError> {
        if row.len() != signature.width() {
            return Err(FeatureError::Count { given: row.len(), expected: signature.width() });
        }
        if signature.is_matrix()
            && let [Buffer::Float(values)] = &mut self.buffers[..]
        {
            values.extend_from_slice(row);
            self.rows += 1;
            return Ok(());
        }
        let is_integer = |element| matches!(element, Element::Int64 | Element::Int32);
        let inexact =
            row.iter().zip(signature.elements()).position(|(value, element)| is_integer(element) && value.abs() > MAX_REAL_INTEGER);
        if let Some(place) = inexact {
            return Err(FeatureError::Inexact { feature: signature.features[place].clone(), value: row[place] });
        }
        self.push(signature, row.len(), |place| Some(Value::Number(f64::from(row[place]))), &Defaults::new())
    }

    /// Appends a row of values, `None` where one is not given.
    pub fn push_values(&mut self, signature: &Signature, row: &[Option<Value>], defaults: &Defaults) -> Result<(), FeatureError> {
        self.push(signature, row.len(), |place| row[place].clone(), defaults)
    }

    fn push(
        &mut self,
        signature: &Signature,
        given: usize,
        value: impl Fn(usize) -> Option<Value>,
        defaults: &Defaults,
    ) -> Result<(), FeatureError> {
        if given != signature.width() {
            return Err(FeatureError::Count { given, expected: signature.width() });
        }
        let mut place = 0;
        let mut fill = || {
            for (buffer, input) in self.buffers.iter_mut().zip(&signature.inputs) {
                for _ in 0..input.width() {
                    let name = &signature.features[place];
                    let value = value(place).or_else(|| defaults.get(name).cloned()).ok_or_else(|| FeatureError::Missing(name.clone()))?;
                    buffer.push(&value).ok_or_else(|| FeatureError::Value {
                        feature: name.clone(),
                        element: input.element.name(),
                        value: match &value {
                            Value::Number(number) => number.to_string(),
                            Value::Integer(integer) => integer.to_string(),
                            Value::Text(text) => format!("'{text}'"),
                        },
                    })?;
                    place += 1;
                }
            }
            Ok(())
        };
        let filled = fill();
        if filled.is_err() {
            self.roll_back(signature);
        } else {
            self.rows += 1;
        }
        filled
    }
}
