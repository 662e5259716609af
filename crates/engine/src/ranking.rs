//! The best of many scored keys, in one flat piece of memory: the state of the aggregates over vectors.
//!
//! # Layout
//!
//! In the order of bytes of the machine: a state lives no longer than its query.
//!
//! | bytes | what |
//! |---|---|
//! | 0..44 | [`Header`] |
//! | 4 each | the query as f32, scaled to length 1 |
//! | 16 each | entries, as many as there is room for: a binary heap whose first one is the worst |
//! | the rest | the keys' bytes; each entry has its own place there |
//!
//! The order is by score, the greatest first, then by the bytes of the key, the least first.

use std::cmp::Ordering;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The first bytes of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Header {
    magic: u32,
    /// How many are wanted.
    k: u32,
    /// How long the query is.
    dimensions: u32,
    /// How many entries there are.
    count: u32,
    /// For how many there is room.
    capacity: u32,
    /// What the keys are, as the caller says.
    kind: Kind,
    /// The bytes that keys have taken.
    taken: u32,
    /// What the query is called by who has begun the ranking; 0 for nothing.
    tag: u32,
}

/// What the keys and the vectors of a ranking are, as the caller says: bytes of one kind are never read as those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Kind {
    /// How keys and vectors are kept.
    pub format: u32,
    /// The type of the keys.
    pub type_id: u32,
    /// What that type is made of, in two halves; 0 where that cannot change.
    pub shape: [u32; 2],
}

/// One of the best.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Entry {
    score: f32,
    /// Where its key begins.
    start: u32,
    /// How long its key is.
    length: u32,
    /// How long a key may be there.
    room: u32,
}

const MAGIC: u32 = 0x7470_6b32;
const FIRST_CAPACITY: usize = 32;

/// Why bytes are no state, or two states do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RankingError {
    /// Bytes that were not written here.
    #[error("the state of a ranking is corrupt")]
    Corrupt,
    /// More than can be addressed.
    #[error("a ranking of {0} keys is too large")]
    TooLarge(usize),
    /// Another number of keys asked for.
    #[error("k changes from {0} to {1} within one ranking")]
    K(usize, usize),
    /// Another query.
    #[error("the query changes within one ranking")]
    Query,
    /// Keys of another kind.
    #[error("the keys change their type within one ranking")]
    Kind,
}

type Result<T> = std::result::Result<T, RankingError>;

/// The k best of the keys so far. Borrowed bytes: a state of an aggregate, written to in place.
#[derive(Debug)]
pub struct Ranking<'a> {
    header: &'a mut Header,
    unit: &'a mut [f32],
    entries: &'a mut [Entry],
    keys: &'a mut [u8],
}

/// How many bytes a new ranking takes.
pub fn bytes_needed(k: usize, dimensions: usize, key_length: usize) -> Result<usize> {
    let capacity = k.min(FIRST_CAPACITY);
    size(dimensions, capacity, capacity.saturating_mul(key_length).max(1))
}

fn size(dimensions: usize, capacity: usize, keys: usize) -> Result<usize> {
    let entries = capacity.saturating_mul(size_of::<Entry>());
    let size = dimensions.saturating_mul(4).saturating_add(entries).saturating_add(keys).saturating_add(size_of::<Header>());
    // A varlena of Postgres holds so much.
    if size < 1 << 30 { Ok(size) } else { Err(RankingError::TooLarge(capacity)) }
}

impl<'a> Ranking<'a> {
    /// Begins a ranking in zeroed bytes, as many as [`bytes_needed`] says, aligned to 4.
    pub fn begin(bytes: &'a mut [u8], k: usize, kind: Kind, unit: &[f32]) -> Result<Self> {
        Self::lay_out(bytes, k, kind, unit, k.min(FIRST_CAPACITY))
    }

    fn lay_out(bytes: &'a mut [u8], k: usize, kind: Kind, unit: &[f32], capacity: usize) -> Result<Self> {
        let header = Header {
            magic: MAGIC,
            k: u32::try_from(k).map_err(|_| RankingError::TooLarge(k))?,
            dimensions: u32::try_from(unit.len()).map_err(|_| RankingError::TooLarge(k))?,
            count: 0,
            capacity: u32::try_from(capacity).map_err(|_| RankingError::TooLarge(k))?,
            kind,
            taken: 0,
            tag: 0,
        };
        bytes.get_mut(..size_of::<Header>()).ok_or(RankingError::Corrupt)?.copy_from_slice(header.as_bytes());
        let ranking = Self::parse(bytes)?;
        ranking.unit.copy_from_slice(unit);
        Ok(ranking)
    }

    /// Reads the bytes of a ranking in place, in a time that does not depend on their number: what entries say of keys is checked when it
    /// is followed, and a wrong one leads to an empty key.
    #[inline]
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self> {
        let corrupt = RankingError::Corrupt;
        let (header, rest) = bytes.split_at_mut_checked(size_of::<Header>()).ok_or(corrupt)?;
        let header = Header::mut_from_bytes(header).map_err(|_| corrupt)?;
        let (dimensions, capacity) = (header.dimensions as usize, header.capacity as usize);
        if header.magic != MAGIC || header.count > header.capacity || header.count > header.k {
            return Err(corrupt);
        }
        let (unit, rest) = rest.split_at_mut_checked(dimensions.saturating_mul(4)).ok_or(corrupt)?;
        let (entries, keys) = rest.split_at_mut_checked(capacity.saturating_mul(size_of::<Entry>())).ok_or(corrupt)?;
        if header.taken as usize > keys.len() {
            return Err(corrupt);
        }
        let unit = <[f32]>::mut_from_bytes(unit).map_err(|_| corrupt)?;
        let entries = <[Entry]>::mut_from_bytes(entries).map_err(|_| corrupt)?;
        Ok(Self { header, unit, entries, keys })
    }

    /// How many are wanted.
    #[inline]
    pub fn k(&self) -> usize {
        self.header.k as usize
    }

    /// What the caller has said of the keys.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.header.kind
    }

    /// What the query is called; 0 for nothing.
    #[inline]
    pub fn tag(&self) -> u32 {
        self.header.tag
    }

    /// Gives the query a name, by which who has begun the ranking knows it again without a look at its numbers.
    pub fn set_tag(&mut self, tag: u32) {
        self.header.tag = tag;
    }

    /// The query, scaled to length 1.
    pub fn unit(&self) -> &[f32] {
        self.unit
    }

    /// Checks that a row asks the same as those before it.
    pub fn check(&self, k: usize, unit: &[f32]) -> Result<()> {
        if self.k() != k {
            return Err(RankingError::K(self.k(), k));
        }
        // By their bytes, as equal floats of another sign or none are the same query no more.
        if self.unit.as_bytes() == unit.as_bytes() { Ok(()) } else { Err(RankingError::Query) }
    }

    /// Whether a key of that score may be among the best: false saves the making of its bytes.
    #[inline]
    pub fn admits(&self, score: f32) -> bool {
        let full = self.header.count == self.header.k;
        self.header.k > 0 && (!full || score.total_cmp(&self.entries[0].score) != Ordering::Less)
    }

    /// The score below which no key is admitted.
    #[inline]
    pub fn least(&self) -> f32 {
        if self.header.count == self.header.k {
            self.entries.first().map_or(f32::NEG_INFINITY, |worst| worst.score)
        } else {
            f32::NEG_INFINITY
        }
    }

    /// Takes a key, if it is among the best. False where there is no room for it: the ranking has to [grow](Self::grow_into) first.
    pub fn push(&mut self, score: f32, key: &[u8]) -> bool {
        let (count, length) = (self.header.count as usize, key.len());
        if count < self.k() {
            if count == self.entries.len() || self.left() < length {
                return false;
            }
            self.entries[count] = self.place(score, key);
            self.header.count += 1;
            self.sift_up(count);
            return true;
        }
        if count == 0 || self.compare(score, key, self.entries[0]) != Ordering::Less {
            return true;
        }
        let worst = self.entries[0];
        let room = (worst.start as usize).checked_add(length).filter(|_| length <= worst.room as usize);
        if let Some(room) = room.and_then(|end| self.keys.get_mut(worst.start as usize..end)) {
            room.copy_from_slice(key);
            self.entries[0] = Entry { score, length: length as u32, ..worst };
        } else if self.left() >= length {
            self.entries[0] = self.place(score, key);
        } else {
            return false;
        }
        self.sift_down();
        true
    }

    /// How many bytes of keys there still is room for.
    fn left(&self) -> usize {
        self.keys.len() - self.header.taken as usize
    }

    /// Puts a key behind the others.
    fn place(&mut self, score: f32, key: &[u8]) -> Entry {
        let start = self.header.taken;
        self.keys[start as usize..][..key.len()].copy_from_slice(key);
        self.header.taken += key.len() as u32;
        Entry { score, start, length: key.len() as u32, room: key.len() as u32 }
    }

    /// How many bytes this ranking takes with room for one key more of that length, and for others.
    pub fn grown(&self, key_length: usize) -> Result<usize> {
        let capacity = self.grown_capacity();
        let used: usize = self.entries().iter().map(|entry| entry.length as usize).sum();
        size(self.unit.len(), capacity, (used + key_length).saturating_mul(2).max(capacity.saturating_mul(8)))
    }

    fn grown_capacity(&self) -> usize {
        if self.entries.len() == self.header.count as usize {
            (self.entries.len() * 2).clamp(1, self.k().max(1))
        } else {
            self.entries.len()
        }
    }

    /// Copies this ranking into zeroed bytes, as many as [`Self::grown`] says, and leaves out what keys no longer take.
    pub fn grow_into<'b>(&self, bytes: &'b mut [u8]) -> Result<Ranking<'b>> {
        let mut grown = Ranking::lay_out(bytes, self.k(), self.kind(), self.unit, self.grown_capacity())?;
        grown.header.tag = self.header.tag;
        for (place, entry) in self.entries().iter().enumerate() {
            grown.entries[place] = grown.place(entry.score, self.key(*entry));
            grown.header.count += 1;
        }
        Ok(grown)
    }

    /// The entries, in the order of the heap.
    fn entries(&self) -> &[Entry] {
        &self.entries[..self.header.count as usize]
    }

    fn key(&self, entry: Entry) -> &[u8] {
        let end = (entry.start as usize).saturating_add(entry.length as usize);
        self.keys.get(entry.start as usize..end).unwrap_or_default()
    }

    /// The keys with their scores, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (f32, &[u8])> {
        self.entries().iter().map(|entry| (entry.score, self.key(*entry)))
    }

    /// The keys with their scores, the best first.
    pub fn sorted(&self) -> Vec<(f32, &[u8])> {
        let mut sorted: Vec<_> = self.iter().collect();
        sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        sorted
    }

    /// The order of a key that is not here to an entry: less is better.
    fn compare(&self, score: f32, key: &[u8], entry: Entry) -> Ordering {
        entry.score.total_cmp(&score).then_with(|| key.cmp(self.key(entry)))
    }

    /// Whether the first entry is worse than the second.
    fn is_worse(&self, first: usize, second: usize) -> bool {
        let (first, second) = (self.entries[first], self.entries[second]);
        self.compare(first.score, self.key(first), second) == Ordering::Greater
    }

    fn sift_up(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.is_worse(place, parent) {
                return;
            }
            self.entries.swap(place, parent);
            place = parent;
        }
    }

    fn sift_down(&mut self) {
        let (mut place, count) = (0, self.header.count as usize);
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let mut worst = place;
            for child in [left, right] {
                if child < count && self.is_worse(child, worst) {
                    worst = child;
                }
            }
            if worst == place {
                return;
            }
            self.entries.swap(place, worst);
            place = worst;
        }
    }
}
