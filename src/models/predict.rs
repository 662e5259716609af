//! `ctr_predict` and `ctr_predict_batch`: one row, or the rows of an array.

use std::rc::Rc;

use engine::model::{Batch, Value};
use pgrx::pg_sys;

use super::catalog::{self, Model, Version};
use super::error::{ModelsError, Result};
use super::named;
use super::session::{self, Failure, Open, Rows};
use super::shadow;
use super::weights::{self, Weights};
use crate::catalog as definitions;
use crate::pg::array::{self, VectorError};
use crate::pg::function::Call;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::transaction::Ends;
use crate::pg::{hash, interrupt, varlena};
use crate::sql_function;

sql_function!(ctr_predict_reals, pg_finfo_ctr_predict_reals, predict_reals);
sql_function!(ctr_predict_jsonb, pg_finfo_ctr_predict_jsonb, predict_jsonb);
sql_function!(ctr_predict_record, pg_finfo_ctr_predict_record, predict_record);
sql_function!(ctr_predict_array, pg_finfo_ctr_predict_array, predict_array);

/// What a session knows of models by its last snapshot ends with the transaction.
pub static ENDS: Ends =
    Ends { committed: catalog::forget_snapshot, aborted: catalog::forget_snapshot, savepoint_aborted: catalog::forget_snapshot };

/// So many rows are run at once: enough to share the cost of a run, few enough to stay in the processor's cache.
pub const ROWS_AT_ONCE: usize = 512;
/// So often a file that vanishes is made again, before a session does without.
const ATTEMPTS: usize = 3;
/// The stored weights are read in pieces of that size.
const PIECE: usize = 8 << 20;

/// Scores a batch by the version that answers, and by the one in its shadow.
pub fn answer(model: &Model, version: &Version, rows: Rows, scores: &mut Vec<f32>) -> Result<()> {
    let first = scores.len();
    score(version, rows, scores)?;
    if let Some(shadow) = model.shadow_of(version)? {
        shadow::compare(version, &shadow, rows, &scores[first..]);
    }
    Ok(())
}

/// Scores a batch: one number a row, appended to `scores`.
pub fn score(version: &Version, rows: Rows, scores: &mut Vec<f32>) -> Result<()> {
    if rows.count() == 0 {
        return Ok(());
    }
    let (name, number, output) = (&version.model, version.number, &version.output);
    let open = session::get(&version.graph, version.weights.as_ref(), || open(version))?;
    let mut numbers = Vec::with_capacity(rows.count() * output.width);
    let ran = open.borrow_mut().run(&version.signature, output.element, rows, None, &mut numbers);
    match ran {
        Ok(()) => {}
        Err(Failure::Memory) => {
            let mut row = Batch::new(&version.signature);
            let zeros: Vec<Option<Value>> = version.signature.elements().map(|element| Some(named::zero(element))).collect();
            if row.push_values(&version.signature, &zeros, &version.defaults).is_ok() {
                open.borrow_mut().shrink(&version.signature, Rows::Batch(&row));
            }
            return Err(ModelsError::Memory { name: name.clone(), version: number });
        }
        Err(failure) => return Err(failed(version, failure)),
    }
    if numbers.len() != rows.count() * output.width {
        let message = format!("it gave {} numbers for {} rows, where {} a row are expected", numbers.len(), rows.count(), output.width);
        return Err(ModelsError::Run { name: name.clone(), version: number, message });
    }
    let first = scores.len();
    scores.extend(numbers.chunks_exact(output.width).map(|row| row[output.column]));
    match scores[first..].iter().find(|score| !score.is_finite()) {
        Some(&score) => Err(ModelsError::NotFinite { name: name.clone(), version: number, score }),
        None => Ok(()),
    }
}

fn failed(version: &Version, failure: Failure) -> ModelsError {
    let (name, version) = (version.model.clone(), version.number);
    match failure {
        Failure::Refused(message) => ModelsError::Run { name, version, message },
        Failure::Late => ModelsError::Run { name, version, message: "it took too long".into() },
        Failure::Memory => ModelsError::Memory { name, version },
        Failure::Other(error) => error,
    }
}

/// Opens the stored model.
fn open(version: &Version) -> Result<Open> {
    let damaged = || ModelsError::Damaged { name: version.model.clone(), version: version.number };
    let args = [Arg::of(version.model.as_str()), Arg::of(version.number)];
    let sql = "SELECT graph FROM recommend.model_versions WHERE model = $1 AND version = $2";
    let graph = definitions::as_owner(|| spi::read(sql, &args, |row| row.value::<Vec<u8>>(1)))??.pop();
    let graph = graph.filter(|graph| weights::hash(graph) == version.graph).ok_or_else(damaged)?;
    let Some(hash) = &version.weights else { return load(version, &graph, None) };
    for _ in 0..ATTEMPTS {
        match load(version, &graph, Some(shared_weights(version, hash)?)) {
            // The file may go at any time, also between having been found and being mapped; another session may have made it anew by now.
            Err(ModelsError::Load { .. }) => {}
            opened => return opened,
        }
    }
    load(version, &graph, Some(Weights::Own(stored_weights(version, hash)?)))
}

fn load(version: &Version, graph: &[u8], weights: Option<Weights>) -> Result<Open> {
    Open::new(graph, weights).map_err(|failure| match failure {
        Failure::Refused(message) => ModelsError::Load { name: version.model.clone(), message },
        other => failed(version, other),
    })
}

/// The large tensors: of the file that all sessions share, made of the stored ones where there is none.
fn shared_weights(version: &Version, hash: &weights::Hash) -> Result<Weights> {
    if let Some(weights) = weights::find(hash) {
        return Ok(weights);
    }
    // Of many sessions that begin at once, one makes the file.
    let _alone = weights::lock(interrupt::check);
    if let Some(weights) = weights::find(hash) {
        return Ok(weights);
    }
    Ok(weights::keep(hash, stored_weights(version, hash)?))
}

/// The large tensors of the catalog.
fn stored_weights(version: &Version, hash: &weights::Hash) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    definitions::as_owner(|| {
        let sql = "SELECT substring(weights FROM $3 FOR $4) FROM recommend.model_versions WHERE model = $1 AND version = $2";
        loop {
            interrupt::check();
            let from = i32::try_from(bytes.len() + 1).unwrap_or(i32::MAX);
            let args = [Arg::of(version.model.as_str()), Arg::of(version.number), Arg::of(from), Arg::of(PIECE as i32)];
            let piece = spi::read(sql, &args, |row| row.value::<Vec<u8>>(1))?.pop().unwrap_or_default();
            bytes.extend_from_slice(&piece);
            if piece.len() < PIECE {
                return Ok::<_, SpiError>(());
            }
        }
    })??;
    if weights::hash(&bytes) != *hash {
        return Err(ModelsError::Damaged { name: version.model.clone(), version: version.number });
    }
    Ok(bytes)
}

/// The model that the first argument names.
pub fn model(call: &Call) -> Result<Option<Rc<Model>>> {
    let Some(name) = call.bytes(0) else { return Ok(None) };
    Ok(Some(catalog::usable(&String::from_utf8_lossy(&name))?))
}

/// The hash of a unit. A unit meets different models independently.
pub fn unit_hash(model: &str, unit: &str) -> u64 {
    hash::seeded(unit.as_bytes(), hash::bytes(model.as_bytes()))
}

/// The model, and the version that answers this call, whose third argument is the unit.
fn version(call: &Call) -> Result<Option<(Rc<Model>, Rc<Version>)>> {
    let Some(model) = model(call)? else { return Ok(None) };
    let unit = if call.arg_count() > 2 { call.text(2).map(|unit| unit_hash(&model.name, &unit)) } else { None };
    let version = model.version_for(unit)?;
    Ok(Some((model, version)))
}

/// The score of a batch of one row.
fn one(call: &Call, model: &Model, version: &Version, row: Rows) -> Result<pg_sys::Datum> {
    let mut scores = Vec::with_capacity(1);
    answer(model, version, row, &mut scores)?;
    Ok(call.value(scores.pop()))
}

/// ctr_predict(model, features real[] [, unit])
fn predict_reals(call: &Call) -> Result<pg_sys::Datum> {
    let (Some((model, version)), Some(_)) = (version(call)?, call.datum(1)) else { return Ok(call.null()) };
    let mut batch = Batch::new(&version.signature);
    let pushed = match call.reals(1) {
        Ok(Some(row)) if row.len() == version.signature.width() && version.signature.is_matrix() => {
            return one(call, &model, &version, Rows::Matrix(&row, 1));
        }
        Ok(row) => batch.push_reals(&version.signature, row.as_deref().unwrap_or_default()),
        // NULL is a feature that is missing.
        Err(VectorError::NullElement) => {
            let (_, elements) = call.elements(1);
            let number = |datum: pg_sys::Datum| Value::Number(f64::from(f32::from_bits(datum.value() as u32)));
            let row: Vec<Option<Value>> = elements.into_iter().map(|element| element.map(number)).collect();
            batch.push_values(&version.signature, &row, &version.defaults)
        }
        Err(error) => return Err(error.into()),
    };
    pushed.map_err(|error| ModelsError::Feature { name: version.model.clone(), error })?;
    one(call, &model, &version, Rows::Batch(&batch))
}

/// ctr_predict(model, features jsonb [, unit])
fn predict_jsonb(call: &Call) -> Result<pg_sys::Datum> {
    let (Some((model, version)), Some(features)) = (version(call)?, call.json(1, "features")?) else { return Ok(call.null()) };
    let row = named::of_json(&version, &features)?;
    one(call, &model, &version, Rows::Batch(&named::batch(&version, &row)?))
}

/// ctr_predict(model, features record [, unit])
fn predict_record(call: &Call) -> Result<pg_sys::Datum> {
    let (Some((model, version)), Some(columns)) = (version(call)?, call.columns(1)) else { return Ok(call.null()) };
    let row = named::of_columns(&version, &columns)?;
    one(call, &model, &version, Rows::Batch(&named::batch(&version, &row)?))
}

/// ctr_predict_batch(model, features real[][])
fn predict_array(call: &Call) -> Result<pg_sys::Datum> {
    let (Some((model, version)), Some(rows)) = (version(call)?, call.reals_of_any(1)?) else { return Ok(call.null()) };
    if rows.dimensions() > 2 || rows.dimensions() == 1 {
        return Err(ModelsError::Form {
            argument: "features",
            expected: "an array of two dimensions, rows and features",
            found: format!("one of {}", rows.dimensions()),
        });
    }
    let mut scores = Vec::new();
    let mut batch = Batch::new(&version.signature);
    let width = rows.last_length();
    if rows.dimensions() == 2 {
        for chunk in rows.chunks(width * ROWS_AT_ONCE) {
            if width == version.signature.width() && version.signature.is_matrix() {
                answer(&model, &version, Rows::Matrix(chunk, chunk.len() / width), &mut scores)?;
                continue;
            }
            batch.clear();
            for row in chunk.chunks_exact(width) {
                let pushed = batch.push_reals(&version.signature, row);
                pushed.map_err(|error| ModelsError::Feature { name: version.model.clone(), error })?;
            }
            answer(&model, &version, Rows::Batch(&batch), &mut scores)?;
        }
    }
    Ok(array::of_reals(&scores))
}

/// Bytes as a parameter.
pub fn bytea(bytes: &[u8]) -> Arg {
    Arg::datum(Some(varlena::from_bytes(bytes)), pg_sys::BYTEAOID)
}
