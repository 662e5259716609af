//! The GPU, which a process of its own owns: it is started and watched by a background worker of the preloaded library, and asked over a
//! socket.

pub mod client;
pub mod status;
pub mod supervisor;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::pg::shmem;
use crate::vectors::files;

/// Where the service listens, in the data directory.
pub fn socket() -> PathBuf {
    Path::new(files::DIRECTORY).join("gpu.socket")
}

/// A number that all sessions share.
#[derive(Clone, Copy)]
enum Number {
    /// A [`State`].
    State = 0,
    /// How often the service was started.
    Starts = 1,
    /// How many searches the CPU did because the GPU did not.
    Fallbacks = 2,
}

impl Number {
    fn of_all(self) -> Option<&'static AtomicU64> {
        shmem::number(self as usize)
    }

    fn get(self) -> u64 {
        self.of_all().map_or(0, |number| number.load(Relaxed))
    }

    fn increase(self) {
        if let Some(number) = self.of_all() {
            number.fetch_add(1, Relaxed);
        }
    }
}

/// How the service is, as its supervisor knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The library is not preloaded, or `recommend.gpu` is off.
    Off,
    /// It has been started, and opens the device.
    Starting,
    /// It answers.
    Running,
    /// It has ended, and is started again in a while.
    Failed,
    /// There is no GPU.
    NoDevice,
    /// The service is not installed.
    NotInstalled,
}

impl State {
    const ALL: [Self; 6] = [Self::Off, Self::Starting, Self::Running, Self::Failed, Self::NoDevice, Self::NotInstalled];

    /// The present one.
    pub fn now() -> Self {
        Self::ALL.get(Number::State.get() as usize).copied().unwrap_or(Self::Off)
    }

    fn set(self) {
        if let Some(number) = Number::State.of_all() {
            number.store(self as u64, Relaxed);
        }
    }

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::NoDevice => "no device",
            Self::NotInstalled => "not installed",
        }
    }
}
