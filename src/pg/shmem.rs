//! Memory that all processes of the server share, when the library is preloaded: a region under one lock, and some numbers beside it.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};

use pgrx::pg_sys;

/// What the region and the lock are called, in `pg_shmem_allocations` and as a wait event.
const NAME: &CStr = c"pg_recommend";
/// The place of AddinShmemInitLock among the server's own locks, the same in all majors.
const ADDIN_SHMEM_INIT_LOCK: usize = 21;

/// How many numbers there are beside the region.
const NUMBERS: usize = 8;

/// What was asked for when the library was loaded.
struct Request {
    words: usize,
    format: fn(&[AtomicU64]),
    startup_before: pg_sys::shmem_startup_hook_type,
    #[cfg(not(feature = "pg14"))]
    request_before: pg_sys::shmem_request_hook_type,
}

static REQUEST: OnceLock<Request> = OnceLock::new();
// Not in a OnceLock: after a crash the postmaster makes new shared memory.
static LOCK: AtomicPtr<pg_sys::LWLock> = AtomicPtr::new(ptr::null_mut());
static REGION: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
static SHARED_NUMBERS: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
static WORDS: AtomicUsize = AtomicUsize::new(0);

/// Whether the library is being loaded by shared_preload_libraries.
pub fn preloading() -> bool {
    // SAFETY: reads a global that is set while that goes on.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}

/// Ask for a region of so many words, 0 for none, if the library is being preloaded. `format` is called with the new region, all
/// zeros, before anyone else sees it. Once per process, from `_PG_init`.
pub fn register(words: usize, format: fn(&[AtomicU64])) {
    if !preloading() {
        return;
    }
    // SAFETY: `_PG_init` is where hooks are set, and the only thread.
    unsafe {
        let request = Request {
            words,
            format,
            startup_before: pg_sys::shmem_startup_hook,
            #[cfg(not(feature = "pg14"))]
            request_before: pg_sys::shmem_request_hook,
        };
        if REQUEST.set(request).is_err() {
            return;
        }
        pg_sys::shmem_startup_hook = Some(startup);
        // Before 15, memory is asked for in `_PG_init` itself.
        #[cfg(feature = "pg14")]
        ask(words);
        #[cfg(not(feature = "pg14"))]
        {
            pg_sys::shmem_request_hook = Some(request_memory);
        }
    }
}

/// Ask Postgres for the memory and the lock.
///
/// # Safety
/// When Postgres takes such requests.
unsafe fn ask(words: usize) {
    // SAFETY: by the contract above; the name is copied.
    unsafe {
        pg_sys::RequestAddinShmemSpace(words.saturating_add(NUMBERS).saturating_mul(size_of::<u64>()));
        pg_sys::RequestNamedLWLockTranche(NAME.as_ptr(), 1);
    }
}

#[cfg(not(feature = "pg14"))]
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn request_memory() {
    let Some(request) = REQUEST.get() else { return };
    // SAFETY: Postgres calls this hook for requests; the hook before it is a C function of another library.
    unsafe {
        if let Some(before) = request.request_before {
            pg_sys::ffi::pg_guard_ffi_boundary(|| before());
        }
        ask(request.words);
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn startup() {
    let Some(request) = REQUEST.get() else { return };
    // SAFETY: Postgres calls this hook when shared memory is there: in the postmaster, at the start and after a crash, and where processes
    // do not inherit memory in each of them, to attach. The lock keeps these from each other. The memory is as large as asked for, zeroed,
    // aligned to cache lines, and stays as long as the process. The hook before it is a C function of another library.
    unsafe {
        if let Some(before) = request.startup_before {
            pg_sys::ffi::pg_guard_ffi_boundary(|| before());
        }
        let init_lock = &raw mut (*pg_sys::MainLWLockArray.add(ADDIN_SHMEM_INIT_LOCK)).lock;
        pg_sys::LWLockAcquire(init_lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
        let mut found = false;
        let bytes = (NUMBERS + request.words) * size_of::<u64>();
        let numbers = pg_sys::ShmemInitStruct(NAME.as_ptr(), bytes, &mut found).cast::<AtomicU64>();
        let region = numbers.add(NUMBERS);
        if !found && request.words > 0 {
            (request.format)(std::slice::from_raw_parts(region, request.words));
        }
        LOCK.store(&raw mut (*pg_sys::GetNamedLWLockTranche(NAME.as_ptr())).lock, Relaxed);
        WORDS.store(request.words, Relaxed);
        SHARED_NUMBERS.store(numbers, Relaxed);
        REGION.store(if request.words > 0 { region } else { ptr::null_mut() }, Relaxed);
        pg_sys::LWLockRelease(init_lock);
    }
}

/// Number `place` of those that all processes share, 0 at the start of the server; `None` where the library is not preloaded.
pub fn number(place: usize) -> Option<&'static AtomicU64> {
    let numbers = SHARED_NUMBERS.load(Relaxed);
    // SAFETY: set by `startup`: as many words, which live as long as the process and are only used as atomics.
    (!numbers.is_null() && place < NUMBERS).then(|| unsafe { &*numbers.add(place) })
}

/// Whether there is a region.
pub fn is_there() -> bool {
    !REGION.load(Relaxed).is_null()
}

/// Let `work` read the region, beside other readers; `None` without one. Words that `work` writes all the same must be such that any order
/// of writes does. Query cancel waits meanwhile. Not within itself or [`with_exclusive`]: that would wait for ever.
pub fn with_shared<T>(work: impl FnOnce(&[AtomicU64]) -> T) -> Option<T> {
    with(pg_sys::LWLockMode::LW_SHARED, work)
}

/// Let `work` write to the region, with nobody beside it; `None` without one. As [`with_shared`] else.
pub fn with_exclusive<T>(work: impl FnOnce(&[AtomicU64]) -> T) -> Option<T> {
    with(pg_sys::LWLockMode::LW_EXCLUSIVE, work)
}

fn with<T>(mode: pg_sys::LWLockMode::Type, work: impl FnOnce(&[AtomicU64]) -> T) -> Option<T> {
    let region = REGION.load(Relaxed);
    if region.is_null() {
        return None;
    }
    let lock = Held::acquire(LOCK.load(Relaxed), mode);
    // SAFETY: set by `startup`: as many words, which live as long as the process and are only used as atomics.
    let done = work(unsafe { std::slice::from_raw_parts(region, WORDS.load(Relaxed)) });
    drop(lock);
    Some(done)
}

/// A lock that is released on drop.
struct Held(*mut pg_sys::LWLock);

impl Held {
    fn acquire(lock: *mut pg_sys::LWLock, mode: pg_sys::LWLockMode::Type) -> Self {
        // SAFETY: the lock that Postgres made for us, taken by a backend; pgrx makes sure that it is its main thread.
        unsafe { pg_sys::LWLockAcquire(lock, mode) };
        Self(lock)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: a lock of ours that is released if it is held. An ERROR of Postgres has let interrupts in already, which releasing a lock
        // does once more: as in LWLockReleaseAll(), they are held off first.
        unsafe {
            if pg_sys::LWLockHeldByMe(self.0) {
                if pg_sys::InterruptHoldoffCount == 0 {
                    pg_sys::InterruptHoldoffCount = 1;
                }
                pg_sys::LWLockRelease(self.0);
            }
        }
    }
}
