//! Which number of a model's outputs is the answer for a row.

use super::error::ModelError;
use super::onnx::{AttributeProto, GraphProto, NodeProto, TypeProto, ValueInfoProto, tensor_proto::DataType, type_proto};
use super::signature::Element;

/// What the one who deploys says about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputChoice<'a> {
    /// The output's name.
    pub name: Option<&'a str>,
}

/// The output that holds the answer: a tensor of so many numbers a row, of which one is the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The type of its elements: float, double, int64 or int32.
    pub element: Element,
    /// The labels of the classes, where the model names them; their order is that of the numbers.
    pub labels: Vec<String>,
}

impl Output {
    /// The place of the answer among the `width` numbers of a row: the only one; of two, the second, which is the class 1; of more, the class
    /// that was chosen.
    pub fn column(&self, width: usize, class: Option<&str>) -> Result<usize, ModelError> {
        let labels: Vec<String> =
            if self.labels.len() == width { self.labels.clone() } else { (0..width).map(|column| column.to_string()).collect() };
        match class {
            Some(class) => labels.iter().position(|label| label == class).ok_or_else(|| ModelError::UnknownClass {
                name: self.name.clone(),
                class: class.to_owned(),
                existing: labels,
            }),
            None if width == 1 || width == 2 => Ok(width - 1),
            None => Err(ModelError::ManyClasses { name: self.name.clone(), classes: width, labels }),
        }
    }

    /// Finds the output, and leaves it as the graph's only one. Where it is a ZipMap, which makes a map of a row's probabilities, the tensor
    /// that goes into that takes its place: the same numbers, without a map for each row.
    pub fn take(graph: &mut GraphProto, choice: OutputChoice) -> Result<Self, ModelError> {
        let chosen = choose(graph, choice.name)?;
        let name = graph.output[chosen].name().to_owned();
        let zip_map = graph.node.iter().position(|node| node.op_type() == "ZipMap" && node.output.contains(&name));
        let (output, info) = match zip_map {
            Some(place) => {
                let node = graph.node.remove(place);
                let name = node.input.first().cloned().ok_or_else(|| ModelError::Malformed("a ZipMap without an input".into()))?;
                let output = Self { name: name.clone(), element: Element::Float, labels: labels(&node) };
                let tensor = type_proto::Tensor { elem_type: Some(DataType::Float as i32), shape: None };
                let kind = TypeProto { denotation: None, value: Some(type_proto::Value::TensorType(tensor)) };
                (output, ValueInfoProto { name: Some(name), r#type: Some(kind), ..Default::default() })
            }
            None => {
                let element = number(&graph.output[chosen])
                    .ok_or_else(|| ModelError::OutputType { name: name.clone(), found: type_name(&graph.output[chosen]) })?;
                (Self { name, element, labels: Vec::new() }, graph.output[chosen].clone())
            }
        };
        graph.output = vec![info];
        Ok(output)
    }
}

fn choose(graph: &GraphProto, name: Option<&str>) -> Result<usize, ModelError> {
    let names = || graph.output.iter().map(|output| output.name().to_owned()).collect::<Vec<_>>();
    if let Some(name) = name {
        let found = graph.output.iter().position(|output| output.name() == name);
        return found.ok_or_else(|| ModelError::UnknownOutput { name: name.to_owned(), existing: names() });
    }
    // Integers beside them are the predicted labels.
    let scores: Vec<usize> = (0..graph.output.len())
        .filter(|place| match number(&graph.output[*place]) {
            Some(element) => matches!(element, Element::Float | Element::Double),
            None => {
                graph.node.iter().any(|node| node.op_type() == "ZipMap" && node.output.iter().any(|out| out == graph.output[*place].name()))
            }
        })
        .collect();
    match scores[..] {
        [only] => Ok(only),
        [] => Err(ModelError::NoScore(names())),
        _ => Err(ModelError::ManyScores(scores.iter().map(|place| graph.output[*place].name().to_owned()).collect())),
    }
}

/// The type of a tensor of numbers.
fn number(info: &ValueInfoProto) -> Option<Element> {
    match info.r#type.as_ref()?.value.as_ref()? {
        type_proto::Value::TensorType(tensor) => {
            Element::of(tensor.elem_type()).filter(|element| !matches!(element, Element::Bool | Element::String))
        }
        _ => None,
    }
}

fn type_name(info: &ValueInfoProto) -> String {
    match info.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
        Some(type_proto::Value::TensorType(tensor)) => match DataType::try_from(tensor.elem_type()) {
            Ok(kind) => format!("a tensor of {}", format!("{kind:?}").to_lowercase()),
            Err(_) => "a tensor of an unknown type".into(),
        },
        Some(type_proto::Value::SequenceType(_)) => "a sequence".into(),
        Some(type_proto::Value::MapType(_)) => "a map".into(),
        _ => "of another type".into(),
    }
}

/// The labels of a ZipMap, in the order of its columns.
fn labels(node: &NodeProto) -> Vec<String> {
    let of = |name: &str| node.attribute.iter().find(|attribute: &&AttributeProto| attribute.name() == name);
    if let Some(integers) = of("classlabels_int64s").filter(|attribute| !attribute.ints.is_empty()) {
        return integers.ints.iter().map(i64::to_string).collect();
    }
    of("classlabels_strings")
        .map(|attribute| attribute.strings.iter().map(|label| String::from_utf8_lossy(label).into_owned()).collect())
        .unwrap_or_default()
}
