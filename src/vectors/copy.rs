//! The copy of a vector set, opened: mapped files, which all sessions share.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::catalog::VectorSet;
use super::error::Result;
use super::files;
use super::manifest::Manifest;
use super::segment::SegmentFile;
use super::state::State;
use crate::key::Key;

/// A row of a copy: the place of its segment, and its number there.
pub type Place = (usize, u32);

/// A copy.
pub struct Copy {
    set: i32,
    /// What it is made of.
    pub manifest: Manifest,
    /// The segments, in the order of the manifest.
    pub segments: Vec<SegmentFile>,
}

thread_local! {
    /// The copy of each set that this session has used last.
    static OPENED: RefCell<HashMap<i32, Rc<Copy>>> = RefCell::new(HashMap::new());
}

impl Copy {
    /// The copy that is good for a snapshot that shows `state`, if there is one. Notes that it is used.
    pub fn open(set: &VectorSet, state: &State) -> Option<Rc<Self>> {
        let path = files::manifest(set.id, state.generation);
        let kept = OPENED.with_borrow_mut(|opened| opened.remove(&set.id));
        // One whose file was deleted is let go: its memory is to be free.
        if !path.exists() {
            return None;
        }
        let copy = match kept {
            Some(kept) if kept.is_good(set, state) => kept,
            _ => Rc::new(Self::read(set, state)?),
        };
        files::touch(&path);
        OPENED.with_borrow_mut(|opened| opened.insert(set.id, Rc::clone(&copy)));
        Some(copy)
    }

    /// As [`Copy::open`], for a look at it that is no use.
    pub fn peek(set: &VectorSet, state: &State) -> Option<Self> {
        Self::read(set, state)
    }

    fn is_good(&self, set: &VectorSet, state: &State) -> bool {
        let good = state.dimensions.is_none_or(|dimensions| dimensions == self.manifest.dimensions);
        good && self.manifest.generation == state.generation && self.manifest.epoch == state.epoch && self.manifest.is_of(set)
    }

    fn read(set: &VectorSet, state: &State) -> Option<Self> {
        let manifest = Manifest::read(set, state.generation)?;
        let segments = manifest.segments.iter().map(|listed| {
            let segment = SegmentFile::open(set, listed.number).ok()?;
            let dimensions = segment.vectors().ok()?.dimensions();
            (segment.rows() == listed.rows as usize && dimensions == manifest.dimensions as usize).then_some(segment)
        });
        let segments = segments.collect::<Option<Vec<_>>>()?;
        let copy = Self { set: set.id, manifest, segments };
        copy.is_good(set, state).then_some(copy)
    }

    /// Lets go of the copy of a set.
    pub fn forget(set: i32) {
        OPENED.with_borrow_mut(|opened| opened.remove(&set));
    }

    /// Where a key is, also where it is there no more: there is no more than one such row in each segment.
    pub fn places<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = Result<Place>> + 'a {
        self.segments.iter().enumerate().filter_map(move |(place, segment)| match segment.find(key) {
            Ok(row) => row.map(|row| Ok((place, row))),
            Err(error) => Some(Err(error)),
        })
    }

    /// The file of a segment.
    pub fn path(&self, segment: usize) -> PathBuf {
        files::segment(self.set, self.manifest.segments[segment].number)
    }

    /// The key of a row.
    pub fn key(&self, (segment, row): Place) -> Result<Key> {
        self.segments[segment].key(row)
    }
}
