//! Files that are read and written in place.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::AsRawFd;
use std::path::Path;

use memmap2::{Mmap, MmapMut};

/// Maps a file to be read. What is mapped stays until it is dropped, also when the file is deleted meanwhile.
///
/// Files that are mapped are written once, under another name, and never after they got theirs: nobody cuts or changes them.
pub fn read(path: &Path) -> Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: by the rule above, which those keep who write to the directory: this extension alone.
    let map = unsafe { Mmap::map(&file) }?;
    // Advice: reading ahead of the first question, and in huge pages where the file lies no more in memory.
    #[cfg(target_os = "linux")]
    {
        let _ = map.advise(memmap2::Advice::HugePage);
        let _ = map.advise(memmap2::Advice::WillNeed);
    }
    Ok(map)
}

/// Makes a new file of `length` zeros and maps it to be written. Its space is taken at once, so that a full disk is an error here and not a
/// signal when a page is written.
///
/// Who touches a page of a file first decides how large it is in memory for all who map the file: where the kernel and the file system have huge pages for
/// files, this is who gets them. Asked for later, they are not given.
pub fn create(path: &Path, length: u64) -> Result<(File, MmapMut)> {
    let file = File::options().read(true).write(true).create_new(true).open(path)?;
    let size = libc::off_t::try_from(length).map_err(Error::other)?;
    // SAFETY: an open file.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, size) } {
        0 => {}
        number => return Err(Error::from_raw_os_error(number)),
    }
    // SAFETY: a new file, under a name that nobody else opens.
    let map = unsafe { MmapMut::map_mut(&file) }?;
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Ok((file, map))
}
