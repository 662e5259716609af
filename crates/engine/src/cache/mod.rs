//! A cache in a fixed region of memory, which many processes may share.
//!
//! The region is a slice of words. All of them are read and written relaxed: a lock of the caller keeps writers from readers and from each
//! other. Readers, who may be many at a time, copy a value out and note that it was used; writers insert and evict. A value lies in a chain
//! of blocks of 1 KiB, found by a key of 128 bits. When room is needed, the values that were used longest ago go. That order is kept in a
//! heap whose keys may lag behind, because readers do not move entries: a key that lags is set right when it comes to the top.
//!
//! A region that was never written, that a writer left half-written, or that holds anything else, counts as empty; the next writer formats
//! it.

mod heap;
mod region;

use crate::Micros;
use region::{
    BLOCK_WORDS, Broken, CHAIN, CLOCK, ENTRIES, EVICTIONS, EXPIRES_AT, HITS, KEY_HIGH, KEY_LOW, LAST_KNOWN_USE, LAST_USE, LENGTH, MISSES,
    Region, STORED_AT, Sound, TAG, USED, USES, blocks_for, linked, ordered, unordered,
};
use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a value is found by: a hash of all that it depends on, wide enough that no two are taken for each other.
pub type Key = u128;

/// What a cache holds and what came of it so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Values, those whose time is over included until a writer comes by.
    pub entries: u64,
    /// Bytes that they take, in whole blocks.
    pub bytes_used: u64,
    /// Bytes that values can take.
    pub bytes_total: u64,
    /// Questions that were answered since the region was formatted.
    pub hits: u64,
    /// Questions that were not.
    pub misses: u64,
    /// Values that made room for others before their time was over.
    pub evictions: u64,
}

/// A cache over a region.
///
/// [`get`](Self::get), [`hottest`](Self::hottest) and [`stats`](Self::stats) need the caller's lock shared with other readers, the other
/// methods need it exclusively. Without it, wrong values may come out, but nothing worse.
pub struct Arena<'a> {
    region: Region<'a>,
}

impl<'a> Arena<'a> {
    /// The cache in these words, or `None` when they are too few for any value (about 1200 bytes). The same words must be given each time.
    pub fn new(words: &'a [AtomicU64]) -> Option<Self> {
        Region::new(words).map(|region| Self { region })
    }

    /// Puts the value that was put last under `key` into `out`, in place of what is there. False, and `out` is empty, when there is none,
    /// or when its time is over at `now`.
    pub fn get(&self, key: Key, now: Micros, out: &mut Vec<u8>) -> bool {
        out.clear();
        let found = self.read(|region| {
            let Some(entry) = find(region, key)? else { return Ok(false) };
            if !is_alive(region, entry, now)? {
                return Ok(false);
            }
            region.load(entry, out)?;
            let block = region.block(entry)?;
            block[LAST_USE].fetch_max(tick(region), Relaxed);
            block[USES].fetch_add(1, Relaxed);
            Ok(true)
        });
        let found = found.unwrap_or(false);
        if !found {
            out.clear();
        }
        self.region.header(if found { HITS } else { MISSES }).fetch_add(1, Relaxed);
        found
    }

    /// Keeps `value` under `key` until `expires_at`, in place of what was there. `tag` names the group that it belongs to. Takes out what
    /// is over at `now`, and evicts what was used longest ago while there is no room.
    ///
    /// False when it is not kept: it is longer than a quarter of the region, or over already. A value that takes the place of another
    /// begins with half of the other's uses, so that what is asked for all the time stays known as such.
    pub fn put(&self, key: Key, tag: u64, value: &[u8], now: Micros, expires_at: Micros) -> bool {
        let blocks = blocks_for(value.len());
        let keep = value.len() <= self.region.largest() && blocks <= self.region.blocks() && now < expires_at;
        let written = self.write(|region| {
            let mut uses = 0;
            if let Some(old) = find(region, key)? {
                uses = region.field(old, USES)? / 2;
                remove(region, old)?;
            }
            remove_expired(region, now)?;
            if !keep {
                return Ok(());
            }
            while region.blocks() - region.count(USED).min(region.blocks()) < blocks {
                evict(region)?;
            }
            insert(region, key, value, [(TAG, tag), (STORED_AT, ordered(now)), (EXPIRES_AT, ordered(expires_at)), (USES, uses)])
        });
        written && keep
    }

    /// Takes out all values of a group and says how many there were.
    pub fn remove_tagged(&self, tag: u64) -> usize {
        let mut removed = 0;
        self.write(|region| {
            let tagged = tagged(region, tag)?;
            removed = tagged.len();
            tagged.into_iter().try_for_each(|entry| remove(region, entry))
        });
        removed
    }

    /// Takes out all values. The counts of hits, misses and evictions go on.
    pub fn clear(&self) {
        let counts = [HITS, MISSES, EVICTIONS].map(|word| (word, self.region.header(word).load(Relaxed)));
        let counted = self.region.is_formatted();
        self.region.mark(false);
        self.region.format();
        if counted {
            for (word, count) in counts {
                self.region.header(word).store(count, Relaxed);
            }
        }
        self.region.mark(true);
    }

    /// Up to `n` values of a group that are not over at `now`, those with the most uses first and of equal ones those used last, each with
    /// its number of uses. Does not count as a use.
    pub fn hottest(&self, tag: u64, n: usize, now: Micros) -> Vec<(Vec<u8>, u64)> {
        let hottest = self.read(|region| {
            let mut found = Vec::new();
            for entry in tagged(region, tag)? {
                if is_alive(region, entry, now)? {
                    found.push((Reverse((region.field(entry, USES)?, region.field(entry, LAST_USE)?)), entry));
                }
            }
            found.sort_unstable();
            found.truncate(n);
            let value = |(Reverse((uses, _)), entry)| {
                let mut value = Vec::new();
                region.load(entry, &mut value)?;
                Ok((value, uses))
            };
            found.into_iter().map(value).collect()
        });
        hottest.unwrap_or_default()
    }

    /// What it holds. Nothing, as long as nobody has written to it.
    pub fn stats(&self) -> Stats {
        let block_bytes = size_of::<u64>() * BLOCK_WORDS;
        let bytes_total = (self.region.blocks() * block_bytes) as u64;
        if !self.region.is_formatted() {
            return Stats { bytes_total, ..Stats::default() };
        }
        let count = |word| self.region.header(word).load(Relaxed);
        Stats {
            entries: count(ENTRIES),
            bytes_used: count(USED) * block_bytes as u64,
            bytes_total,
            hits: count(HITS),
            misses: count(MISSES),
            evictions: count(EVICTIONS),
        }
    }

    /// `None` when the region is not well-formed.
    fn read<T>(&self, work: impl FnOnce(&Region) -> Sound<T>) -> Option<T> {
        if !self.region.is_formatted() {
            return None;
        }
        let done = work(&self.region);
        if done.is_err() {
            self.region.mark(false);
        }
        done.ok()
    }

    /// Formats the region if it is not well-formed. It does not count as well-formed while `work` is at it. False when that failed twice,
    /// as it cannot in an empty region.
    fn write(&self, mut work: impl FnMut(&Region) -> Sound<()>) -> bool {
        if !self.region.is_formatted() {
            self.region.format();
        }
        self.region.mark(false);
        let mut done = work(&self.region);
        if done.is_err() {
            self.region.format();
            done = work(&self.region);
        }
        self.region.mark(done.is_ok());
        done.is_ok()
    }
}

/// The next number of the use counter.
fn tick(region: &Region) -> u64 {
    region.header(CLOCK).fetch_add(1, Relaxed).wrapping_add(1)
}

/// The entry of a key.
fn find(region: &Region, key: Key) -> Sound<Option<usize>> {
    let mut next = linked(region.head(key));
    // Further than through all entries no chain leads, unless it goes round in a circle.
    for _ in 0..=region.count(ENTRIES) {
        let Some(entry) = next else { return Ok(None) };
        let block = region.block(entry)?;
        if key_of(block) == key {
            return Ok(Some(entry));
        }
        next = linked(&block[CHAIN]);
    }
    Err(Broken)
}

fn key_of(block: &region::Block) -> Key {
    Key::from(block[KEY_HIGH].load(Relaxed)) << 64 | Key::from(block[KEY_LOW].load(Relaxed))
}

/// Whether an entry may be given. One whose time has come long before it was stored is none of this time: the clock was set back.
fn is_alive(region: &Region, entry: usize, now: Micros) -> Sound<bool> {
    let (stored_at, expires_at) = (unordered(region.field(entry, STORED_AT)?), unordered(region.field(entry, EXPIRES_AT)?));
    let lifetime = expires_at.saturating_sub(stored_at);
    Ok(now < expires_at && stored_at.saturating_sub(now) <= lifetime)
}

/// The entries of a group.
fn tagged(region: &Region, tag: u64) -> Sound<Vec<usize>> {
    let mut found = Vec::new();
    for place in 0..region.count(ENTRIES) {
        let entry = region.by_use().at(place)?;
        if region.field(entry, TAG)? == tag {
            found.push(entry);
        }
    }
    Ok(found)
}

/// Add an entry for which there is room.
fn insert(region: &Region, key: Key, value: &[u8], fields: [(usize, u64); 4]) -> Sound<()> {
    let entry = region.store(value)?;
    let (block, head, now) = (region.block(entry)?, region.head(key), tick(region));
    let more = [
        (CHAIN, head.load(Relaxed)),
        (KEY_LOW, key as u64),
        (KEY_HIGH, (key >> 64) as u64),
        (LENGTH, value.len() as u64),
        (LAST_USE, now),
        (LAST_KNOWN_USE, now),
    ];
    for (field, word) in fields.into_iter().chain(more) {
        block[field].store(word, Relaxed);
    }
    head.store(entry as u64 + 1, Relaxed);
    let count = region.count(ENTRIES);
    region.by_use().push(count, entry)?;
    region.by_expiry().push(count, entry)?;
    region.set_count(ENTRIES, count + 1);
    Ok(())
}

/// Take an entry out.
fn remove(region: &Region, entry: usize) -> Sound<()> {
    let block = region.block(entry)?;
    let count = region.count(ENTRIES);
    let mut link = region.head(key_of(block));
    for _ in 0..count {
        let at = linked(link).ok_or(Broken)?;
        if at == entry {
            break;
        }
        link = &region.block(at)?[CHAIN];
    }
    if linked(link) != Some(entry) {
        return Err(Broken);
    }
    link.store(block[CHAIN].load(Relaxed), Relaxed);
    region.by_use().remove(count, entry)?;
    region.by_expiry().remove(count, entry)?;
    region.set_count(ENTRIES, count.checked_sub(1).ok_or(Broken)?);
    region.free(entry)
}

/// Take out the entries whose time is over.
fn remove_expired(region: &Region, now: Micros) -> Sound<()> {
    while region.count(ENTRIES) > 0 {
        let first = region.by_expiry().at(0)?;
        if ordered(now) < region.field(first, EXPIRES_AT)? {
            break;
        }
        remove(region, first)?;
    }
    Ok(())
}

/// Take out the entry that was used longest ago.
fn evict(region: &Region) -> Sound<()> {
    let (heap, count) = (region.by_use(), region.count(ENTRIES));
    // Each entry was used last at the time that the heap knows, or later.
    loop {
        if count == 0 {
            return Err(Broken);
        }
        let first = heap.at(0)?;
        let used = region.field(first, LAST_USE)?;
        if used <= region.field(first, LAST_KNOWN_USE)? {
            region.header(EVICTIONS).fetch_add(1, Relaxed);
            return remove(region, first);
        }
        region.block(first)?[LAST_KNOWN_USE].store(used, Relaxed);
        heap.first_has_grown(count)?;
    }
}
