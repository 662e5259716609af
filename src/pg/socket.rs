//! A line to another process on this machine, waited for as Postgres waits: a query can be cancelled meanwhile, and the process ends with the
//! postmaster.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use pgrx::pg_sys;

/// A connected line. Dropped in the middle of a message, as by a cancelled query, it is closed.
#[derive(Debug)]
pub struct Line(UnixStream);

impl Line {
    /// Connects to who listens at `path`.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }

    /// Sends all of `bytes`; an error of kind TimedOut after `deadline`.
    pub fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.0.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(pg_sys::WL_SOCKET_WRITEABLE, deadline)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives as many bytes as `buffer` holds; an error of kind TimedOut after `deadline`.
    pub fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read(&mut buffer[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(received) => filled += received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(pg_sys::WL_SOCKET_READABLE, deadline)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait(&self, event: u32, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let events = event | pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
            // SAFETY: the latch of this process and an open socket; an interrupt raises an ERROR, which closes the line on its way.
            let happened = unsafe {
                let milliseconds = left.as_millis().max(1) as c_long;
                let happened = pg_sys::WaitLatchOrSocket(
                    pg_sys::MyLatch,
                    events as c_int,
                    self.0.as_raw_fd(),
                    milliseconds,
                    pg_sys::PG_WAIT_EXTENSION,
                );
                if happened as u32 & pg_sys::WL_LATCH_SET != 0 {
                    pg_sys::ResetLatch(pg_sys::MyLatch);
                    pg_sys::check_for_interrupts!();
                }
                happened as u32
            };
            if happened & event != 0 {
                return Ok(());
            }
        }
    }
}
