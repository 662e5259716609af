//! How the words of a region are laid out: a header, the heads of the index, two heaps, and the blocks.

use super::heap::Heap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The version of the layout. It is kept together with the region's length, which everything else follows from.
const VERSION: u64 = 0x7265_636f_0000_0001;

/// Words of a block: 1 KiB.
pub(super) const BLOCK_WORDS: usize = 128;
/// Words of the header, of which the first few are used.
const HEADER_WORDS: usize = 16;
/// Words that stand outside a block for its sake: one head of the index, and a slot in each heap.
const SIDE_WORDS: usize = 3;

// The header.
const FORMAT: usize = 0;
pub(super) const CLOCK: usize = 1;
pub(super) const ENTRIES: usize = 2;
pub(super) const USED: usize = 3;
const FREE: usize = 4;
const FRESH: usize = 5;
pub(super) const HITS: usize = 6;
pub(super) const MISSES: usize = 7;
pub(super) const EVICTIONS: usize = 8;

// A block. Links are numbers of blocks plus 1; 0 is none.
/// The next block of the value, or of the free list.
const NEXT: usize = 0;
/// The next entry under the same head of the index. This and the following ones are only in the first block of a value.
pub(super) const CHAIN: usize = 1;
pub(super) const KEY_LOW: usize = 2;
pub(super) const KEY_HIGH: usize = 3;
pub(super) const TAG: usize = 4;
/// Bytes of the value.
pub(super) const LENGTH: usize = 5;
pub(super) const STORED_AT: usize = 6;
/// In the order of [`ordered`], as the key of a heap.
pub(super) const EXPIRES_AT: usize = 7;
/// The use counter at the last use.
pub(super) const LAST_USE: usize = 8;
/// What [`LAST_USE`] was when the entry was put where it stands in its heap.
pub(super) const LAST_KNOWN_USE: usize = 9;
pub(super) const USES: usize = 10;
pub(super) const USE_PLACE: usize = 11;
pub(super) const EXPIRY_PLACE: usize = 12;
/// Where the value begins in its first block; in the others it begins after [`NEXT`].
const FIRST_PAYLOAD: usize = 13;
const NEXT_PAYLOAD: usize = 1;

/// Something that no writer leaves behind: the region counts as empty.
#[derive(Debug)]
pub(super) struct Broken;

pub(super) type Sound<T> = Result<T, Broken>;

pub(super) type Block = [AtomicU64; BLOCK_WORDS];

/// The parts of a region.
pub(super) struct Region<'a> {
    format: u64,
    header: &'a [AtomicU64; HEADER_WORDS],
    /// The first entry of each chain of the index.
    heads: &'a [AtomicU64],
    used: &'a [AtomicU64],
    expiring: &'a [AtomicU64],
    blocks: &'a [Block],
    /// Bytes of the largest value that is kept.
    largest: usize,
}

/// A time as a number of the same order.
pub(super) fn ordered(time: i64) -> u64 {
    time.cast_unsigned() ^ (1 << 63)
}

/// The time that [`ordered`] made a number of.
pub(super) fn unordered(number: u64) -> i64 {
    (number ^ (1 << 63)).cast_signed()
}

/// How many blocks a value of so many bytes takes.
pub(super) fn blocks_for(bytes: usize) -> usize {
    let beyond_first = bytes.div_ceil(8).saturating_sub(BLOCK_WORDS - FIRST_PAYLOAD);
    1 + beyond_first.div_ceil(BLOCK_WORDS - NEXT_PAYLOAD)
}

impl<'a> Region<'a> {
    /// `None` when there is no room for a block.
    pub fn new(words: &'a [AtomicU64]) -> Option<Self> {
        let (header, rest) = words.split_first_chunk()?;
        let count = rest.len() / (BLOCK_WORDS + SIDE_WORDS);
        let (heads, rest) = rest.split_at(count);
        let (used, rest) = rest.split_at(count);
        let (expiring, rest) = rest.split_at(count);
        let blocks = rest.as_chunks().0.get(..count)?;
        let (format, largest) = (VERSION ^ ((words.len() as u64) << 16), size_of_val(words) / 4);
        (count > 0).then_some(Self { format, header, heads, used, expiring, blocks, largest })
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Bytes of the largest value that is kept: a quarter of the region, so that no value drives out all others.
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// Whether a writer has made this region and none has left it half-written.
    pub fn is_formatted(&self) -> bool {
        let fits = |word| self.count(word) <= self.blocks.len();
        self.header[FORMAT].load(Relaxed) == self.format && fits(ENTRIES) && fits(USED) && fits(FRESH)
    }

    /// Make it count as formatted, or not.
    pub fn mark(&self, formatted: bool) {
        self.header[FORMAT].store(if formatted { self.format } else { 0 }, Relaxed);
    }

    /// Make it empty. Blocks are touched when they are first used, so that memory which nobody needs stays untouched.
    pub fn format(&self) {
        for word in self.header.iter().chain(self.heads) {
            word.store(0, Relaxed);
        }
    }

    /// A word of the header.
    pub fn header(&self, word: usize) -> &AtomicU64 {
        &self.header[word]
    }

    /// A word of the header that counts blocks or entries.
    pub fn count(&self, word: usize) -> usize {
        self.header[word].load(Relaxed) as usize
    }

    /// Set a word of the header that counts blocks or entries.
    pub fn set_count(&self, word: usize, count: usize) {
        self.header[word].store(count as u64, Relaxed);
    }

    /// The entries in the order of their last uses.
    pub fn by_use(&self) -> Heap<'_> {
        Heap { region: self, slots: self.used, key: LAST_KNOWN_USE, place: USE_PLACE }
    }

    /// The entries in the order of their ends.
    pub fn by_expiry(&self) -> Heap<'_> {
        Heap { region: self, slots: self.expiring, key: EXPIRES_AT, place: EXPIRY_PLACE }
    }

    /// The head of the chain of the index that a key belongs to.
    pub fn head(&self, key: u128) -> &AtomicU64 {
        let mixed = ((key >> 64) as u64 ^ (key as u64).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.heads[((u128::from(mixed) * self.heads.len() as u128) >> 64) as usize]
    }

    /// The block of that number.
    pub fn block(&self, number: usize) -> Sound<&Block> {
        self.blocks.get(number).ok_or(Broken)
    }

    /// The word of the block of that number.
    pub fn field(&self, block: usize, field: usize) -> Sound<u64> {
        Ok(self.block(block)?[field].load(Relaxed))
    }

    /// Take free blocks, write the value into them, and give the first. There must be as many.
    pub fn store(&self, value: &[u8]) -> Sound<usize> {
        let first = self.take()?;
        let (mut block, mut payload, mut rest) = (self.block(first)?, FIRST_PAYLOAD, value);
        loop {
            let (now, later) = rest.split_at(rest.len().min((BLOCK_WORDS - payload) * 8));
            for (word, bytes) in block[payload..].iter().zip(now.chunks(8)) {
                let mut whole = [0; 8];
                whole[..bytes.len()].copy_from_slice(bytes);
                word.store(u64::from_ne_bytes(whole), Relaxed);
            }
            if later.is_empty() {
                block[NEXT].store(0, Relaxed);
                return Ok(first);
            }
            let next = self.take()?;
            block[NEXT].store(next as u64 + 1, Relaxed);
            (block, payload, rest) = (self.block(next)?, NEXT_PAYLOAD, later);
        }
    }

    /// Append the value that begins in this block.
    pub fn load(&self, first: usize, out: &mut Vec<u8>) -> Sound<()> {
        let mut left = self.length(first)?;
        let (mut block, mut payload) = (self.block(first)?, FIRST_PAYLOAD);
        out.reserve(left.next_multiple_of(8));
        loop {
            let here = left.min((BLOCK_WORDS - payload) * 8);
            for word in &block[payload..payload + here.div_ceil(8)] {
                out.extend_from_slice(&word.load(Relaxed).to_ne_bytes());
            }
            // A last word that is not full.
            out.truncate(out.len() - (here.next_multiple_of(8) - here));
            left -= here;
            if left == 0 {
                return Ok(());
            }
            (block, payload) = (self.block(linked(&block[NEXT]).ok_or(Broken)?)?, NEXT_PAYLOAD);
        }
    }

    /// Give back the blocks of the value that begins in this one.
    pub fn free(&self, first: usize) -> Sound<()> {
        let count = blocks_for(self.length(first)?);
        self.set_count(USED, self.count(USED).checked_sub(count).ok_or(Broken)?);
        let mut next = Some(first);
        for _ in 0..count {
            let block = next.ok_or(Broken)?;
            let link = &self.block(block)?[NEXT];
            next = linked(link);
            link.store(self.header[FREE].load(Relaxed), Relaxed);
            self.header[FREE].store(block as u64 + 1, Relaxed);
        }
        Ok(())
    }

    fn take(&self) -> Sound<usize> {
        let used = self.count(USED);
        let block = match linked(&self.header[FREE]) {
            Some(block) => {
                self.header[FREE].store(self.field(block, NEXT)?, Relaxed);
                block
            }
            None => {
                let block = self.count(FRESH);
                self.block(block)?;
                self.set_count(FRESH, block + 1);
                block
            }
        };
        self.set_count(USED, used + 1);
        Ok(block)
    }

    fn length(&self, first: usize) -> Sound<usize> {
        let length = self.field(first, LENGTH)? as usize;
        if length <= self.largest { Ok(length) } else { Err(Broken) }
    }
}

/// The block that a link leads to.
pub(super) fn linked(link: &AtomicU64) -> Option<usize> {
    link.load(Relaxed).checked_sub(1).map(|block| block as usize)
}
