//! A model as it is stored: its graph with one output, and apart from it its large tensors, which many processes can share.

use std::ffi::CStr;

use prost::Message;
use prost::bytes::Bytes;

use super::check::{Limits, element_bytes, parse};
use super::error::ModelError;
use super::onnx::{ModelProto, StringStringEntryProto, TensorProto, tensor_proto::DataLocation, tensor_proto::DataType};
use super::output::{Output, OutputChoice};
use super::signature::Signature;

/// The name under which the stored graph refers to the large tensors.
pub const WEIGHTS_FILE: &CStr = c"weights";

/// Tensors from that size on go to the weights.
const LARGE_TENSOR: usize = 4096;
/// Below that size in total, sharing them is worth less than what the runtime makes of tensors of its own.
const WORTH_SHARING: usize = 4 << 20;
/// Tensors begin at multiples of it: a page, as memory is mapped.
const ALIGNMENT: usize = 4096;

/// A model that was checked, in the form in which it is stored.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The graph, an ONNX file of its own but for the weights.
    pub graph: Vec<u8>,
    /// The bytes of the large tensors, one after the other; empty where they are not worth sharing.
    pub weights: Vec<u8>,
    /// What it takes.
    pub signature: Signature,
    /// What it gives.
    pub output: Output,
    /// The operators it uses, sorted.
    pub operators: Vec<String>,
    /// The version of ONNX's own operators that it was made for.
    pub opset: i64,
}

/// Checks an ONNX file and prepares it for serving.
pub fn prepare(onnx: Vec<u8>, limits: Limits, feature_names: Option<&[String]>, choice: OutputChoice) -> Result<Prepared, ModelError> {
    let (mut model, operators) = parse(Bytes::from(onnx), limits)?;
    // Training, documentation and metadata are nothing that answers depend on.
    model.training_info.clear();
    model.metadata_props.clear();
    model.doc_string = None;
    let opset = model.opset_import.iter().find(|set| matches!(set.domain(), "" | "ai.onnx")).map_or(0, |set| set.version());
    let Some(graph) = &mut model.graph else { return Err(ModelError::Malformed("it has no graph".into())) };
    let signature = Signature::of(graph, feature_names)?;
    let output = Output::take(graph, choice)?;
    let weights = split(&mut model);
    Ok(Prepared { graph: model.encode_to_vec(), weights, signature, output, operators: operators.into_iter().collect(), opset })
}

/// Takes the large tensors out of the model.
fn split(model: &mut ModelProto) -> Vec<u8> {
    let Some(graph) = &mut model.graph else { return Vec::new() };
    let mut large: Vec<(&mut TensorProto, Bytes)> =
        graph.initializer.iter_mut().filter_map(|tensor| little_endian(tensor).map(|bytes| (tensor, bytes))).collect();
    let total: usize = large.iter().map(|(_, bytes)| bytes.len().next_multiple_of(ALIGNMENT)).sum();
    if total < WORTH_SHARING {
        return Vec::new();
    }
    let mut weights = Vec::with_capacity(total);
    for (tensor, bytes) in &mut large {
        let entry = |key: &str, value: String| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) };
        tensor.external_data = vec![
            entry("location", WEIGHTS_FILE.to_string_lossy().into_owned()),
            entry("offset", weights.len().to_string()),
            entry("length", bytes.len().to_string()),
        ];
        tensor.set_data_location(DataLocation::External);
        tensor.raw_data = None;
        tensor.float_data = Vec::new();
        weights.extend_from_slice(bytes);
        weights.resize(weights.len().next_multiple_of(ALIGNMENT), 0);
    }
    weights
}

/// The bytes of a tensor that is large, as a file would hold them.
fn little_endian(tensor: &TensorProto) -> Option<Bytes> {
    element_bytes(tensor.data_type())?;
    if let Some(raw) = tensor.raw_data.as_ref().filter(|raw| raw.len() >= LARGE_TENSOR) {
        return Some(raw.clone());
    }
    let floats = &tensor.float_data;
    (tensor.data_type() == DataType::Float as i32 && floats.len() * 4 >= LARGE_TENSOR)
        .then(|| floats.iter().flat_map(|number| number.to_le_bytes()).collect())
}
