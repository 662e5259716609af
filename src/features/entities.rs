//! The entities of an event and of a question, by key.

use engine::Micros;
use engine::features::{Entity, EntityKind, Moment, Occurrence, Spec};

use super::catalog::FeatureSet;
use super::event::FeatureEvent;
use crate::key::{Key, MAX_TEXT_BYTES};
use crate::pg::hash;

/// An entity, as the table of packed rows names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityKey {
    /// Its place among the entities of a question.
    pub slot: u16,
    /// The user, the item, the category or the context's value; empty for all events.
    pub key: Box<str>,
    /// The category where a user comes with one.
    pub part: Box<str>,
}

impl EntityKey {
    /// An entity with one key.
    pub fn new(kind: EntityKind, key: &str) -> Self {
        Self { slot: kind.slot() as u16, key: key.into(), part: "".into() }
    }

    /// A user in a category.
    pub fn of_user_category(user: &str, category: &str) -> Self {
        Self { part: category.into(), ..Self::new(EntityKind::UserCategory, user) }
    }

    /// What kind of entity it is.
    pub fn kind(&self) -> EntityKind {
        EntityKind::at(usize::from(self.slot))
    }

    /// Whether its events are those of one user or item, so that they are found by a key.
    pub fn is_narrow(&self) -> bool {
        matches!(self.kind(), EntityKind::User | EntityKind::Item | EntityKind::UserCategory)
    }
}

/// What an entity keeps of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kept {
    /// When it happened.
    pub at: Micros,
    /// The number of its type.
    pub kind: usize,
    /// The hash of the key that is counted as distinct.
    pub other: u64,
}

impl Kept {
    /// Adds it to an entity.
    pub fn add(&self, spec: &Spec, entity: &mut Entity) {
        let moment = Moment::new(spec, self.at);
        entity.add(spec, Occurrence { moment: &moment, kind: self.kind, other: self.other });
    }

    /// Takes it out of an entity; false where that has to be made anew.
    #[must_use]
    pub fn remove(&self, spec: &Spec, entity: &mut Entity) -> bool {
        let moment = Moment::new(spec, self.at);
        entity.remove(spec, Occurrence { moment: &moment, kind: self.kind, other: self.other })
    }
}

/// A hash of a key whose bits are evenly spread, the same on every machine of one byte order.
pub fn key_hash(key: &Key) -> u64 {
    match key {
        Key::Int(value) => hash::bytes(&value.to_le_bytes()),
        Key::Uuid(bytes) => hash::bytes(bytes),
        Key::Text(text) => hash::bytes(text.as_bytes()),
    }
}

/// Calls `each` with the entities that an event counts for, as far as the features use them, and with what is counted as distinct there.
pub fn each_entity(set: &FeatureSet, event: &FeatureEvent, category: Option<&str>, mut each: impl FnMut(EntityKey, Kept)) {
    let used = &set.used;
    let kept = |other: u64| Kept { at: event.at, kind: event.kind, other };
    let wants = |kind: EntityKind| used.get(kind.slot()).copied().unwrap_or(false);
    if wants(EntityKind::All) {
        each(EntityKey::new(EntityKind::All, ""), kept(0));
    }
    let category = category.filter(|_| wants(EntityKind::Category) || wants(EntityKind::UserCategory));
    if wants(EntityKind::User) || (category.is_some() && wants(EntityKind::UserCategory)) {
        let (user, item) = (event.user.to_string(), key_hash(&event.item));
        if wants(EntityKind::User) {
            each(EntityKey::new(EntityKind::User, &user), kept(item));
        }
        if let Some(category) = category.filter(|_| wants(EntityKind::UserCategory)) {
            each(EntityKey::of_user_category(&user, category), kept(item));
        }
    }
    if wants(EntityKind::Item) {
        each(EntityKey::new(EntityKind::Item, &event.item.to_string()), kept(key_hash(&event.user)));
    }
    if let Some(category) = category.filter(|_| wants(EntityKind::Category)) {
        each(EntityKey::new(EntityKind::Category, category), kept(0));
    }
    for (place, value) in event.context.iter().enumerate() {
        // Longer values fit no index.
        if let Some(value) = value.as_ref().filter(|value| value.len() <= MAX_TEXT_BYTES)
            && wants(EntityKind::Context(place))
        {
            each(EntityKey::new(EntityKind::Context(place), value), kept(0));
        }
    }
}
