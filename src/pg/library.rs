//! Where the server keeps its libraries.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use pgrx::pg_sys;

/// The directory of the server's loadable modules.
pub fn directory() -> PathBuf {
    // SAFETY: set at the start of each process, and ends with a NUL.
    let path = unsafe { CStr::from_ptr((&raw const pg_sys::pkglib_path).cast()) };
    PathBuf::from(OsStr::from_bytes(path.to_bytes()))
}
