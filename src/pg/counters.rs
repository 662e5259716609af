//! A file in memory, whose pages all processes share.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// So many numbers in a file, which all processes that map it count on. They begin at 0.
pub struct Counters<const N: usize>(*mut libc::c_void);

impl<const N: usize> Counters<N> {
    const LENGTH: usize = N * size_of::<AtomicU64>();

    /// Maps a file, which is made if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        if file.metadata()?.len() < Self::LENGTH as u64 {
            file.set_len(Self::LENGTH as u64)?;
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping wherever the system puts it; the file is never made shorter.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), Self::LENGTH, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self(start)) }
    }
}

impl<const N: usize> Deref for Counters<N> {
    type Target = [AtomicU64; N];

    fn deref(&self) -> &[AtomicU64; N] {
        // SAFETY: mapped readable and writable, of that length, at the start of a page.
        unsafe { &*self.0.cast() }
    }
}

impl<const N: usize> Drop for Counters<N> {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, and no reference to it outlives it.
        unsafe { libc::munmap(self.0, Self::LENGTH) };
    }
}
