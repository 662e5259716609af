//! Features by name, and the vector of their values.

use std::convert::Infallible;

use super::names::{Declaration, EntityKind, span_name};
use super::patterns::Patterns;
use super::spec::Spec;
use super::tally::Tally;
use crate::Micros;

/// One number of a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// What it is called.
    pub name: String,
    /// What it is, in words.
    pub description: String,
    /// Whose it is.
    pub entity: EntityKind,
    what: What,
}

impl Feature {
    /// Whether it may be NaN: the time since an event that never was.
    pub fn may_be_missing(&self) -> bool {
        matches!(self.what, What::SecondsSince { .. })
    }

    /// Whether it is a whole number: a count.
    pub fn is_whole(&self) -> bool {
        matches!(self.what, What::Count { .. })
    }
}

/// Numbers of types, windows, half-lives and rates.
#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Count { kind: usize, window: usize },
    PerHour { kind: usize, window: usize },
    Decayed { kind: usize, half_life: usize },
    SecondsSince { kind: usize },
    Rate { rate: usize, window: usize },
    DecayedRate { rate: usize, half_life: usize },
    Distinct,
}

/// Which features, in which order, and how they are computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    declaration: Declaration,
    features: Vec<Feature>,
}

impl Plan {
    /// The features of a declaration whose names are like one of the patterns (of SQL's LIKE); all of them without patterns.
    pub fn new(declaration: Declaration, patterns: Option<&[String]>) -> Self {
        let mut features = all(&declaration);
        if let Some(patterns) = patterns {
            let patterns = Patterns::new(patterns);
            features.retain(|feature| patterns.fit(&feature.name, &|| Ok::<_, Infallible>(())).unwrap_or(false));
        }
        Self { declaration, features }
    }

    /// These features of the plan, by their names, in this order; the error is a name that it does not have.
    pub fn named(&self, names: &[String]) -> Result<Self, String> {
        let find = |name: &String| self.features.iter().find(|feature| feature.name == *name).cloned().ok_or_else(|| name.clone());
        Ok(Self { declaration: self.declaration.clone(), features: names.iter().map(find).collect::<Result<_, _>>()? })
    }

    /// Those of its features whose names are like one of the patterns.
    pub fn like<E>(&self, patterns: &Patterns<'_>, interrupt: &dyn Fn() -> Result<(), E>) -> Result<Self, E> {
        let mut features = Vec::new();
        for feature in &self.features {
            if patterns.fit(&feature.name, interrupt)? {
                features.push(feature.clone());
            }
        }
        Ok(Self { declaration: self.declaration.clone(), features })
    }

    /// What it was made from.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// Types, windows, half-lives.
    pub fn spec(&self) -> &Spec {
        &self.declaration.spec
    }

    /// The features, in the order of the vector.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// How many places the entities of a question have.
    pub fn slots(&self) -> usize {
        EntityKind::CONTEXTS + self.declaration.context_columns.len()
    }

    /// By place, which entities are read: those of features, and all events where rates want their prior.
    pub fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.slots()];
        for feature in &self.features {
            used[feature.entity.slot()] = true;
            used[0] |= matches!(feature.what, What::Rate { .. } | What::DecayedRate { .. });
        }
        used
    }

    /// Writes the values of the features whose entity `chosen` names. `tallies` has those of all entities by place; `at` is the question's time.
    pub fn evaluate(&self, tallies: &[&Tally], at: Micros, chosen: impl Fn(EntityKind) -> bool, values: &mut [f32]) {
        let Declaration { spec, rates, smoothing, .. } = &self.declaration;
        let (windows, half_lives) = (spec.windows(), spec.half_lives().len());
        let priors: Vec<f64> = rates.iter().map(|rate| prior(tallies[0], rate.numerator, rate.denominator) * smoothing).collect();
        let smoothed = |rate: usize, numerator: f64, denominator: f64| match denominator + smoothing {
            0.0 => 0.0,
            whole => (numerator + priors[rate]) / whole,
        };
        for (feature, value) in self.features.iter().zip(values).filter(|(feature, _)| chosen(feature.entity)) {
            let tally = tallies[feature.entity.slot()];
            let count = |kind: usize, window: usize| tally.counts[kind * windows.len() + window] as f64;
            let decayed = |kind: usize, half_life: usize| tally.decayed[kind * half_lives + half_life];
            *value = match feature.what {
                What::Count { kind, window } => count(kind, window),
                What::PerHour { kind, window } => count(kind, window) * 3.6e9 / windows[window].length() as f64,
                What::Decayed { kind, half_life } => decayed(kind, half_life),
                What::SecondsSince { kind } => tally.seconds_since(kind, at),
                What::Rate { rate, window } => smoothed(rate, count(rates[rate].numerator, window), count(rates[rate].denominator, window)),
                What::DecayedRate { rate, half_life } => {
                    smoothed(rate, decayed(rates[rate].numerator, half_life), decayed(rates[rate].denominator, half_life))
                }
                What::Distinct => tally.distinct,
            } as f32;
        }
    }
}

/// The rate of all events of all time; 0 where there is no event of the denominator.
fn prior(all: &Tally, numerator: usize, denominator: usize) -> f64 {
    let count = |kind: usize| all.totals[kind].count as f64;
    if count(denominator) == 0.0 { 0.0 } else { count(numerator) / count(denominator) }
}

/// Every feature of a declaration.
fn all(declaration: &Declaration) -> Vec<Feature> {
    let Declaration { spec, types, entities, context_columns, rates, .. } = declaration;
    let windows = || spec.windows().iter().map(|window| span_name(window.length())).enumerate();
    let half_lives = || spec.half_lives().iter().map(|grid| span_name(grid.half_life())).enumerate();
    let mut features = Vec::new();
    for &entity in entities {
        let (name, words) = (entity.name(context_columns), entity.words(context_columns));
        let mut add = |suffix: String, description: String, what: What| {
            features.push(Feature { name: format!("{name}_{suffix}"), description, entity, what });
        };
        for (kind, of_type) in types.iter().enumerate() {
            for (window, span) in windows() {
                add(
                    format!("{of_type}_count_{span}"),
                    format!("{of_type} events {words} in the last {span}"),
                    What::Count { kind, window },
                );
            }
            for (window, span) in windows() {
                let text = format!("{of_type} events {words} an hour, over the last {span}");
                add(format!("{of_type}_rate_{span}"), text, What::PerHour { kind, window });
            }
            for (half_life, span) in half_lives() {
                let text = format!("{of_type} events {words}, each weighing half after {span}");
                add(format!("{of_type}_decayed_{span}"), text, What::Decayed { kind, half_life });
            }
            let text = format!("seconds since the last {of_type} event {words}");
            add(format!("{of_type}_seconds_since"), text, What::SecondsSince { kind });
        }
        for (rate, declared) in rates.iter().enumerate() {
            let text = format!("{} events per {} event {words}, smoothed", types[declared.numerator], types[declared.denominator]);
            for (window, span) in windows() {
                add(format!("{}_{span}", declared.name), format!("{text}, in the last {span}"), What::Rate { rate, window });
            }
            for (half_life, span) in half_lives() {
                let text = format!("{text}, events weighing half after {span}");
                add(format!("{}_decayed_{span}", declared.name), text, What::DecayedRate { rate, half_life });
            }
        }
        if let Some((plural, counted)) = entity.distinct() {
            add(format!("distinct_{plural}"), format!("about how many {counted}"), What::Distinct);
        }
    }
    features
}
