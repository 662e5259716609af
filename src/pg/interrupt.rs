//! Query cancel, `statement_timeout` and shutdown, as a check that long computations call between chunks.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Let Postgres handle a pending cancel, timeout or shutdown. Raises its ERROR if there is one, and one where memory has run out.
#[inline]
pub fn check() {
    super::allocator::check();
    // SAFETY: a flag that signal handlers set; reading it racily is what CHECK_FOR_INTERRUPTS() does too.
    if unsafe { std::ptr::read_volatile(&raw const pg_sys::InterruptPending) } != 0 {
        // SAFETY: called on the backend's main thread, outside critical sections.
        unsafe { pg_sys::ProcessInterrupts() }
    }
}

/// [`check`] in the shape that the engine takes: it never returns an error, because Postgres raises its own.
pub fn checker<E>() -> impl Fn() -> Result<(), E> {
    || {
        check();
        Ok(())
    }
}

/// Whether Postgres has something to handle: a cancel, a timeout, a shutdown, or other business. Callable from any thread.
#[inline]
pub fn is_pending() -> bool {
    // SAFETY: a flag that signal handlers set, read as it stands.
    unsafe { std::ptr::read_volatile(&raw const pg_sys::InterruptPending) != 0 }
}
