//! The upkeep of a vector set: makes copies where there is none, and new generations where changes have piled up.
//!
//! A new generation and its copy are made under one snapshot, which the transaction that writes the generation also deletes the changes of: they are in
//! the copy. Whoever sees the generation sees what that snapshot showed, and changes that came later.

use pgrx::pg_sys;
use rustc_hash::FxHashSet;

use super::build::{self, Built};
use super::catalog::{self as sets, VectorSet};
use super::changes;
use super::copy::Copy;
use super::error::Result;
use super::files::{self, Listed};
use super::state::State;
use crate::catalog::catalog_owner;
use crate::compact::{Outcome, Pace, REST};
use crate::key::Key;
use crate::pg::fetch::{Version, delete_rows};
use crate::pg::relation::Relation;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{clock, guc, owner, random, recovery, snapshot};

/// Locks a set against others that make generations; false when one holds the lock and `wait` is not set.
fn lock(set: i32, wait: bool) -> Result<bool> {
    let skip = if wait { "" } else { " SKIP LOCKED" };
    let sql = format!("SELECT feed FROM recommend.vector_state WHERE feed = $1 FOR UPDATE{skip}");
    let found: std::result::Result<Vec<i32>, SpiError> =
        owner::as_user(catalog_owner()?, || spi::write_returning(&sql, &[Arg::of(set)], |row| row.value::<i32>(1)));
    Ok(!found?.is_empty())
}

/// The changes that a snapshot shows.
#[derive(Default)]
struct Changes {
    /// Their versions, those of ended epochs among them.
    versions: Vec<Version>,
    keys: FxHashSet<Key>,
}

impl Changes {
    fn read(set: &VectorSet, epoch: i32) -> Result<Self> {
        let mut changes = Self::default();
        changes::scan(set, epoch, |version, key| {
            changes.versions.push(version);
            changes.keys.extend(key);
            Ok(())
        })?;
        Ok(changes)
    }
}

/// Brings a set up to date, as far as that is due: moves changes into a copy, or makes one that is missing. On a standby, only the latter.
pub fn compact(id: i32, pace: Pace) -> Result<Outcome> {
    let set = sets::by_id(id)?;
    if !set.is_unique {
        return Ok(Outcome::Moved(0));
    }
    // Before the row: ALTER TABLE takes its locks in this order too.
    let _table = Relation::open(set.table(), pg_sys::AccessShareLock as i32);
    if recovery::is_standby() {
        return snapshot::with_current(|| make_missing(&set));
    }
    if !lock(id, pace == Pace::Now)? {
        return Ok(Outcome::Busy);
    }
    snapshot::with_current(|| {
        let Some(state) = State::of_copies(id) else { return Ok(Outcome::Moved(0)) };
        let changes = Changes::read(&set, state.epoch)?;
        let waiting = changes.versions.len() as u64;
        // Looked at, not used: a set that nobody asks is to make room for others.
        match Copy::peek(&set, &state) {
            None => {
                if is_wanted(&set, pace) {
                    // A copy that does not fit is no reason to let changes pile up.
                    let built = build::whole(&set, &state, random::number() as i64, Vec::new())?;
                    renew(&set, built, &changes)?;
                } else if waiting >= guc::compact_after() {
                    renew(&set, None, &changes)?;
                } else {
                    return Ok(Outcome::Moved(0));
                }
            }
            Some(_) if waiting == 0 => return Ok(Outcome::Moved(0)),
            Some(copy) => {
                let rested = clock::now().saturating_sub(copy.manifest.built_at) >= REST;
                if pace == Pace::WhenDue && !rested && waiting < guc::compact_after() {
                    return Ok(Outcome::NotDue);
                }
                let generation = random::number() as i64;
                // Of an ended epoch, nothing in the copy is good.
                let built = build::incremental(&set, &state, &copy, generation, &changes.keys)?;
                renew(&set, built, &changes)?;
            }
        }
        Ok(Outcome::Moved(waiting.max(1)))
    })
}

/// Makes the copy of a set anew, the length of its vectors found out anew too.
pub fn rebuild(id: i32) -> Result<u64> {
    let set = sets::checked(sets::by_id(id)?)?;
    let _table = Relation::open(set.table(), pg_sys::AccessShareLock as i32);
    lock(id, true)?;
    snapshot::with_current(|| {
        let Some(state) = State::of_copies(id) else { return Ok(0) };
        let changes = Changes::read(&set, state.epoch)?;
        let state = State { dimensions: set.dimensions, ..state };
        let built = build::whole(&set, &state, random::number() as i64, Vec::new())?;
        let rows = built.as_ref().map_or(0, |built| built.manifest.rows());
        renew(&set, built, &changes)?;
        Ok(rows)
    })
}

/// Whether a set without a copy is to get one: somebody has asked it, or it was never tried.
fn is_wanted(set: &VectorSet, pace: Pace) -> bool {
    let files: Vec<Listed> = files::list().into_iter().filter(|file| file.is_of(set.id)).collect();
    let wanted = files.iter().find(|file| file.what == "wanted").map(|file| file.used);
    let refused = files.iter().find(|file| file.what == "toolarge").map(|file| file.used);
    pace == Pace::Now || refused.is_none_or(|refused| wanted.is_some_and(|wanted| wanted > refused))
}

/// Makes a copy of the generation that there is. It writes nothing but files.
fn make_missing(set: &VectorSet) -> Result<Outcome> {
    let Some(state) = State::of_copies(set.id) else { return Ok(Outcome::Moved(0)) };
    if Copy::peek(set, &state).is_some() || !is_wanted(set, Pace::WhenDue) {
        return Ok(Outcome::Moved(0));
    }
    let changes = Changes::read(set, state.epoch)?;
    match build::whole(set, &state, state.generation, changes.keys.into_iter().collect())? {
        Some(built) => {
            remove_others(set, &built, None);
            Ok(Outcome::Moved(1))
        }
        None => Ok(Outcome::Moved(0)),
    }
}

/// Writes a new generation, that of a copy if there is one, whose changes are done with.
fn renew(set: &VectorSet, built: Option<Built>, changes: &Changes) -> Result<()> {
    let generation = built.as_ref().map_or_else(|| random::number() as i64, |built| built.manifest.generation);
    let dimensions = built.as_ref().map(|built| built.manifest.dimensions as i32);
    let before = State::read(set.id).map(|state| state.generation);
    delete_rows(set.changes, &changes.versions);
    let sql = "UPDATE recommend.vector_state SET generation = $2, dimensions = nullif(coalesce($3, dimensions), 0) WHERE feed = $1";
    let args = [Arg::of(set.id), Arg::of(generation), Arg::of(dimensions)];
    owner::as_user(catalog_owner()?, || spi::write(sql, &args))?;
    match built {
        Some(built) => remove_others(set, &built, before.filter(|_| built.incremental)),
        None => files::list()
            .into_iter()
            .filter(|file| file.is_of(set.id) && file.is_copy())
            .for_each(|file| files::remove_at_commit(file.path)),
    }
    Ok(())
}

/// When the transaction commits, removes what a new copy replaces. The one before stays, for those who have just begun to ask, where that costs little.
fn remove_others(set: &VectorSet, built: &Built, before: Option<i64>) {
    let own = &built.manifest;
    let mut kept: Vec<_> = own.segments.iter().map(|listed| files::segment(set.id, listed.number)).collect();
    kept.push(files::manifest(set.id, own.generation));
    if let Some(before) = before {
        kept.push(files::manifest(set.id, before));
        let segments = super::manifest::Manifest::read(set, before).map(|manifest| manifest.segments).unwrap_or_default();
        kept.extend(segments.iter().map(|listed| files::segment(set.id, listed.number)));
    }
    let doomed = files::list().into_iter().filter(|file| file.is_of(set.id) && !kept.contains(&file.path) && file.what != "toolarge");
    doomed.for_each(|file| files::remove_at_commit(file.path));
}
