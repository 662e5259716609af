//! What the visible changes make of a copy: which of its rows do not count, and the vectors that do in their place.
//!
//! A session keeps this between questions. Each question scans the changes, and looks up only the ids of rows of that table which it has not
//! met: while the same ones are visible for an id, its row is the same.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use engine::topk::{Bitmap, Kernel};
use rustc_hash::{FxHashMap, FxHashSet};

use super::catalog::VectorSet;
use super::copy::Copy;
use super::error::{Result, VectorsError};
use super::rows;
use crate::key::Key;
use crate::pg::fetch::{Version, scan_heap};
use crate::totals::int4;

/// A copy with the visible changes laid over it.
pub struct Overlay {
    /// The copy.
    pub copy: Rc<Copy>,
    /// By segment: the rows that do not count.
    pub dead: Vec<Vec<u64>>,
    /// The ids of the rows that count beside the copy.
    pub keys: Vec<Key>,
    /// Their vectors, scaled to length 1, one after the other.
    pub units: Vec<f32>,
    /// The ids that do not count as the copy has them, and where they are in `keys`, if they are.
    touched: FxHashMap<Key, Option<usize>>,
    /// The rows of the table of changes that were met, with the question that met them last.
    versions: FxHashMap<Version, u64>,
    questions: u64,
}

thread_local! {
    static KEPT: RefCell<HashMap<i32, Overlay>> = RefCell::new(HashMap::new());
}

/// Calls `each` with the versions and ids of the visible changes of an epoch.
pub fn scan(set: &VectorSet, epoch: i32, mut each: impl FnMut(Version, Option<Key>) -> Result<()>) -> Result<()> {
    scan_new(set, epoch, |_| false, &mut each)
}

/// [`scan`] without the rows that are `known`, which are not taken apart. Of an epoch that has ended, only the version is given.
fn scan_new(
    set: &VectorSet,
    epoch: i32,
    mut known: impl FnMut(Version) -> bool,
    each: &mut dyn FnMut(Version, Option<Key>) -> Result<()>,
) -> Result<()> {
    let mut result = Ok(());
    scan_heap(set.changes, |row| {
        if known(row.version) {
            return true;
        }
        let current = row.datum(1).map(int4) == Some(epoch);
        let key = row.datum(2).filter(|_| current).map(|key| Key::read(key, set.key)).transpose();
        result = key.map_err(VectorsError::from).and_then(|key| each(row.version, key));
        result.is_ok()
    });
    result
}

impl Overlay {
    fn new(copy: Rc<Copy>) -> Self {
        Self {
            dead: copy.manifest.segments.iter().map(|segment| segment.dead.clone()).collect(),
            keys: Vec::new(),
            units: Vec::new(),
            touched: FxHashMap::default(),
            versions: FxHashMap::default(),
            questions: 0,
            copy,
        }
    }

    /// Lays what the active snapshot shows over a copy. Give it back to [`Overlay::keep`] when done.
    pub fn visible(set: &VectorSet, copy: &Rc<Copy>) -> Result<Self> {
        let kept = KEPT.with_borrow_mut(|kept| kept.remove(&set.id)).filter(|kept| Rc::ptr_eq(&kept.copy, copy));
        if let Some(mut overlay) = kept
            && overlay.refresh(set)?
        {
            return Ok(overlay);
        }
        let mut overlay = Self::new(Rc::clone(copy));
        let touched = copy.manifest.touched.clone();
        overlay.touch(set, touched)?;
        overlay.refresh(set)?;
        Ok(overlay)
    }

    /// Keeps it for the next question.
    pub fn keep(self, set: &VectorSet) {
        KEPT.with_borrow_mut(|kept| kept.insert(set.id, self));
    }

    /// Takes in what is new. False where something that was met is visible no more: it was rolled back, or this is an older snapshot.
    fn refresh(&mut self, set: &VectorSet) -> Result<bool> {
        self.questions += 1;
        let (question, before) = (self.questions, self.versions.len());
        let (mut met_again, mut new) = (0, Vec::new());
        let versions = &mut self.versions;
        let known = |version| match versions.get_mut(&version) {
            Some(last) => {
                *last = question;
                met_again += 1;
                true
            }
            None => false,
        };
        scan_new(set, self.copy.manifest.epoch, known, &mut |version, key| {
            new.push((version, key));
            Ok(())
        })?;
        if met_again < before {
            return Ok(false);
        }
        let keys: FxHashSet<Key> = new.iter().filter_map(|(_, key)| key.clone()).collect();
        self.touch(set, keys.into_iter().collect())?;
        self.versions.extend(new.into_iter().map(|(version, _)| (version, question)));
        Ok(true)
    }

    /// Looks the rows of ids up, which may have changed.
    fn touch(&mut self, set: &VectorSet, keys: Vec<Key>) -> Result<()> {
        let vectors = rows::lookup(set, &keys)?;
        let dimensions = self.copy.manifest.dimensions as usize;
        let mut unit = vec![0.0; dimensions];
        for (key, vector) in keys.into_iter().zip(vectors) {
            let comparable =
                |vector: &Vec<f32>| vector.len() == dimensions && matches!(Kernel::best().normalize(vector, &mut unit), Ok(true));
            let counts = vector.as_ref().is_some_and(comparable);
            self.put(key, counts.then_some(&unit))?;
        }
        Ok(())
    }

    /// Puts what the table has for an id in the place of what the copy has.
    fn put(&mut self, key: Key, unit: Option<&Vec<f32>>) -> Result<()> {
        let dimensions = self.copy.manifest.dimensions as usize;
        let known = self.touched.get(&key).copied();
        if known.is_none() {
            for place in self.copy.places(&key) {
                let (segment, row) = place?;
                Bitmap::insert(&mut self.dead[segment], row);
            }
        }
        let place = match (known.flatten(), unit) {
            (Some(place), Some(unit)) => {
                self.units[place * dimensions..][..dimensions].copy_from_slice(unit);
                Some(place)
            }
            (None, Some(unit)) => {
                self.keys.push(key.clone());
                self.units.extend_from_slice(unit);
                Some(self.keys.len() - 1)
            }
            (Some(place), None) => {
                // The last one takes its place.
                self.keys.swap_remove(place);
                let last = self.keys.len() * dimensions;
                self.units.copy_within(last.., place * dimensions);
                self.units.truncate(last);
                if let Some(moved) = self.keys.get(place) {
                    self.touched.insert(moved.clone(), Some(place));
                }
                None
            }
            (None, None) => None,
        };
        self.touched.insert(key, place);
        Ok(())
    }

    /// Where an id is among those beside the copy; `Err` where it is only to be looked for in the copy.
    pub fn beside(&self, key: &Key) -> std::result::Result<Option<usize>, ()> {
        self.touched.get(key).copied().ok_or(())
    }
}
