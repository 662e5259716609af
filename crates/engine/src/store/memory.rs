//! A store in memory: for `as_of` in the past, for tests, backtests and benches.

use super::{ItemStats, Order, Store, Totals, best_first};
use crate::decay::LogSum;
use crate::error::Result;
use crate::event::{Event, Rules};
use crate::fold::{Changes, Moments, Past, UserBatch, fold};
use crate::packed::{History, Leaders, Neighbors, NeighborsView, Session, SessionView, Visits, VisitsView};
use crate::{ContextId, ItemId, SessionId, UserId};
use rustc_hash::FxHashMap;

/// A recommender's rows in memory.
#[derive(Debug)]
pub struct MemoryStore {
    rules: Rules,
    histories: FxHashMap<UserId, History>,
    items: FxHashMap<ItemId, ItemStats>,
    context_items: FxHashMap<(ContextId, ItemId), ItemStats>,
    neighbors: FxHashMap<ItemId, Neighbors>,
    visits: FxHashMap<ItemId, Visits>,
    sessions: FxHashMap<SessionId, Session>,
    leaders: [Leaders; Order::ALL.len()],
    totals: Totals,
}

impl MemoryStore {
    /// A store without events.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            histories: FxHashMap::default(),
            items: FxHashMap::default(),
            context_items: FxHashMap::default(),
            neighbors: FxHashMap::default(),
            visits: FxHashMap::default(),
            sessions: FxHashMap::default(),
            leaders: Default::default(),
            totals: Totals::NONE,
        }
    }

    /// The rules that its rows follow.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// A user's history.
    pub fn history(&self, user: UserId) -> Option<&History> {
        self.histories.get(&user)
    }

    /// An item's stats.
    pub fn item_stats(&self, item: ItemId) -> ItemStats {
        self.items.get(&item).copied().unwrap_or(ItemStats::NONE)
    }

    /// The lists of items by each of [`Order::ALL`].
    pub fn leader_rows(&self) -> &[Leaders] {
        &self.leaders
    }

    /// Popularities by context and item.
    pub fn context_stats(&self) -> impl Iterator<Item = ((ContextId, ItemId), ItemStats)> {
        self.context_items.iter().map(|(&key, &stats)| (key, stats))
    }

    /// All neighbour rows.
    pub fn neighbor_rows(&self) -> impl Iterator<Item = (ItemId, &Neighbors)> {
        self.neighbors.iter().map(|(&item, row)| (item, row))
    }

    /// All visit rows.
    pub fn visit_rows(&self) -> impl Iterator<Item = (ItemId, &Visits)> {
        self.visits.iter().map(|(&item, row)| (item, row))
    }

    /// All sessions.
    pub fn session_rows(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(&id, session)| (id, session))
    }

    /// A user's batch of events that came and went, to be folded.
    pub fn batch(&self, user: UserId, added: Vec<Event>, removed: Vec<Event>) -> UserBatch {
        UserBatch { user, history: self.histories.get(&user).cloned(), added, removed }
    }

    /// Adds events that come after all that the store has.
    pub fn append(&mut self, events: impl IntoIterator<Item = (UserId, Event)>) -> Result<()> {
        let changes = self.fold(events, None)?;
        self.apply(&changes);
        Ok(())
    }

    /// What events change that come after all that the store has; `moments` says which instants are noted.
    pub fn fold(&self, events: impl IntoIterator<Item = (UserId, Event)>, moments: Option<&Moments>) -> Result<Changes> {
        let mut by_user: FxHashMap<UserId, Vec<Event>> = FxHashMap::default();
        let mut newest = i64::MIN;
        for (user, event) in events {
            newest = newest.max(event.at);
            by_user.entry(user).or_default().push(event);
        }
        let mut batches: Vec<UserBatch> = by_user.into_iter().map(|(user, added)| self.batch(user, added, Vec::new())).collect();
        batches.sort_by_key(|batch| (batch.added.first().map(Event::position), batch.user));
        fold(batches, &self.rules, newest, self.totals.sessions, self, moments, &|| Ok(()))
    }

    /// Writes what a fold found.
    pub fn apply(&mut self, changes: &Changes) {
        for (&user, history) in &changes.histories {
            match history {
                Some(history) => self.histories.insert(user, history.clone()),
                None => self.histories.remove(&user),
            };
        }
        for (&item, deltas) in &changes.pairs {
            let row = self.neighbors.entry(item).or_insert_with(|| Neighbors::new(changes.landmark));
            row.merge(deltas, changes.landmark, self.rules.max_edges);
            if row.is_empty() {
                self.neighbors.remove(&item);
            }
        }
        for (&item, sessions) in &changes.visits {
            self.visits.entry(item).or_default().merge(sessions, self.rules.max_visits);
        }
        let items = changes.items.keys().map(|item| item + 1).max().unwrap_or(0).max(self.totals.items);
        for (&item, delta) in &changes.items {
            let newest = self.visits.get(&item).and_then(|visits| visits.view().sessions.first().map(|visit| visit.at()));
            let stats = self.items.entry(item).or_insert(ItemStats::NONE);
            *stats = stats.merged(delta, changes.landmark.at, newest);
        }
        self.lead(changes);
        for (&key, delta) in &changes.context_items {
            let stats = self.context_items.entry(key).or_insert(ItemStats::NONE);
            *stats = stats.merged(delta, changes.landmark.at, None);
        }
        for (&id, session) in &changes.sessions {
            match session {
                Some(session) => self.sessions.insert(id, session.clone()),
                None => self.sessions.remove(&id),
            };
        }
        self.totals = Totals {
            items,
            sessions: changes.next_session,
            ..self.totals.merged(&changes.total, changes.landmark.at, changes.grouped, changes.newest)
        };
    }

    fn lead(&mut self, changes: &Changes) {
        for (order, leaders) in Order::ALL.into_iter().zip(&mut self.leaders) {
            let changed = changes.items.keys().map(|item| (*item, order.rank(&self.items[item]))).collect();
            if !leaders.merge(changed) {
                *leaders = Leaders::of(self.items.iter().map(|(item, stats)| (*item, order.rank(stats))));
            }
        }
    }
}

impl Past for MemoryStore {
    fn sessions(&self, ids: &[SessionId]) -> Result<FxHashMap<SessionId, Session>> {
        Ok(ids.iter().filter_map(|id| self.sessions.get(id).map(|session| (*id, session.clone()))).collect())
    }

    fn sessions_of(&self, user: UserId) -> Result<Vec<(SessionId, Session)>> {
        Ok(self.sessions.iter().filter(|(_, session)| session.user() == user).map(|(&id, session)| (id, session.clone())).collect())
    }

    fn events_of(&self, _: &[&UserBatch]) -> Result<FxHashMap<UserId, Vec<Event>>> {
        Err(crate::Error::Store("an in-memory store keeps no events: it only appends".into()))
    }
}

impl Store for MemoryStore {
    fn totals(&self) -> Result<Totals> {
        Ok(self.totals)
    }

    fn neighbors(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, NeighborsView<'_>)) -> Result<()> {
        for item in items {
            if let Some(row) = self.neighbors.get(item) {
                each(*item, row.view());
            }
        }
        Ok(())
    }

    fn visits(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, VisitsView<'_>)) -> Result<()> {
        for item in items {
            if let Some(row) = self.visits.get(item) {
                each(*item, row.view());
            }
        }
        Ok(())
    }

    fn sessions(&self, ids: &[SessionId], each: &mut dyn FnMut(SessionId, SessionView<'_>)) -> Result<()> {
        for id in ids {
            if let Some(row) = self.sessions.get(id) {
                each(*id, row.view());
            }
        }
        Ok(())
    }

    fn items(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, ItemStats)) -> Result<()> {
        for item in items {
            if let Some(stats) = self.items.get(item).filter(|stats| stats.events > 0) {
                each(*item, *stats);
            }
        }
        Ok(())
    }

    fn trending(&self, n: usize) -> Result<Vec<(ItemId, LogSum)>> {
        let mut list: Vec<_> = self.items.iter().filter(|(_, stats)| stats.events > 0).map(|(&item, stats)| (item, stats.score)).collect();
        best_first(&mut list, n);
        Ok(list)
    }

    fn leaders(&self, order: Order, each: &mut dyn FnMut(&Leaders)) -> Result<()> {
        each(&self.leaders[order as usize]);
        Ok(())
    }

    fn context_items(&self, context: ContextId, items: &[ItemId], each: &mut dyn FnMut(ItemId, LogSum)) -> Result<()> {
        for item in items {
            if let Some(stats) = self.context_items.get(&(context, *item)).filter(|stats| stats.events > 0) {
                each(*item, stats.score);
            }
        }
        Ok(())
    }

    fn context_trending(&self, context: ContextId, n: usize) -> Result<Vec<(ItemId, LogSum)>> {
        let inside = self.context_items.iter().filter(|((found, _), stats)| *found == context && stats.events > 0);
        let mut list: Vec<_> = inside.map(|(&(_, item), stats)| (item, stats.score)).collect();
        best_first(&mut list, n);
        Ok(list)
    }
}
