//! The inputs of a model as columns of a row of features.

use std::collections::HashSet;

use super::error::ModelError;
use super::onnx::{GraphProto, ValueInfoProto, tensor_proto::DataType, tensor_shape_proto::dimension, type_proto};

/// The type of an input's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// 64-bit integer.
    Int64,
    /// 32-bit integer.
    Int32,
    /// Truth value.
    Bool,
    /// Text.
    String,
}

impl Element {
    /// Its name in ONNX's own text forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Double => "double",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Bool => "bool",
            Self::String => "string",
        }
    }

    /// The type of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Float, Self::Double, Self::Int64, Self::Int32, Self::Bool, Self::String].into_iter().find(|element| element.name() == name)
    }

    pub(super) fn of(data_type: i32) -> Option<Self> {
        match DataType::try_from(data_type).ok()? {
            DataType::Float => Some(Self::Float),
            DataType::Double => Some(Self::Double),
            DataType::Int64 => Some(Self::Int64),
            DataType::Int32 => Some(Self::Int32),
            DataType::Bool => Some(Self::Bool),
            DataType::String => Some(Self::String),
            _ => None,
        }
    }
}

/// An input: for each row, a tensor of `shape`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub element: Element,
    /// The dimensions behind the first one, which counts rows.
    pub shape: Vec<usize>,
}

impl Input {
    /// How many features it takes.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a model takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The inputs, in the order of the file.
    pub inputs: Vec<Input>,
    /// A name for each column of each input, in that order.
    pub features: Vec<String>,
    /// Whether one run takes one row only.
    pub single_row: bool,
}

/// More columns than that are no row of features.
const MAX_WIDTH: usize = 65_536;

impl Signature {
    /// Read off the graph. Names of features that are not given are those of the inputs, numbered within an input of several columns.
    pub fn of(graph: &GraphProto, feature_names: Option<&[String]>) -> Result<Self, ModelError> {
        let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
        let infos: Vec<&ValueInfoProto> = graph.input.iter().filter(|input| !constants.contains(input.name())).collect();
        if infos.is_empty() {
            return Err(ModelError::Malformed("it has no inputs".into()));
        }
        // The names may say how wide the only input without a width is.
        let given = feature_names.map(<[String]>::len);
        let mut inputs = Vec::with_capacity(infos.len());
        let (mut single_row, mut unknown) = (false, None);
        for info in infos {
            let (input, rows, known) = read(info)?;
            if rows == Some(1) {
                single_row = true;
            }
            if !known && unknown.replace(inputs.len()).is_some() {
                return Err(ModelError::UnknownWidth(input.name));
            }
            inputs.push(input);
        }
        if let Some(place) = unknown {
            let others: usize = inputs.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, input)| input.width()).sum();
            let width = given.and_then(|given| given.checked_sub(others)).filter(|width| *width > 0);
            inputs[place].shape = vec![width.ok_or_else(|| ModelError::UnknownWidth(inputs[place].name.clone()))?];
        }
        let width = inputs.iter().fold(0usize, |sum, input| sum.saturating_add(input.width()));
        if width > MAX_WIDTH {
            return Err(ModelError::TooLarge { what: "the number of features".into(), size: width as u64, limit: MAX_WIDTH as u64 });
        }
        let features = match feature_names {
            Some(names) if names.len() != width => return Err(ModelError::FeatureCount { given: names.len(), expected: width }),
            Some(names) => names.to_vec(),
            None => inputs.iter().flat_map(default_names).collect(),
        };
        let mut seen = HashSet::new();
        if let Some(wrong) = features.iter().find(|name| name.is_empty() || !seen.insert(name.as_str())) {
            return Err(ModelError::FeatureName(wrong.clone()));
        }
        Ok(Self { inputs, features, single_row })
    }

    /// How many features a row has.
    pub fn width(&self) -> usize {
        self.features.len()
    }

    /// The types of the features, in their order.
    pub fn elements(&self) -> impl Iterator<Item = Element> + '_ {
        self.inputs.iter().flat_map(|input| std::iter::repeat_n(input.element, input.width()))
    }

    /// Whether the row is one matrix of 32-bit numbers.
    pub fn is_matrix(&self) -> bool {
        matches!(&self.inputs[..], [input] if input.element == Element::Float)
    }
}

fn default_names(input: &Input) -> Vec<String> {
    match input.width() {
        1 => vec![input.name.clone()],
        width => (0..width).map(|column| format!("{}_{column}", input.name)).collect(),
    }
}

/// The input, its number of rows where that is fixed, and whether its width is known.
fn read(info: &ValueInfoProto) -> Result<(Input, Option<i64>, bool), ModelError> {
    let wrong = |reason: &str| ModelError::Input { input: info.name().to_owned(), reason: reason.to_owned() };
    let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return Err(wrong("it is no tensor"));
    };
    let element = Element::of(tensor.elem_type()).ok_or_else(|| {
        let name = DataType::try_from(tensor.elem_type()).map_or("unknown".to_owned(), |kind| format!("{kind:?}").to_lowercase());
        wrong(&format!("its elements are of type {name}; served are float, double, int64, int32, bool and string"))
    })?;
    let mut input = Input { name: info.name().to_owned(), element, shape: Vec::new() };
    let Some(shape) = &tensor.shape else { return Ok((input, None, false)) };
    let dimensions: Vec<Option<i64>> = shape
        .dim
        .iter()
        .map(|dimension| match dimension.value {
            Some(dimension::Value::DimValue(size)) if size >= 0 => Some(size),
            _ => None,
        })
        .collect();
    let Some((rows, columns)) = dimensions.split_first() else { return Err(wrong("it is a single number, not one a row")) };
    if rows.is_some_and(|rows| rows != 1) {
        return Err(wrong(&format!("its first dimension is {}, where the number of rows, or 1, is expected", rows.unwrap_or_default())));
    }
    if let [None] = columns {
        return Ok((input, *rows, false));
    }
    for size in columns {
        match size.and_then(|size| usize::try_from(size).ok()) {
            Some(size) if size > 0 && size <= MAX_WIDTH => input.shape.push(size),
            Some(_) => return Err(wrong("one of its dimensions is empty or too large")),
            None => return Err(wrong("more than its first dimension is open")),
        }
    }
    if input.shape.iter().try_fold(1usize, |width, size| width.checked_mul(*size)).is_none_or(|width| width > MAX_WIDTH) {
        return Err(wrong("it has too many columns"));
    }
    Ok((input, *rows, true))
}
