//! Background workers: how one is started, connects, runs transactions, waits and ends.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_long};
use std::ptr;
use std::time::{Duration, Instant};

use pgrx::bgworkers::{BackgroundWorkerBuilder, BgWorkerStartTime};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgTryBuilder, pg_sys};

use super::owner;

/// Declare `symbol` to Postgres as the main function of a worker, whose body is a `fn(pg_sys::Datum)`.
#[macro_export]
macro_rules! worker_function {
    ($symbol:ident, $body:path) => {
        #[allow(unsafe_code)] // the symbol that Postgres looks up
        const _: () = {
            /// The entry point.
            #[::pgrx::pg_guard]
            #[unsafe(no_mangle)]
            pub extern "C-unwind" fn $symbol(argument: ::pgrx::pg_sys::Datum) {
                $body(argument)
            }
        };
    };
}

/// What marks our advisory locks: no `pg_advisory_lock()` can take one, its subnumbers are 1 and 2.
const LOCK_SUBNUMBER: u16 = 3;
/// The object of the lock that a database's compactor holds.
const COMPACTOR: u32 = 1;

/// What a worker does when it is told to end, as it is when the server stops.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Termination {
    /// It ends at once, also in the middle of a transaction or while it waits for a lock.
    AtOnce,
    /// [`sleep`] tells it.
    AfterSleep,
}

/// Ask for a worker that runs `function` with `argument`. False when no slot is free. Raises no error.
pub fn start(function: &CStr, title: &CStr, argument: pg_sys::Datum) -> bool {
    let mut worker = pg_sys::BackgroundWorker {
        bgw_flags: (pg_sys::BGWORKER_SHMEM_ACCESS | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION) as c_int,
        // On a standby too, as soon as it can be read.
        bgw_start_time: pg_sys::BgWorkerStartTime::BgWorkerStart_ConsistentState,
        bgw_restart_time: pg_sys::BGW_NEVER_RESTART,
        bgw_main_arg: argument,
        ..Default::default()
    };
    put(&mut worker.bgw_name, title);
    put(&mut worker.bgw_type, title);
    put(&mut worker.bgw_library_name, c"pg_recommend");
    put(&mut worker.bgw_function_name, function);
    // SAFETY: a filled-in description, which is copied; no handle is asked for, so nothing is allocated.
    unsafe { pg_sys::RegisterDynamicBackgroundWorker(&mut worker, ptr::null_mut()) }
}

fn put<const N: usize>(field: &mut [c_char; N], text: &CStr) {
    for (place, byte) in field.iter_mut().zip(text.to_bytes_with_nul()) {
        *place = *byte as c_char;
    }
}

/// Have the server run `function` from its start on, if the library is being preloaded.
pub fn start_with_server(function: &str, title: &str, restart_after: Duration) {
    if super::shmem::preloading() {
        BackgroundWorkerBuilder::new(title)
            .set_library("pg_recommend")
            .set_function(function)
            .set_start_time(BgWorkerStartTime::RecoveryFinished)
            .set_restart_time(Some(restart_after))
            .enable_spi_access()
            .load();
    }
}

/// [`start_with_server`] for one that connects to no database, and runs on a standby too.
pub fn start_with_server_alone(function: &str, title: &str, restart_after: Duration) {
    if super::shmem::preloading() {
        BackgroundWorkerBuilder::new(title)
            .set_library("pg_recommend")
            .set_function(function)
            .set_start_time(BgWorkerStartTime::ConsistentState)
            .set_restart_time(Some(restart_after))
            .enable_shmem_access(None)
            .load();
    }
}

/// The first thing that a worker does which connects to no database: take signals.
pub fn begin_alone() {
    // SAFETY: as in `connect`.
    unsafe {
        signal(pg_sys::SIGHUP, reload);
        signal(pg_sys::SIGTERM, end_after_sleep);
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// The first thing that a worker does: take signals, and connect to a database, or to the shared catalogs alone.
pub fn connect(database: Option<pg_sys::Oid>, termination: Termination) {
    // SAFETY: once, at the start of a worker; the handlers are Postgres' own. No user name stands for the bootstrap superuser.
    unsafe {
        signal(pg_sys::SIGHUP, reload);
        signal(pg_sys::SIGTERM, if termination == Termination::AtOnce { end_at_once } else { end_after_sleep });
        pg_sys::BackgroundWorkerUnblockSignals();
        match database {
            Some(database) => pg_sys::BackgroundWorkerInitializeConnectionByOid(database, pg_sys::InvalidOid, 0),
            None => pg_sys::BackgroundWorkerInitializeConnection(ptr::null(), ptr::null(), 0),
        }
    }
    // What a database or role sets for its applications does not bend maintenance.
    for (name, value) in [
        (c"statement_timeout", c"0"),
        // Who holds a lock on a table of its own holds up the rest of the database for no longer than that.
        (c"lock_timeout", c"2s"),
        (c"idle_in_transaction_session_timeout", c"0"),
        (c"default_transaction_isolation", c"read committed"),
        (c"default_transaction_read_only", c"off"),
    ] {
        // SAFETY: a setting of Postgres with a valid value.
        unsafe {
            pg_sys::SetConfigOption(name.as_ptr(), value.as_ptr(), pg_sys::GucContext::PGC_SUSET, pg_sys::GucSource::PGC_S_OVERRIDE);
        }
    }
}

unsafe extern "C-unwind" fn reload(number: c_int) {
    // SAFETY: Postgres' own handler.
    unsafe { pg_sys::SignalHandlerForConfigReload(number) }
}

unsafe extern "C-unwind" fn end_at_once(number: c_int) {
    // SAFETY: as above.
    unsafe { pg_sys::die(number) }
}

unsafe extern "C-unwind" fn end_after_sleep(number: c_int) {
    // SAFETY: as above.
    unsafe { pg_sys::SignalHandlerForShutdownRequest(number) }
}

unsafe fn signal(number: u32, handler: unsafe extern "C-unwind" fn(c_int)) {
    // SAFETY: by the contract of the caller, a handler that Postgres made for this signal.
    #[cfg(not(feature = "pg18"))]
    unsafe {
        pg_sys::pqsignal(number as c_int, Some(handler));
    }
    #[cfg(feature = "pg18")]
    unsafe {
        pg_sys::pqsignal_be(number as c_int, Some(handler));
    }
}

/// Run `work` in a transaction of its own, without any rights: who does something for somebody puts on that role. An ERROR rolls it back and
/// comes out as its message.
pub fn transaction<T>(activity: &CStr, work: impl FnOnce() -> T) -> Result<T, String> {
    // SAFETY: a worker's main loop, outside transactions; the snapshot is popped on the way that does not abort.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, activity.as_ptr());
        pg_sys::StartTransactionCommand();
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
    }
    let result = PgTryBuilder::new(std::panic::AssertUnwindSafe(|| Ok(owner::without_rights(work))))
        .catch_others(|error| Err(message(&error)))
        .catch_rust_panic(|error| Err(message(&error)))
        .execute();
    // SAFETY: ends the transaction begun above, in one way or the other.
    unsafe {
        if result.is_ok() {
            pg_sys::PopActiveSnapshot();
            pg_sys::CommitTransactionCommand();
        } else {
            pg_sys::AbortCurrentTransaction();
        }
        // Without it autovacuum would not hear of the rows that went until the worker ends.
        pg_sys::pgstat_report_stat(true);
        pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_IDLE, ptr::null());
    }
    result
}

fn message(error: &CaughtError) -> String {
    match error {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) | CaughtError::RustPanic { ereport: report, .. } => {
            report.message().to_owned()
        }
    }
}

/// Wait so long, whatever else wakes the process meanwhile. False when the worker is to end.
pub fn sleep(time: Duration) -> bool {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // SAFETY: a worker's main loop, outside transactions, as every backend waits between commands. When the
        // postmaster dies, the process ends here.
        unsafe {
            if pg_sys::ShutdownRequestPending != 0 {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
            let milliseconds = left.as_millis().max(1) as c_long;
            pg_sys::WaitLatch(pg_sys::MyLatch, events as c_int, milliseconds, pg_sys::PG_WAIT_EXTENSION);
            pg_sys::ResetLatch(pg_sys::MyLatch);
            pg_sys::check_for_interrupts!();
            if pg_sys::ConfigReloadPending != 0 {
                pg_sys::ConfigReloadPending = 0;
                pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
            }
        }
    }
}

/// The right to be the compactor of this database, until it is dropped or the process ends.
pub struct CompactorLock(());

impl CompactorLock {
    /// `None` when another process has it.
    pub fn take() -> Option<Self> {
        // Lazily: a value that is made is released.
        acquire(pg_sys::ExclusiveLock).then(|| Self(()))
    }

    /// Whether some process has it. Waits for nothing and raises no error, so that it may be asked while a commit is
    /// being finished.
    pub fn is_taken() -> bool {
        let free = acquire(pg_sys::AccessShareLock);
        if free {
            release(pg_sys::AccessShareLock);
        }
        !free
    }
}

impl Drop for CompactorLock {
    fn drop(&mut self) {
        release(pg_sys::ExclusiveLock);
    }
}

fn lock_tag() -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        locktag_field1: super::relation::database().to_u32(),
        locktag_field2: COMPACTOR,
        locktag_field3: 0,
        locktag_field4: LOCK_SUBNUMBER,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

fn acquire(mode: u32) -> bool {
    // SAFETY: a filled-in tag; the lock is the session's, so it needs no transaction. A full lock table counts as taken.
    let result = unsafe {
        #[cfg(not(feature = "pg18"))]
        let result = pg_sys::LockAcquireExtended(&lock_tag(), mode as pg_sys::LOCKMODE, true, true, false, ptr::null_mut());
        #[cfg(feature = "pg18")]
        let result = pg_sys::LockAcquireExtended(&lock_tag(), mode as pg_sys::LOCKMODE, true, true, false, ptr::null_mut(), false);
        result
    };
    result != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

fn release(mode: u32) {
    // SAFETY: taken by `acquire` in the same mode.
    unsafe { pg_sys::LockRelease(&lock_tag(), mode as pg_sys::LOCKMODE, true) };
}

/// The databases that can be connected to.
pub fn databases() -> Vec<pg_sys::Oid> {
    let mut found = Vec::new();
    // SAFETY: a scan of a shared catalog, which a worker without a database may read; the tuples live until the next one.
    unsafe {
        let catalog = pg_sys::table_open(pg_sys::DatabaseRelationId, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let scan = pg_sys::table_beginscan_catalog(catalog, 0, ptr::null_mut());
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
        pg_sys::table_endscan(scan);
        pg_sys::table_close(catalog, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
    }
    found
}
