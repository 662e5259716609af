//! A log in time order, and questions about it.

use super::data::Line;
use pg_recommend_engine::{ItemId, Micros, UserId};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rustc_hash::FxHashSet;

/// A log.
#[derive(Default)]
pub struct Log {
    pub lines: Vec<Line>,
    /// How many items there are; they are numbered from 0.
    pub items: usize,
    /// By item; empty where the log has none.
    pub titles: Vec<String>,
}

impl Log {
    /// The lines before `at`, and those from then on.
    pub fn split(&self, at: Micros) -> (&[Line], &[Line]) {
        self.lines.split_at(self.lines.partition_point(|line| line.event.at < at))
    }

    /// The lines from one time to before another.
    pub fn between(&self, from: Micros, to: Micros) -> &[Line] {
        let place = |at| self.lines.partition_point(|line| line.event.at < at);
        &self.lines[place(from)..place(to).max(place(from))]
    }
}

/// What is asked, and what would have been right.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The one who asks; `None` for a list without a name.
    pub user: Option<UserId>,
    /// The items of the list, or the distinct items of the user's history, oldest first.
    pub given: Vec<ItemId>,
    /// When it is asked.
    pub at: Micros,
    /// Whether given items may be answered.
    pub seen: bool,
    pub targets: Vec<ItemId>,
}

impl Question {
    /// The share of the first `n` answers that are targets.
    pub fn precision(&self, answer: &[ItemId], n: usize) -> f64 {
        self.hits(answer, n) as f64 / n as f64
    }

    /// The share of the targets that are among the first `n` answers; of `n` targets, where there are more.
    pub fn recall(&self, answer: &[ItemId], n: usize) -> f64 {
        self.hits(answer, n) as f64 / self.targets.len().min(n) as f64
    }

    /// One over the place of the first target among the first `n` answers.
    pub fn reciprocal(&self, answer: &[ItemId], n: usize) -> f64 {
        answer.iter().take(n).position(|item| self.targets.contains(item)).map_or(0.0, |place| 1.0 / (place + 1) as f64)
    }

    fn hits(&self, answer: &[ItemId], n: usize) -> usize {
        answer.iter().take(n).filter(|item| self.targets.contains(item)).count()
    }
}

/// Random numbers of one seed.
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Evenly from 0 to below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.0.next_u64()) * end as u128) >> 64) as usize
    }

    /// Evenly from 0 to below 1.
    pub fn even(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.even() < probability
    }

    /// From the standard normal distribution, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.even()).ln()).sqrt() * (std::f64::consts::TAU * self.even()).cos()
    }

    /// An exponentially distributed length with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.even()).ln()
    }

    /// Puts `n` random elements first, in random order, and cuts the others; all, where there are fewer.
    pub fn sample<T>(&mut self, list: &mut Vec<T>, n: usize) {
        for place in 0..n.min(list.len()) {
            let other = place + self.below(list.len() - place);
            list.swap(place, other);
        }
        list.truncate(n);
    }
}

/// The distinct items of a list, in the order of their first, or with `newest` of their last, occurrence.
pub fn distinct(items: impl DoubleEndedIterator<Item = ItemId>, newest: bool) -> Vec<ItemId> {
    let mut met = FxHashSet::default();
    if newest {
        let mut list: Vec<ItemId> = items.rev().filter(|item| met.insert(*item)).collect();
        list.reverse();
        list
    } else {
        items.filter(|item| met.insert(*item)).collect()
    }
}
