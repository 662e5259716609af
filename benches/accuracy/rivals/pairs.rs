//! How often two items are met in one basket, one session or one user's history, and the scores that follow.

use super::{Knowledge, Scores};
use crate::data::Line;
use pg_recommend_engine::ItemId;
use rustc_hash::FxHashMap;

/// What counts as met together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// The lines of one user at one instant.
    Basket,
    /// The lines of one value of the session column.
    Session,
    /// All lines of one user.
    User,
}

/// A formula for the score of an item that was met with a given one.
#[derive(Debug, Clone, Copy)]
pub enum Formula {
    /// c(i,j) / (sqrt(n_i n_j) + shrinkage).
    Cosine(f64),
    /// c(i,j) / n_i: the probability of j given i.
    Probability,
    /// c(i,j) / ((n_i + 5) (n_j + 5)^0.3).
    Shrunk,
}

/// The counts.
pub struct Pairs {
    set: Set,
    /// The distinct items of every set so far.
    sets: FxHashMap<(u32, i64), Vec<ItemId>>,
    together: Vec<FxHashMap<ItemId, f32>>,
    counts: Vec<f64>,
}

impl Pairs {
    pub fn new(set: Set, items: usize) -> Self {
        Self { set, sets: FxHashMap::default(), together: vec![FxHashMap::default(); items], counts: vec![0.0; items] }
    }

    pub fn of(set: Set, items: usize, lines: &[Line]) -> Self {
        let mut pairs = Self::new(set, items);
        lines.iter().for_each(|line| pairs.learn(line));
        pairs
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.counts.len()
    }

    /// In how many sets an item is.
    pub fn count(&self, item: ItemId) -> f64 {
        self.counts[item as usize]
    }

    /// In how many sets both are.
    pub fn together(&self, item: ItemId) -> &FxHashMap<ItemId, f32> {
        &self.together[item as usize]
    }

    pub fn score(&self, formula: Formula, given: ItemId, other: ItemId, together: f32) -> f64 {
        let (together, given, other) = (f64::from(together), self.count(given), self.count(other));
        match formula {
            Formula::Cosine(shrinkage) => together / ((given * other).sqrt() + shrinkage),
            Formula::Probability => together / given,
            Formula::Shrunk => together / ((given + 5.0) * (other + 5.0).powf(0.3)),
        }
    }

    /// The sum over the given items.
    pub fn scores(&self, formula: Formula, given: &[ItemId]) -> Scores {
        let mut scores = Scores::default();
        for &item in given {
            for (&other, &together) in self.together(item) {
                *scores.entry(other).or_default() += self.score(formula, item, other, together);
            }
        }
        scores
    }
}

impl Knowledge for Pairs {
    fn learn(&mut self, line: &Line) {
        let key = match self.set {
            Set::Basket => (line.user, line.event.at),
            Set::Session => (0, line.event.session.unwrap_or_default()),
            Set::User => (line.user, 0),
        };
        let (item, known) = (line.event.item, self.sets.entry(key).or_default());
        if known.contains(&item) {
            return;
        }
        self.counts[item as usize] += 1.0;
        for &other in known.iter() {
            *self.together[item as usize].entry(other).or_default() += 1.0;
            *self.together[other as usize].entry(item).or_default() += 1.0;
        }
        known.push(item);
    }
}
