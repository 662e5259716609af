//! `evaluate_model`: what labelled rows say of a model's scores.

use std::collections::BTreeMap;

use engine::metrics::{Bin, Evaluation, Metrics};
use pgrx::datum::{IntoDatum, JsonB};
use pgrx::pg_sys;

use super::error::{Result, TrainingError};
use super::label::{self, Label};
use crate::models::{self, Reader, catalog};
use crate::pg::function::{Call, CallError, RowSet};
use crate::pg::memory;
use crate::pg::spi::{self, Row};
use crate::sql_function;

sql_function!(model_evaluate, pg_finfo_model_evaluate, evaluate);

/// The most bins.
const MAX_BINS: i32 = 1000;

/// evaluate_model(name, query, label, segment_by, version, bins, feature_names)
fn evaluate(call: &Call) -> Result<pg_sys::Datum> {
    let mut out = call.rows()?;
    let (name, query): (String, String) = (call.required(0, "name")?, call.required(1, "query")?);
    let label_name = call.text(2).ok_or(CallError::Null("label"))?;
    let segment_by = call.text(3);
    let bins: i32 = call.required(5, "bins")?;
    if !(1..=MAX_BINS).contains(&bins) {
        return Err(TrainingError::Range { argument: "bins", allowed: "between 1 and 1000", given: bins.to_string() });
    }
    let array_names = call.names(6, "feature_names")?;
    let model = catalog::usable(&name)?;
    let only = call.arg::<i32>(4).map(|version| model.version(version)).transpose()?;

    let mut rows = Labelled::default();
    let mut columns = None;
    spi::stream_chunks(&query, &[], models::ROWS_AT_ONCE, |chunk| {
        let Some(first) = chunk.first() else { return Ok(()) };
        let (label, segment, reader) = match &mut columns {
            Some(columns) => columns,
            none => {
                let label = Label::of(first, &label_name)?;
                let segment = segment_by.as_ref().map(|name| label::column(first, "segment_by", name)).transpose()?;
                let reader = Reader::new(&model, only.clone(), first, label.column, array_names.as_deref())?;
                none.insert((label, segment, reader))
            }
        };
        let mut labelled: Vec<(&Row, bool)> = Vec::with_capacity(chunk.len());
        for row in chunk {
            rows.seen += 1;
            labelled.extend(label.read(row, rows.seen)?.map(|label| (row, label)));
        }
        let scores = reader.score(labelled.iter().map(|(row, _)| *row), models::score)?;
        for ((row, label), score) in labelled.into_iter().zip(scores) {
            if let Some(score) = score {
                rows.push(score, label, segment.and_then(|column| row.text(column)))?;
            }
        }
        rows.bound(memory::for_maintenance())
    })?;
    rows.finish(bins.unsigned_abs() as usize, &mut out);
    Ok(out.finish(call))
}

/// Scores and labels of all rows, and of each segment.
#[derive(Default)]
struct Labelled {
    seen: u64,
    all: Evaluation,
    segments: BTreeMap<String, Evaluation>,
    is_coarse: bool,
    /// Rows until memory is looked at again: looking costs something for each segment.
    unbounded: usize,
}

impl Labelled {
    fn push(&mut self, score: f32, label: bool, segment: Option<String>) -> Result<()> {
        self.all.push(score, label)?;
        if let Some(segment) = segment {
            let is_coarse = self.is_coarse;
            let of_segment = self.segments.entry(segment).or_insert_with(|| {
                let mut new = Evaluation::new();
                if is_coarse {
                    new.coarsen();
                }
                new
            });
            of_segment.push(score, label)?;
        }
        Ok(())
    }

    /// Keeps within so many bytes: exact while there is room, then coarse, then not at all.
    fn bound(&mut self, bytes: usize) -> Result<()> {
        if self.unbounded > 0 {
            self.unbounded -= 1;
            return Ok(());
        }
        self.unbounded = self.segments.len() / models::ROWS_AT_ONCE;
        let taken = |labelled: &Self| {
            let keys: usize = labelled.segments.keys().map(|key| key.capacity() + size_of::<String>()).sum();
            labelled.all.bytes() + keys + labelled.segments.values().map(Evaluation::bytes).sum::<usize>()
        };
        if !self.is_coarse && taken(self) > bytes {
            self.is_coarse = true;
            self.all.coarsen();
            self.segments.values_mut().for_each(Evaluation::coarsen);
        }
        if self.is_coarse && !self.segments.is_empty() && taken(self) > bytes {
            return Err(TrainingError::Segments { segments: self.segments.len(), rows: self.seen });
        }
        Ok(())
    }

    /// (segment, rows, positives, auc, log_loss, normalized_entropy, calibration, calibration_error, calibration_table) of all rows, then of each segment.
    fn finish(self, bins: usize, out: &mut RowSet) {
        let all = (None, self.all);
        let segments = self.segments.into_iter().map(|(segment, evaluation)| (Some(segment), evaluation));
        let mut auc_error: f64 = 0.0;
        for (segment, evaluation) in std::iter::once(all).chain(segments) {
            let metrics = evaluation.finish(bins);
            auc_error = auc_error.max(metrics.auc_error);
            let Metrics { rows, positives, auc, log_loss, normalized_entropy, calibration, calibration_error, bins, .. } = metrics;
            out.push(&[
                segment.and_then(IntoDatum::into_datum),
                rows.cast_signed().into_datum(),
                positives.cast_signed().into_datum(),
                auc.and_then(IntoDatum::into_datum),
                log_loss.and_then(IntoDatum::into_datum),
                normalized_entropy.and_then(IntoDatum::into_datum),
                calibration.and_then(IntoDatum::into_datum),
                calibration_error.and_then(IntoDatum::into_datum),
                (!bins.is_empty()).then(|| JsonB(table(&bins))).and_then(IntoDatum::into_datum),
            ]);
        }
        if self.is_coarse {
            pgrx::notice!("maintenance_work_mem does not hold all scores: auc is right to within about {auc_error:.0e}");
        }
    }
}

fn table(bins: &[Bin]) -> serde_json::Value {
    // A score as short as real is printed.
    let short = |score: f32| score.to_string().parse::<f64>().unwrap_or(f64::from(score));
    let bin = |bin: &Bin| serde_json::json!({"low": short(bin.low), "high": short(bin.high), "rows": bin.rows, "predicted": bin.predicted, "observed": bin.observed});
    bins.iter().map(bin).collect()
}
