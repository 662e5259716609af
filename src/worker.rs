//! Background workers: the compactor that a committing writer starts, and the launcher of the preloaded library.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::time::{Duration, Instant};

use pgrx::bgworkers::{BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags};
use pgrx::{pg_guard, pg_sys};

use crate::catalog;
use crate::compact::{self, CompactError};
use crate::pg::error;

/// How long an idle compactor stays, so that it need not be started for each burst.
const LINGER: Duration = Duration::from_secs(10);
/// How often a compactor looks for a backlog.
const NAP: Duration = Duration::from_millis(500);
/// How often the launcher looks at the databases.
const LAUNCH_EVERY: Duration = Duration::from_secs(60);

thread_local! {
    static START_AT_COMMIT: Cell<Option<pg_sys::Oid>> = const { Cell::new(None) };
}

/// Asks for a compactor of the current database. Safe to call at commit: it raises no error and waits for nothing. Where no
/// worker can be had, the backlog waits for the next one or for recommend.maintain().
pub fn wake() {
    // SAFETY: reads a global of the backend.
    start(unsafe { pg_sys::MyDatabaseId });
}

/// Starts a compactor for `database` when the transaction commits; forgets it when the transaction aborts.
pub fn start_after_commit(database: pg_sys::Oid) {
    START_AT_COMMIT.set(Some(database));
}

/// The transaction has committed.
pub fn committed() {
    if let Some(database) = START_AT_COMMIT.take() {
        start(database);
    }
}

/// The transaction was rolled back.
pub fn aborted() {
    START_AT_COMMIT.set(None);
}

/// Registers a compactor for `database`.
pub fn start(database: pg_sys::Oid) -> bool {
    let mut worker = pg_sys::BackgroundWorker {
        bgw_flags: (pg_sys::BGWORKER_SHMEM_ACCESS | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION) as c_int,
        bgw_start_time: pg_sys::BgWorkerStartTime::BgWorkerStart_RecoveryFinished,
        bgw_restart_time: pg_sys::BGW_NEVER_RESTART,
        bgw_main_arg: pg_sys::Datum::from(database),
        ..Default::default()
    };
    put(&mut worker.bgw_name, c"pg_recommend compactor");
    put(&mut worker.bgw_type, c"pg_recommend compactor");
    put(&mut worker.bgw_library_name, c"pg_recommend");
    put(&mut worker.bgw_function_name, c"pg_recommend_compactor");
    // SAFETY: a filled-in description, which is copied; no handle is asked for, so nothing is allocated.
    unsafe { pg_sys::RegisterDynamicBackgroundWorker(&mut worker, std::ptr::null_mut()) }
}

fn put<const N: usize>(field: &mut [c_char; N], text: &CStr) {
    for (place, byte) in field.iter_mut().zip(text.to_bytes_with_nul()) {
        *place = *byte as c_char;
    }
}

/// The compactor: moves the backlogs of one database's recommenders and ends when there has been none for a while.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_recommend_compactor(database: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    // SAFETY: once, at the start of the worker; no user name stands for the bootstrap superuser.
    unsafe { pg_sys::BackgroundWorkerInitializeConnectionByOid(pg_sys::Oid::from(database.value() as u32), pg_sys::InvalidOid, 0) };
    let mut idle_since = Instant::now();
    loop {
        match BackgroundWorker::transaction(round) {
            Round::NotInstalled | Round::Taken => return,
            Round::Moved(0) => {}
            Round::Moved(_) => idle_since = Instant::now(),
        }
        if idle_since.elapsed() > LINGER || !BackgroundWorker::wait_latch(Some(NAP)) {
            return;
        }
        if BackgroundWorker::sighup_received() {
            // SAFETY: as every backend does between transactions.
            unsafe { pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP) };
        }
    }
}

enum Round {
    /// The database has no extension.
    NotInstalled,
    /// Another compactor is here.
    Taken,
    /// So many delta rows were moved.
    Moved(u64),
}

/// One transaction over all recommenders. One that fails is logged and does not hold up the others' next round.
fn round() -> Round {
    if crate::pg::relation::state_relation("recommenders").is_none() {
        return Round::NotInstalled;
    }
    if !only_one() {
        return Round::Taken;
    }
    let mut moved = 0;
    for (id, name) in error::or_raise(catalog::names()) {
        match compact_one(id) {
            Ok(count) => moved += count,
            Err(failed) => pgrx::warning!("recommender \"{name}\" was not compacted: {failed}"),
        }
    }
    Round::Moved(moved)
}

fn compact_one(id: i32) -> Result<u64, CompactError> {
    let recommender = catalog::by_id(id)?;
    Ok(compact::compact(&recommender, compact::DEFAULT_BATCH, false)?.unwrap_or(0))
}

/// Takes the database's compactor lock for this transaction; false when another compactor holds it.
fn only_one() -> bool {
    let Some(catalog) = crate::pg::relation::state_relation("state") else { return false };
    let tag = pg_sys::LOCKTAG {
        // SAFETY: reads a global of the backend.
        locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        locktag_field2: catalog.to_u32(),
        locktag_field3: 0,
        // A subnumber that neither pg_advisory_lock(bigint) (1) nor pg_advisory_lock(int, int) (2) uses.
        locktag_field4: 3,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    };
    // SAFETY: a filled-in tag; held until the transaction ends.
    let taken = unsafe { pg_sys::LockAcquire(&tag, pg_sys::ExclusiveLock as pg_sys::LOCKMODE, false, true) };
    taken != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// Registers the launcher when the library is preloaded.
pub fn register_launcher() {
    // SAFETY: reads a global that is set while shared_preload_libraries are loaded.
    if unsafe { pg_sys::process_shared_preload_libraries_in_progress } {
        BackgroundWorkerBuilder::new("pg_recommend launcher")
            .set_library("pg_recommend")
            .set_function("pg_recommend_launcher")
            .set_start_time(BgWorkerStartTime::RecoveryFinished)
            .set_restart_time(Some(LAUNCH_EVERY))
            .enable_spi_access()
            .load();
    }
}

/// The launcher: starts a compactor for each database now and then. A compactor without work, or without the extension, ends at once.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn pg_recommend_launcher(_argument: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    BackgroundWorker::connect_worker_to_spi(None, None);
    loop {
        for database in BackgroundWorker::transaction(databases) {
            start(database);
        }
        if !BackgroundWorker::wait_latch(Some(LAUNCH_EVERY)) {
            return;
        }
    }
}

/// The databases that can be connected to.
fn databases() -> Vec<pg_sys::Oid> {
    let mut found = Vec::new();
    // SAFETY: a scan of a shared catalog, which a worker without a database may read; the tuples live until the next one.
    unsafe {
        let catalog = pg_sys::table_open(pg_sys::DatabaseRelationId, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let scan = pg_sys::table_beginscan_catalog(catalog, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::heap_getnext(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if tuple.is_null() {
                break;
            }
            let header = (*tuple).t_data;
            let row = header.cast::<u8>().add(usize::from((*header).t_hoff)).cast::<pg_sys::FormData_pg_database>();
            if (*row).datallowconn && !(*row).datistemplate {
                found.push((*row).oid);
            }
        }
        pg_sys::heap_endscan(scan);
        pg_sys::table_close(catalog, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
    }
    found
}
