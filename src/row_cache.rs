//! Rows that this backend has read, kept as long as the packed rows stay the same.
//!
//! A generation stands for one state of the packed rows and is never given twice, not even after a rollback: whoever
//! reads the same generation in `recommend.state` may use what was read under it. Memory is bounded by count: some
//! 15 MB a backend in all.

use std::cell::RefCell;
use std::collections::HashMap;

use engine::decay::LogSum;
use engine::packed::Session;
use engine::store::ItemStats;
use engine::{ItemId, SessionId};
use rustc_hash::FxHashMap;

use crate::key::Key;

const MAX_ITEMS: usize = 100_000;
const MAX_SESSIONS: usize = 50_000;

/// What was read of one recommender.
#[derive(Default)]
pub struct RowCache {
    generation: i64,
    items: FxHashMap<ItemId, ItemStats>,
    keys: FxHashMap<ItemId, Key>,
    trending: Vec<(ItemId, LogSum)>,
    /// How many trending items were asked for when `trending` was read.
    trending_asked: usize,
    sessions: FxHashMap<SessionId, Session>,
}

thread_local! {
    static CACHES: RefCell<HashMap<i32, RowCache>> = RefCell::new(HashMap::new());
}

/// Works with the cache of `recommender` at `generation`, emptied if it was of another one.
pub fn with<T>(recommender: i32, generation: i64, work: impl FnOnce(&mut RowCache) -> T) -> T {
    CACHES.with_borrow_mut(|caches| {
        let cache = caches.entry(recommender).or_default();
        if cache.generation != generation {
            *cache = RowCache { generation, ..RowCache::default() };
        }
        work(cache)
    })
}

impl RowCache {
    /// Splits items into those at hand, handed to `each`, and those to be read.
    pub fn items(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, ItemStats)) -> Vec<ItemId> {
        let mut missing = Vec::new();
        for item in items {
            match self.items.get(item) {
                Some(stats) => each(*item, *stats),
                None => missing.push(*item),
            }
        }
        missing
    }

    /// Keeps an item.
    pub fn keep_item(&mut self, item: ItemId, stats: ItemStats) {
        if self.items.len() >= MAX_ITEMS {
            self.items.clear();
        }
        self.items.insert(item, stats);
    }

    /// The `n` most popular items, if that many were read.
    pub fn trending(&self, n: usize) -> Option<Vec<(ItemId, LogSum)>> {
        (n <= self.trending_asked).then(|| self.trending[..n.min(self.trending.len())].to_vec())
    }

    /// Keeps the `n` most popular items, unless they are too many.
    pub fn keep_trending(&mut self, n: usize, list: &[(ItemId, LogSum)]) {
        if list.len() <= MAX_ITEMS {
            self.trending_asked = n;
            self.trending = list.to_vec();
        }
    }

    /// An item's key.
    pub fn key(&self, item: ItemId) -> Option<&Key> {
        self.keys.get(&item)
    }

    /// Keeps an item's key.
    pub fn keep_key(&mut self, item: ItemId, key: Key) {
        if self.keys.len() >= MAX_ITEMS {
            self.keys.clear();
        }
        self.keys.insert(item, key);
    }

    /// Splits sessions into those at hand, handed to `each`, and those to be read.
    pub fn sessions(&self, ids: &[SessionId], each: &mut dyn FnMut(SessionId, &Session)) -> Vec<SessionId> {
        let mut missing = Vec::new();
        for id in ids {
            match self.sessions.get(id) {
                Some(session) => each(*id, session),
                None => missing.push(*id),
            }
        }
        missing
    }

    /// Keeps a session.
    pub fn keep_session(&mut self, id: SessionId, session: Session) {
        if self.sessions.len() >= MAX_SESSIONS {
            self.sessions.clear();
        }
        self.sessions.insert(id, session);
    }
}
