//! The values of a column of categories, numbered as they come, in bounded memory.

use std::borrow::Borrow;
use std::hash::Hash;

use rustc_hash::FxHashMap;

/// The number of a missing value.
pub const MISSING: u32 = 0;
/// The number of a value that has none of its own.
pub const UNKNOWN: u32 = 1;
/// The first number of a value.
const FIRST: u32 = 2;
/// Numbers that are given in all; what comes new after that is unknown.
const MAX_NUMBERS: u32 = 1 << 24;
/// Bytes of texts that are kept at a time.
const MAX_BYTES: usize = 64 << 20;

#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u32,
    count: u64,
}

/// A value that may be a key.
pub trait Key: Eq + Hash {
    /// The bytes that it holds apart from itself.
    fn bytes(&self) -> usize;
}

impl Key for i64 {
    fn bytes(&self) -> usize {
        0
    }
}

impl Key for Box<str> {
    fn bytes(&self) -> usize {
        self.len()
    }
}

/// Counts of values, at most `capacity` of them at a time. Where there are more, the rarer half is forgotten, as in lossy counting (Manku and Motwani
/// 2002): a frequent value stays, one that was rare until then begins anew with another number.
#[derive(Clone, Debug)]
pub struct Dictionary<K> {
    entries: FxHashMap<K, Entry>,
    capacity: usize,
    bytes: usize,
    next: u32,
    overflowed: bool,
}

/// The values that have numbers of their own in the model, and how those of the log become them.
#[derive(Clone, Debug)]
pub struct Vocabulary<K> {
    /// The values; the first is number 2.
    pub values: Vec<K>,
    /// For each number in the log, that in the model.
    pub numbers: Vec<u32>,
    /// Whether values that come often enough were left out.
    pub cut: bool,
}

impl<K: Key> Dictionary<K> {
    /// One that keeps up to `capacity` values.
    pub fn new(capacity: usize) -> Self {
        Self { entries: FxHashMap::default(), capacity, bytes: 0, next: FIRST, overflowed: false }
    }

    /// The number of a value, which it keeps until it is forgotten. `key` owns it.
    pub fn number<Q>(&mut self, value: &Q, key: impl FnOnce() -> K) -> u32
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(entry) = self.entries.get_mut(value) {
            entry.count += 1;
            return entry.number;
        }
        if self.next == MAX_NUMBERS {
            self.overflowed = true;
            return UNKNOWN;
        }
        if self.entries.len() >= self.capacity || self.bytes > MAX_BYTES {
            self.forget();
        }
        let key = key();
        self.bytes += key.bytes();
        let number = self.next;
        self.entries.insert(key, Entry { number, count: 1 });
        self.next += 1;
        number
    }

    /// Forgets the rarer half; of those as rare as each other the newer ones.
    fn forget(&mut self) {
        self.overflowed = true;
        let mut ranks: Vec<(u64, u32)> = self.entries.values().map(|entry| (entry.count, u32::MAX - entry.number)).collect();
        let half = ranks.len() / 2;
        let (_, median, _) = ranks.select_nth_unstable(half);
        let median = *median;
        self.entries.retain(|_, entry| (entry.count, u32::MAX - entry.number) >= median);
        self.bytes = self.entries.keys().map(Key::bytes).sum();
    }

    /// The `most` most frequent values that came at least `min_count` times, in the order of their numbers.
    pub fn vocabulary(self, most: usize, min_count: u64) -> Vocabulary<K> {
        let mut kept: Vec<(K, Entry)> = self.entries.into_iter().filter(|(_, entry)| entry.count >= min_count).collect();
        kept.sort_unstable_by_key(|(_, entry)| (std::cmp::Reverse(entry.count), entry.number));
        let cut = self.overflowed || kept.len() > most;
        kept.truncate(most);
        kept.sort_unstable_by_key(|(_, entry)| entry.number);
        let mut numbers = vec![UNKNOWN; self.next as usize];
        numbers[MISSING as usize] = MISSING;
        for (number, (_, entry)) in (FIRST..).zip(&kept) {
            numbers[entry.number as usize] = number;
        }
        Vocabulary { values: kept.into_iter().map(|(key, _)| key).collect(), numbers, cut }
    }
}
