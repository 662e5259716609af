//! The large tensors of models as files under the data directory, which all sessions map.
//!
//! A file is a cache of what the catalog holds: it lies in a directory named by its hash, is checked against that before use, made anew when it is missing
//! or damaged, and safe to delete at any time. The name of the directory of them all begins as that of temporary files does, so that base backups
//! leave it out.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::model::WEIGHTS_FILE;

use crate::pg::{library, threads};

/// The directory.
const DIRECTORY: &str = "pgsql_tmp_recommend_models";
/// What is left of a session that was killed while it wrote a file is removed after that time.
const LEFTOVER: Duration = Duration::from_secs(3600);

/// How many threads hash a file: nothing else of a first call takes as long.
const HASHERS: usize = 2;

/// How often a session looks whether another one is done.
const WAIT: Duration = Duration::from_millis(5);

/// A hash of the bytes.
pub type Hash = [u8; 32];

/// Where a model's large tensors are.
pub enum Weights {
    /// In a file that sessions share, in this directory.
    Shared(PathBuf),
    /// In a copy of this session, where no file can be written.
    Own(Vec<u8>),
}

/// The hash of bytes.
pub fn hash(bytes: &[u8]) -> Hash {
    *blake3::hash(bytes).as_bytes()
}

/// A hash as file names have it.
pub fn hex(hash: &Hash) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

/// The directory.
pub fn directory() -> PathBuf {
    library::data_dir().join(DIRECTORY)
}

/// Makes the directory, if it is not there.
pub fn make_directory() -> io::Result<()> {
    make(&directory())
}

fn make(directory: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn directory_of(hash: &Hash) -> PathBuf {
    directory().join(hex(hash))
}

fn file_in(directory: &Path) -> PathBuf {
    directory.join(WEIGHTS_FILE.to_string_lossy().as_ref())
}

/// The file of that hash, if it is there and is what it is called. It is mapped for that, and hashed by two threads.
pub fn find(hash: &Hash) -> Option<Weights> {
    let directory = directory_of(hash);
    let file = file_in(&directory);
    let found = threads::pool(HASHERS).ok()?.install(|| blake3::Hasher::new().update_mmap_rayon(file).map(|hasher| hasher.finalize()));
    (found.ok()?.as_bytes() == hash).then_some(Weights::Shared(directory))
}

/// Writes a file, whole or not at all; gives the bytes back where that fails.
pub fn keep(hash: &Hash, bytes: Vec<u8>) -> Weights {
    let directory = directory_of(hash);
    match write(&directory, &bytes) {
        Ok(()) => Weights::Shared(directory),
        Err(_) => Weights::Own(bytes),
    }
}

/// Waits until no other session makes a file; `check` is called meanwhile. None is kept out where there can be no lock: then the work is done twice.
pub fn lock(check: impl Fn()) -> Option<File> {
    make_directory().ok()?;
    let file = File::create(directory().join("lock")).ok()?;
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) => check(),
            Err(TryLockError::Error(_)) => return None,
        }
        std::thread::sleep(WAIT);
    }
}

/// Removes a file; sessions that have mapped it keep what they have.
pub fn forget(hash: &Hash) {
    // A file that stays is a cache that nobody uses.
    let _ = fs::remove_dir_all(directory_of(hash));
}

fn write(directory: &Path, bytes: &[u8]) -> io::Result<()> {
    make_directory()?;
    make(directory)?;
    remove_leftovers(directory);
    let unfinished = directory.join(std::process::id().to_string());
    let written =
        File::create(&unfinished).and_then(|mut file| file.write_all(bytes)).and_then(|()| fs::rename(&unfinished, file_in(directory)));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn remove_leftovers(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        if entry.path() != file_in(directory) && age.is_some_and(|age| age > LEFTOVER) {
            // As in `forget`.
            let _ = fs::remove_file(entry.path());
        }
    }
}
