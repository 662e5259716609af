//! What happens when a transaction or a savepoint ends.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};

use pgrx::pg_sys;

/// Called at the end of transactions and savepoints. None of it may fail: a commit cannot be taken back.
pub struct Ends {
    /// A transaction has committed, or was prepared for it.
    pub committed: fn(),
    /// A transaction was rolled back.
    pub aborted: fn(),
    /// A savepoint was rolled back.
    pub savepoint_aborted: fn(),
}

unsafe extern "C-unwind" fn transaction_event(event: pg_sys::XactEvent::Type, arg: *mut c_void) {
    // SAFETY: `register` passes a `&'static Ends`.
    let ends = unsafe { &*arg.cast::<Ends>() };
    match event {
        pg_sys::XactEvent::XACT_EVENT_COMMIT | pg_sys::XactEvent::XACT_EVENT_PREPARE => (ends.committed)(),
        pg_sys::XactEvent::XACT_EVENT_ABORT => (ends.aborted)(),
        _ => {}
    }
}

unsafe extern "C-unwind" fn savepoint_event(
    event: pg_sys::SubXactEvent::Type,
    _this: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    arg: *mut c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        // SAFETY: as above.
        unsafe { ((*arg.cast::<Ends>()).savepoint_aborted)() }
    }
}

/// Register the callbacks. Once per process.
pub fn register(ends: &'static Ends) {
    let arg = (&raw const *ends).cast_mut().cast::<c_void>();
    // SAFETY: both callbacks live as long as the library, and so does what they point to.
    unsafe {
        pg_sys::RegisterXactCallback(Some(transaction_event), arg);
        pg_sys::RegisterSubXactCallback(Some(savepoint_event), arg);
    }
}

/// Raises an ERROR where `command` may not write: in a read-only transaction, on a standby.
pub fn require_writable(command: &CStr) {
    // SAFETY: reads the transaction's state; the text ends with a NUL.
    unsafe {
        pg_sys::PreventCommandIfReadOnly(command.as_ptr());
        pg_sys::PreventCommandDuringRecovery(command.as_ptr());
    }
}
