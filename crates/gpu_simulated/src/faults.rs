//! What can go wrong with a device.

use std::cell::{Cell, RefCell};
use std::fmt;

use gpu::{GpuError, Result};

/// The faults of a simulated device, and what it has in use; shared with whoever makes it fail.
#[derive(Default)]
pub struct Faults {
    /// No device can be opened.
    pub absent: Cell<bool>,
    /// After so many more calls, the device is lost for good.
    pub lost_after: Cell<Option<u64>>,
    /// Bytes of memory; 0 for no limit.
    pub memory: Cell<u64>,
    /// Bytes in use.
    pub used: Cell<u64>,
    /// Called at each run: a slow device moves the test's clock here.
    pub on_run: RefCell<Option<Box<dyn Fn()>>>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { absent, lost_after, memory, used, .. } = self;
        write!(f, "Faults {{ absent: {absent:?}, lost_after: {lost_after:?}, memory: {memory:?}, used: {used:?} }}")
    }
}

impl Faults {
    /// Counts a call; an error if the device is lost.
    pub(crate) fn call(&self) -> Result<()> {
        match self.lost_after.get() {
            None => Ok(()),
            Some(0) => Err(GpuError::Lost("it was to be lost now".to_owned())),
            Some(calls) => {
                self.lost_after.set(Some(calls - 1));
                Ok(())
            }
        }
    }

    /// Takes memory.
    pub(crate) fn take(&self, bytes: u64) -> Result<()> {
        let used = self.used.get() + bytes;
        if self.memory.get() != 0 && used > self.memory.get() {
            return Err(GpuError::Memory { needed: bytes });
        }
        self.used.set(used);
        Ok(())
    }
}
