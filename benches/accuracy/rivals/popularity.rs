//! What is in demand: events in a window, or events that fade.

use super::{Knowledge, Scores};
use crate::data::{Line, SECOND};
use pg_recommend_engine::{ItemId, Micros};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// A day in microseconds.
pub const DAY: i64 = 86_400 * SECOND;
/// The windows that every table has.
pub const WINDOWS: [(&str, i64); 3] = [("1 day", DAY), ("7 days", 7 * DAY), ("30 days", 30 * DAY)];

/// Counts of the events of a window that ends now.
pub struct Window {
    length: i64,
    events: VecDeque<(Micros, ItemId)>,
    counts: FxHashMap<ItemId, u32>,
}

impl Window {
    pub fn new(length: i64) -> Self {
        Self { length, events: VecDeque::new(), counts: FxHashMap::default() }
    }

    pub fn scores(&self, now: Micros) -> Scores {
        let mut scores: Scores = self.counts.iter().map(|(item, count)| (*item, f64::from(*count))).collect();
        for (_, item) in self.events.iter().take_while(|(at, _)| *at < now - self.length) {
            *scores.entry(*item).or_default() -= 1.0;
        }
        scores.retain(|_, count| *count > 0.0);
        scores
    }
}

impl Knowledge for Window {
    fn learn(&mut self, line: &Line) {
        self.events.push_back((line.event.at, line.event.item));
        *self.counts.entry(line.event.item).or_default() += 1;
        while let Some((_, item)) = self.events.front().copied().filter(|(at, _)| *at < line.event.at - self.length) {
            self.events.pop_front();
            let count = self.counts.entry(item).or_default();
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&item);
            }
        }
    }
}

/// Counts that halve in a time.
pub struct Fading {
    half_life: f64,
    /// log2 of the sum of 2^(t / half-life), by item.
    sums: FxHashMap<ItemId, f64>,
}

impl Fading {
    pub fn new(half_life: i64) -> Self {
        Self { half_life: half_life as f64, sums: FxHashMap::default() }
    }

    /// The logarithms of the counts.
    pub fn scores(&self) -> &Scores {
        &self.sums
    }
}

impl Knowledge for Fading {
    fn learn(&mut self, line: &Line) {
        let now = line.event.at as f64 / self.half_life;
        let sum = self.sums.entry(line.event.item).or_insert(f64::NEG_INFINITY);
        *sum = now + (1.0 + (*sum - now).exp2()).log2();
    }
}
