//! A temporary file of Postgres: `temp_tablespaces` says where, `temp_file_limit` how large, and it ends with the transaction at the latest.
#![allow(unsafe_code)]

use engine::train::RowLog;
use pgrx::pg_sys;

/// A temporary file, written once and then read from the start.
pub struct TempFile(*mut pg_sys::BufFile);

impl TempFile {
    /// Makes one, which must not outlive the current memory context.
    pub fn create() -> Self {
        // SAFETY: gives a file or raises an ERROR. It belongs to the current resource owner, which closes it if an ERROR does.
        Self(unsafe { pg_sys::BufFileCreateTemp(false) })
    }
}

impl RowLog for TempFile {
    fn append(&mut self, bytes: &[u8]) -> engine::Result<()> {
        // SAFETY: an open file; the bytes are read only. A full disk or limit raises an ERROR.
        unsafe { pg_sys::BufFileWrite(self.0, bytes.as_ptr().cast_mut().cast(), bytes.len()) };
        Ok(())
    }

    fn rewind(&mut self) -> engine::Result<()> {
        // SAFETY: an open file; what was written last is written out by this.
        match unsafe { pg_sys::BufFileSeek(self.0, 0, 0, libc::SEEK_SET) } {
            0 => Ok(()),
            _ => Err(engine::Error::Store("could not rewind a temporary file".into())),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> engine::Result<()> {
        // SAFETY: an open file; at most so many bytes are written to where they are.
        match unsafe { pg_sys::BufFileRead(self.0, bytes.as_mut_ptr().cast(), bytes.len()) } {
            length if length == bytes.len() => Ok(()),
            _ => Err(engine::Error::Store("a temporary file ends early".into())),
        }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: made by `create`, and open until now.
            unsafe { pg_sys::BufFileClose(self.0) }
        }
    }
}
