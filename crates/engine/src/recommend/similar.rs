//! Lists that need no profile: items like an item, and trending items.

use crate::decay::{HalfLife, LogSum};
use crate::error::Result;
use crate::store::{Store, best_first};
use crate::{ContextId, ItemId, Micros};
use rustc_hash::{FxHashMap, FxHashSet};

/// The items that are met with `item` more often than their popularity explains, best first: decayed co-visits and transitions
/// over the square root of the item's own popularity (the cosine of two items up to a factor that all share).
pub fn similar_items(
    store: &dyn Store,
    item: ItemId,
    n: usize,
    since: Micros,
    now: Micros,
    half_life: HalfLife,
) -> Result<Vec<(ItemId, f32)>> {
    let now = store.totals()?.weighed_at(now);
    let mut met: FxHashMap<ItemId, f64> = FxHashMap::default();
    store.neighbors(&[item], &mut |_, row| {
        let loss = row.landmark(half_life).loss(now);
        let end = row.edges.partition_point(|edge| edge.last_at.get() >= since);
        met.extend(row.edges[..end].iter().map(|edge| (edge.item.get(), f64::from(edge.together.get() + edge.next.get()) * loss)));
    })?;
    let mut popularity: FxHashMap<ItemId, f64> = FxHashMap::default();
    let asked: Vec<ItemId> = met.keys().copied().chain([item]).collect();
    store.items(&asked, &mut |item, stats| {
        popularity.insert(item, stats.score.at(now, half_life));
    })?;
    let popularity = |item: &ItemId| popularity.get(item).copied().unwrap_or(0.0) + 1.0;
    let own = popularity(&item);
    let mut list: Vec<(ItemId, f32)> = met.iter().map(|(other, met)| (*other, (met / (own * popularity(other)).sqrt()) as f32)).collect();
    list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
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
