//! The visible delta of features: what a reader lays over the packed rows.
//!
//! As for recommenders, a backend keeps it between calls and only takes apart the rows that it has not met.

use std::cell::RefCell;
use std::collections::HashMap;

use engine::features::{Entity, Question, Spec, Tally};
use engine::{Micros, Result};
use rustc_hash::FxHashMap;

use super::catalog::FeatureSet;
use super::categories::ItemCategories;
use super::entities::{EntityKey, Kept, each_entity};
use super::event::FeatureEvent;
use super::log;
use super::rows::{FeatureState, Rows};
use crate::pg::fetch::{HeapRow, Version, scan_heap};
use crate::totals::{float4, int4};

/// One row of the delta that changes something.
#[derive(Debug, Clone)]
pub struct DeltaEvent {
    /// The row version.
    pub version: Version,
    /// True for an event that came, false for one that went.
    pub came: bool,
    /// The event.
    pub event: FeatureEvent,
}

/// What a scan of the delta meets.
pub enum Met {
    /// An event that came or went.
    Event(DeltaEvent),
    /// A row that is no event: counted as skipped, by 1 or -1.
    Skipped(Version, i64),
    /// A row of an epoch that TRUNCATE has ended.
    Gone(Version),
    /// An event that happened or was recorded after the horizon.
    Future(DeltaEvent),
}

fn meet(set: &FeatureSet, epoch: i32, horizon: Micros, row: &mut HeapRow<'_>) -> Result<Met> {
    if row.datum(1).map(int4) != Some(epoch) {
        return Ok(Met::Gone(row.version));
    }
    let change = row.datum(2).map_or(0, |datum| datum.value() as i16);
    let event = FeatureEvent::read(set, [row.datum(3), row.datum(4), row.datum(5), row.datum(7), row.datum(8)])?;
    let Some(event) = event.filter(|_| change != 0) else {
        let count = row.datum(6).map_or(0.0, float4);
        return Ok(Met::Skipped(row.version, if count < 0.0 { -1 } else { 1 }));
    };
    let row = DeltaEvent { version: row.version, came: change > 0, event };
    Ok(if row.event.known_at() > horizon { Met::Future(row) } else { Met::Event(row) })
}

/// Calls `each` with what the active snapshot shows of the delta, without the rows whose versions are `known`.
pub fn scan(
    set: &FeatureSet,
    epoch: i32,
    horizon: Micros,
    mut known: impl FnMut(Version) -> bool,
    mut each: impl FnMut(Met),
) -> Result<()> {
    let mut result = Ok(());
    scan_heap(set.delta, |row| {
        if !known(row.version) {
            match meet(set, epoch, horizon, row) {
                Ok(met) => each(met),
                Err(error) => result = Err(error),
            }
        }
        result.is_ok()
    });
    result
}

/// Whether the delta shows events that went.
pub fn has_removals(set: &FeatureSet) -> bool {
    let mut found = false;
    scan_heap(set.delta, |row| {
        found |= row.datum(2).is_some_and(|datum| (datum.value() as i16) < 0);
        !found
    });
    found
}

/// What the delta says of one entity.
#[derive(Default)]
struct Pending {
    changes: Vec<(bool, Kept)>,
    /// How many of the changes are in `merged`.
    applied: usize,
    /// The packed row with these changes.
    merged: Option<Entity>,
}

/// The delta of one recommender's features, good for one generation.
pub struct FeatureDelta {
    generation: i64,
    epoch: i32,
    refreshes: u64,
    /// The rows that were met, with the times from which they count and the refresh that met them last.
    rows: FxHashMap<Version, (Micros, u64)>,
    entities: FxHashMap<EntityKey, Pending>,
    newest: Option<Micros>,
}

thread_local! {
    static KEPT: RefCell<HashMap<i32, FeatureDelta>> = RefCell::new(HashMap::new());
}

impl FeatureDelta {
    fn empty(state: &FeatureState) -> Self {
        Self {
            generation: state.generation,
            epoch: state.epoch,
            refreshes: 0,
            rows: FxHashMap::default(),
            entities: FxHashMap::default(),
            newest: None,
        }
    }

    /// The delta that the active snapshot shows, up to `horizon`. Give it back to [`FeatureDelta::keep`] when done.
    pub fn visible(set: &FeatureSet, state: &FeatureState, categories: &ItemCategories<'_>, horizon: Micros) -> Result<Self> {
        let kept = KEPT.with_borrow_mut(|kept| kept.remove(&set.id));
        let current = |delta: &FeatureDelta| delta.generation == state.generation && delta.epoch == state.epoch;
        if let Some(mut delta) = kept.filter(current)
            && delta.refresh(set, categories, horizon)?
        {
            return Ok(delta);
        }
        let mut delta = Self::empty(state);
        delta.refresh(set, categories, horizon)?;
        Ok(delta)
    }

    /// Keeps it for the next call.
    pub fn keep(self, id: i32) {
        KEPT.with_borrow_mut(|kept| kept.insert(id, self));
    }

    /// When the newest of its events could be known.
    pub fn newest(&self) -> Option<Micros> {
        self.newest
    }

    /// Meets the rows that the snapshot shows. False where all has to be met anew, for rows that were met are gone or lie beyond the
    /// horizon: what is left is not to be used then.
    fn refresh(&mut self, set: &FeatureSet, categories: &ItemCategories<'_>, horizon: Micros) -> Result<bool> {
        self.refreshes += 1;
        let (refresh, before, mut met_again, mut new) = (self.refreshes, self.rows.len(), 0, Vec::new());
        let known = |version| match self.rows.get_mut(&version) {
            Some((known_at, last)) if *known_at <= horizon => {
                *last = refresh;
                met_again += 1;
                true
            }
            _ => false,
        };
        scan(set, self.epoch, horizon, known, |met| new.push(met))?;
        if met_again < before {
            return Ok(false);
        }
        categories.learn(new.iter().filter_map(|met| if let Met::Event(row) = met { Some(&row.event.item) } else { None }))?;
        for met in new {
            let (version, known_at) = match met {
                Met::Event(row) => {
                    self.add(set, &row, categories.of(&row.event.item)?.as_deref());
                    (row.version, row.event.known_at())
                }
                Met::Skipped(version, _) | Met::Gone(version) => (version, i64::MIN),
                Met::Future(_) => continue,
            };
            self.rows.insert(version, (known_at, refresh));
        }
        Ok(true)
    }

    fn add(&mut self, set: &FeatureSet, row: &DeltaEvent, category: Option<&str>) {
        self.newest = self.newest.max(Some(row.event.known_at()));
        each_entity(set, &row.event, category, |key, kept| {
            self.entities.entry(key).or_default().changes.push((row.came, kept));
        });
    }

    /// What an entity says with the delta; `None` where that says nothing of it.
    pub fn tally(&mut self, source: &mut Source<'_>, key: &EntityKey, question: &Question, tally: &mut Tally) -> Result<bool> {
        let Some(pending) = self.entities.get_mut(key) else { return Ok(false) };
        let spec = source.set.plan.spec();
        pending.merge(source, key, spec)?;
        if let Some(entity) = &pending.merged {
            entity.tally(spec, question, tally);
        }
        Ok(true)
    }
}

/// Where the rows and events of features are read.
pub struct Source<'a> {
    /// The features.
    pub set: &'a FeatureSet,
    /// The packed rows.
    pub rows: Rows,
    /// The categories of items.
    pub categories: ItemCategories<'a>,
    /// Events after it do not count.
    pub horizon: Micros,
}

impl Pending {
    fn merge(&mut self, source: &mut Source<'_>, key: &EntityKey, spec: &Spec) -> Result<()> {
        if self.applied == self.changes.len() {
            return Ok(());
        }
        let mut entity = match self.merged.take() {
            Some(entity) => entity,
            None => source.rows.entity(spec, key)?,
        };
        let new = &self.changes[self.applied..];
        if !apply(spec, &mut entity, new) {
            entity = log::remade(source.set, &source.categories, std::slice::from_ref(key), source.horizon)?.remove(key).unwrap_or(entity);
        }
        self.applied = self.changes.len();
        self.merged = Some(entity);
        Ok(())
    }
}

/// Applies changes to an entity: first what came, for an event may come and go at once. False where it has to be made anew.
pub fn apply(spec: &Spec, entity: &mut Entity, changes: &[(bool, Kept)]) -> bool {
    changes.iter().filter(|(came, _)| *came).for_each(|(_, kept)| kept.add(spec, entity));
    changes.iter().filter(|(came, _)| !came).all(|(_, kept)| kept.remove(spec, entity))
}
