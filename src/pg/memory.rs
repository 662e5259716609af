//! Memory of Postgres that is freed piece by piece within one long call, and large memory of this process.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::AtomicU64;

use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys;

/// A memory context that is the current one as long as this value lives: what is allocated meanwhile goes with it.
pub struct Scratch {
    memory: PgMemoryContexts,
    before: pg_sys::MemoryContext,
}

impl Scratch {
    /// Makes a context and switches to it.
    pub fn enter() -> Self {
        let memory = PgMemoryContexts::new("pg_recommend scratch");
        // SAFETY: the context lives until this value is dropped, which switches back first.
        let before = unsafe { pg_sys::MemoryContextSwitchTo(memory.value()) };
        Self { memory, before }
    }

    /// Frees all that was allocated since the last time.
    ///
    /// # Safety
    /// None of it is used any more.
    pub unsafe fn reset(&self) {
        // SAFETY: by the contract above.
        unsafe { pg_sys::MemoryContextReset(self.memory.value()) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: the context that was current before; after an error Postgres has switched already, and switches again.
        unsafe { pg_sys::MemoryContextSwitchTo(self.before) };
    }
}

/// What a maintenance operation may take, `maintenance_work_mem`, in bytes.
pub fn for_maintenance() -> usize {
    // SAFETY: reads a setting.
    let kilobytes = unsafe { pg_sys::maintenance_work_mem };
    kilobytes.unsigned_abs() as usize * 1024
}

/// So many words, all zero, which take up memory where they are used. `None` when there is not so much, and for 0.
pub fn zeroed_words(count: usize) -> Option<Box<[AtomicU64]>> {
    let layout = Layout::array::<AtomicU64>(count).ok().filter(|layout| layout.size() > 0)?;
    // SAFETY: the layout has a size. The system's own, for the allocator of this library gives no NULL; it frees this as any other.
    let words = unsafe { System.alloc_zeroed(layout) }.cast::<AtomicU64>();
    // SAFETY: as many words of the same allocator and layout, and zero is a value of each.
    (!words.is_null()).then(|| unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(words, count)) })
}

/// Does `work` with at most so many bytes of private memory beyond what the process has now: allocating more fails. Whatever allocates in
/// `work` must take that well.
#[cfg(target_os = "linux")]
pub fn limited<T>(bytes: u64, work: impl FnOnce() -> T) -> T {
    struct Restore(libc::rlimit);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the limits that were before.
            unsafe { libc::setrlimit(libc::RLIMIT_DATA, &self.0) };
        }
    }
    let mut before = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: writes to a live local.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_DATA, &mut before) } == 0;
    let restore = Restore(before);
    if let Some(taken) = data_bytes().filter(|_| known) {
        let limit = libc::rlimit { rlim_cur: restore.0.rlim_cur.min(taken.saturating_add(bytes)), ..restore.0 };
        // SAFETY: reads a live local; a soft limit may be lowered and put back.
        unsafe { libc::setrlimit(libc::RLIMIT_DATA, &limit) };
    }
    work()
}

/// Elsewhere there is no such limit.
#[cfg(not(target_os = "linux"))]
pub fn limited<T>(_bytes: u64, work: impl FnOnce() -> T) -> T {
    work()
}

/// The private memory of this process, as RLIMIT_DATA counts it.
#[cfg(target_os = "linux")]
fn data_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmData:"))?.trim().strip_suffix(" kB")?.parse::<u64>().ok()?;
    kilobytes.checked_mul(1024)
}

/// Gives memory that was freed back to the system.
pub fn trim() {
    // SAFETY: callable at any time.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}
