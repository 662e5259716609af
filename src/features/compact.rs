//! The compactor of features: moves the delta into packed rows, or makes these anew from the event table.
//!
//! As for recommenders, one transaction does all of it. The lock is the features' row of `recommend.feature_state`.

use std::rc::Rc;

use engine::Micros;
use engine::features::Entity;
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use super::catalog::{self as features, FeatureSet};
use super::categories::{ItemCategories, told};
use super::delta::{apply, has_removals};
use super::entities::{EntityKey, Kept, each_entity};
use super::error::{FeatureError, Result};
use super::event::FeatureEvent;
use super::log;
use super::rows::{FeatureState, Rows};
use super::write;
use crate::catalog::catalog_owner;
use crate::compact::{Outcome, Pace, REST, horizon};
use crate::delta_rows::{Batch, Done};
use crate::key::Key;
use crate::pg::fetch::delete_rows;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{clock, guc, interrupt, owner, snapshot};
use crate::progress::{Phase, Progress};
use crate::totals;
use crate::write::timestamp_datum;

/// With more entities of one batch to be made anew, all of them are.
const MAX_REMADE: usize = 1000;

/// How many rows of a rebuild are written at a time.
const ROWS: usize = 1000;

/// Locks features against other compactors; false when another one holds the lock and `wait` is not set.
pub fn lock(id: i32, wait: bool) -> Result<bool> {
    let skip = if wait { "" } else { " SKIP LOCKED" };
    let sql = format!("SELECT feed FROM recommend.feature_state WHERE feed = $1 FOR UPDATE{skip}");
    let found = owner::as_user(catalog_owner()?, || spi::write_returning(&sql, &[Arg::of(id)], |row| row.value::<i32>(1)));
    let found: std::result::Result<Vec<i32>, SpiError> = found;
    Ok(!found?.is_empty())
}

/// Moves up to `limit` delta rows into packed rows.
pub fn compact(id: i32, limit: u64, pace: Pace) -> Result<Outcome> {
    if !lock(id, pace == Pace::Now)? {
        return Ok(Outcome::Busy);
    }
    let set = features::by_id(id)?;
    snapshot::with_current(|| {
        let state = FeatureState::read(id).ok_or(FeatureError::UnknownId(id))?;
        let compaction = Compaction { set: &set, state, horizon: horizon() };
        if state.needs_rebuild {
            return compaction.rebuild().map(Outcome::Moved);
        }
        let batch = compaction.read(limit)?;
        let waiting = batch.done.rows.len() as u64;
        let rested = state.last_compaction.is_none_or(|last| clock::now().saturating_sub(last) >= REST);
        if pace == Pace::WhenDue && !rested && waiting < guc::compact_after() {
            return Ok(if waiting > 0 { Outcome::NotDue } else { Outcome::Moved(0) });
        }
        if waiting == 0 && !state.is_void() { Ok(Outcome::Moved(0)) } else { compaction.write(&batch).map(Outcome::Moved) }
    })
}

/// Makes all packed rows anew. Gives the number of events.
pub fn rebuild(id: i32) -> Result<u64> {
    lock(id, true)?;
    let set = features::by_id(id)?;
    snapshot::with_current(|| {
        let state = FeatureState::read(id).ok_or(FeatureError::UnknownId(id))?;
        Compaction { set: &set, state, horizon: horizon() }.rebuild()
    })
}

struct Compaction<'a> {
    set: &'a FeatureSet,
    state: FeatureState,
    horizon: Micros,
}

impl Compaction<'_> {
    fn failure(&self, source: engine::Error) -> FeatureError {
        FeatureError::Engine { name: self.set.name.clone(), source }
    }

    /// Reads up to `limit` rows of the delta; all of them if events went, for then rows are made anew from all that the table shows.
    fn read(&self, limit: u64) -> Result<Batch<FeatureEvent>> {
        let limit = if has_removals(self.set) { u64::MAX } else { limit };
        let mut taken = 0;
        let take = |_: &FeatureEvent, _| {
            taken += 1;
            taken <= limit
        };
        Batch::read(self.set, self.state.epoch, self.horizon, take).map_err(|source| self.failure(source))
    }

    /// Moves a batch into packed rows. Gives the number of delta rows.
    fn write(&self, batch: &Batch<FeatureEvent>) -> Result<u64> {
        let set = self.set;
        let progress = Progress::start(set.id, Phase::Compacting, batch.events.len() as u64);
        let categories = ItemCategories::open(set, &self.state);
        let met = categories.learn(batch.events.iter().map(|row| &row.event.item)).map_err(|source| self.failure(source))?;
        let mut changes: FxHashMap<EntityKey, Vec<(bool, Kept)>> = FxHashMap::default();
        for row in &batch.events {
            let category = categories.known(&row.event.item);
            each_entity(set, &row.event, category.as_deref(), |key, kept| changes.entry(key).or_default().push((row.came, kept)));
        }
        let spec = set.plan.spec();
        let mut rows = Rows::new(set, &self.state);
        let mut merged: Vec<(EntityKey, Entity)> = Vec::with_capacity(changes.len());
        let mut stale: Vec<EntityKey> = Vec::new();
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        for (key, changes) in changes {
            interrupt::check();
            let mut entity = rows.entity(spec, &key).map_err(|source| self.failure(source))?;
            if apply(spec, &mut entity, &changes) { merged.push((key, entity)) } else { stale.push(key) }
        }
        if stale.len() > MAX_REMADE {
            drop(progress);
            return self.rebuild();
        }
        if !stale.is_empty() {
            let remade = log::remade(set, &categories, &stale, self.horizon).map_err(|source| self.failure(source))?;
            merged.extend(remade);
        }
        drop(rows);
        owner::as_user(catalog_owner()?, || -> Result<()> {
            if self.state.is_void() {
                write::clear(set)?;
                snapshot::count_command();
            }
            write::categories(set, met.iter().map(|(item, category)| (item, &**category)))?;
            Ok(write::entities(set, merged.iter_mut().map(|(key, entity)| (&*key, packed(set, entity))))?)
        })?;
        delete_rows(set.delta, &batch.done.rows);
        let count = |came: bool| batch.events.iter().filter(|row| row.came == came).count() as i64;
        let newest = batch.events.iter().filter(|row| row.came).map(|row| row.event.known_at()).max();
        let (events, newest_at) = if self.state.is_void() { (0, None) } else { (self.state.events, self.state.newest_at) };
        let state = FeatureState {
            events: events + count(true) - count(false),
            newest_at: newest_at.max(newest),
            skipped: self.state.skipped + batch.done.skipped,
            ..self.state
        };
        self.save(&state, self.state.is_void())?;
        Ok(batch.done.rows.len() as u64)
    }

    /// Makes all rows anew from the event table: one pass in the order of users, one in the order of items. Gives the number of events.
    fn rebuild(&self) -> Result<u64> {
        let set = self.set;
        let done = Done::all(set, self.state.epoch, self.horizon).map_err(|source| self.failure(source))?;
        let rows = owner::as_user(catalog_owner()?, || totals::estimated_events(set.id))?;
        let mut progress = Progress::start(set.id, Phase::ReadingEvents, 2 * rows as u64);
        let categories: FxHashMap<Key, Rc<str>> = told(set, None).map_err(|source| self.failure(source))?.into_iter().collect();
        owner::as_user(catalog_owner()?, || -> Result<()> {
            write::clear(set)?;
            snapshot::count_command();
            Ok(write::categories(set, categories.iter().map(|(item, category)| (item, &**category)))?)
        })?;
        let (mut events, mut newest) = (0, None);
        for (column, of_users) in [("user_key", true), ("item_key", false)] {
            let mut writer = Sorted { set, of_users, open: FxHashMap::default(), broad: FxHashMap::default(), key: None, rows: Vec::new() };
            let sql = format!("{} ORDER BY {column}, at", log::events_sql(set, "true"));
            events = 0;
            let mut failed = None;
            log::each_event(set, &sql, &[log::time(self.horizon), Arg::of(self.horizon)], |event| {
                events += 1;
                if events % 1000 == 0 {
                    progress.advance(1000);
                }
                newest = newest.max(Some(event.known_at()));
                let key = if of_users { &event.user } else { &event.item };
                writer.enter(key).map_err(|error| {
                    let said = engine::Error::Store(error.to_string());
                    failed = Some(error);
                    said
                })?;
                let category = categories.get(&event.item).map(|category| &**category);
                each_entity(set, &event, category, |key, kept| writer.add(key, kept));
                Ok(())
            })
            .map_err(|source| failed.unwrap_or_else(|| self.failure(source)))?;
            writer.finish()?;
        }
        progress.phase(Phase::WritingRows);
        delete_rows(set.delta, &done.rows);
        let skipped = self.state.skipped + done.skipped;
        let state = FeatureState { events, newest_at: newest, skipped, needs_rebuild: false, ..self.state };
        self.save(&state, true)?;
        Ok(events as u64)
    }

    /// Writes the state row, `cleared` after all rows were deleted; the generation moves, and the rows are of the present epoch.
    fn save(&self, state: &FeatureState, cleared: bool) -> Result<()> {
        let args = [
            Arg::of(self.set.id),
            Arg::of(state.epoch),
            Arg::of(state.events),
            Arg::datum(state.newest_at.map(timestamp_datum), pg_sys::TIMESTAMPTZOID),
            Arg::of(state.skipped),
            Arg::of(state.needs_rebuild),
            Arg::of(cleared),
        ];
        owner::as_user(catalog_owner()?, || spi::write_prepared(include_str!("../../sql/save_feature_state.sql"), &args))?;
        Ok(())
    }
}

/// An entity's bytes; `None` where nothing is left of it.
fn packed(set: &FeatureSet, entity: &mut Entity) -> Option<Vec<u8>> {
    (!entity.is_empty()).then(|| entity.to_bytes(set.plan.spec()))
}

/// Events in the order of users or items: rows are written when a key is done; what has events of many keys stays in memory to the end.
struct Sorted<'a> {
    set: &'a FeatureSet,
    /// In the order of users, rows of users are made; in the order of items all others.
    of_users: bool,
    open: FxHashMap<EntityKey, Entity>,
    broad: FxHashMap<EntityKey, Entity>,
    key: Option<Key>,
    rows: Vec<(EntityKey, Option<Vec<u8>>)>,
}

impl Sorted<'_> {
    /// Goes on to the events of a key.
    fn enter(&mut self, key: &Key) -> Result<()> {
        if self.key.as_ref() == Some(key) {
            return Ok(());
        }
        self.key = Some(key.clone());
        self.rows.extend(self.open.drain().map(|(key, mut entity)| (key, packed(self.set, &mut entity))));
        if self.rows.len() >= ROWS { self.send() } else { Ok(()) }
    }

    fn add(&mut self, key: EntityKey, kept: Kept) {
        use engine::features::EntityKind::{Item, User, UserCategory};
        let is_of_user = matches!(key.kind(), User | UserCategory);
        if is_of_user != self.of_users {
            return;
        }
        let entities = if is_of_user || key.kind() == Item { &mut self.open } else { &mut self.broad };
        let spec = self.set.plan.spec();
        let distinct = key.kind().distinct().is_some();
        kept.add(spec, entities.entry(key).or_insert_with(|| Entity::new(spec, distinct)));
    }

    fn send(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        owner::as_user(catalog_owner()?, || write::entities(self.set, rows.iter().map(|(key, row)| (key, row.clone()))))?;
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        let last = self.open.drain().chain(self.broad.drain());
        self.rows.extend(last.map(|(key, mut entity)| (key, packed(self.set, &mut entity))));
        self.send()
    }
}
