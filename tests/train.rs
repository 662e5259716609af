//! Training: what is refused, what each step does against a naive reckoning, and that the same rows give the same model.

use std::cell::Cell as Counter;

use pg_recommend_engine::Error;
use pg_recommend_engine::model::{Batch, Element, Limits, OutputChoice, Value, prepare};
use pg_recommend_engine::train::{
    Cell, Column, Encoder, Kind, MAX_COLUMNS, MISSING_INTEGER, MemoryLog, Method, Result, RowLog, Spec, TrainError, Trained, train,
};
use proptest::prelude::*;

fn columns(kinds: &[(&str, Kind)]) -> Vec<Column> {
    kinds.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect()
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
}

/// Values of a column of each kind.
type Row = (Option<f64>, Option<i64>, Option<String>);

fn three() -> Vec<Column> {
    columns(&[("number", Kind::Number), ("integer", Kind::Integer), ("text", Kind::Text)])
}

fn cells(row: &Row) -> [Cell<'_>; 3] {
    let (number, integer, text) = row;
    [
        number.map_or(Cell::Missing, Cell::Number),
        integer.map_or(Cell::Missing, Cell::Integer),
        text.as_deref().map_or(Cell::Missing, Cell::Text),
    ]
}

fn trained(rows: &[(Row, bool)], spec: Spec, threads: usize) -> Result<Trained> {
    let mut log = MemoryLog::default();
    let mut encoder = Encoder::new(three(), spec)?;
    for (row, label) in rows {
        encoder.push(&mut log, &cells(row), Some(f64::from(u8::from(*label))))?;
    }
    let encoded = encoder.finish(&mut log)?;
    train(&mut log, encoded, &pool(threads), &|| Ok(()))
}

/// Rows whose label hangs on the parity of the integer and on the text, together.
fn world(count: usize) -> Vec<(Row, bool)> {
    let row = |n: usize| {
        let n = n.wrapping_mul(2_654_435_761) >> 7;
        let (number, integer) = ((n % 101) as f64 / 10.0, (n / 101 % 13) as i64);
        let text = ["red", "green", "blue"][n / 1313 % 3];
        let label = ((integer % 2 == 0) == (text == "red")) != (n / 4000).is_multiple_of(10);
        ((Some(number).filter(|_| !n.is_multiple_of(17)), Some(integer).filter(|_| !n.is_multiple_of(19)), Some(text.to_owned())), label)
    };
    (0..count).map(row).collect()
}

fn refused(columns: Vec<Column>, spec: Spec) -> String {
    Encoder::new(columns, spec).err().expect("refused").to_string()
}

#[test]
fn columns_and_crosses_that_are_refused() {
    let spec = |cross: &str| Spec { crosses: vec![cross.to_owned()], ..Spec::default() };
    assert_eq!(refused(Vec::new(), Spec::default()), "there are no features to learn from");
    assert_eq!(refused(columns(&[("a", Kind::Text), ("a", Kind::Number)]), Spec::default()), "feature name \"a\" is empty or comes twice");
    assert_eq!(refused(columns(&[("", Kind::Text)]), Spec::default()), "feature name \"\" is empty or comes twice");
    let many = (0..=MAX_COLUMNS).map(|n| Column { name: format!("c{n}"), kind: Kind::Number }).collect();
    assert_eq!(refused(many, Spec::default()), "1001 features are given, where 1000 are allowed");
    assert_eq!(refused(three(), spec("number * x")), "cross \"number * x\" is of \"x\", which is no feature");
    for cross in ["number", "text * text", "number * integer * text * number", "text * integer * text"] {
        assert_eq!(refused(three(), spec(cross)), format!("cross \"{cross}\" is not of two or three different columns"));
    }
    assert!(Encoder::new(three(), spec("text*number * integer")).is_ok() && Encoder::new(three(), spec(" * ")).is_ok());
    let wrong = [
        Spec { passes: 0, ..Spec::default() },
        Spec { alpha: f64::NAN, ..Spec::default() },
        Spec { l2: -1.0, ..Spec::default() },
        Spec { validation: 0.6, ..Spec::default() },
        Spec { table_bits: 25, ..Spec::default() },
        Spec { factors: 0, ..Spec::default() },
        Spec { vocabulary: 0, ..Spec::default() },
        Spec { vector_step: f64::INFINITY, ..Spec::default() },
    ];
    for (spec, message) in wrong.into_iter().zip([
        "passes cannot be 0",
        "alpha cannot be NaN",
        "l2 cannot be -1",
        "validation cannot be 0.6",
        "table_bits cannot be 25",
        "factors cannot be 0",
        "vocabulary cannot be 0",
        "vector_step cannot be inf",
    ]) {
        assert_eq!(refused(three(), spec), message);
    }
}

#[test]
fn rows_that_are_refused() {
    let push = |row: &[Cell], label: f64| {
        let mut encoder = Encoder::new(three(), Spec::default()).expect("columns");
        encoder.push(&mut MemoryLog::default(), row, Some(label)).expect_err("refused").to_string()
    };
    let good = [Cell::Number(1.0), Cell::Integer(1), Cell::Text("a")];
    assert_eq!(push(&good[..2], 1.0), "row 1 has 2 values, where there are 3 features");
    for label in [0.5, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(push(&good, label), format!("the label of row 1 is {label}, which is neither 0 nor 1"));
    }
    for number in [f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        let message = format!("feature \"number\" of row 1 is {number:?}, which is beyond what a model takes");
        assert_eq!(push(&[Cell::Number(number), good[1], good[2]], 1.0), message);
    }
    assert_eq!(push(&[good[2], good[1], good[2]], 1.0), "feature \"number\" of row 1 is not a number");
    assert_eq!(push(&[good[0], good[0], good[2]], 1.0), "feature \"integer\" of row 1 is not an integer");
    assert_eq!(push(&[good[0], good[1], good[1]], 1.0), "feature \"text\" of row 1 is not a text");
}

#[test]
fn logs_that_teach_nothing() {
    let rows = world(100);
    assert!(matches!(trained(&[], Spec::default(), 1), Err(TrainError::Rows { rows: 0, needed: 2 })));
    assert!(matches!(trained(&rows[..1], Spec::default(), 1), Err(TrainError::Rows { rows: 1, needed: 2 })));
    for label in [false, true] {
        let one: Vec<(Row, bool)> = rows.iter().map(|(row, _)| (row.clone(), label)).collect();
        let expected = u8::from(label);
        assert!(matches!(trained(&one, Spec::default(), 1), Err(TrainError::OneClass { rows: 100, label }) if label == expected));
        // The other label is among the held-out rows only.
        let mut last = one;
        last[99].1 = !label;
        assert!(matches!(trained(&last, Spec::default(), 1), Err(TrainError::OneClass { rows: 90, label }) if label == expected));
    }
}

#[test]
fn rows_without_a_label_are_counted_and_left_out() {
    let (mut log, mut encoder) = (MemoryLog::default(), Encoder::new(three(), Spec::default()).expect("columns"));
    for (place, (row, label)) in world(3000).iter().enumerate() {
        encoder.push(&mut log, &cells(row), (place % 3 > 0).then_some(f64::from(u8::from(*label)))).expect("a row");
    }
    let encoded = encoder.finish(&mut log).expect("a log");
    let trained = train(&mut log, encoded, &pool(1), &|| Ok(())).expect("a model");
    assert_eq!((trained.report().rows, trained.report().skipped, trained.report().validation_rows), (2000, 1000, 200));
}

#[test]
fn what_columns_say_together_is_learnt() {
    let rows = world(20_000);
    let auc = |spec: Spec| {
        trained(&rows, spec, 2).expect("a model").report().validation.as_ref().expect("held-out rows").auc.expect("both labels")
    };
    let logistic = Spec { method: Method::Logistic, ..Spec::default() };
    // One row in ten has the other label: no model has more than 0.9.
    assert!(auc(logistic.clone()) < 0.75);
    assert!(auc(Spec { crosses: vec!["text * integer".into()], ..logistic }) > 0.85);
    assert!(auc(Spec::default()) > 0.85);
}

#[test]
fn the_same_rows_give_the_same_model() {
    let rows = world(5000);
    for method in [Method::Logistic, Method::Fwfm] {
        let spec = Spec { method, crosses: vec!["*".into()], passes: 4, ..Spec::default() };
        let model = trained(&rows, spec.clone(), 1).expect("a model").onnx();
        assert!(trained(&rows, spec.clone(), 3).expect("a model").onnx() == model, "the number of threads shows");
        assert!(trained(&rows, Spec { memory: 0, ..spec.clone() }, 2).expect("a model").onnx() == model, "what is kept shows");
        let other = trained(&rows, Spec { seed: 1, ..spec }, 1).expect("a model").onnx();
        assert_eq!(other != model, method == Method::Fwfm);
    }
}

#[test]
fn without_refit_the_reported_model_is_given() {
    let rows = world(5000);
    let spec = Spec { refit: false, ..Spec::default() };
    let trained = trained(&rows, spec, 1).expect("a model");
    let held_out = &rows[4500..];
    let losses = held_out.iter().map(|(row, label)| {
        let probability = f64::from(trained.predict(&cells(row)).expect("a row"));
        -if *label { probability.ln() } else { (1.0 - probability).ln() }
    });
    let loss = losses.sum::<f64>() / held_out.len() as f64;
    let reported = trained.report().validation.as_ref().and_then(|metrics| metrics.log_loss).expect("held-out rows");
    assert!((loss - reported).abs() < 1e-5, "{loss} is not {reported}");
}

#[test]
fn interrupts_end_the_training() {
    let rows = world(5000);
    let (mut log, mut encoder) = (MemoryLog::default(), Encoder::new(three(), Spec::default()).expect("columns"));
    rows.iter().for_each(|(row, label)| encoder.push(&mut log, &cells(row), Some(f64::from(u8::from(*label)))).expect("a row"));
    let encoded = encoder.finish(&mut log).expect("a log");
    for after in [0, 1, 5, 20] {
        let asked = Counter::new(0);
        let interrupt = || {
            asked.set(asked.get() + 1);
            if asked.get() > after { Err(Error::Interrupted) } else { Ok(()) }
        };
        let ended = train(&mut log, encoded.clone(), &pool(1), &interrupt);
        assert!(matches!(ended, Err(TrainError::Engine(Error::Interrupted))));
        assert_eq!(asked.get(), after + 1);
    }
}

/// A log that fails.
struct Broken;

impl RowLog for Broken {
    fn append(&mut self, _: &[u8]) -> pg_recommend_engine::Result<()> {
        Err(Error::Store("no space".into()))
    }

    fn rewind(&mut self) -> pg_recommend_engine::Result<()> {
        Ok(())
    }

    fn read(&mut self, _: &mut [u8]) -> pg_recommend_engine::Result<()> {
        Err(Error::Store("no space".into()))
    }
}

#[test]
fn a_log_that_fails_ends_the_training() {
    let encoder = Encoder::new(three(), Spec::default()).expect("columns");
    assert_eq!(encoder.finish(&mut Broken).expect_err("no log").to_string(), "no space");
    let (mut log, mut encoder) = (MemoryLog::default(), Encoder::new(three(), Spec::default()).expect("columns"));
    world(50).iter().for_each(|(row, label)| encoder.push(&mut log, &cells(row), Some(f64::from(u8::from(*label)))).expect("a row"));
    let encoded = encoder.finish(&mut log).expect("a log");
    assert_eq!(train(&mut Broken, encoded.clone(), &pool(1), &|| Ok(())).expect_err("no log").to_string(), "no space");
    let ended = train(&mut MemoryLog::default(), encoded, &pool(1), &|| Ok(()));
    assert_eq!(ended.expect_err("no rows").to_string(), "the log of rows ends early");
}

#[test]
fn the_model_may_be_deployed() {
    for method in [Method::Logistic, Method::Fwfm] {
        let spec = Spec { method, crosses: vec!["*".into()], ..Spec::default() };
        let trained = trained(&world(2000), spec, 1).expect("a model");
        let prepared = prepare(trained.onnx(), Limits::default(), None, OutputChoice::default()).expect("a model that is served");
        assert_eq!(prepared.signature.features, ["number", "integer", "text"]);
        assert_eq!(prepared.signature.elements().collect::<Vec<_>>(), [Element::Float, Element::Int64, Element::String]);
        assert_eq!((prepared.output.name.as_str(), prepared.signature.single_row), ("probability", false));
        let defaults = trained.defaults();
        assert_eq!(defaults["integer"], Value::Integer(MISSING_INTEGER));
        let mut batch = Batch::new(&prepared.signature);
        assert_eq!(batch.push_values(&prepared.signature, &[None, None, None], &defaults), Ok(()));
    }
}

#[test]
fn names_may_be_any() {
    let names = columns(&[("probability", Kind::Number), ("pg_recommend:1", Kind::Text), ("a b", Kind::Integer)]);
    let (mut log, mut encoder) = (MemoryLog::default(), Encoder::new(names, Spec::default()).expect("columns"));
    for (row, label) in world(100) {
        let [number, integer, text] = cells(&row);
        encoder.push(&mut log, &[number, text, integer], Some(f64::from(u8::from(label)))).expect("a row");
    }
    let encoded = encoder.finish(&mut log).expect("a log");
    let trained = train(&mut log, encoded, &pool(1), &|| Ok(())).expect("a model");
    let prepared = prepare(trained.onnx(), Limits::default(), None, OutputChoice::default()).expect("a model that is served");
    assert_eq!((prepared.signature.features.len(), prepared.output.name.as_str()), (3, "probability_"));
}

/// FTRL-proximal as McMahan et al. print it, with the sum of a minibatch's gradients.
#[test]
fn logistic_regression_is_ftrl() {
    let labels: Vec<bool> = (0..64).map(|n| n * n % 7 < 3).collect();
    let rows: Vec<(Row, bool)> = labels.iter().enumerate().map(|(n, label)| ((None, Some(n as i64 % 2), None), *label)).collect();
    let spec = Spec { method: Method::Logistic, validation: 0.0, passes: 3, l1: 0.3, l2: 0.25, alpha: 0.3, beta: 0.7, ..Spec::default() };
    let trained = trained(&rows, spec.clone(), 1).expect("a model");
    let rate = labels.iter().filter(|label| **label).count() as f64 / 64.0;
    // The bias, the missing number, the missing text, and the integers 0 and 1.
    let mut weights = [(rate / (1.0 - rate)).ln(), 0.0, 0.0, 0.0, 0.0];
    let mut sums = [(0.0, 0.0); 5];
    sums[0].0 = -weights[0] * spec.beta / spec.alpha;
    for _ in 0..spec.passes {
        for batch in rows.chunks(32).enumerate() {
            let mut gradients = [0.0; 5];
            for (place, (_, label)) in batch.1.iter().enumerate() {
                let integer = 3 + (32 * batch.0 + place) % 2;
                let score = weights[0] + weights[1] + weights[2] + weights[integer];
                let gradient = 1.0 / (1.0 + f64::exp(-score)) - f64::from(u8::from(*label));
                [0, 1, 2, integer].into_iter().for_each(|weight| gradients[weight] += gradient);
            }
            for ((place, weight), ((z, n), gradient)) in weights.iter_mut().enumerate().zip(sums.iter_mut().zip(gradients)) {
                let (l1, l2) = if place == 0 { (0.0, 0.0) } else { (spec.l1, spec.l2) };
                let sigma = ((*n + gradient * gradient).sqrt() - f64::sqrt(*n)) / spec.alpha;
                *z += gradient - sigma * *weight;
                *n += gradient * gradient;
                *weight = if z.abs() <= l1 { 0.0 } else { -(*z - l1 * z.signum()) / ((spec.beta + n.sqrt()) / spec.alpha + l2) };
            }
        }
    }
    for integer in 0..2 {
        let expected = 1.0 / (1.0 + f64::exp(-(weights[0] + weights[1] + weights[2] + weights[3 + integer])));
        let given = trained.predict(&[Cell::Missing, Cell::Integer(integer as i64), Cell::Missing]).expect("a row");
        assert!((f64::from(given) - expected).abs() < 1e-5, "{given} is not {expected}");
    }
}

fn any_row() -> impl Strategy<Value = (Row, bool)> {
    let number = prop_oneof![Just(None), Just(Some(f64::NAN)), (-1e30..1e30).prop_map(Some), (-3i8..3).prop_map(|n| Some(f64::from(n)))];
    let integer = prop_oneof![Just(None), any::<i64>().prop_map(Some), (-5i64..5).prop_map(Some), Just(Some(MISSING_INTEGER))];
    let text = prop_oneof![Just(None), any::<String>().prop_map(Some), "[abc]".prop_map(Some), Just(Some("x".repeat(2000)))];
    ((number, integer, text), any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the rows, there is a model that gives probabilities, or it is said why not.
    #[test]
    fn any_rows(rows in prop::collection::vec(any_row(), 0..120), vocabulary in 1usize..20, table_bits in 8u32..10, min_count in 1u64..4, fwfm: bool) {
        let method = if fwfm { Method::Fwfm } else { Method::Logistic };
        let spec = Spec { method, vocabulary, table_bits, min_count, passes: 3, crosses: vec!["*".into(), "number*integer*text".into()], ..Spec::default() };
        match trained(&rows, spec, 1) {
            Ok(trained) => {
                for (row, _) in &rows {
                    let probability = trained.predict(&cells(row)).expect("a row");
                    prop_assert!((0.0..=1.0).contains(&probability));
                }
                for extreme in [f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
                    let row = [Cell::Number(extreme), Cell::Integer(i64::MAX), Cell::Text("\u{10ffff}")];
                    prop_assert!((0.0..=1.0).contains(&trained.predict(&row).expect("a row")));
                }
                prop_assert!(prepare(trained.onnx(), Limits::default(), None, OutputChoice::default()).is_ok());
            }
            Err(error) => {
                let expected = matches!(error, TrainError::Rows { .. } | TrainError::OneClass { .. });
                prop_assert!(expected, "{error}");
            }
        }
    }

    /// A value that is missing in one way or the other is the same, and so is one that never came or came too seldom.
    #[test]
    fn missing_and_unknown(integer: i64, text in "[d-z]{1,5}") {
        let trained = trained(&world(400), Spec { passes: 2, ..Spec::default() }, 1).expect("a model");
        let score = |row: [Cell; 3]| trained.predict(&row).expect("a row");
        let missing = score([Cell::Missing; 3]);
        prop_assert_eq!(missing, score([Cell::Number(f64::NAN), Cell::Integer(MISSING_INTEGER), Cell::Text("")]));
        if !(0..13).contains(&integer) && integer != MISSING_INTEGER && !["red", "green", "blue"].contains(&text.as_str()) {
            let unknown = score([Cell::Number(2.0), Cell::Integer(integer), Cell::Text(&text)]);
            prop_assert_eq!(unknown, score([Cell::Number(2.0), Cell::Integer(99), Cell::Text(&"x".repeat(5000))]));
        }
    }
}
