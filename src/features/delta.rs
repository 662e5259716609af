//! The visible delta of features: what a reader lays over the packed rows.
//!
//! As for recommenders, a backend keeps it between calls and only takes apart the rows that it has not met.

use std::cell::RefCell;
use std::collections::HashMap;

use engine::features::{Entity, Question, Spec, Tally};
use engine::{Micros, Result};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use super::catalog::FeatureSet;
use super::categories::ItemCategories;
use super::entities::{EntityKey, Kept, each_entity};
use super::event::FeatureEvent;
use super::log;
use super::rows::{FeatureState, Rows};
use crate::delta_rows::{Change, DeltaTable, Met, MetRows};
use crate::numbers::context_hash;
use crate::pg::fetch::{HeapRow, scan_heap};

impl DeltaTable for FeatureSet {
    type Event = FeatureEvent;

    fn delta(&self) -> pg_sys::Oid {
        self.delta
    }

    fn event(&self, row: &mut HeapRow<'_>) -> Result<Option<FeatureEvent>> {
        FeatureEvent::read(self, [row.datum(3), row.datum(4), row.datum(5), row.datum(7), row.datum(8)])
    }

    fn waits_until(event: &FeatureEvent) -> Micros {
        event.known_at()
    }

    fn fingerprint(event: &FeatureEvent) -> u64 {
        event.user.tie().rotate_left(32) ^ event.item.tie() ^ event.kind as u64 ^ context_hash(&event.context).cast_unsigned()
    }
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
    met: MetRows<()>,
    entities: FxHashMap<EntityKey, Pending>,
    newest: Option<Micros>,
}

thread_local! {
    static KEPT: RefCell<HashMap<i32, FeatureDelta>> = RefCell::new(HashMap::new());
}

impl FeatureDelta {
    fn empty(state: &FeatureState) -> Self {
        Self { generation: state.generation, epoch: state.epoch, met: MetRows::default(), entities: FxHashMap::default(), newest: None }
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
        let (new, all_met) = self.met.look(set, self.epoch, horizon)?;
        if !all_met {
            return Ok(false);
        }
        categories.learn(new.iter().filter_map(Met::event).map(|event| &event.item))?;
        for met in new {
            match met {
                Met::Event(row) => {
                    self.add(set, &row, categories.of(&row.event.item)?.as_deref());
                    self.met.note(row.version, row.event.known_at(), ());
                }
                Met::Skipped(version, _) | Met::Gone(version) => self.met.note_void(version),
                Met::Future(_) => {}
            }
        }
        Ok(true)
    }

    fn add(&mut self, set: &FeatureSet, row: &Change<FeatureEvent>, category: Option<&str>) {
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
    pub rows: Rows<'a>,
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
