//! Where the server's files are.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use pgrx::pg_sys;

unsafe extern "C" {
    /// Filled in when the server starts; its length is MAXPGPATH.
    #[link_name = "pkglib_path"]
    static PKGLIB_PATH: [std::ffi::c_char; 1024];
}

/// The directory of loadable modules, `pg_config --pkglibdir`.
pub fn pkglib_dir() -> PathBuf {
    // SAFETY: NUL-terminated since the server started.
    let path = unsafe { CStr::from_ptr((&raw const PKGLIB_PATH).cast()) };
    PathBuf::from(OsStr::from_bytes(path.to_bytes()))
}

/// The data directory.
pub fn data_dir() -> PathBuf {
    // SAFETY: set once when the server starts, NUL-terminated.
    let path = unsafe { CStr::from_ptr(pg_sys::DataDir) };
    PathBuf::from(OsStr::from_bytes(path.to_bytes()))
}
