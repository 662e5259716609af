//! The sets that were published, and those of them that are on the device.

use super::Fallback;
use crate::device::Device;
use crate::layout::Layout;
use crate::source::Source;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// The number of a set, which the publisher chooses.
pub type SetId = u64;

/// What was done so far, and what is on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Questions that were asked.
    pub queries: u64,
    /// Questions that were answered with rows.
    pub answers: u64,
    /// Questions that were told to ask the CPU.
    pub fallbacks: u64,
    /// Searches of the device.
    pub batches: u64,
    /// The most questions of one of them.
    pub largest_batch: u64,
    /// Sets that were put on the device.
    pub uploads: u64,
    /// Bytes of them.
    pub bytes_uploaded: u64,
    /// Sets that were taken off the device to make room.
    pub evictions: u64,
    /// How often the device was lost.
    pub losses: u64,
    /// Sets on the device.
    pub sets: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// A set that was published.
struct Entry<D: Device> {
    version: u64,
    source: Rc<dyn Source>,
    layout: Layout,
    bytes: u64,
    resident: Option<D::Set>,
    /// When it was asked for last, counted in questions.
    used: u64,
    /// Since which question it is asked for without being on the device.
    wanted: Option<u64>,
    /// Why it cannot be put there, and until when that is not tried again.
    refused: Option<(Fallback, Duration)>,
}

/// A set that is to be put on the device.
pub(super) struct Wanted {
    pub set: SetId,
    pub source: Rc<dyn Source>,
    pub layout: Layout,
    pub bytes: u64,
}

/// All of them.
pub(super) struct Sets<D: Device> {
    entries: BTreeMap<SetId, Entry<D>>,
    asked: u64,
}

impl<D: Device> Sets<D> {
    /// None.
    pub fn new() -> Self {
        Self { entries: BTreeMap::new(), asked: 0 }
    }

    pub fn publish(&mut self, set: SetId, version: u64, source: Rc<dyn Source>, layout: Layout) {
        let bytes = layout.bytes(source.rows(), source.dimensions());
        let before = self.entries.get(&set);
        // A new version of a set that is in use is put on the device without being asked for.
        let wanted = before.and_then(|entry| entry.wanted.or(entry.resident.as_ref().map(|_| entry.used)));
        let used = before.map_or(0, |entry| entry.used);
        self.entries.insert(set, Entry { version, source, layout, bytes, resident: None, used, wanted, refused: None });
    }

    pub fn forget(&mut self, set: SetId) {
        self.entries.remove(&set);
    }

    /// Which version of a set there is.
    pub fn version(&self, set: SetId) -> Option<u64> {
        self.entries.get(&set).map(|entry| entry.version)
    }

    /// A set for a search; where it is not on the device, it is wanted there from now on.
    pub fn ask(&mut self, set: SetId, limit: u64, now: Duration) -> Result<&mut D::Set, Fallback> {
        self.asked += 1;
        let Some(entry) = self.entries.get_mut(&set) else { return Err(Fallback::UnknownSet) };
        entry.used = self.asked;
        if let Some(resident) = &mut entry.resident {
            return Ok(resident);
        }
        if entry.bytes > limit {
            return Err(Fallback::TooLarge { needed: entry.bytes, limit });
        }
        match &entry.refused {
            Some((fallback, until)) if now < *until => Err(fallback.clone()),
            _ => {
                entry.wanted.get_or_insert(self.asked);
                Err(Fallback::Warming)
            }
        }
    }

    /// The set that is wanted longest, of those that may be on the device.
    pub fn wanted(&self, limit: u64, now: Duration) -> Option<Wanted> {
        let free = |entry: &Entry<D>| entry.bytes <= limit && entry.refused.as_ref().is_none_or(|(_, until)| now >= *until);
        let wanted = self.entries.iter().filter(|(_, entry)| entry.wanted.is_some() && free(entry));
        let (set, entry) = wanted.min_by_key(|(_, entry)| entry.wanted)?;
        Some(Wanted { set: *set, source: Rc::clone(&entry.source), layout: entry.layout, bytes: entry.bytes })
    }

    /// Keeps a set that was put on the device.
    pub fn put(&mut self, set: SetId, resident: D::Set) {
        if let Some(entry) = self.entries.get_mut(&set) {
            (entry.resident, entry.wanted, entry.refused) = (Some(resident), None, None);
        }
    }

    /// Leaves a set alone for a while.
    pub fn refuse(&mut self, set: SetId, fallback: Fallback, until: Duration) {
        if let Some(entry) = self.entries.get_mut(&set) {
            (entry.wanted, entry.refused) = (None, Some((fallback, until)));
        }
    }

    /// Takes the set off the device that was asked for longest ago, but for one; whether there was one.
    pub fn evict(&mut self, but: Option<SetId>) -> bool {
        let resident = self.entries.iter_mut().filter(|(set, entry)| entry.resident.is_some() && Some(**set) != but);
        match resident.min_by_key(|(_, entry)| entry.used) {
            Some((_, entry)) => {
                entry.resident = None;
                true
            }
            None => false,
        }
    }

    /// Takes all off the device; those that were there are wanted again.
    pub fn clear(&mut self) {
        for entry in self.entries.values_mut() {
            if entry.resident.take().is_some() {
                entry.wanted = Some(entry.used);
            }
        }
    }

    /// How many are on the device.
    pub fn resident(&self) -> u64 {
        self.entries.values().filter(|entry| entry.resident.is_some()).count() as u64
    }

    /// How many bytes those take.
    pub fn bytes(&self) -> u64 {
        self.entries.values().filter(|entry| entry.resident.is_some()).map(|entry| entry.bytes).sum()
    }
}
