//! A binary heap of entries: each is a place for the number of a block, which keeps its key and its place itself.

use super::region::{Broken, Region, Sound};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The smallest key is first. How many entries there are is the caller's to know.
pub(super) struct Heap<'a> {
    pub region: &'a Region<'a>,
    pub slots: &'a [AtomicU64],
    /// The field of a block that the heap is ordered by.
    pub key: usize,
    /// The field of a block that says where in the heap it is.
    pub place: usize,
}

impl Heap<'_> {
    /// The block at a place.
    pub fn at(&self, place: usize) -> Sound<usize> {
        Ok(self.slots.get(place).ok_or(Broken)?.load(Relaxed) as usize)
    }

    /// Add a block to `count` others.
    pub fn push(&self, count: usize, block: usize) -> Sound<()> {
        self.rise(count, block)
    }

    /// Take a block out of `count`.
    pub fn remove(&self, count: usize, block: usize) -> Sound<()> {
        let place = self.region.field(block, self.place)? as usize;
        let last_place = count.checked_sub(1).filter(|&last| place <= last).ok_or(Broken)?;
        if self.at(place)? != block {
            return Err(Broken);
        }
        let last = self.at(last_place)?;
        if last == block {
            return Ok(());
        }
        // What fills the gap may belong above it or below it.
        self.rise(place, last)?;
        if self.at(place)? == last { self.sink(last_place, place, last) } else { Ok(()) }
    }

    /// The first of `count` has got a larger key.
    pub fn first_has_grown(&self, count: usize) -> Sound<()> {
        self.sink(count, 0, self.at(0)?)
    }

    fn rise(&self, mut place: usize, block: usize) -> Sound<()> {
        let key = self.key(block)?;
        while place > 0 {
            let above = self.at((place - 1) / 2)?;
            if self.key(above)? <= key {
                break;
            }
            self.set(place, above)?;
            place = (place - 1) / 2;
        }
        self.set(place, block)
    }

    fn sink(&self, count: usize, mut place: usize, block: usize) -> Sound<()> {
        let key = self.key(block)?;
        loop {
            let mut smaller = None;
            for below in (2 * place + 1..count).take(2) {
                let candidate = (self.key(self.at(below)?)?, below);
                if candidate.0 < key && smaller.is_none_or(|smallest| candidate < smallest) {
                    smaller = Some(candidate);
                }
            }
            let Some((_, below)) = smaller else { break };
            self.set(place, self.at(below)?)?;
            place = below;
        }
        self.set(place, block)
    }

    fn key(&self, block: usize) -> Sound<u64> {
        self.region.field(block, self.key)
    }

    fn set(&self, place: usize, block: usize) -> Sound<()> {
        self.region.block(block)?[self.place].store(place as u64, Relaxed);
        self.slots.get(place).ok_or(Broken)?.store(block as u64, Relaxed);
        Ok(())
    }
}
