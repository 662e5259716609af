//! Reading an ONNX file that nobody vouches for: well-formed, of allowed operators, complete in itself, and bounded in size.

use std::collections::BTreeSet;

use prost::Message;
use prost::bytes::Bytes;

use super::error::ModelError;
use super::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, tensor_proto};
use super::operators;

/// How large a model may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of any one of its tensors.
    pub tensor_bytes: u64,
    /// Nodes, those of inner graphs included.
    pub nodes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tensor_bytes: 1 << 30, nodes: 100_000 }
    }
}

/// The model in `bytes`, if it is one that may be served, and the operators it uses, sorted. Tensors are slices of `bytes`.
pub fn parse(bytes: Bytes, limits: Limits) -> Result<(ModelProto, BTreeSet<String>), ModelError> {
    let malformed = |what: &str| ModelError::Malformed(what.to_owned());
    if bytes.is_empty() {
        return Err(malformed("it is empty"));
    }
    // The decoder names all messages around the place: the last words say what is wrong there.
    let undecodable = |error: prost::DecodeError| malformed(error.to_string().rsplit(": ").next().unwrap_or_default());
    let model = ModelProto::decode(bytes).map_err(undecodable)?;
    if !model.functions.is_empty() {
        let names = model.functions.iter().map(|function| function.name.clone().unwrap_or_default());
        return Err(ModelError::Functions(names.collect::<Vec<_>>().join(", ")));
    }
    if model.opset_import.is_empty() {
        return Err(malformed("it names no operator set"));
    }
    let graph = model.graph.as_ref().ok_or_else(|| malformed("it has no graph"))?;
    if graph.node.is_empty() {
        return Err(malformed("its graph has no nodes"));
    }
    let mut checked = Checked { limits, nodes: 0, operators: BTreeSet::new() };
    checked.graph(graph)?;
    Ok((model, checked.operators))
}

struct Checked {
    limits: Limits,
    nodes: u64,
    operators: BTreeSet<String>,
}

impl Checked {
    /// Inner graphs too; how deep they are nested is bounded by the decoder, at 100 messages.
    fn graph(&mut self, graph: &GraphProto) -> Result<(), ModelError> {
        self.nodes += graph.node.len() as u64;
        if self.nodes > self.limits.nodes {
            return Err(ModelError::TooLarge { what: "the number of nodes".into(), size: self.nodes, limit: self.limits.nodes });
        }
        for tensor in &graph.initializer {
            self.tensor(tensor)?;
        }
        if let Some(sparse) = graph.sparse_initializer.first() {
            let name = sparse.values.as_ref().and_then(|values| values.name.clone()).unwrap_or_default();
            return Err(ModelError::Malformed(format!("initializer \"{name}\" is sparse, which is not served")));
        }
        for node in &graph.node {
            self.node(node, graph)?;
        }
        Ok(())
    }

    fn node(&mut self, node: &NodeProto, graph: &GraphProto) -> Result<(), ModelError> {
        let (domain, operator) = (node.domain(), node.op_type());
        let full_name = operators::full_name(domain, operator);
        if !operators::is_allowed(domain, operator) {
            return Err(ModelError::Operator { operator: full_name, node: node.name().to_owned() });
        }
        if operator == "ConstantOfShape" {
            self.constant_shape(node, graph)?;
        }
        self.operators.insert(full_name);
        node.attribute.iter().try_for_each(|attribute| self.attribute(attribute))
    }

    fn attribute(&mut self, attribute: &AttributeProto) -> Result<(), ModelError> {
        if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
            return Err(ModelError::Malformed(format!("attribute \"{}\" is sparse, which is not served", attribute.name())));
        }
        attribute.t.iter().chain(&attribute.tensors).try_for_each(|tensor| self.tensor(tensor))?;
        attribute.g.iter().chain(&attribute.graphs).try_for_each(|graph| self.graph(graph))
    }

    /// A constant shape that asks for more memory than there may be.
    fn constant_shape(&self, node: &NodeProto, graph: &GraphProto) -> Result<(), ModelError> {
        let shape = node.input.first().and_then(|input| graph.initializer.iter().find(|tensor| tensor.name() == input));
        let Some(shape) = shape else { return Ok(()) };
        let raw = shape.raw_data().as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
        let elements = elements(raw.chain(shape.int64_data.iter().copied()));
        self.bounded(format!("the tensor that node \"{}\" makes", node.name()), elements.map(|count| count.saturating_mul(4)))
    }

    fn bounded(&self, what: String, size: Option<u64>) -> Result<(), ModelError> {
        let size = size.unwrap_or(u64::MAX);
        let limit = self.limits.tensor_bytes;
        if size > limit { Err(ModelError::TooLarge { what, size, limit }) } else { Ok(()) }
    }

    fn tensor(&self, tensor: &TensorProto) -> Result<(), ModelError> {
        if tensor.data_location() == tensor_proto::DataLocation::External || !tensor.external_data.is_empty() {
            let location = tensor.external_data.iter().find(|entry| entry.key() == "location");
            let file = location.map(|entry| entry.value().to_owned()).unwrap_or_default();
            return Err(ModelError::ExternalData { tensor: tensor.name().to_owned(), file });
        }
        let elements = elements(tensor.dims.iter().copied());
        let declared = elements.map(|count| count.saturating_mul(element_bytes(tensor.data_type()).unwrap_or(1)));
        self.bounded(format!("tensor \"{}\"", tensor.name()), declared)?;
        let raw = tensor.raw_data().len() as u64;
        if raw > 0 && element_bytes(tensor.data_type()).is_some() && declared != Some(raw) {
            return Err(ModelError::Malformed(format!("tensor \"{}\" has {raw} bytes, not those of its shape", tensor.name())));
        }
        Ok(())
    }
}

/// How many elements a tensor of that shape has; `None` for a negative dimension, or more than a u64 holds.
fn elements(mut shape: impl Iterator<Item = i64>) -> Option<u64> {
    shape.try_fold(1u64, |count, dimension| count.checked_mul(u64::try_from(dimension).ok()?))
}

/// Bytes of one element in `raw_data`; `None` for text, and for elements of less than a byte.
pub fn element_bytes(data_type: i32) -> Option<u64> {
    use tensor_proto::DataType as D;
    match D::try_from(data_type).ok()? {
        D::Uint8 | D::Int8 | D::Bool | D::Float8e4m3fn | D::Float8e4m3fnuz | D::Float8e5m2 | D::Float8e5m2fnuz => Some(1),
        D::Uint16 | D::Int16 | D::Float16 | D::Bfloat16 => Some(2),
        D::Float | D::Int32 | D::Uint32 => Some(4),
        D::Double | D::Int64 | D::Uint64 | D::Complex64 => Some(8),
        D::Complex128 => Some(16),
        _ => None,
    }
}
