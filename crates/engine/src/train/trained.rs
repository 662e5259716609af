//! A model that was trained.

use std::sync::OnceLock;

use super::column::{Cell, Column, Kind};
use super::encoder::{Encoded, MISSING_INTEGER, MISSING_TEXT};
use super::error::{Result, TrainError};
use super::fit::fit;
use super::layout::{Layout, Lookup};
use super::log::RowLog;
use super::machine::{Machine, sigmoid};
use super::report::Report;
use crate::model::{Defaults, Value};

/// A model that was trained.
#[derive(Clone, Debug)]
pub struct Trained {
    pub(super) columns: Vec<Column>,
    pub(super) layout: Layout,
    pub(super) machine: Machine,
    /// Made at the first prediction: the file needs none.
    lookups: OnceLock<Vec<Lookup>>,
    report: Report,
}

/// Trains a model on the rows of a log. The same rows, spec and seed give the same model, bit by bit, whatever the number of threads.
/// `interrupt` is asked every few milliseconds, on the calling thread.
pub fn train(
    log: &mut dyn RowLog,
    mut encoded: Encoded,
    pool: &rayon::ThreadPool,
    interrupt: &dyn Fn() -> crate::Result<()>,
) -> Result<Trained> {
    if encoded.rows < 2 {
        return Err(TrainError::Rows { rows: encoded.rows, needed: 2 });
    }
    if encoded.positives == 0 || encoded.positives == encoded.rows {
        return Err(TrainError::OneClass { rows: encoded.rows, label: u8::from(encoded.positives > 0) });
    }
    let layout = Layout::new(&mut encoded)?;
    let (machine, report) = fit(log, &encoded, &layout, pool, interrupt)?;
    Ok(Trained { columns: encoded.columns, layout, machine, lookups: OnceLock::new(), report })
}

impl Trained {
    /// What the training did.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The probability of label 1 for a row: what the ONNX model gives, but for the last digits.
    pub fn predict(&self, row: &[Cell]) -> Result<f32> {
        if row.len() != self.columns.len() {
            return Err(TrainError::Width { row: 1, given: row.len(), expected: self.columns.len() });
        }
        let lookups = self.lookups.get_or_init(|| self.layout.places.iter().map(Lookup::new).collect());
        let mut slots = vec![0; self.layout.fields()];
        let mut numbers = self.machine.numbers.iter();
        let mut score = self.machine.bias;
        for (place, cell) in row.iter().enumerate() {
            let found = lookups[place].slot(&self.layout.places[place], self.layout.bits, *cell);
            let (slot, number) = found.ok_or_else(|| {
                let expected = self.columns[place].kind.noun();
                TrainError::Kind { column: self.columns[place].name.clone(), row: 1, expected }
            })?;
            slots[place] = slot;
            if self.columns[place].kind == Kind::Number {
                score += numbers.next().copied().unwrap_or_default() * number;
            }
        }
        self.layout.cross(&mut slots);
        score += self.machine.tables.iter().zip(&slots).map(|(table, slot)| table.weights[*slot as usize]).sum::<f32>();
        if let Some(pairs) = &self.machine.pairs {
            let lanes = pairs.columns() * pairs.parts;
            let (mut vectors, mut sums) = (vec![[0.0; 8]; lanes], vec![[0.0; 8]; lanes]);
            score += pairs.score(|column| slots[column], &mut vectors, &mut sums);
        }
        Ok(sigmoid(score))
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
}
