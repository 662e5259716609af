//! Lists that need no profile: items like an item, and trending items.

use crate::decay::{HalfLife, LogSum};
use crate::error::Result;
use crate::store::{Store, best_first};
use crate::{ContextId, ItemId, Micros};
use rustc_hash::{FxHashMap, FxHashSet};

/// An item that is met with another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similar {
    /// The item.
    pub item: ItemId,
    /// How similar: between 0 and 1.
    pub score: f32,
    /// The decayed number of sessions that met both.
    pub sessions: f32,
    /// The decayed number of users who met both.
    pub users: f32,
}

/// What is added to the number of meetings that chance would bring: one meeting of two rare items says little (shrinkage).
const SHRINKAGE: f64 = 5.0;

/// How many meetings in sessions an item must have for the cosine over sessions to count as much as that over users.
const SESSION_SUPPORT: f64 = 10.0;

/// The items that are met with `item`, best first. The cosine over sessions counts as far as its support goes, the rest is the cosine over users; each is
/// c / (sqrt(n(v) n(z)) + 5).
pub fn similar_items(store: &dyn Store, item: ItemId, n: usize, since: Micros, now: Micros, half_life: HalfLife) -> Result<Vec<Similar>> {
    let now = store.totals()?.weighed_at(now);
    let mut met: FxHashMap<ItemId, [f64; 2]> = FxHashMap::default();
    store.neighbors(&[item], &mut |_, row| {
        let loss = row.landmark(half_life).loss(now);
        let edges = row.edges.iter().filter(|edge| edge.last_at() >= since);
        met.extend(edges.map(|edge| (edge.item.get(), [edge.session, edge.user].map(|sum| f64::from(sum.get()) * loss))));
    })?;
    met.retain(|_, [sessions, users]| *sessions + *users > 0.0);
    let mut counts: FxHashMap<ItemId, [f64; 2]> = FxHashMap::default();
    let asked: Vec<ItemId> = met.keys().copied().chain([item]).collect();
    store.items(&asked, &mut |item, stats| {
        counts.insert(item, [stats.sessions, stats.users].map(|sum| sum.at(now, half_life)));
    })?;
    let count = |item: &ItemId| counts.get(item).copied().unwrap_or([0.0; 2]);
    let own = count(&item);
    // Added up in the order of items, so that the last digit is the same each time.
    let mut strongest: Vec<(&ItemId, &[f64; 2])> = met.iter().collect();
    strongest.sort_unstable_by_key(|(item, _)| **item);
    let support: f64 = strongest.iter().map(|(_, [sessions, _])| sessions).sum();
    let trust = support / (support + SESSION_SUPPORT);
    let similar = |(other, met): &(&ItemId, &[f64; 2])| {
        let other_counts = count(other);
        let cosine = |kind: usize| met[kind] / ((own[kind] * other_counts[kind]).sqrt() + SHRINKAGE);
        let score = (trust * cosine(0) + (1.0 - trust) * cosine(1)) as f32;
        Similar { item: **other, score, sessions: met[0] as f32, users: met[1] as f32 }
    };
    let mut list: Vec<Similar> = strongest.iter().map(similar).collect();
    list.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
    list.truncate(n);
    Ok(list)
}

/// The `n` most popular items over several contexts together, best first.
///
/// Fagin's threshold algorithm: lists are read ever deeper until no unread item can be better than the n-th best.
pub fn trending_in_contexts(store: &dyn Store, contexts: &[ContextId], n: usize) -> Result<Vec<(ItemId, LogSum)>> {
    let mut depth = n.saturating_add(16);
    loop {
        let lists = contexts.iter().map(|&context| store.context_trending(context, depth)).collect::<Result<Vec<_>>>()?;
        let items: FxHashSet<ItemId> = lists.iter().flatten().map(|&(item, _)| item).collect();
        let items: Vec<ItemId> = items.into_iter().collect();
        let mut sums: FxHashMap<ItemId, LogSum> = FxHashMap::default();
        for &context in contexts {
            store.context_items(context, &items, &mut |item, score| {
                let sum = sums.entry(item).or_insert(LogSum::EMPTY);
                *sum = sum.plus(score);
            })?;
        }
        let unread = lists
            .iter()
            .filter(|list| list.len() >= depth)
            .filter_map(|list| list.last())
            .fold(LogSum::EMPTY, |sum, &(_, score)| sum.plus(score));
        let mut best: Vec<_> = sums.into_iter().collect();
        best_first(&mut best, n);
        let settled = unread.is_empty() || best.len() >= n && best.last().is_some_and(|(_, worst)| worst.0 >= unread.0);
        if settled {
            return Ok(best);
        }
        depth = depth.saturating_mul(4);
    }
}
