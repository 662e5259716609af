//! Making copies: whole ones, and such that take over the segments of the one before.

use std::collections::BTreeMap;

use engine::topk::{Bitmap, MAX_DIMENSIONS};
use rustc_hash::FxHashSet;

use super::catalog::VectorSet;
use super::copy::Copy;
use super::error::{Result, VectorsError};
use super::files;
use super::manifest::{Listed, Manifest};
use super::memory;
use super::rows;
use super::segment::{self, Filling, SegmentFile, Writer};
use super::state::State;
use crate::key::Key;
use crate::pg::{clock, random};
use crate::progress::{Phase, Progress};

/// More segments than that beside the base become one.
const MAX_PATCHES: usize = 8;

/// When so many of the base's rows have changed (one in five), all are read anew.
const MAX_CHANGED: u64 = 5;

/// A copy that was made.
pub struct Built {
    /// What it is made of. Readers find it under its generation.
    pub manifest: Manifest,
    /// Whether it shares segments with the one before.
    pub incremental: bool,
}

/// Makes a copy of all rows that the active snapshot shows, for a generation. `None` where it does not fit into memory.
pub fn whole(set: &VectorSet, state: &State, generation: i64, touched: Vec<Key>) -> Result<Option<Built>> {
    let rows = rows::count(set)?;
    let capacity = usize::try_from(rows).unwrap_or(usize::MAX);
    let dimensions = match state.dimensions {
        // An empty table may be filled with vectors of another model.
        _ if rows == 0 => set.dimensions.unwrap_or(0),
        Some(dimensions) => dimensions,
        None => usual_dimensions(set)?.unwrap_or(0),
    };
    let mut manifest = Manifest::new(set, generation, state.epoch, dimensions, clock::now());
    manifest.touched = touched;
    if dimensions > 0 && rows > 0 {
        if !memory::make_room(set, segment::bytes_of(capacity, dimensions as usize)?, |_| false) {
            return Ok(None);
        }
        let mut progress = Progress::start(set.id, Phase::ReadingVectors, rows);
        let mut skipped = Vec::new();
        let listed = write_segment(set, dimensions, capacity, |filling| {
            let mut read = 0;
            rows::each(set, |key, vector| {
                read += 1;
                if read % 1000 == 0 {
                    progress.advance(1000);
                }
                skipped.extend(add(filling, key, vector)?);
                Ok(())
            })
        })?;
        manifest.segments.extend(listed);
        manifest.skipped = skipped;
    } else if rows > 0 {
        rows::each(set, |key, _| {
            manifest.skipped.push(key);
            Ok(())
        })?;
    }
    publish(set, &manifest)?;
    Ok(Some(Built { manifest, incremental: false }))
}

/// How many vectors say which length they have.
const SAMPLE: usize = 1000;

/// The length that most of the first vectors have; of two that as many have, the greater.
fn usual_dimensions(set: &VectorSet) -> Result<Option<u32>> {
    let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
    let mut left = SAMPLE;
    let result = rows::each(set, |_, vector| {
        if let Some(vector) = vector.filter(|vector| (1..=MAX_DIMENSIONS).contains(&vector.len())) {
            *lengths.entry(vector.len()).or_default() += 1;
            left -= 1;
        }
        if left == 0 { Err(VectorsError::Enough) } else { Ok(()) }
    });
    match result {
        Err(VectorsError::Enough) | Ok(()) => {}
        Err(error) => return Err(error),
    }
    Ok(lengths.into_iter().max_by_key(|(_, count)| *count).and_then(|(length, _)| u32::try_from(length).ok()))
}

/// Makes a copy for a new generation from one that is good for the active snapshot: the rows of `changed` ids are read, and those alone, where they are
/// few. `None` where it does not fit into memory.
pub fn incremental(set: &VectorSet, state: &State, copy: &Copy, generation: i64, changed: &FxHashSet<Key>) -> Result<Option<Built>> {
    let Some((base, patches)) = copy.manifest.segments.split_first() else { return whole(set, state, generation, Vec::new()) };
    let dead = u64::from(base.rows) - base.alive();
    let patched: u64 = patches.iter().map(Listed::alive).sum();
    if (dead.max(patched) + changed.len() as u64).saturating_mul(MAX_CHANGED) > u64::from(base.rows) {
        return whole(set, state, generation, Vec::new());
    }
    let mut changed: Vec<Key> = changed.iter().cloned().collect();
    let mut manifest = copy.manifest.clone();
    (manifest.generation, manifest.built_at, manifest.touched) = (generation, clock::now(), Vec::new());
    if patches.len() >= MAX_PATCHES {
        changed.extend(live_keys(copy, 1)?);
        manifest.segments.truncate(1);
    }
    changed.sort_unstable();
    changed.dedup();
    let dimensions = manifest.dimensions;
    let kept: Vec<_> = manifest.segments.iter().map(|listed| files::segment(set.id, listed.number)).collect();
    if !memory::make_room(set, segment::bytes_of(changed.len(), dimensions as usize)?, |file| kept.contains(&file.path)) {
        return Ok(None);
    }
    for (segment, listed) in copy.segments.iter().zip(&mut manifest.segments) {
        segment.find_all(&changed, |row| Bitmap::insert(&mut listed.dead, row))?;
    }
    manifest.skipped.retain(|key| changed.binary_search(key).is_err());
    let mut skipped = Vec::new();
    let listed = write_segment(set, dimensions, changed.len(), |filling| {
        rows::each_of(set, &changed, |key, vector| {
            skipped.extend(add(filling, key, vector)?);
            Ok(())
        })
    })?;
    manifest.segments.extend(listed);
    manifest.skipped.extend(skipped);
    publish(set, &manifest)?;
    Ok(Some(Built { manifest, incremental: true }))
}

/// The keys of the rows that count in the segments from place `first` on.
fn live_keys(copy: &Copy, first: usize) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    for (segment, listed) in copy.segments.iter().zip(&copy.manifest.segments).skip(first) {
        let dead = Bitmap::new(&listed.dead);
        for row in (0..listed.rows).filter(|row| !dead.contains(*row)) {
            keys.push(segment.key(row)?);
        }
    }
    Ok(keys)
}

/// Adds a row to a segment; gives the key back where its vector is in no answer.
fn add(filling: &mut Filling<'_>, key: Key, vector: Option<&[f32]>) -> Result<Option<Key>> {
    match vector {
        Some(vector) => filling.push(key, vector),
        None => Ok(Some(key)),
    }
}

/// Writes a segment of at most so many rows, which `fill` adds; none where there are no rows.
fn write_segment(
    set: &VectorSet,
    dimensions: u32,
    rows: usize,
    fill: impl FnOnce(&mut Filling<'_>) -> Result<()>,
) -> Result<Option<Listed>> {
    let number = random::number();
    let mut writer = Writer::create(set, number, rows, dimensions as usize)?;
    // Where an error of Postgres passes by, the file is removed with the transaction's.
    files::remove_at_abort(files::unfinished(set.id, number));
    files::remove_at_abort(files::segment(set.id, number));
    let mut filling = Filling::new(writer.parts(), dimensions as usize, rows)?;
    fill(&mut filling)?;
    let (rows, vectors) = filling.finish()?;
    if rows == 0 {
        return Ok(None);
    }
    writer.finish(rows, vectors)?;
    // What cannot be read is no copy.
    SegmentFile::open(set, number)?;
    let rows = u32::try_from(rows).map_err(|_| VectorsError::Copy("too many rows".into()))?;
    Ok(Some(Listed { number, rows, dead: vec![0; Bitmap::words_needed(rows as usize)] }))
}

/// Lets readers find a copy. If the transaction does not commit, it is removed.
fn publish(set: &VectorSet, manifest: &Manifest) -> Result<()> {
    files::remove_at_abort(files::manifest(set.id, manifest.generation));
    manifest.write(set, random::number())
}
