//! The events themselves, from the view of the feed: entities made anew from them.

use engine::features::{Entity, EntityKind};
use engine::{Micros, Result};
use pgrx::pg_sys;
use rustc_hash::{FxHashMap, FxHashSet};

use super::catalog::FeatureSet;
use super::categories::ItemCategories;
use super::entities::{EntityKey, each_entity};
use super::event::FeatureEvent;
use crate::key::Key;
use crate::numbers::{store_error, stream};
use crate::pg::spi::Arg;

/// The columns of an event, as [`FeatureEvent::read`] takes them.
pub const COLUMNS: &str = "user_key, item_key, at, session, context";

/// Their types.
fn event_types(set: &FeatureSet) -> [pg_sys::Oid; 5] {
    [set.keys.0.oid(), set.keys.1.oid(), pg_sys::TIMESTAMPTZOID, pg_sys::INT8OID, pg_sys::TEXTARRAYOID]
}

/// A time as an argument.
pub fn time(at: Micros) -> Arg {
    Arg::datum(Some(pg_sys::Datum::from(at)), pg_sys::TIMESTAMPTZOID)
}

/// Hands each event to `each` that a statement gives, run as the owner of the event table.
pub fn each_event(set: &FeatureSet, sql: &str, args: &[Arg], mut each: impl FnMut(FeatureEvent) -> Result<()>) -> Result<()> {
    stream(set.owner, sql, args, |row| match FeatureEvent::read(set, row.datums(event_types(set)).map_err(store_error)?)? {
        Some(event) => each(event),
        None => Ok(()),
    })
}

/// The statement that reads the events that count up to a horizon; its first two arguments are that.
pub fn events_sql(set: &FeatureSet, condition: &str) -> String {
    format!("SELECT {COLUMNS} FROM recommend.events_{} WHERE at <= $1 AND (session IS NULL OR session <= $2) AND {condition}", set.id)
}

/// The entities of `keys`, to be made anew.
struct Made<'a> {
    set: &'a FeatureSet,
    entities: FxHashMap<EntityKey, Entity>,
}

impl Made<'_> {
    fn add(&mut self, event: &FeatureEvent, category: Option<&str>, counts: impl Fn(EntityKind) -> bool) {
        each_entity(self.set, event, category, |key, kept| {
            if counts(key.kind())
                && let Some(entity) = self.entities.get_mut(&key)
            {
                kept.add(self.set.plan.spec(), entity);
            }
        });
    }
}

/// Makes entities anew from the events up to `horizon`: those of users and items by their keys, others by one scan of all events.
pub fn remade(
    set: &FeatureSet,
    categories: &ItemCategories<'_>,
    keys: &[EntityKey],
    horizon: Micros,
) -> Result<FxHashMap<EntityKey, Entity>> {
    let fresh = |key: &EntityKey| (key.clone(), Entity::new(set.plan.spec(), key.kind().distinct().is_some()));
    let mut made = Made { set, entities: keys.iter().map(fresh).collect() };
    let until = [time(horizon), Arg::of(horizon)];
    if keys.iter().any(|key| !key.is_narrow()) {
        categories.learn_all()?;
        each_event(set, &events_sql(set, "true"), &until, |event| {
            made.add(&event, categories.known(&event.item).as_deref(), |_| true);
            Ok(())
        })?;
        return Ok(made.entities);
    }
    let mut read = FxHashSet::default();
    for key in keys {
        let (is_item, column, key_type) = match key.kind() {
            EntityKind::Item => (true, "item_key", set.keys.1),
            _ => (false, "user_key", set.keys.0),
        };
        // A user's events make the rows of the user in all categories.
        if !read.insert((column, key.key.clone())) {
            continue;
        }
        let datum = Key::parse(&key.key, key_type).and_then(|key| key.write(key_type)).map_err(store_error)?;
        let [at, recorded] = until;
        let mut events = Vec::new();
        let sql = events_sql(set, &format!("{column} = $3"));
        each_event(set, &sql, &[at, recorded, Arg::datum(Some(datum), key_type.oid())], |event| {
            events.push(event);
            Ok(())
        })?;
        categories.learn(events.iter().map(|event| &event.item))?;
        for event in &events {
            let category = if is_item { None } else { categories.of(&event.item)? };
            made.add(event, category.as_deref(), |kind| (kind == EntityKind::Item) == is_item);
        }
    }
    Ok(made.entities)
}
