//! The directory of the copies.
//!
//! `pgsql_tmp_pg_recommend` in the data directory: base backups and pg_rewind leave out what begins with `pgsql_tmp`, and the server removes at its
//! start only what lies in `base/pgsql_tmp`. All of it may be deleted at any time: a question that finds no copy reads the table.
//!
//! Names are `<database>_<set>_<what>`: `<generation>.copy` is a [manifest](super::manifest), `<number>.segment` has
//! [vectors](super::segment), `wanted` is touched when a question finds no copy, `toolarge` says how many bytes one would have taken that does not fit.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::pg::{relation, worker};

/// In the data directory, which is the working directory of every process of the server.
pub const DIRECTORY: &str = "pgsql_tmp_pg_recommend";

/// How exactly the time of the last use is noted.
const TOUCH_EVERY: Duration = Duration::from_secs(10);

/// How long a file may be written without a byte of it changing: else who wrote it was stopped.
const UNFINISHED: Duration = Duration::from_secs(3600);

/// What becomes of files when the transaction ends.
#[derive(Default)]
struct Ends {
    /// What the new copies replace.
    committed: Vec<PathBuf>,
    /// The new copies.
    aborted: Vec<PathBuf>,
}

thread_local! {
    static ENDS: RefCell<Ends> = RefCell::new(Ends::default());
}

/// A file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it is.
    pub path: PathBuf,
    /// The oid of its database.
    pub database: u32,
    /// The set's number.
    pub set: i32,
    /// The rest of its name.
    pub what: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written or touched.
    pub used: SystemTime,
}

impl Listed {
    /// Whether it belongs to that set of this database.
    pub fn is_of(&self, set: i32) -> bool {
        self.set == set && self.database == relation::database().to_u32()
    }

    /// Whether it holds a part of a copy.
    pub fn is_copy(&self) -> bool {
        self.what.ends_with(".copy") || self.what.ends_with(".segment")
    }
}

/// The path of a file of a set of this database.
pub fn path(set: i32, what: &str) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{}_{set}_{what}", relation::database().to_u32()))
}

/// The path of the manifest of a generation.
pub fn manifest(set: i32, generation: i64) -> PathBuf {
    path(set, &format!("{generation:016x}.copy"))
}

/// The path of a segment.
pub fn segment(set: i32, number: u64) -> PathBuf {
    path(set, &format!("{number:016x}.segment"))
}

/// A name for a file that is being written.
pub fn unfinished(set: i32, number: u64) -> PathBuf {
    path(set, &format!("{number:016x}.unfinished"))
}

/// Makes the directory where there is none.
pub fn make_directory() -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match fs::DirBuilder::new().mode(0o700).create(DIRECTORY) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// All files, of all databases.
pub fn list() -> Vec<Listed> {
    let Ok(entries) = fs::read_dir(DIRECTORY) else { return Vec::new() };
    let listed = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let mut parts = name.splitn(3, '_');
        let (database, set, what) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.to_owned());
        let about = entry.metadata().ok()?;
        Some(Listed { path: entry.path(), database, set, what, bytes: about.len(), used: about.modified().ok()? })
    };
    entries.flatten().filter_map(listed).collect()
}

/// Notes that a file was used now; once in a while is enough.
pub fn touch(path: &Path) {
    let Ok(file) = File::options().write(true).open(path) else { return };
    let now = SystemTime::now();
    let last = file.metadata().and_then(|about| about.modified());
    // A clock that was set back counts as long ago.
    if last.map_or(true, |last| now.duration_since(last).unwrap_or(TOUCH_EVERY) >= TOUCH_EVERY) {
        let _ = file.set_modified(now);
    }
}

/// Notes that a set is asked for and has no copy.
pub fn want(set: i32) {
    let path = path(set, "wanted");
    if path.exists() {
        touch(&path);
    } else if make_directory().is_ok() {
        // Where it cannot be made, no copy can.
        let _ = File::create(path);
    }
}

/// Writes a small file whole, or not at all.
pub fn write(set: i32, number: u64, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(set, number);
    let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Removes what belongs to sets and databases that are there no more, and what was never finished. Where the catalog cannot be read, nothing.
pub fn sweep() {
    let files = list();
    if files.is_empty() {
        return;
    }
    let (own, databases) = (relation::database().to_u32(), worker::databases());
    let Ok(sets) = super::catalog::names() else { return };
    let now = SystemTime::now();
    for file in files {
        let gone = if file.database == own {
            let old = file.what.ends_with(".unfinished") && now.duration_since(file.used).unwrap_or_default() > UNFINISHED;
            old || !sets.iter().any(|(id, _)| *id == file.set)
        } else {
            !databases.iter().any(|database| database.to_u32() == file.database)
        };
        if gone {
            remove_one(&file);
        }
    }
}

/// Removes a file if the transaction commits.
pub fn remove_at_commit(path: PathBuf) {
    ENDS.with_borrow_mut(|ends| ends.committed.push(path));
}

/// Removes a file if the transaction is rolled back.
pub fn remove_at_abort(path: PathBuf) {
    ENDS.with_borrow_mut(|ends| ends.aborted.push(path));
}

/// Removes the files of a set, of this database, that `doomed` chooses.
pub fn remove(set: i32, doomed: impl Fn(&Listed) -> bool) {
    list().iter().filter(|file| file.is_of(set) && doomed(file)).for_each(remove_one);
}

/// Removes a file; one that is gone already is as good.
pub fn remove_one(file: &Listed) {
    let _ = fs::remove_file(&file.path);
}

/// The transaction has ended. Copies are a cache: what cannot be removed is removed later.
fn ended(doomed: impl FnOnce(Ends) -> Vec<PathBuf>) {
    for path in doomed(ENDS.take()) {
        let _ = fs::remove_file(path);
    }
}

/// The transaction has committed.
pub fn committed() {
    ended(|ends| ends.committed);
}

/// The transaction was rolled back.
pub fn aborted() {
    ended(|ends| ends.aborted);
}
