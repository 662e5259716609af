//! Threads that compute and know nothing of Postgres.
#![allow(unsafe_code)]

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// How many threads a maintenance operation may use: `max_parallel_maintenance_workers` beside its own, and no more than there are cores.
pub fn for_maintenance() -> usize {
    // SAFETY: reads a setting.
    let workers = unsafe { pgrx::pg_sys::max_parallel_maintenance_workers }.unsigned_abs() as usize;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (workers + 1).min(cores)
}

/// Does what starts threads, which take no signals: Postgres's handlers run on the main thread alone.
pub fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the mask that this thread had before.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
        }
    }
    // SAFETY: both sets are filled before they are read; threads inherit the mask, and this one gets its own back.
    let before = unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut before);
        before
    };
    let _restore = Restore(before);
    work()
}

/// A pool of `threads` threads that take no signals.
pub fn pool(threads: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    without_signals(|| ThreadPoolBuilder::new().num_threads(threads).build())
}
