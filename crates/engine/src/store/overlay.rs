//! Unpacked events laid over a store, so that a reader sees them as if they were packed.

use super::{ItemStats, Order, Store, Totals, best_first};
use crate::decay::LogSum;
use crate::error::Result;
use crate::event::Rules;
use crate::fold::Changes;
use crate::packed::{History, Landmark, Leaders, Neighbors, NeighborsView, PairDelta, SessionView, Visits, VisitsDelta, VisitsView};
use crate::popularity::ItemDelta;
use crate::{ContextId, ItemId, Micros, SessionId, UserId};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;

/// The first number of sessions that exist only in an overlay; stored ones are smaller.
pub const FIRST_UNPACKED_SESSION: SessionId = 1 << 31;

/// Folded batches, one for each user, that can be replaced one by one as more events come.
///
/// All of them measure pair weights from one landmark.
#[derive(Debug)]
pub struct Unpacked {
    landmark: Landmark,
    by_user: FxHashMap<UserId, Changes>,
    users_of_item: FxHashMap<ItemId, Vec<UserId>>,
    user_of_session: FxHashMap<SessionId, UserId>,
    next_session: SessionId,
    new_items: u32,
    packed_stats: RefCell<FxHashMap<ItemId, ItemStats>>,
    /// Stats of changed items, packed and unpacked together, as far as asked for.
    merged_stats: RefCell<FxHashMap<ItemId, ItemStats>>,
    /// The leaders of each order, packed and unpacked together, as far as asked for.
    merged_leaders: RefCell<[Option<Leaders>; Order::ALL.len()]>,
}

impl Unpacked {
    /// Nothing unpacked.
    pub fn new(landmark: Landmark) -> Self {
        Self {
            landmark,
            by_user: FxHashMap::default(),
            users_of_item: FxHashMap::default(),
            user_of_session: FxHashMap::default(),
            next_session: FIRST_UNPACKED_SESSION,
            new_items: 0,
            packed_stats: RefCell::default(),
            merged_stats: RefCell::default(),
            merged_leaders: RefCell::default(),
        }
    }

    /// What pair weights of the batches are relative to; pass its time to [`crate::fold::fold`].
    pub fn landmark(&self) -> Landmark {
        self.landmark
    }

    /// The number that the next new session gets; pass it to [`crate::fold::fold`].
    pub fn next_session(&self) -> SessionId {
        self.next_session
    }

    /// Says how many items exist only unpacked.
    pub fn set_new_items(&mut self, count: u32) {
        self.new_items = count;
    }

    /// Sets what a user's unpacked events change.
    pub fn insert(&mut self, user: UserId, changes: Changes) {
        self.remove(user);
        for &item in touched(&changes) {
            self.users_of_item.entry(item).or_default().push(user);
            self.merged_stats.get_mut().remove(&item);
        }
        for &session in changes.sessions.keys() {
            self.user_of_session.insert(session, user);
        }
        *self.merged_leaders.get_mut() = Default::default();
        self.next_session = self.next_session.max(changes.next_session);
        self.by_user.insert(user, changes);
    }

    /// Forgets a user's unpacked events.
    pub fn remove(&mut self, user: UserId) {
        let Some(changes) = self.by_user.remove(&user) else { return };
        *self.merged_leaders.get_mut() = Default::default();
        for &item in touched(&changes) {
            self.merged_stats.get_mut().remove(&item);
            if let Some(users) = self.users_of_item.get_mut(&item) {
                users.retain(|&other| other != user);
                if users.is_empty() {
                    self.users_of_item.remove(&item);
                }
            }
        }
        for session in changes.sessions.keys() {
            self.user_of_session.remove(session);
        }
    }

    /// The user's history where unpacked events change it; `Some(None)` where none is left.
    pub fn history(&self, user: UserId) -> Option<Option<&History>> {
        self.by_user.get(&user).and_then(|changes| changes.histories.get(&user)).map(Option::as_ref)
    }

    fn changes_of(&self, item: ItemId) -> impl Iterator<Item = &Changes> {
        self.users_of_item.get(&item).into_iter().flatten().filter_map(|user| self.by_user.get(user))
    }

    fn item_delta(&self, item: ItemId) -> Option<ItemDelta> {
        let mut deltas = self.changes_of(item).filter_map(|changes| changes.items.get(&item));
        let mut sum = *deltas.next()?;
        deltas.for_each(|delta| sum.merge(delta));
        Some(sum)
    }

    fn context_delta(&self, key: (ContextId, ItemId)) -> Option<ItemDelta> {
        let mut deltas = self.changes_of(key.1).filter_map(|changes| changes.context_items.get(&key));
        let mut sum = *deltas.next()?;
        deltas.for_each(|delta| sum.merge(delta));
        Some(sum)
    }

    fn pairs(&self, item: ItemId) -> FxHashMap<ItemId, PairDelta> {
        let mut sum: FxHashMap<ItemId, PairDelta> = FxHashMap::default();
        for (&other, delta) in self.changes_of(item).filter_map(|changes| changes.pairs.get(&item)).flatten() {
            sum.entry(other).or_default().merge(delta);
        }
        sum
    }

    fn visits(&self, item: ItemId) -> VisitsDelta {
        let mut sum = VisitsDelta::default();
        self.changes_of(item).filter_map(|changes| changes.visits.get(&item)).for_each(|delta| sum.merge(delta));
        sum
    }
}

/// The items whose rows a batch changes. A pair's two items both have events in the batch or in the pair map.
fn touched(changes: &Changes) -> FxHashSet<&ItemId> {
    changes.items.keys().chain(changes.pairs.keys()).chain(changes.visits.keys()).collect()
}

/// A store with unpacked events laid over it.
pub struct Overlay<'a> {
    /// The packed rows.
    pub base: &'a dyn Store,
    /// The unpacked events, folded.
    pub unpacked: &'a Unpacked,
    /// The rules of both.
    pub rules: &'a Rules,
}

impl Overlay<'_> {
    fn split(&self, items: &[ItemId]) -> (Vec<ItemId>, Vec<ItemId>) {
        items.iter().partition(|item| self.unpacked.users_of_item.contains_key(item))
    }

    fn packed_stats(&self, items: &[ItemId]) -> Result<()> {
        let mut cache = self.unpacked.packed_stats.borrow_mut();
        let missing: Vec<ItemId> = items.iter().copied().filter(|item| !cache.contains_key(item)).collect();
        if !missing.is_empty() {
            cache.extend(missing.iter().map(|&item| (item, ItemStats::NONE)));
            self.base.items(&missing, &mut |item, stats| {
                cache.insert(item, stats);
            })?;
        }
        Ok(())
    }

    fn newest_visit(&self, item: ItemId) -> Result<Option<Micros>> {
        let mut newest = None;
        self.visits(&[item], &mut |_, visits| newest = visits.sessions.first().map(|visit| visit.at()))?;
        Ok(newest)
    }

    fn merged_stats(&self, changed: &[ItemId]) -> Result<Vec<(ItemId, ItemStats)>> {
        let missing: Vec<ItemId> = {
            let merged = self.unpacked.merged_stats.borrow();
            changed.iter().copied().filter(|item| !merged.contains_key(item)).collect()
        };
        self.packed_stats(&missing)?;
        for &item in &missing {
            let stats = self.unpacked.packed_stats.borrow().get(&item).copied().unwrap_or(ItemStats::NONE);
            let stats = match self.unpacked.item_delta(item) {
                Some(delta) => {
                    let newest = if delta.has_removals() { self.newest_visit(item)? } else { None };
                    stats.merged(&delta, self.unpacked.landmark.at, newest)
                }
                None => stats,
            };
            self.unpacked.merged_stats.borrow_mut().insert(item, stats);
        }
        let merged = self.unpacked.merged_stats.borrow();
        Ok(changed.iter().map(|item| (*item, merged[item])).collect())
    }
}

impl Store for Overlay<'_> {
    fn totals(&self) -> Result<Totals> {
        let totals = self.base.totals()?;
        let (mut delta, mut grouped, mut newest) = (ItemDelta::default(), 0, i64::MIN);
        for changes in self.unpacked.by_user.values() {
            delta.merge(&changes.total);
            grouped += changes.grouped;
            newest = newest.max(changes.newest);
        }
        let merged = totals.merged(&delta, self.unpacked.landmark.at, grouped, newest);
        Ok(Totals {
            items: totals.items + self.unpacked.new_items,
            sessions: totals.sessions + (self.unpacked.next_session - FIRST_UNPACKED_SESSION),
            ..merged
        })
    }

    fn neighbors(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, NeighborsView<'_>)) -> Result<()> {
        let (changed, same) = self.split(items);
        self.base.neighbors(&same, each)?;
        let mut rows: FxHashMap<ItemId, Neighbors> = FxHashMap::default();
        self.base.neighbors(&changed, &mut |item, view| {
            rows.insert(item, Neighbors::from_view(&view, self.rules.half_life));
        })?;
        for item in changed {
            let mut row = rows.remove(&item).unwrap_or_else(|| Neighbors::new(self.unpacked.landmark));
            row.merge(&self.unpacked.pairs(item), self.unpacked.landmark, self.rules.max_edges);
            if !row.is_empty() {
                each(item, row.view());
            }
        }
        Ok(())
    }

    fn visits(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, VisitsView<'_>)) -> Result<()> {
        let (changed, same) = self.split(items);
        self.base.visits(&same, each)?;
        let mut rows: FxHashMap<ItemId, Visits> = FxHashMap::default();
        self.base.visits(&changed, &mut |item, view| {
            rows.insert(item, Visits::from_view(&view));
        })?;
        for item in changed {
            let mut row = rows.remove(&item).unwrap_or_default();
            row.merge(&self.unpacked.visits(item), self.rules.max_visits);
            if !row.is_empty() {
                each(item, row.view());
            }
        }
        Ok(())
    }

    fn sessions(&self, ids: &[SessionId], each: &mut dyn FnMut(SessionId, SessionView<'_>)) -> Result<()> {
        let mut packed = Vec::with_capacity(ids.len());
        for id in ids {
            match self.unpacked.user_of_session.get(id) {
                Some(user) => {
                    if let Some(session) = self.unpacked.by_user[user].sessions[id].as_ref() {
                        each(*id, session.view());
                    }
                }
                None => packed.push(*id),
            }
        }
        self.base.sessions(&packed, each)
    }

    fn items(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, ItemStats)) -> Result<()> {
        let (changed, same) = self.split(items);
        self.base.items(&same, each)?;
        for (item, stats) in self.merged_stats(&changed)? {
            if stats.events > 0 {
                each(item, stats);
            }
        }
        Ok(())
    }

    fn trending(&self, n: usize) -> Result<Vec<(ItemId, LogSum)>> {
        let changed: Vec<ItemId> = self.unpacked.users_of_item.keys().copied().collect();
        let merged = self.merged_stats(&changed)?;
        // Rounded up, so that a store which keeps what it read need not read again for each new event.
        let enough = n.saturating_add(changed.len()).checked_next_power_of_two().unwrap_or(usize::MAX);
        let mut list = self.base.trending(enough)?;
        list.retain(|(item, _)| !self.unpacked.users_of_item.contains_key(item));
        list.extend(merged.iter().filter(|(_, stats)| stats.events > 0).map(|&(item, stats)| (item, stats.score)));
        best_first(&mut list, n);
        Ok(list)
    }

    fn leaders(&self, order: Order, each: &mut dyn FnMut(&Leaders)) -> Result<()> {
        let mut kept = self.unpacked.merged_leaders.borrow_mut();
        let kept = &mut kept[order as usize];
        if kept.is_none() {
            let changed: Vec<ItemId> = self.unpacked.users_of_item.keys().copied().collect();
            let changed: Vec<(ItemId, f64)> = self.merged_stats(&changed)?.iter().map(|(item, stats)| (*item, order.rank(stats))).collect();
            self.base.leaders(order, &mut |list| *kept = Some(list.with(&changed)))?;
        }
        each(kept.as_ref().unwrap_or(&Leaders::default()));
        Ok(())
    }

    fn context_items(&self, context: ContextId, items: &[ItemId], each: &mut dyn FnMut(ItemId, LogSum)) -> Result<()> {
        let (changed, same) = self.split(items);
        self.base.context_items(context, &same, each)?;
        let mut packed: FxHashMap<ItemId, LogSum> = FxHashMap::default();
        self.base.context_items(context, &changed, &mut |item, score| {
            packed.insert(item, score);
        })?;
        for item in changed {
            let score = packed.get(&item).copied().unwrap_or(LogSum::EMPTY);
            let score = self.unpacked.context_delta((context, item)).map_or(score, |delta| delta.score.apply(score));
            if !score.is_empty() {
                each(item, score);
            }
        }
        Ok(())
    }

    fn context_trending(&self, context: ContextId, n: usize) -> Result<Vec<(ItemId, LogSum)>> {
        let changed: Vec<ItemId> = self.unpacked.users_of_item.keys().copied().collect();
        let mut list = self.base.context_trending(context, n.saturating_add(changed.len()))?;
        list.retain(|(item, _)| !self.unpacked.users_of_item.contains_key(item));
        self.context_items(context, &changed, &mut |item, score| list.push((item, score)))?;
        best_first(&mut list, n);
        Ok(list)
    }
}
