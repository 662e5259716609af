//! The second phase: which of a candidate's numbers become which feature of a model, by name.

use super::features::{FEATURE_COUNT, FEATURES, Features};
use crate::features::{Patterns, Plan};
use crate::model::{Batch, Defaults, Element, FeatureError, Signature, Value};

/// The name of the first phase's score among a model's features.
pub const FIRST_PHASE_SCORE: &str = "first_phase_score";
/// What the names of the first phase's features begin with, such as `first_phase_history`.
pub const FIRST_PHASE: &str = "first_phase_";
/// What the names of context columns begin with, such as `context_device`.
const CONTEXT: &str = "context_";

/// The names of what the first phase says of a candidate: its score and its features, in their order.
pub fn first_phase_names() -> Vec<String> {
    let features = FEATURES.iter().map(|(_, name)| format!("{FIRST_PHASE}{name}"));
    std::iter::once(FIRST_PHASE_SCORE.to_owned()).chain(features).collect()
}

/// The places of those [`first_phase_names`] that are like one of the patterns (of SQL's LIKE). Only patterns that begin as these names do are meant for
/// them: what says `%` means declared features.
pub fn first_phase_like<E>(patterns: &[String], interrupt: &dyn Fn() -> Result<(), E>) -> Result<Vec<usize>, E> {
    let begin = FIRST_PHASE.trim_end_matches('_');
    let meant: Vec<String> = patterns.iter().filter(|pattern| pattern.starts_with(begin)).cloned().collect();
    let (meant, mut places) = (Patterns::new(&meant), Vec::new());
    for (place, name) in first_phase_names().iter().enumerate() {
        if meant.fit(name, interrupt)? {
            places.push(place);
        }
    }
    Ok(places)
}

/// The numbers of [`first_phase_names`] for one candidate.
pub fn first_phase_values(score: f32, features: &Features) -> [f32; FEATURE_COUNT + 1] {
    std::array::from_fn(|place| if place == 0 { score } else { features[place - 1] as f32 })
}

/// Why a model cannot rank a recommender's candidates.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InputError {
    /// A feature that the recommender does not have, and the model no default for.
    #[error("it has no feature \"{name}\"")]
    Unknown {
        /// The model's feature.
        name: String,
        /// What the recommender has.
        existing: Vec<String>,
    },
    /// A feature whose type in the model does not hold what the recommender has.
    #[error("its feature \"{name}\" is {given}, which the model takes as {element}")]
    Type {
        /// The feature.
        name: String,
        /// What the recommender has.
        given: &'static str,
        /// The model's type.
        element: &'static str,
    },
    /// A feature that may be missing, which the model does not take, and has no default for.
    #[error("its feature \"{name}\" may be missing, which the model does not take")]
    Missing {
        /// The feature.
        name: String,
    },
}

/// What a recommender can give.
pub struct Offer<'a> {
    /// Its declared features, if it has some.
    pub declared: Option<&'a Plan>,
    /// Its context columns.
    pub context_columns: &'a [String],
}

impl Offer<'_> {
    /// All names.
    pub fn names(&self) -> Vec<String> {
        let declared = self.declared.iter().flat_map(|plan| plan.features()).map(|feature| feature.name.clone());
        let contexts = self.context_columns.iter().map(|column| format!("{CONTEXT}{column}"));
        declared.chain(first_phase_names()).chain(contexts).collect()
    }
}

/// Where a feature comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The place among [`first_phase_names`].
    FirstPhase(usize),
    /// The place among [`Inputs::declared`].
    Declared(usize),
    /// The place of the context column.
    Context(usize),
    /// The model's default alone.
    Default,
}

/// What the values of a feature are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Number,
    /// A number that may be NaN.
    MissingNumber,
    Text,
}

impl Kind {
    fn fits(self, element: Element) -> bool {
        match self {
            Self::Whole => matches!(element, Element::Float | Element::Double | Element::Int64 | Element::Int32),
            Self::Number | Self::MissingNumber => matches!(element, Element::Float | Element::Double),
            Self::Text => element == Element::String,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Whole => "a whole number",
            Self::Number | Self::MissingNumber => "a number with a fraction",
            Self::Text => "a text",
        }
    }
}

/// Which of a candidate's numbers become which feature of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// For each of the model's features, where it comes from, and the number that stands for NaN.
    origins: Vec<(Origin, Option<f32>)>,
    declared: Vec<String>,
}

/// What is known of one candidate.
pub struct Given<'a> {
    /// The score of the first phase.
    pub score: f32,
    /// Its features.
    pub features: &'a Features,
    /// The values of [`Inputs::declared`].
    pub declared: &'a [f32],
    /// The values of the context columns.
    pub context: &'a [Option<String>],
}

impl Inputs {
    /// Finds each of a model's features by its name: first among the declared ones, then those of the first phase, then the context columns, and
    /// where there is none of that name, the model's default. `takes_missing` is whether the model takes NaN.
    pub fn find(signature: &Signature, defaults: &Defaults, takes_missing: bool, offer: &Offer<'_>) -> Result<Self, InputError> {
        let first_phase = first_phase_names();
        let mut inputs = Self { origins: Vec::with_capacity(signature.width()), declared: Vec::new() };
        for (name, element) in signature.features.iter().zip(signature.elements()) {
            let default = defaults.get(name);
            let declared = offer.declared.and_then(|plan| plan.features().iter().find(|feature| feature.name == *name));
            let context = name.strip_prefix(CONTEXT);
            let context = context.and_then(|column| offer.context_columns.iter().position(|other| other == column));
            let (origin, kind) = if let Some(feature) = declared {
                inputs.declared.push(name.clone());
                let kind = match (feature.is_whole(), feature.may_be_missing()) {
                    (true, _) => Kind::Whole,
                    (false, false) => Kind::Number,
                    (false, true) => Kind::MissingNumber,
                };
                (Origin::Declared(inputs.declared.len() - 1), kind)
            } else if let Some(place) = first_phase.iter().position(|other| other == name) {
                (Origin::FirstPhase(place), Kind::Number)
            } else if let Some(place) = context {
                (Origin::Context(place), Kind::Text)
            } else if default.is_some() {
                inputs.origins.push((Origin::Default, default.and_then(Value::as_real)));
                continue;
            } else {
                return Err(InputError::Unknown { name: name.clone(), existing: offer.names() });
            };
            if !kind.fits(element) {
                return Err(InputError::Type { name: name.clone(), given: kind.words(), element: element.name() });
            }
            // A caller may leave contexts out.
            let may_be_missing = kind == Kind::Text || kind == Kind::MissingNumber && !takes_missing;
            if may_be_missing && default.is_none() {
                return Err(InputError::Missing { name: name.clone() });
            }
            inputs.origins.push((origin, default.and_then(Value::as_real)));
        }
        Ok(inputs)
    }

    /// The declared features that are wanted, in the order of their values.
    pub fn declared(&self) -> &[String] {
        &self.declared
    }

    /// A feature of a candidate as a number; `None` for a text, and for a default that is none.
    fn number(&self, place: usize, given: &Given<'_>) -> Option<f32> {
        let (origin, default) = self.origins[place];
        let value = match origin {
            Origin::FirstPhase(0) => given.score,
            Origin::FirstPhase(place) => given.features[place - 1] as f32,
            Origin::Declared(place) => given.declared[place],
            Origin::Context(_) => return None,
            Origin::Default => return default,
        };
        Some(if value.is_nan() { default.unwrap_or(value) } else { value })
    }

    /// A feature of a candidate as the model sees it; `None` where its default stands for it.
    pub fn value(&self, place: usize, given: &Given<'_>) -> Option<Value> {
        match self.origins[place].0 {
            Origin::Context(column) => given.context[column].clone().map(Value::Text),
            Origin::Default => None,
            _ => self.number(place, given).map(|number| Value::Number(f64::from(number))),
        }
    }

    /// Appends a candidate to a batch of the model's.
    pub fn push(&self, signature: &Signature, defaults: &Defaults, given: &Given<'_>, batch: &mut Batch) -> Result<(), FeatureError> {
        if signature.is_matrix() {
            let numbers = (0..self.origins.len()).map(|place| self.number(place, given));
            if let Some(row) = numbers.collect::<Option<Vec<f32>>>() {
                return batch.push_reals(signature, &row);
            }
        }
        let row: Vec<Option<Value>> = (0..self.origins.len()).map(|place| self.value(place, given)).collect();
        batch.push_values(signature, &row, defaults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Declaration, EntityKind, Spec, Window};
    use crate::model::{Buffer, Input};

    fn signature(inputs: &[(Element, &[&str])]) -> Signature {
        let input = |(place, (element, names)): (usize, &(Element, &[&str]))| Input {
            name: format!("input {place}"),
            element: *element,
            shape: vec![names.len()],
        };
        Signature {
            inputs: inputs.iter().enumerate().map(input).collect(),
            features: inputs.iter().flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned())).collect(),
            single_row: false,
        }
    }

    fn plan() -> Plan {
        let declaration = Declaration {
            spec: Spec::new(1, Window::new(3_600_000_000).into_iter().collect(), Vec::new()).expect("a good spec"),
            types: vec!["view".into()],
            entities: vec![EntityKind::Item],
            context_columns: Vec::new(),
            rates: Vec::new(),
            smoothing: 20.0,
        };
        Plan::new(declaration, None)
    }

    fn find(signature: &Signature, defaults: &[(&str, Value)], takes_missing: bool) -> Result<Inputs, InputError> {
        let defaults = defaults.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let (plan, columns) = (plan(), ["device".to_owned()]);
        Inputs::find(signature, &defaults, takes_missing, &Offer { declared: Some(&plan), context_columns: &columns })
    }

    #[test]
    fn every_name_that_is_offered_is_found() {
        let (plan, columns) = (plan(), ["device".to_owned()]);
        for name in (Offer { declared: Some(&plan), context_columns: &columns }).names() {
            let element = if name == "context_device" { Element::String } else { Element::Float };
            let default = (name.as_str(), Value::Text("NaN".into()));
            assert!(find(&signature(&[(element, &[&name])]), &[default], false).is_ok(), "{name}");
        }
        let unknown = find(&signature(&[(Element::Float, &["first_phase_skore"])]), &[], true);
        assert!(matches!(unknown, Err(InputError::Unknown { name, existing }) if name == "first_phase_skore" && existing.len() == 35));
    }

    #[test]
    fn types_and_missing_values_are_checked() {
        let refused =
            |element, name: &str, takes_missing| find(&signature(&[(element, &[name])]), &[], takes_missing).expect_err("refused");
        assert!(matches!(refused(Element::Int64, "first_phase_score", true), InputError::Type { element: "int64", .. }));
        assert!(matches!(refused(Element::String, "item_view_count_1h", true), InputError::Type { .. }));
        assert!(matches!(refused(Element::Float, "context_device", true), InputError::Type { .. }));
        assert!(matches!(refused(Element::String, "context_device", true), InputError::Missing { .. }));
        assert!(matches!(refused(Element::Float, "item_view_seconds_since", false), InputError::Missing { .. }));
        assert!(find(&signature(&[(Element::Float, &["item_view_seconds_since"])]), &[], true).is_ok());
        assert!(find(&signature(&[(Element::Int32, &["item_view_count_1h"])]), &[], false).is_ok());
    }

    #[test]
    fn rows_have_each_number_in_its_place() {
        let names: &[&str] = &["item_view_seconds_since", "first_phase_score", "own", "first_phase_interest", "item_view_count_1h"];
        let defaults = [("own", Value::Integer(7)), ("item_view_seconds_since", Value::Number(9.0))];
        let mut features = [0.0; FEATURE_COUNT];
        features[FEATURE_COUNT - 1] = 0.25;
        let given = |declared| Given { score: -1.5, features: &features, declared, context: &[None] };
        for elements in [vec![(Element::Float, names)], names.iter().map(|name| (Element::Double, std::slice::from_ref(name))).collect()] {
            let signature = signature(&elements);
            let inputs = find(&signature, &defaults, false).expect("a good model");
            assert_eq!(inputs.declared(), ["item_view_seconds_since", "item_view_count_1h"]);
            let defaults: Defaults = defaults.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            let mut batch = Batch::new(&signature);
            inputs.push(&signature, &defaults, &given(&[30.0, 4.0]), &mut batch).expect("a good row");
            inputs.push(&signature, &defaults, &given(&[f32::NAN, 0.0]), &mut batch).expect("a good row");
            let by_row = |place: usize| -> Vec<f64> {
                match batch.buffers() {
                    [Buffer::Float(values)] => values[place * 5..][..5].iter().map(|value| f64::from(*value)).collect(),
                    buffers => buffers.iter().map(|buffer| if let Buffer::Double(values) = buffer { values[place] } else { 0.0 }).collect(),
                }
            };
            assert_eq!(by_row(0), [30.0, -1.5, 7.0, 0.25, 4.0]);
            assert_eq!(by_row(1), [9.0, -1.5, 7.0, 0.25, 0.0]);
        }
    }

    #[test]
    fn a_context_is_a_text_or_its_default() {
        let signature = signature(&[(Element::String, &["context_device"]), (Element::Float, &["first_phase_score"])]);
        let defaults: Defaults = [("context_device".to_owned(), Value::Text("none".into()))].into();
        let inputs = find(&signature, &[("context_device", Value::Text("none".into()))], false).expect("a good model");
        let mut batch = Batch::new(&signature);
        for context in [Some("phone".to_owned()), None] {
            let given = Given { score: 1.0, features: &[0.0; FEATURE_COUNT], declared: &[], context: &[context] };
            inputs.push(&signature, &defaults, &given, &mut batch).expect("a good row");
        }
        assert_eq!(batch.buffers()[0], Buffer::String(vec!["phone".into(), "none".into()]));
    }
}
