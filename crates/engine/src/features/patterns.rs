//! Names chosen by patterns.

use rustc_hash::FxHashSet;

use super::names::is_like;

/// Patterns of SQL's LIKE; those that stand for one name are looked up, not tried.
#[derive(Debug)]
pub struct Patterns<'a> {
    exact: FxHashSet<&'a str>,
    wild: Vec<&'a str>,
}

impl<'a> Patterns<'a> {
    /// Of a list.
    pub fn new(patterns: &'a [String]) -> Self {
        let (wild, exact): (Vec<&str>, Vec<&str>) =
            patterns.iter().map(String::as_str).partition(|pattern| pattern.contains(['%', '_', '\\']));
        Self { exact: exact.into_iter().collect(), wild }
    }

    /// How many must be tried, each for every name.
    pub fn tried(&self) -> usize {
        self.wild.len()
    }

    /// Whether a name is like one of them. `interrupt` is called now and then.
    pub fn fit<E>(&self, name: &str, interrupt: &dyn Fn() -> Result<(), E>) -> Result<bool, E> {
        if self.exact.contains(name) {
            return Ok(true);
        }
        for patterns in self.wild.chunks(64) {
            interrupt()?;
            if patterns.iter().any(|pattern| is_like(name, pattern)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
