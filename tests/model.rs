//! Models: what is refused, how rows of features become inputs, what is taken out of a file, and who is answered by which version.

use std::collections::BTreeMap;

use pg_recommend_engine::model::onnx::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    tensor_proto::DataLocation, tensor_shape_proto::Dimension, tensor_shape_proto::dimension, type_proto,
};
use pg_recommend_engine::model::{
    Batch, Buffer, Defaults, Element, FeatureError, Input, Limits, ModelError, OutputChoice, Signature, Traffic, Value, parse, prepare,
};
use proptest::prelude::*;
use prost::Message;

const FLOAT: i32 = 1;

fn info(name: &str, data_type: i32, shape: &[Option<i64>]) -> ValueInfoProto {
    let dim = shape.iter().map(|size| Dimension { denotation: None, value: size.map(dimension::Value::DimValue) }).collect();
    let tensor = type_proto::Tensor { elem_type: Some(data_type), shape: Some(TensorShapeProto { dim }) };
    let kind = TypeProto { denotation: None, value: Some(type_proto::Value::TensorType(tensor)) };
    ValueInfoProto { name: Some(name.into()), r#type: Some(kind), ..Default::default() }
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    NodeProto { op_type: Some(operator.into()), input: names(inputs), output: names(outputs), ..Default::default() }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto { name: Some(name.into()), dims: dims.to_vec(), data_type: Some(FLOAT), raw_data: Some(raw.into()), ..Default::default() }
}

/// x [n, columns] times w.
fn model(columns: i64, weights: Vec<TensorProto>) -> ModelProto {
    let graph = GraphProto {
        node: vec![node("MatMul", &["x", "w"], &["p"])],
        initializer: weights,
        input: vec![info("x", FLOAT, &[None, Some(columns)])],
        output: vec![info("p", FLOAT, &[None, Some(1)])],
        ..Default::default()
    };
    let opset = OperatorSetIdProto { domain: None, version: Some(17) };
    ModelProto { ir_version: Some(8), opset_import: vec![opset], graph: Some(graph), ..Default::default() }
}

fn bytes(columns: i64, weights: Vec<TensorProto>) -> Vec<u8> {
    model(columns, weights).encode_to_vec()
}

#[test]
fn large_tensors_are_taken_out_and_nothing_is_lost() {
    let large: Vec<f32> = (0..2 << 20).map(|n| n as f32).collect();
    let small = [1.0, 2.0];
    let file = bytes(2, vec![floats("w", &[2, 1 << 20], &large), floats("small", &[2], &small)]);
    let prepared = prepare(file, Limits::default(), None, OutputChoice::default()).expect("a good model");
    assert_eq!(prepared.weights.len(), large.len() * 4);
    assert!(prepared.graph.len() < 1000);
    let graph = ModelProto::decode(&prepared.graph[..]).expect("a model").graph.expect("a graph");
    let [w, other] = &graph.initializer[..] else { panic!("two tensors") };
    assert_eq!((w.data_location(), w.raw_data().len()), (DataLocation::External, 0));
    let entry = |key: &str| w.external_data.iter().find(|entry| entry.key() == key).map(|entry| entry.value().to_owned());
    assert_eq!(entry("location").as_deref(), Some("weights"));
    let place = |key| entry(key).and_then(|text| text.parse::<usize>().ok()).expect("a number");
    let stored = &prepared.weights[place("offset")..][..place("length")];
    let read: Vec<f32> = stored.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
    assert_eq!(read, large);
    assert_eq!(other.raw_data().len(), 8);
}

#[test]
fn small_models_stay_whole() {
    let file = bytes(2, vec![floats("w", &[2, 1], &[1.0, 2.0])]);
    let prepared = prepare(file.clone(), Limits::default(), None, OutputChoice::default()).expect("a good model");
    assert!(prepared.weights.is_empty());
    assert_eq!(prepared.graph, file);
    assert_eq!(prepared.signature.features, ["x_0", "x_1"]);
    assert_eq!(prepared.operators, ["MatMul"]);
}

#[test]
fn tensors_elsewhere_are_refused() {
    for file in ["/etc/passwd", "../x", "weights"] {
        let mut tensor = floats("w", &[2, 1], &[1.0, 2.0]);
        tensor.set_data_location(DataLocation::External);
        let entry = pg_recommend_engine::model::onnx::StringStringEntryProto { key: Some("location".into()), value: Some(file.into()) };
        tensor.external_data.push(entry);
        let error = prepare(bytes(2, vec![tensor]), Limits::default(), None, OutputChoice::default()).expect_err("refused");
        assert_eq!(error, ModelError::ExternalData { tensor: "w".into(), file: file.into() });
    }
}

#[test]
fn operators_within_operators_are_checked() {
    let mut outer = model(2, vec![floats("w", &[2, 1], &[1.0, 2.0])]);
    let inner = GraphProto { node: vec![node("RandomNormal", &[], &["r"])], ..Default::default() };
    let attribute =
        pg_recommend_engine::model::onnx::AttributeProto { name: Some("then_branch".into()), g: Some(inner), ..Default::default() };
    let mut branch = node("If", &["c"], &["y"]);
    branch.attribute.push(attribute);
    outer.graph.as_mut().expect("a graph").node.push(branch);
    let error = parse(outer.encode_to_vec().into(), Limits::default()).expect_err("refused");
    assert_eq!(error, ModelError::Operator { operator: "RandomNormal".into(), node: String::new() });
}

#[test]
fn probabilities_of_a_zip_map_are_taken_before_it() {
    let mut zipped = model(2, vec![floats("w", &[2, 2], &[1.0; 4])]);
    let graph = zipped.graph.as_mut().expect("a graph");
    let mut zip = node("ZipMap", &["p"], &["probabilities"]);
    zip.domain = Some("ai.onnx.ml".into());
    let labels = pg_recommend_engine::model::onnx::AttributeProto {
        name: Some("classlabels_int64s".into()),
        ints: vec![0, 1],
        ..Default::default()
    };
    zip.attribute.push(labels);
    graph.node.push(zip);
    graph.output = vec![info("label", 7, &[None]), ValueInfoProto { name: Some("probabilities".into()), ..Default::default() }];
    let prepared = prepare(zipped.encode_to_vec(), Limits::default(), None, OutputChoice::default()).expect("a good model");
    assert_eq!((prepared.output.name.as_str(), &prepared.output.labels[..]), ("p", &["0".to_string(), "1".to_string()][..]));
    let graph = ModelProto::decode(&prepared.graph[..]).expect("a model").graph.expect("a graph");
    assert_eq!((graph.node.len(), graph.output.len(), graph.output[0].name()), (1, 1, "p"));
    assert_eq!(prepared.output.column(2, None), Ok(1));
    assert_eq!(prepared.output.column(2, Some("0")), Ok(0));
    assert!(matches!(prepared.output.column(2, Some("7")), Err(ModelError::UnknownClass { .. })));
    assert!(matches!(prepared.output.column(3, None), Err(ModelError::ManyClasses { classes: 3, .. })));
}

proptest! {
    /// Whatever the bytes, there is an answer or an error.
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = prepare(bytes, Limits::default(), None, OutputChoice::default());
    }

    /// So with a good file in which bytes were changed, or which was cut off.
    #[test]
    fn damaged_files(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5), end in any::<prop::sample::Index>(), cut: bool) {
        let mut file = bytes(2, vec![floats("w", &[2, 1], &[1.0, 2.0])]);
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if cut {
            file.truncate(end.index(file.len()));
        }
        if let Ok(prepared) = prepare(file, Limits::default(), None, OutputChoice::default()) {
            prop_assert_eq!(prepared.signature.features.len(), prepared.signature.inputs.iter().map(Input::width).sum::<usize>());
            prop_assert!(ModelProto::decode(&prepared.graph[..]).is_ok());
        }
    }

    /// Names, types and shapes of inputs become columns in the order of the file.
    #[test]
    fn signatures(widths in prop::collection::vec(0usize..5, 1..6), kinds in prop::collection::vec(prop::sample::select(vec![1, 11, 7, 6, 9, 8]), 6)) {
        let inputs = widths.iter().zip(&kinds).enumerate().map(|(place, (&width, &kind))| {
            // 0 stands for an input of one dimension.
            let shape: Vec<Option<i64>> = if width == 0 { vec![None] } else { vec![None, Some(width as i64)] };
            info(&format!("i{place}"), kind, &shape)
        });
        let graph = GraphProto { input: inputs.collect(), ..Default::default() };
        let signature = Signature::of(&graph, None).expect("all may be filled");
        let mut expected = Vec::new();
        for (place, &width) in widths.iter().enumerate() {
            match width {
                0 | 1 => expected.push(format!("i{place}")),
                _ => expected.extend((0..width).map(|column| format!("i{place}_{column}"))),
            }
        }
        prop_assert_eq!(&signature.features, &expected);
        prop_assert!(!signature.single_row);
        let too_few: Vec<String> = expected.iter().skip(1).cloned().collect();
        prop_assert_eq!(Signature::of(&graph, Some(&too_few)), Err(ModelError::FeatureCount { given: too_few.len(), expected: expected.len() }));
    }

    /// Rows of values land where a naive walk over the columns puts them, missing ones as their defaults.
    #[test]
    fn rows(widths in prop::collection::vec(1usize..4, 1..4), seed in prop::collection::vec(prop::option::of(-1000i64..1000), 60), default in -5i64..5) {
        let elements = [Element::Float, Element::Int64, Element::Double];
        let inputs: Vec<Input> = widths.iter().enumerate().map(|(place, &width)| Input { name: format!("i{place}"), element: elements[place], shape: vec![width] }).collect();
        let width: usize = widths.iter().sum();
        let features: Vec<String> = (0..width).map(|place| format!("f{place}")).collect();
        let signature = Signature { inputs, features: features.clone(), single_row: false };
        let defaults: Defaults = features.iter().map(|name| (name.clone(), Value::Integer(default))).collect();
        let given: Vec<Vec<Option<i64>>> = seed.chunks_exact(width).map(<[_]>::to_vec).collect();
        let mut batch = Batch::new(&signature);
        for row in &given {
            let values: Vec<Option<Value>> = row.iter().map(|value| value.map(Value::Integer)).collect();
            prop_assert_eq!(batch.push_values(&signature, &values, &defaults), Ok(()));
            let strict = batch.push_values(&signature, &values, &Defaults::new());
            match row.iter().position(Option::is_none) {
                // A row that does not fit leaves nothing behind.
                Some(place) => prop_assert_eq!(strict, Err(FeatureError::Missing(features[place].clone()))),
                None => {
                    prop_assert_eq!(strict, Ok(()));
                    let reals: Vec<f32> = row.iter().map(|value| value.unwrap_or_default() as f32).collect();
                    prop_assert_eq!(batch.push_reals(&signature, &reals), Ok(()));
                }
            }
        }
        let mut first = 0;
        for (place, &width) in widths.iter().enumerate() {
            let mut expected = Vec::new();
            for row in &given {
                let times = if row.iter().all(Option::is_some) { 3 } else { 1 };
                for _ in 0..times {
                    expected.extend(row[first..first + width].iter().map(|value| value.unwrap_or(default)));
                }
            }
            first += width;
            let found: Vec<i64> = match &batch.buffers()[place] {
                Buffer::Float(values) => values.iter().map(|value| *value as i64).collect(),
                Buffer::Int64(values) => values.clone(),
                Buffer::Double(values) => values.iter().map(|value| *value as i64).collect(),
                other => panic!("unexpected {other:?}"),
            };
            prop_assert_eq!(found, expected);
        }
    }

    /// A unit keeps its version while shares stay; one that grows takes units and gives none away.
    #[test]
    fn growth_is_monotone(units in prop::collection::vec(any::<u64>(), 200), from in 0.0f64..100.0, more in 0.0f64..1.0) {
        let split = |share: f64| Traffic::new(&BTreeMap::from([(3, 100.0 - share), (4, share)])).expect("a good split");
        let (before, after) = (split(from), split(from + (100.0 - from) * more));
        for unit in units {
            prop_assert_eq!(before.version(unit), before.version(unit));
            if before.version(unit) == 4 {
                prop_assert_eq!(after.version(unit), 4);
            }
        }
    }

    /// Among three versions: where one grows at the expense of the others, no unit moves between those.
    #[test]
    fn only_the_growing_one_takes_units(units in prop::collection::vec(any::<u64>(), 200), shares in [1.0f64..10.0, 1.0..10.0, 1.0..10.0], grow in 1.0f64..10.0) {
        let split = |weights: [f64; 3]| {
            let sum: f64 = weights.iter().sum();
            let last = 100.0 - weights[0] / sum * 100.0 - weights[1] / sum * 100.0;
            Traffic::new(&BTreeMap::from([(1, weights[0] / sum * 100.0), (2, weights[1] / sum * 100.0), (3, last)])).expect("a good split")
        };
        let (before, after) = (split(shares), split([shares[0], shares[1], shares[2] * grow]));
        for unit in units {
            let (old, new) = (before.version(unit), after.version(unit));
            prop_assert!(old == new || new == 3, "unit {unit} moved from {old} to {new}");
        }
    }
}

#[test]
fn shares_are_met() {
    let traffic = Traffic::new(&BTreeMap::from([(1, 70.0), (2, 25.0), (9, 5.0), (12, 0.0)])).expect("a good split");
    assert_eq!(traffic.versions().collect::<Vec<_>>(), [1, 2, 9]);
    let mut counts = BTreeMap::new();
    let mut unit = 1u64;
    for _ in 0..100_000 {
        unit = unit.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *counts.entry(traffic.version(unit)).or_insert(0) += 1;
    }
    // Five standard deviations of a binomial with these shares.
    for (version, expected) in [(1, 70_000i32), (2, 25_000), (9, 5_000)] {
        assert!((counts[&version] - expected).abs() < 750, "version {version}: {}", counts[&version]);
    }
}

#[test]
fn splits_that_are_none() {
    use pg_recommend_engine::model::TrafficError as E;
    let split = |shares: &[(i32, f64)]| Traffic::new(&shares.iter().copied().collect());
    assert_eq!(split(&[]), Err(E::Empty));
    assert_eq!(split(&[(1, 60.0), (2, 50.0)]), Err(E::Sum(110.0)));
    assert_eq!(split(&[(1, -1.0), (2, 101.0)]), Err(E::Share { version: 1, share: -1.0 }));
    assert!(matches!(split(&[(1, f64::NAN), (2, 100.0)]), Err(E::Share { version: 1, .. })));
}

#[test]
fn values_that_do_not_fit() {
    let signature = |element| Signature {
        inputs: vec![Input { name: "x".into(), element, shape: vec![1] }],
        features: vec!["x".into()],
        single_row: false,
    };
    let push =
        |element, value: Value| Batch::new(&signature(element)).push_values(&signature(element), &[Some(value)], &Defaults::new()).is_ok();
    assert!(
        push(Element::Int64, Value::Number(3.0))
            && !push(Element::Int64, Value::Number(3.5))
            && !push(Element::Int64, Value::Number(f64::NAN))
    );
    assert!(
        push(Element::Int64, Value::Integer(i64::MAX))
            && !push(Element::Int32, Value::Integer(i64::MAX))
            && !push(Element::Int64, Value::Number(1e300))
    );
    assert!(push(Element::Bool, Value::Integer(1)) && !push(Element::Bool, Value::Integer(2)));
    assert!(
        push(Element::Float, Value::Number(f64::NAN))
            && !push(Element::Float, Value::Number(1e300))
            && push(Element::Float, Value::Number(f64::INFINITY))
    );
    assert!(push(Element::Float, Value::Text("NaN".into())) && !push(Element::Float, Value::Text("x".into())));
    assert!(push(Element::String, Value::Text("x".into())) && !push(Element::String, Value::Integer(1)));
    let mut batch = Batch::new(&signature(Element::Int64));
    assert_eq!(batch.push_reals(&signature(Element::Int64), &[2e7]), Err(FeatureError::Inexact { feature: "x".into(), value: 2e7 }));
    assert_eq!(batch.push_reals(&signature(Element::Int64), &[1.0, 2.0]), Err(FeatureError::Count { given: 2, expected: 1 }));
    assert_eq!(batch.rows(), 0);
}
