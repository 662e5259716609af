//! Window functions: what Postgres' `windowapi.h` gives them.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;

unsafe extern "C-unwind" {
    fn WinGetPartitionLocalMemory(window: *mut pg_sys::Node, size: usize) -> *mut c_void;
    fn WinGetCurrentPosition(window: *mut pg_sys::Node) -> i64;
    fn WinSetMarkPosition(window: *mut pg_sys::Node, position: i64);
    fn WinGetFuncArgCurrent(window: *mut pg_sys::Node, argument: c_int, is_null: *mut bool) -> pg_sys::Datum;
}

/// The window that a window function is called in.
pub struct Window(*mut pg_sys::Node);

impl Window {
    /// The window of a call, if it is one of a window function.
    ///
    /// # Safety
    /// `fcinfo` is the call information of the running call, which the value does not outlive.
    pub unsafe fn of(fcinfo: pg_sys::FunctionCallInfo) -> Option<Self> {
        // SAFETY: by the contract above; the context is NULL or a node.
        unsafe {
            let context = (*fcinfo).context;
            (!context.is_null() && (*context).type_ == pg_sys::NodeTag::T_WindowObjectData).then_some(Self(context))
        }
    }

    /// An argument's datum at the current row; `None` for NULL.
    pub fn argument(&self, index: usize) -> Option<pg_sys::Datum> {
        let mut is_null = false;
        // SAFETY: a valid window; Postgres checks the index.
        let datum = unsafe { pg_guard_ffi_boundary(|| WinGetFuncArgCurrent(self.0, index as c_int, &raw mut is_null)) };
        (!is_null).then_some(datum)
    }

    /// Lets go of the rows before the current one: they are not asked for again.
    pub fn forget_earlier_rows(&self) {
        // SAFETY: a valid window.
        unsafe { pg_guard_ffi_boundary(|| WinSetMarkPosition(self.0, WinGetCurrentPosition(self.0))) }
    }

    /// What the function keeps from row to row of one partition; zeros at its first row. Each function has one size of it.
    pub fn memory<const N: usize>(&mut self) -> &mut [i64; N] {
        // SAFETY: Postgres gives as many zeroed bytes as were first asked for, aligned for all types; the call's only
        // reference to them is this one.
        unsafe { &mut *pg_guard_ffi_boundary(|| WinGetPartitionLocalMemory(self.0, size_of::<[i64; N]>())).cast::<[i64; N]>() }
    }
}
