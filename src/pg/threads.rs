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

/// A pool of `threads` threads that take no signals, so that Postgres's handlers run on the main thread alone.
pub fn pool(threads: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    // SAFETY: both sets are filled before they are read; threads inherit the mask, and this one gets its own back.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, &mut before);
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        pool
    }
}
