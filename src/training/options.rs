//! How a model is trained, as a call says.

use engine::model::Defaults;
use engine::train::{Method, Spec};
use serde_json::Value;

use super::error::{Result, TrainingError};
use crate::pg::function::Call;
use crate::pg::memory;

/// What `options` may hold.
pub const OPTIONS: [&str; 12] =
    ["vocabulary", "min_count", "table_bits", "bins", "factors", "alpha", "beta", "l1", "l2", "vector_step", "vector_l2", "refit"];

/// Where the arguments stand, counted from 0.
pub struct Places {
    /// `crosses text[]`
    pub crosses: usize,
    /// `method text`
    pub method: usize,
    /// `validation float8`
    pub validation: usize,
    /// `passes int`
    pub passes: usize,
    /// `seed bigint`
    pub seed: usize,
    /// `options jsonb`
    pub options: usize,
}

/// How the call says that the model is to be trained; ranges are the trainer's business.
pub fn spec(call: &Call, places: &Places) -> Result<Spec> {
    let method: String = call.required(places.method, "method")?;
    let passes: i32 = call.required(places.passes, "passes")?;
    let mut spec = Spec {
        method: Method::of_name(&method).ok_or(TrainingError::Method(method))?,
        crosses: call.names(places.crosses, "crosses")?.unwrap_or_default(),
        passes: usize::try_from(passes).map_err(|_| TrainingError::Range {
            argument: "passes",
            allowed: "from 1 to 1000",
            given: passes.to_string(),
        })?,
        validation: call.required(places.validation, "validation")?,
        seed: call.required::<i64>(places.seed, "seed")?.cast_unsigned(),
        memory: memory::for_maintenance(),
        ..Spec::default()
    };
    let Some(options) = call.json(places.options, "options")? else { return Ok(spec) };
    let form = || TrainingError::Range { argument: "options", allowed: "an object", given: options.to_string() };
    for (name, value) in options.as_object().ok_or_else(form)? {
        let Some(name) = OPTIONS.into_iter().find(|option| option == name) else { return Err(TrainingError::Option(name.clone())) };
        let wrong = |expected| TrainingError::OptionType { name, expected, given: value.to_string() };
        let integer = || value.as_u64().ok_or_else(|| wrong("an integer that is not negative"));
        let size = || integer().and_then(|number| usize::try_from(number).map_err(|_| wrong("a smaller integer")));
        let number = || value.as_f64().ok_or_else(|| wrong("a number"));
        match name {
            "vocabulary" => spec.vocabulary = size()?,
            "min_count" => spec.min_count = integer()?,
            "table_bits" => spec.table_bits = u32::try_from(integer()?).map_err(|_| wrong("a smaller integer"))?,
            "bins" => spec.bins = size()?,
            "factors" => spec.factors = size()?,
            "alpha" => spec.alpha = number()?,
            "beta" => spec.beta = number()?,
            "l1" => spec.l1 = number()?,
            "l2" => spec.l2 = number()?,
            "vector_step" => spec.vector_step = number()?,
            "vector_l2" => spec.vector_l2 = number()?,
            _ => spec.refit = value.as_bool().ok_or_else(|| wrong("true or false"))?,
        }
    }
    Ok(spec)
}

/// Defaults as deploying takes them.
pub fn defaults(defaults: &Defaults) -> Value {
    let value = |value: &engine::model::Value| match value {
        engine::model::Value::Number(number) if number.is_nan() => "NaN".into(),
        engine::model::Value::Number(number) => (*number).into(),
        engine::model::Value::Integer(integer) => (*integer).into(),
        engine::model::Value::Text(text) => text.as_str().into(),
    };
    Value::Object(defaults.iter().map(|(name, default)| (name.clone(), value(default))).collect())
}
