//! The text form of the stored types: a JSON object with a fixed set of fields, all of them needed.

use engine::interest::VERSION;
use serde_json::{Map, Value};

/// What is wrong with a text form.
type Result<T> = std::result::Result<T, String>;

/// The fields of a text form, to be taken one by one.
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Of a text that says the version that this code knows.
    pub fn parse(text: &str) -> Result<Self> {
        let Value::Object(object) = serde_json::from_str(text).map_err(|error| error.to_string())? else {
            return Err("it must be a JSON object".into());
        };
        let mut fields = Self(object);
        match fields.integer("version")? {
            version if version == i64::from(VERSION) => Ok(fields),
            version => Err(format!("version {version}, expected {VERSION}")),
        }
    }

    fn take(&mut self, name: &str) -> Result<Value> {
        self.0.remove(name).ok_or_else(|| format!("\"{name}\" is missing"))
    }

    /// A whole number.
    pub fn integer(&mut self, name: &str) -> Result<i64> {
        self.take(name)?.as_i64().ok_or_else(|| format!("\"{name}\" must be a whole number"))
    }

    /// A number.
    pub fn number(&mut self, name: &str) -> Result<f64> {
        self.take(name)?.as_f64().ok_or_else(|| format!("\"{name}\" must be a number"))
    }

    /// An array of numbers.
    pub fn numbers(&mut self, name: &str) -> Result<Vec<f64>> {
        let value = self.take(name)?;
        let numbers: Option<Vec<f64>> = value.as_array().and_then(|values| values.iter().map(Value::as_f64).collect());
        numbers.ok_or_else(|| format!("\"{name}\" must be an array of numbers"))
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Result<String> {
        self.take(name)?.as_str().map(str::to_owned).ok_or_else(|| format!("\"{name}\" must be a text"))
    }

    /// An array of texts.
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>> {
        let value = self.take(name)?;
        let texts: Option<Vec<String>> =
            value.as_array().and_then(|values| values.iter().map(|value| value.as_str().map(str::to_owned)).collect());
        texts.ok_or_else(|| format!("\"{name}\" must be an array of texts"))
    }

    /// Refuses fields that nobody took.
    pub fn finish(self) -> Result<()> {
        match self.0.keys().next() {
            Some(name) => Err(format!("there is no field \"{}\"", name.chars().take(40).collect::<String>())),
            None => Ok(()),
        }
    }
}
