//! What a process does before it ends as it should.
#![allow(unsafe_code)]

use std::cell::Cell;

use pgrx::pg_sys;

thread_local! {
    static WORK: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// Has `work` called when this process ends by itself or because it is told to, not when it crashes. It must not use Postgres.
pub fn at_exit(work: fn()) {
    if WORK.replace(Some(work)).is_none() {
        // SAFETY: the callback is one of this library, which stays loaded.
        unsafe { pg_sys::on_proc_exit(Some(call), pg_sys::Datum::from(0)) }
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn call(_code: std::ffi::c_int, _argument: pg_sys::Datum) {
    if let Some(work) = WORK.take() {
        work();
    }
}
