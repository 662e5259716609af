//! A trained model as an ONNX graph of operators of `ai.onnx` (17) and `ai.onnx.ml` (3).
//!
//! ```text
//! numbers  [n,1] float  -> bins ----+
//! integers [n,1] int64  -> values --+-> slots [n,c] -> slots of crosses -> weights, summed --+
//! texts    [n,1] string -> values --+        |                                               +-> Sigmoid -> probability [n,1]
//! numbers, standardised, times weights ------|-----------------------------------------------+
//!                                            +-> vectors [n,c,k] -> pairs, summed -----------+
//! ```
//!
//! Slots are int64, and made by the arithmetic that training uses. ONNX has no hash, and none is needed but of integers below 2^62, which do not
//! overflow; texts are looked up.

use prost::Message;

use super::column::Kind;
use super::dictionary::{MISSING, UNKNOWN};
use super::encoder::{MISSING_INTEGER, MISSING_TEXT};
use super::hash;
use super::layout::{Cross, Place};
use super::numbers::{CLIP, Scale};
use super::trained::Trained;
use crate::model::onnx::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    attribute_proto::AttributeType, tensor_proto::DataType, tensor_shape_proto::Dimension, tensor_shape_proto::dimension, type_proto,
};

/// The name of the model's output.
pub const OUTPUT: &str = "probability";
/// Before the names of what is computed on the way, so that inputs may have any name.
const PREFIX: &str = "pg_recommend:";

/// A graph being written. A value is referred to by its name.
#[derive(Default)]
struct Graph {
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
}

impl Graph {
    fn name(&self) -> String {
        format!("{PREFIX}{}", self.nodes.len() + self.tensors.len())
    }

    fn node(&mut self, operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = self.name();
        self.nodes.push(NodeProto {
            op_type: Some(operator.to_owned()),
            domain: (operator == "LabelEncoder").then(|| "ai.onnx.ml".to_owned()),
            name: Some(output.clone()),
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.clone()],
            attribute: attributes,
            ..Default::default()
        });
        output
    }

    fn tensor(&mut self, kind: DataType, shape: &[usize], raw: Vec<u8>) -> String {
        let name = self.name();
        self.tensors.push(TensorProto {
            name: Some(name.clone()),
            dims: shape.iter().map(|size| *size as i64).collect(),
            data_type: Some(kind as i32),
            raw_data: Some(raw.into()),
            ..Default::default()
        });
        name
    }

    fn floats(&mut self, shape: &[usize], values: impl Iterator<Item = f32>) -> String {
        self.tensor(DataType::Float, shape, values.flat_map(f32::to_le_bytes).collect())
    }

    fn integers(&mut self, shape: &[usize], values: impl Iterator<Item = i64>) -> String {
        self.tensor(DataType::Int64, shape, values.flat_map(i64::to_le_bytes).collect())
    }

    /// One integer, to be computed with.
    fn integer(&mut self, value: i64) -> String {
        self.integers(&[1, 1], std::iter::once(value))
    }

    fn cast(&mut self, value: &str, kind: DataType) -> String {
        self.node("Cast", &[value], vec![integer("to", kind as i64)])
    }

    fn sum(&mut self, value: &str, axes: &[i64], keep: bool) -> String {
        let axes = self.integers(&[axes.len()], axes.iter().copied());
        self.node("ReduceSum", &[value, &axes], vec![integer("keepdims", i64::from(keep))])
    }

    fn concat(&mut self, values: &[String]) -> String {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        self.node("Concat", &values, vec![integer("axis", 1)])
    }

    fn gather(&mut self, values: &str, places: &str, axis: i64) -> String {
        self.node("Gather", &[values, places], vec![integer("axis", axis)])
    }

    /// `((a * key + b) mod p) mod slots`
    fn hash(&mut self, key: &str, bits: u32) -> String {
        let [factor, summand, prime, slots] = [hash::FACTOR, hash::SUMMAND, hash::PRIME, 1 << bits].map(|value| self.integer(value));
        let product = self.node("Mul", &[key, &factor], Vec::new());
        let sum = self.node("Add", &[&product, &summand], Vec::new());
        let rest = self.node("Mod", &[&sum, &prime], Vec::new());
        self.node("Mod", &[&rest, &slots], Vec::new())
    }

    /// The slots of a column, [n,1].
    fn place(&mut self, place: &Place, input: &str, bits: u32) -> String {
        match place {
            Place::Bin(scale) => {
                let bounds: Vec<f32> = if scale.bounds.is_empty() { vec![f32::NAN] } else { scale.bounds.clone() };
                let bounds = self.floats(&[1, bounds.len()], bounds.iter().copied());
                let reached = self.node("GreaterOrEqual", &[input, &bounds], Vec::new());
                let reached = self.cast(&reached, DataType::Int64);
                let bin = self.sum(&reached, &[1], true);
                let one = self.integer(1);
                let slot = self.node("Add", &[&bin, &one], Vec::new());
                let missing = self.node("IsNaN", &[input], Vec::new());
                let zero = self.integer(i64::from(MISSING));
                self.node("Where", &[&missing, &zero, &slot], Vec::new())
            }
            Place::Integer { values, .. } => {
                let keys = values.iter().copied().chain([MISSING_INTEGER]).collect();
                self.node("LabelEncoder", &[input], vec![integers("keys_int64s", keys), found(values.len()), unknown()])
            }
            Place::Text { values, .. } => {
                let keys = values.iter().map(|value| &**value).chain([MISSING_TEXT]);
                self.node("LabelEncoder", &[input], vec![texts("keys_strings", keys), found(values.len()), unknown()])
            }
            Place::Hashed => {
                let prime = self.integer(hash::PRIME);
                let key = self.node("Mod", &[input, &prime], Vec::new());
                let slot = self.hash(&key, bits);
                let one = self.integer(1);
                let slot = self.node("Add", &[&slot, &one], Vec::new());
                let absent = self.integer(MISSING_INTEGER);
                let missing = self.node("Equal", &[input, &absent], Vec::new());
                let zero = self.integer(i64::from(MISSING));
                self.node("Where", &[&missing, &zero, &slot], Vec::new())
            }
        }
    }
}

/// Slots of values and of the missing one, which comes last.
fn found(values: usize) -> AttributeProto {
    let first = i64::from(UNKNOWN) + 1;
    integers("values_int64s", (first..first + values as i64).chain([i64::from(MISSING)]).collect())
}

fn unknown() -> AttributeProto {
    integer("default_int64", i64::from(UNKNOWN))
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), r#type: Some(kind as i32), ..Default::default() }
}

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, AttributeType::Int) }
}

fn integers(name: &str, values: Vec<i64>) -> AttributeProto {
    AttributeProto { ints: values, ..attribute(name, AttributeType::Ints) }
}

fn texts<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> AttributeProto {
    let strings = values.map(|value| value.as_bytes().to_vec().into()).collect();
    AttributeProto { strings, ..attribute(name, AttributeType::Strings) }
}

fn info(name: &str, kind: DataType) -> ValueInfoProto {
    let dimension = |value| Dimension { denotation: None, value: Some(value) };
    let dim = vec![dimension(dimension::Value::DimParam("n".into())), dimension(dimension::Value::DimValue(1))];
    let tensor = type_proto::Tensor { elem_type: Some(kind as i32), shape: Some(TensorShapeProto { dim }) };
    let kind = TypeProto { denotation: None, value: Some(type_proto::Value::TensorType(tensor)) };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(kind), ..Default::default() }
}

/// Where the slots of each field begin among all.
fn offsets(sizes: &[u32]) -> impl Iterator<Item = i64> {
    sizes.iter().scan(0, |next, size| {
        let offset = *next;
        *next += i64::from(*size);
        Some(offset)
    })
}

impl Trained {
    /// The model as an ONNX file: an input [n,1] for each column, of its name and of type float, int64 or string, and the output `probability`,
    /// float [n,1].
    pub fn onnx(&self) -> Vec<u8> {
        let mut graph = Graph::default();
        let (layout, machine) = (&self.layout, &self.machine);
        let slots: Vec<String> =
            self.columns.iter().zip(&layout.places).map(|(column, place)| graph.place(place, &column.name, layout.bits)).collect();
        let columns = graph.concat(&slots);
        let fields = self.crosses(&mut graph, &columns);
        let begin = graph.integers(&[1, layout.fields()], offsets(&layout.sizes));
        let places = graph.node("Add", &[&fields, &begin], Vec::new());
        let weights = machine.tables.iter().flat_map(|table| table.weights.iter().copied());
        let weights = graph.floats(&[layout.sizes.iter().sum::<u32>() as usize], weights);
        let weights = graph.gather(&weights, &places, 0);
        let sum = graph.sum(&weights, &[1], true);
        let bias = graph.floats(&[1, 1], std::iter::once(machine.bias));
        let mut score = graph.node("Add", &[&sum, &bias], Vec::new());
        for part in [self.numbers(&mut graph), self.pairs(&mut graph, &columns)].into_iter().flatten() {
            score = graph.node("Add", &[&score, &part], Vec::new());
        }
        graph.node("Sigmoid", &[&score], Vec::new());
        if let Some(last) = graph.nodes.last_mut() {
            last.output = vec![self.output()];
        }
        let kind = |kind| match kind {
            Kind::Number => DataType::Float,
            Kind::Integer => DataType::Int64,
            Kind::Text => DataType::String,
        };
        let graph = GraphProto {
            name: Some("pg_recommend".into()),
            node: graph.nodes,
            initializer: graph.tensors,
            input: self.columns.iter().map(|column| info(&column.name, kind(column.kind))).collect(),
            output: vec![info(&self.output(), DataType::Float)],
            ..Default::default()
        };
        let opset = |domain: &str, version| OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) };
        let model = ModelProto {
            ir_version: Some(8),
            opset_import: vec![opset("", 17), opset("ai.onnx.ml", 3)],
            producer_name: Some("pg_recommend".into()),
            graph: Some(graph),
            ..Default::default()
        };
        model.encode_to_vec()
    }

    /// The output's name, which is that of no column.
    fn output(&self) -> String {
        let mut name = OUTPUT.to_owned();
        while self.columns.iter().any(|column| column.name == name) {
            name.push('_');
        }
        name
    }

    /// The slots of all fields, [n,f], made of those of the columns: all crosses at once, those of two columns with a third that has one slot.
    fn crosses(&self, graph: &mut Graph, columns: &str) -> String {
        let (layout, crosses) = (&self.layout, &self.layout.crosses);
        if crosses.is_empty() {
            return columns.to_owned();
        }
        let (nothing, single) = (layout.places.len(), 1);
        let zero = graph.integer(0);
        let first = graph.integers(&[1], std::iter::once(0));
        let first = graph.gather(columns, &first, 1);
        let none = graph.node("Mul", &[&first, &zero], Vec::new());
        let columns_and_none = graph.concat(&[columns.to_owned(), none]);
        let prime = graph.integer(hash::PRIME);
        let mut key = String::new();
        for part in 0..3 {
            let column = |cross: &Cross| cross.columns.get(part).copied().unwrap_or(nothing);
            let places = graph.integers(&[crosses.len()], crosses.iter().map(|cross| column(cross) as i64));
            let slot = graph.gather(&columns_and_none, &places, 1);
            if part == 0 {
                key = slot;
                continue;
            }
            let size = |cross| layout.sizes[..nothing].get(column(cross)).copied().unwrap_or(single);
            let sizes = graph.integers(&[1, crosses.len()], crosses.iter().map(|cross| i64::from(size(cross))));
            key = graph.node("Mul", &[&key, &sizes], Vec::new());
            key = graph.node("Add", &[&key, &slot], Vec::new());
            key = graph.node("Mod", &[&key, &prime], Vec::new());
        }
        if crosses.iter().any(|cross| cross.hashed) {
            let slot = graph.hash(&key, layout.bits);
            let hashed = graph.integers(&[1, crosses.len()], crosses.iter().map(|cross| i64::from(cross.hashed)));
            let hashed = graph.cast(&hashed, DataType::Bool);
            key = graph.node("Where", &[&hashed, &slot, &key], Vec::new());
        }
        graph.concat(&[columns.to_owned(), key])
    }

    /// The weighted sum of the standardised numbers, [n,1].
    fn numbers(&self, graph: &mut Graph) -> Option<String> {
        let mut scales: Vec<(String, &Scale)> = Vec::new();
        for (column, place) in self.columns.iter().zip(&self.layout.places) {
            if let Place::Bin(scale) = place {
                scales.push((column.name.clone(), scale));
            }
        }
        if scales.is_empty() {
            return None;
        }
        let inputs: Vec<String> = scales.iter().map(|(name, _)| name.clone()).collect();
        let values = graph.concat(&inputs);
        let mean = graph.floats(&[1, scales.len()], scales.iter().map(|(_, scale)| scale.mean));
        let inverse = graph.floats(&[1, scales.len()], scales.iter().map(|(_, scale)| scale.inverse));
        let [low, high, zero] = [-CLIP, CLIP, 0.0].map(|value| graph.floats(&[], std::iter::once(value)));
        let centred = graph.node("Sub", &[&values, &mean], Vec::new());
        let standard = graph.node("Mul", &[&centred, &inverse], Vec::new());
        let missing = graph.node("IsNaN", &[&standard], Vec::new());
        let clipped = graph.node("Clip", &[&standard, &low, &high], Vec::new());
        let known = graph.node("Where", &[&missing, &zero, &clipped], Vec::new());
        let weights = graph.floats(&[scales.len(), 1], self.machine.numbers.iter().copied());
        Some(graph.node("MatMul", &[&known, &weights], Vec::new()))
    }

    /// The sum of the factorization machine, [n,1].
    fn pairs(&self, graph: &mut Graph, columns: &str) -> Option<String> {
        let pairs = self.machine.pairs.as_ref()?;
        let (count, sizes) = (pairs.columns(), &self.layout.sizes[..pairs.columns()]);
        let factors = pairs.factors;
        let begin = graph.integers(&[1, count], offsets(sizes));
        let places = graph.node("Add", &[columns, &begin], Vec::new());
        let lanes = pairs.parts * super::pairs::LANES;
        let vectors =
            pairs.tables.iter().flat_map(|table| table.vectors.as_flattened().chunks(lanes)).flat_map(|vector| &vector[..factors]);
        let vectors = graph.floats(&[sizes.iter().sum::<u32>() as usize, factors], vectors.copied());
        let vectors = graph.gather(&vectors, &places, 0);
        let weights = graph.floats(&[count, count], pairs.weights.iter().map(|weight| 0.5 * weight));
        let sums = graph.node("MatMul", &[&weights, &vectors], Vec::new());
        let products = graph.node("Mul", &[&sums, &vectors], Vec::new());
        let sum = graph.sum(&products, &[2], false);
        Some(graph.sum(&sum, &[1], true))
    }
}
