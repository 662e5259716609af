//! Simple rivals, written from their formulas and without the engine. All follow the log event by event, unless they say otherwise.

pub mod ease;
pub mod inverse;
pub mod pairs;
pub mod popularity;
pub mod recency;
pub mod sessions;

use super::data::Line;
use super::log::Question;
use pg_recommend_engine::ItemId;
use rustc_hash::{FxHashMap, FxHashSet};

/// Scores by item; items that are not there have none.
pub type Scores = FxHashMap<ItemId, f64>;

/// What is known of a log, shared by the rivals that read it.
pub trait Knowledge {
    /// Takes in a line that comes after all before.
    fn learn(&mut self, line: &Line);
}

/// The `n` items of the highest scores, best first, equal ones by number; without the given ones, unless they may be answered.
pub fn best(scores: &Scores, question: &Question, n: usize) -> Vec<ItemId> {
    let hidden: FxHashSet<ItemId> = if question.seen { FxHashSet::default() } else { question.given.iter().copied().collect() };
    let mut list: Vec<(ItemId, f64)> = scores.iter().map(|(item, score)| (*item, *score)).collect();
    list.retain(|(item, score)| *score > f64::NEG_INFINITY && !hidden.contains(item));
    let order = |a: &(ItemId, f64), b: &(ItemId, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if n < list.len() {
        list.select_nth_unstable_by(n, order);
        list.truncate(n);
    }
    list.sort_unstable_by(order);
    list.into_iter().map(|row| row.0).collect()
}
