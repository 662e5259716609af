//! `train_ctr`: a model learnt from the rows of a query, and deployed.

use engine::metrics::Metrics;
use engine::train::{OUTPUT, TrainError, train};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::error::{Result, TrainingError};
use super::options::{self, Places};
use super::rows::{Choice, Reader};
use crate::models::{self, Deployment};
use crate::pg::function::{Call, CallError};
use crate::pg::relation::quote_ident;
use crate::pg::temp_file::TempFile;
use crate::pg::{interrupt, settings, spi, threads, transaction};
use crate::sql_function;

sql_function!(model_train, pg_finfo_model_train, train_ctr);

/// Rows that are read at a time.
const CHUNK: usize = 1000;

/// train_ctr(name, query, label, features, categories, crosses, feature_names, method, time_column, validation, passes, seed, activate, options)
fn train_ctr(call: &Call) -> Result<pg_sys::Datum> {
    let mut out = call.rows()?;
    let query: String = call.required(1, "query")?;
    let choice = Choice {
        model: models::model_name(call)?,
        label: call.text(2).ok_or(CallError::Null("label"))?,
        features: call.names(3, "features")?,
        categories: call.names(4, "categories")?.unwrap_or_default(),
        feature_names: call.names(6, "feature_names")?,
        time: call.text(8),
    };
    let spec = options::spec(call, &Places { crosses: 5, method: 7, validation: 9, passes: 10, seed: 11, options: 13 })?;
    let activate: bool = call.required(12, "activate")?;
    let failed = |source| choice.failed(source);
    spec.check().map_err(failed)?;
    transaction::require_writable(c"train_ctr()");
    models::check_may(&choice.model)?;

    let mut log = TempFile::create();
    let mut reader: Option<Reader> = None;
    let mut without_features = 0;
    let query = ordered(query, choice.time.as_deref())?;
    settings::in_steady_order(|| {
        spi::stream_chunks(&query, &[], CHUNK, |rows| {
            for row in rows {
                if reader.is_none() {
                    reader = Reader::new(row, &choice, &spec)?;
                    match &mut reader {
                        Some(reader) => reader.skip(&mut log, without_features)?,
                        None => without_features += 1,
                    }
                }
                if let Some(reader) = &mut reader {
                    reader.add(&mut log, row)?;
                }
            }
            Ok::<_, TrainingError>(())
        })
    })?;
    let encoder = reader.ok_or_else(|| failed(TrainError::Rows { rows: 0, needed: 2 }))?.finish();
    let encoded = encoder.finish(&mut log).map_err(failed)?;
    let pool = threads::pool(threads::for_maintenance()).map_err(|error| TrainingError::Threads(error.to_string()))?;
    let trained = train(&mut log, encoded, &pool, &interrupt::checker()).map_err(failed)?;
    drop((pool, log));

    let onnx = trained.onnx();
    let file = models::bytea(&onnx);
    let deployment = Deployment {
        name: &choice.model,
        onnx: (onnx, file),
        feature_names: None,
        activate,
        defaults: options::defaults(&trained.defaults()),
        output: Some(OUTPUT),
        class: None,
    };
    let version = deployment.store()?;
    let report = trained.report();
    let figure = |of: fn(&Metrics) -> Option<f64>| report.validation.as_ref().and_then(of).and_then(IntoDatum::into_datum);
    let count = |number: u64| number.cast_signed().into_datum();
    let passes = |number: usize| i32::try_from(number).unwrap_or(i32::MAX).into_datum();
    out.push(&[
        version.into_datum(),
        count(report.rows),
        count(report.positives),
        count(report.skipped),
        count(report.validation_rows),
        passes(report.passes),
        passes(report.best_passes),
        count(report.weights),
        figure(|metrics| metrics.auc),
        figure(|metrics| metrics.log_loss),
        figure(|metrics| metrics.normalized_entropy),
        figure(|metrics| metrics.calibration),
    ]);
    Ok(out.finish(call))
}

/// The query with its rows in the order of a column.
fn ordered(query: String, time: Option<&str>) -> Result<String> {
    let Some(time) = time else { return Ok(query) };
    let query = query.trim_end().trim_end_matches(';');
    let existing = spi::columns_of(query)?;
    if !existing.iter().any(|column| column == time) {
        return Err(TrainingError::Column { argument: "time_column", name: time.to_owned(), existing });
    }
    // On a line of its own: the query may end in a comment.
    Ok(format!("SELECT * FROM (\n{query}\n) AS rows ORDER BY rows.{} NULLS FIRST", quote_ident(time)))
}
