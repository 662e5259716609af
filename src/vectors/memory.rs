//! How much memory copies take: of all databases together no more than `recommend.vector_memory`.
//!
//! A copy that needs room takes it from those that were used longest ago, if nobody has used them for a while: so two sets that do not fit together do not push
//! each other out with each question.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use pgrx::PgSqlErrorCode;

use super::catalog::VectorSet;
use super::files::{self, Listed};
use crate::pg::{guc, relation};

/// How long a copy is not used before it makes room for another.
const IDLE: Duration = Duration::from_secs(60);

thread_local! {
    /// The sets that this session was warned of.
    static WARNED: RefCell<HashSet<i32>> = RefCell::new(HashSet::new());
}

/// A set of some database.
type Owner = (u32, i32);

/// Makes room for a copy that takes `bytes` beside what of the set's own files is `kept`. False where it does not fit; then that is written down.
pub fn make_room(set: &VectorSet, bytes: u64, kept: impl Fn(&Listed) -> bool) -> bool {
    let limit = guc::vector_memory();
    let own = (relation::database().to_u32(), set.id);
    // Files of databases and sets that are gone take no room.
    files::sweep();
    let files: Vec<Listed> = files::list();
    let total =
        |files: &[Listed], owner: Owner| files.iter().filter(|file| (file.database, file.set) == owner).map(|file| file.bytes).sum::<u64>();
    let kept_bytes: u64 = files.iter().filter(|file| file.is_of(set.id) && kept(file)).map(|file| file.bytes).sum();
    let mut others: HashMap<Owner, SystemTime> = HashMap::new();
    for file in files.iter().filter(|file| (file.database, file.set) != own && file.what.ends_with(".copy")) {
        let used = others.entry((file.database, file.set)).or_insert(file.used);
        *used = (*used).max(file.used);
    }
    let taken: u64 = files.iter().filter(|file| (file.database, file.set) != own).map(|file| file.bytes).sum();
    let mut left = limit.saturating_sub(taken.saturating_add(kept_bytes));
    let mut victims: Vec<(SystemTime, Owner)> = others.into_iter().map(|(owner, used)| (used, owner)).collect();
    victims.sort_unstable_by_key(|(used, _)| *used);
    let now = SystemTime::now();
    let idle = victims.into_iter().filter(|(used, _)| now.duration_since(*used).unwrap_or_default() >= IDLE);
    let mut doomed = Vec::new();
    for (_, owner) in idle {
        if left >= bytes {
            break;
        }
        left = left.saturating_add(total(&files, owner));
        doomed.push(owner);
    }
    if left < bytes {
        let _ = std::fs::write(files::path(set.id, "toolarge"), (bytes + kept_bytes).to_string());
        return false;
    }
    files.iter().filter(|file| doomed.contains(&(file.database, file.set)) && file.is_copy()).for_each(files::remove_one);
    files::remove(set.id, |file| file.what == "toolarge");
    true
}

/// How many bytes a copy would take that did not fit when it was last tried.
pub fn too_large(set: i32) -> Option<u64> {
    std::fs::read_to_string(files::path(set, "toolarge")).ok()?.parse().ok()
}

/// Says once in a session that a set has no copy because that does not fit.
pub fn warn_if_too_large(set: &VectorSet) {
    let Some(bytes) = too_large(set.id) else { return };
    if WARNED.with_borrow_mut(|warned| warned.insert(set.id)) {
        pgrx::ereport!(
            WARNING,
            PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
            format!(
                "vector set \"{}\" has no copy in memory: it takes {} kB, beside what others take more than recommend.vector_memory",
                set.name,
                bytes.div_ceil(1024)
            ),
            "Each question reads the table meanwhile, which is exact and slower. Raise recommend.vector_memory, or drop other vector sets."
        );
    }
}
