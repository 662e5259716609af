//! Snapshots for reads that must not depend on the isolation level of the session.
#![allow(unsafe_code)]

use pgrx::pg_sys;

struct Pop;

impl Drop for Pop {
    fn drop(&mut self) {
        // After an error, nested snapshots may lie above ours: aborting the transaction pops them all.
        if !std::thread::panicking() {
            // SAFETY: pushed by `with_latest`, and everything above it has been popped.
            unsafe { pg_sys::PopActiveSnapshot() }
        }
    }
}

/// Run `work` under a snapshot that shows everything committed by now and all that this transaction did, as
/// Postgres reads its own catalogs. Unlike `GetLatestSnapshot()` it may be taken in parallel workers.
pub fn with_latest<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: PushActiveSnapshot copies the catalog snapshot; relation 0 stands for "a table that is no system catalog",
    // for which a new one is taken every time.
    unsafe {
        pg_sys::InvalidateCatalogSnapshot();
        pg_sys::PushActiveSnapshot(pg_sys::GetCatalogSnapshot(pg_sys::InvalidOid));
    }
    let _pop = Pop;
    work()
}

/// Run `work` under the transaction's snapshot: a new one under READ COMMITTED, the transaction's own under REPEATABLE
/// READ. What `work` reads with read-only SPI is as of one instant.
pub fn with_current<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: PushActiveSnapshot copies a snapshot that the snapshot manager keeps.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
    let _pop = Pop;
    work()
}

/// Make what this transaction has written visible to its next statement.
pub fn count_command() {
    // SAFETY: callable whenever a transaction is open.
    unsafe { pg_sys::CommandCounterIncrement() }
}

/// What tells the active snapshot from others of the same transaction: two that are equal show the same rows. Changes by a savepoint that was
/// rolled back in between are not told apart: who keeps one forgets it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    xmin: u32,
    xmax: u32,
    running: u32,
    command: u32,
    completed: u64,
}

/// That of the active snapshot.
pub fn fingerprint() -> Option<Fingerprint> {
    // SAFETY: the active snapshot, if there is one, is valid now.
    unsafe {
        if !pg_sys::ActiveSnapshotSet() {
            return None;
        }
        let snapshot = &*pg_sys::GetActiveSnapshot();
        Some(Fingerprint {
            xmin: snapshot.xmin.into_inner(),
            xmax: snapshot.xmax.into_inner(),
            running: snapshot.xcnt,
            command: snapshot.curcid,
            completed: snapshot.snapXactCompletionCount,
        })
    }
}
