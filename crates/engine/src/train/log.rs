//! The rows of a query, encoded: written once, read several times from the start.

use crate::error::Result;

/// Bytes that are appended, and then read from the start, several times.
pub trait RowLog {
    /// Appends bytes. Nothing is appended after the first [`RowLog::rewind`].
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
    /// Goes on at the first byte.
    fn rewind(&mut self) -> Result<()>;
    /// Fills `bytes` with the next ones; fewer than asked for are an error.
    fn read(&mut self, bytes: &mut [u8]) -> Result<()>;
}

/// A log in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    bytes: Vec<u8>,
    place: usize,
}

impl RowLog for MemoryLog {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn rewind(&mut self) -> Result<()> {
        self.place = 0;
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<()> {
        let end = self.place + bytes.len();
        let from = self.bytes.get(self.place..end).ok_or_else(|| crate::Error::Store("the log of rows ends early".into()))?;
        bytes.copy_from_slice(from);
        self.place = end;
        Ok(())
    }
}
