//! What features are declared from, and how spans of time are called.

use super::spec::Spec;
use crate::Micros;

/// Whose events are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntityKind {
    /// All events.
    All,
    /// Those of the user.
    User,
    /// Those of the item.
    Item,
    /// Those of the item's category.
    Category,
    /// Those of the user with items of the item's category.
    UserCategory,
    /// Those whose context column of that place has the question's value.
    Context(usize),
}

impl EntityKind {
    /// The first place of contexts.
    pub const CONTEXTS: usize = 5;

    /// Its place among the entities of a question.
    pub fn slot(self) -> usize {
        match self {
            Self::All => 0,
            Self::User => 1,
            Self::Item => 2,
            Self::Category => 3,
            Self::UserCategory => 4,
            Self::Context(place) => Self::CONTEXTS + place,
        }
    }

    /// The entity of a place.
    pub fn at(slot: usize) -> Self {
        match slot {
            0 => Self::All,
            1 => Self::User,
            2 => Self::Item,
            3 => Self::Category,
            4 => Self::UserCategory,
            slot => Self::Context(slot - Self::CONTEXTS),
        }
    }

    /// What it counts as distinct, where it does: (plural, in words).
    pub fn distinct(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::User => Some(("items", "items that the user has met")),
            Self::UserCategory => Some(("items", "items of the category that the user has met")),
            Self::Item => Some(("users", "users who have met the item")),
            Self::All | Self::Category | Self::Context(_) => None,
        }
    }

    /// Whether it depends on the item of a question.
    pub fn is_of_item(self) -> bool {
        matches!(self, Self::Item | Self::Category | Self::UserCategory)
    }

    /// Its name, which the names of its features begin with; contexts are called by their columns.
    pub fn name(self, context_columns: &[String]) -> String {
        match self {
            Self::All => "all".into(),
            Self::User => "user".into(),
            Self::Item => "item".into(),
            Self::Category => "category".into(),
            Self::UserCategory => "user_category".into(),
            Self::Context(place) => format!("context_{}", context_columns.get(place).map_or("", String::as_str)),
        }
    }

    /// In words.
    pub fn words(self, context_columns: &[String]) -> String {
        match self {
            Self::All => "of everybody".into(),
            Self::User => "of the user".into(),
            Self::Item => "of the item".into(),
            Self::Category => "of the item's category".into(),
            Self::UserCategory => "of the user in the item's category".into(),
            Self::Context(place) => format!("with the same {}", context_columns.get(place).map_or("", String::as_str)),
        }
    }
}

/// One event type over another, such as clicks over impressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Its name.
    pub name: String,
    /// The number of the type that is counted.
    pub numerator: usize,
    /// The number of the type that it is counted of.
    pub denominator: usize,
}

/// What features are declared from.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Types, windows, half-lives.
    pub spec: Spec,
    /// The names of the event types.
    pub types: Vec<String>,
    /// The entities, in the order of their features.
    pub entities: Vec<EntityKind>,
    /// The names of the context columns.
    pub context_columns: Vec<String>,
    /// Rates of event types.
    pub rates: Vec<Rate>,
    /// How many events of the denominator the prior of a rate weighs.
    pub smoothing: f64,
}

/// A span of time in the largest unit that it is a whole number of, a day counting as 24 hours: `5m`, `24h`, `7d`.
pub fn span_name(micros: Micros) -> String {
    const UNITS: [(Micros, &str); 5] = [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")];
    let whole = |(unit, _): &&(Micros, &str)| micros % unit == 0 && (micros / unit > 1 || *unit < UNITS[0].0);
    match UNITS.iter().find(whole) {
        Some((unit, name)) => format!("{}{name}", micros / unit),
        None => format!("{micros}us"),
    }
}

/// Whether a name is like a pattern of SQL's LIKE: `%` stands for any characters, `_` for one, after a backslash for themselves. It takes a time of at
/// most the product of both lengths, and that of the pattern alone where the name is short.
pub fn is_like(name: &str, pattern: &str) -> bool {
    let mut name = name.chars();
    let mut rest = Like(pattern.chars());
    // Where to go on when what follows the last percent sign does not fit here: one character further on. An earlier one need never be
    // thought of again, for the last can skip whatever that could.
    let mut again: Option<(std::str::Chars<'_>, Like<'_>)> = None;
    loop {
        let (name_here, mut ahead) = (name.clone(), rest.clone());
        let fits = match ahead.next() {
            Some(Part::Any) => {
                again = Some((name_here, ahead.clone()));
                rest = ahead;
                continue;
            }
            None if name.as_str().is_empty() => return true,
            None => false,
            Some(part) => match (name.next(), part) {
                (None, _) => return false,
                (Some(_), Part::One) => true,
                (Some(found), Part::Literal(expected)) => found == expected,
                (Some(_), Part::Any) => false,
            },
        };
        if fits {
            rest = ahead;
            continue;
        }
        let Some((from, after)) = &mut again else { return false };
        if from.next().is_none() {
            return false;
        }
        (name, rest) = (from.clone(), after.clone());
    }
}

/// What a pattern stands for, one part after the other.
#[derive(Clone)]
struct Like<'a>(std::str::Chars<'a>);

enum Part {
    Any,
    One,
    Literal(char),
}

impl Iterator for Like<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        Some(match self.0.next()? {
            '%' => Part::Any,
            '_' => Part::One,
            '\\' => Part::Literal(self.0.next().unwrap_or('\\')),
            literal => Part::Literal(literal),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_called_as_people_do() {
        let minute = 60_000_000;
        let names = [5 * minute, 60 * minute, 1440 * minute, 10_080 * minute, 43_200 * minute, 90 * minute, minute / 40, 7].map(span_name);
        assert_eq!(names, ["5m", "1h", "24h", "7d", "30d", "90m", "1500ms", "7us"]);
    }

    #[test]
    fn patterns_are_those_of_like() {
        for (pattern, matching) in [
            ("%", true),
            ("item_%", true),
            ("item", false),
            ("%_24h", true),
            ("item\\_click%", true),
            ("item\\%%", false),
            ("_tem%%24_", true),
        ] {
            assert_eq!(is_like("item_click_count_24h", pattern), matching, "{pattern}");
        }
        // A matcher that tries every way takes longer than the sun has left.
        assert!(!is_like(&"a".repeat(1000), &format!("{}b", "%_".repeat(500))));
        assert!(is_like(&"ab".repeat(1000), &format!("{}%b", "%_".repeat(1000))));
        assert!(is_like("\\", "\\") && is_like("a\\", "_\\\\"));
        assert!(is_like("", "%%") && !is_like("", "_") && is_like("100%", "100\\%") && !is_like("100x", "100\\%"));
    }
}
