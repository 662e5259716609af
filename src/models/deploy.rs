//! `deploy_model`: a file from whoever may deploy, checked, tried out, and stored.

use engine::model::{Batch, Defaults, Limits, OutputChoice, Prepared, Value, prepare};
use pgrx::datum::JsonB;
use pgrx::pg_sys;

use super::catalog::{self, Score};
use super::define;
use super::error::{ModelsError, Result};
use super::named;
use super::predict::bytea;
use super::session::{Failure, Open, Rows};
use super::weights::{self, Hash, Weights};
use crate::catalog as definitions;
use crate::pg::function::{Call, CallError};
use crate::pg::spi::{self, Arg};
use crate::pg::{guc, owner};
use crate::sql_function;

sql_function!(model_deploy, pg_finfo_model_deploy, deploy);

/// Runs of several rows that differ from runs of each by more than that mix the rows.
const TOLERANCE: f32 = 1e-4;

/// A file to deploy.
pub struct Deployment<'a> {
    /// The model's name.
    pub name: &'a str,
    /// The file, also as a parameter.
    pub onnx: (Vec<u8>, Arg),
    /// The columns of its inputs, where these are not named as features.
    pub feature_names: Option<&'a [String]>,
    /// Whether it answers from now on.
    pub activate: bool,
    /// What stands for features that are not given, an object.
    pub defaults: serde_json::Value,
    /// The output that is the score, where that is not clear.
    pub output: Option<&'a str>,
    /// Which class it is of.
    pub class: Option<&'a str>,
}

/// deploy_model(name, onnx, feature_names, activate, defaults, output, output_class)
fn deploy(call: &Call) -> Result<pg_sys::Datum> {
    let name = model_name(call)?;
    let onnx = call.bytes(1).ok_or(CallError::Null("onnx"))?;
    let feature_names = call.names(2, "feature_names")?;
    let activate: bool = call.required(3, "activate")?;
    let defaults = call.json(4, "defaults")?.unwrap_or_else(|| serde_json::json!({}));
    let (output, class): (Option<String>, Option<String>) = (call.arg(5), call.arg(6));
    // Before any work: who may not deploy a version of this model.
    let (user, is_superuser) = (owner::current_user(), owner::is_superuser());
    definitions::as_owner(|| define::locked(&name, user, is_superuser))??;
    let deployment = Deployment {
        name: &name,
        onnx: (onnx.to_vec(), Arg::datum(call.datum(1), pg_sys::BYTEAOID)),
        feature_names: feature_names.as_deref(),
        activate,
        defaults,
        output: output.as_deref(),
        class: class.as_deref(),
    };
    Ok(call.value(Some(deployment.store()?)))
}

/// The first argument.
pub fn model_name(call: &Call) -> Result<String> {
    let name: String = call.required(0, "name")?;
    if name.is_empty() { Err(ModelsError::Nameless) } else { Ok(name) }
}

/// Refuses who may not deploy a version of that model, without a lock: long work may follow.
pub fn check_may(name: &str) -> Result<()> {
    let (user, is_superuser) = (owner::current_user(), owner::is_superuser());
    definitions::as_owner(|| define::owned(name, user, is_superuser))?
}

impl Deployment<'_> {
    /// Checks the file, tries it out, and stores it as the next version, whose number is given.
    pub fn store(self) -> Result<i32> {
        let name = self.name;
        let (user, is_superuser) = (owner::current_user(), owner::is_superuser());
        let limits = Limits { tensor_bytes: guc::model_memory(), ..Limits::default() };
        let refused = |source| ModelsError::Refused { name: name.to_owned(), source };
        let (onnx, file) = self.onnx;
        let sha256 = sha256(file)?;
        let onnx_bytes = onnx.len() as i64;
        let mut model = prepare(onnx, limits, self.feature_names, OutputChoice { name: self.output }).map_err(refused)?;
        let defaults = catalog::defaults_of(&self.defaults)?;
        if let Some(unknown) = defaults.keys().find(|name| !model.signature.features.contains(name)) {
            return Err(ModelsError::UnknownDefault(unknown.clone()));
        }
        let (weights_hash, weights, stored) = match std::mem::take(&mut model.weights) {
            none if none.is_empty() => (None, None, None),
            bytes => {
                let (hash, stored) = (weights::hash(&bytes), bytea(&bytes));
                (Some(hash), Some(weights::keep(&hash, bytes)), Some(stored))
            }
        };
        let tried = Trial { name, defaults: &defaults, class: self.class }.run(&mut model, weights);
        let (score, takes_missing) = tried.inspect_err(|_| {
            if let Some(hash) = &weights_hash {
                weights::forget(hash);
            }
        })?;
        if model.signature.single_row {
            pgrx::notice!("model \"{name}\" takes one row at a time: batches are run row by row");
        }
        let version = definitions::as_owner(|| {
            define::insert(name, user)?;
            let version = define::locked(name, user, is_superuser)?.map_or(1, |locked| locked.next_version);
            let hash = |hash: Option<Hash>| hash.map_or_else(|| Arg::datum(None, pg_sys::BYTEAOID), |hash| bytea(&hash));
            let args = [
                Arg::of(name),
                Arg::of(version),
                bytea(&sha256),
                Arg::of(onnx_bytes),
                bytea(&model.graph),
                hash(Some(weights::hash(&model.graph))),
                stored.unwrap_or_else(|| Arg::datum(None, pg_sys::BYTEAOID)),
                hash(weights_hash),
                Arg::of(JsonB(catalog::inputs_json(&model.signature))),
                Arg::of(JsonB(score.json())),
                Arg::of(model.signature.features),
                Arg::of(JsonB(self.defaults)),
                Arg::of(model.operators),
                Arg::of(i32::try_from(model.opset).unwrap_or_default()),
                Arg::of(model.signature.single_row),
                Arg::of(takes_missing),
                Arg::of(owner::role_name(user)),
            ];
            spi::write(include_str!("../../sql/insert_model_version.sql"), &args)?;
            let sql = "UPDATE recommend.models SET next_version = $2 + 1, generation = DEFAULT WHERE name = $1";
            spi::write(sql, &[Arg::of(name), Arg::of(version)])?;
            if self.activate {
                define::switch(name, Some(version), None)?;
            }
            Ok::<_, ModelsError>(version)
        })??;
        if self.activate {
            define::warn_recommenders(name)?;
        }
        Ok(version)
    }
}

/// The trial of a model before it is stored.
struct Trial<'a> {
    name: &'a str,
    defaults: &'a Defaults,
    class: Option<&'a str>,
}

impl Trial<'_> {
    /// Opens the model and runs it on a row of defaults and zeros, on one of missing values, and on several rows at once. Gives where the score is,
    /// and whether the model takes missing values; one that cannot take several rows, or mixes them, is marked.
    fn run(&self, model: &mut Prepared, weights: Option<Weights>) -> Result<(Score, bool)> {
        let mut open = Open::new(&model.graph, weights).map_err(|failure| match failure {
            Failure::Refused(message) => ModelsError::Load { name: self.name.to_owned(), message },
            other => self.failed(other),
        })?;
        let mut row = |fill: &dyn Fn(engine::model::Element) -> Value, count: usize| -> Result<Vec<f32>> {
            let mut batch = Batch::new(&model.signature);
            let values: Vec<Option<Value>> = model
                .signature
                .features
                .iter()
                .zip(model.signature.elements())
                .map(|(name, element)| Some(self.defaults.get(name).cloned().unwrap_or_else(|| fill(element))))
                .collect();
            for _ in 0..count {
                let pushed = batch.push_values(&model.signature, &values, self.defaults);
                pushed.map_err(|error| ModelsError::Feature { name: self.name.to_owned(), error })?;
            }
            let mut numbers = Vec::new();
            let ran = open.run(&model.signature, model.output.element, Rows::Batch(&batch), Some(guc::model_trial_timeout()), &mut numbers);
            ran.map_err(|failure| self.failed(failure))?;
            Ok(numbers)
        };
        let zeros = row(&named::zero, 1)?;
        if zeros.is_empty() {
            return Err(self.error("gave no number".into()));
        }
        let width = zeros.len();
        let refused = |source| ModelsError::Refused { name: self.name.to_owned(), source };
        let column = model.output.column(width, self.class).map_err(refused)?;
        if !zeros[column].is_finite() {
            return Err(self.error(format!("gave {} as a score", zeros[column])));
        }
        let takes_missing = row(&named::missing, 1).is_ok_and(|numbers| numbers.len() == width && numbers[column].is_finite());
        if !model.signature.single_row {
            let same = |several: &[f32]| {
                several.len() == 3 * width
                    && several
                        .iter()
                        .zip(zeros.iter().cycle())
                        .all(|(a, b)| (a - b).abs() <= TOLERANCE * b.abs().max(1.0) || a.is_nan() && b.is_nan())
            };
            model.signature.single_row = !row(&named::zero, 3).is_ok_and(|several| same(&several));
        }
        let class = model.output.labels.get(column).cloned();
        Ok((Score { name: model.output.name.clone(), element: model.output.element, width, column, class }, takes_missing))
    }

    fn error(&self, what: String) -> ModelsError {
        ModelsError::Trial { name: self.name.to_owned(), what }
    }

    fn failed(&self, failure: Failure) -> ModelsError {
        match failure {
            Failure::Refused(message) => self.error(format!("failed: {message}")),
            Failure::Late => self.error(format!("took longer than {} ms", guc::model_trial_timeout().as_millis())),
            Failure::Memory => self.error(format!("asked for more memory than the {} MB there are for models", guc::model_memory() >> 20)),
            Failure::Other(error) => error,
        }
    }
}

/// The hash of the file, as programs print it.
fn sha256(file: Arg) -> Result<Vec<u8>> {
    Ok(spi::read("SELECT sha256($1)", &[file], |row| row.value::<Vec<u8>>(1))?.pop().unwrap_or_default())
}
