//! An event as features count it.

use engine::{Micros, Result};
use pgrx::pg_sys;

use super::catalog::FeatureSet;
use crate::key::Key;
use crate::numbers::{ContextValues, context_values, is_sound};
use crate::totals::int8;

/// An event of one of the declared types.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureEvent {
    /// The user.
    pub user: Key,
    /// The item.
    pub item: Key,
    /// When it happened.
    pub at: Micros,
    /// When it could be known, where that is recorded.
    pub recorded: Option<Micros>,
    /// The number of its type.
    pub kind: usize,
    /// The values of the context columns.
    pub context: ContextValues,
}

impl FeatureEvent {
    /// Reads the columns user_key, item_key, at, session, context, as the delta and the event view have them; `None` where a row is no event.
    pub fn read(set: &FeatureSet, columns: [Option<pg_sys::Datum>; 5]) -> Result<Option<Self>> {
        let [Some(user), Some(item), Some(at), recorded, context] = columns else { return Ok(None) };
        let mut context = context.and_then(context_values).unwrap_or_default();
        let kind = match set.typed {
            false => Some(0),
            true if context.is_empty() => None,
            true => context.remove(0).and_then(|name| set.types.get(&name).copied()),
        };
        let Some(kind) = kind else { return Ok(None) };
        let (Ok(user), Ok(item)) = (Key::read(user, set.keys.0), Key::read(item, set.keys.1)) else { return Ok(None) };
        if !is_sound(int8(at), 1.0) {
            return Ok(None);
        }
        Ok(Some(Self { user, item, at: int8(at), recorded: recorded.map(int8), kind, context }))
    }

    /// The later of when it happened and when it was recorded.
    pub fn known_at(&self) -> Micros {
        self.recorded.map_or(self.at, |recorded| recorded.max(self.at))
    }

    /// The first time at which it counts: what happens at the very time of a question is not known by then.
    pub fn counts_from(&self) -> Micros {
        let after = self.at.saturating_add(1);
        self.recorded.map_or(after, |recorded| recorded.max(after))
    }
}
