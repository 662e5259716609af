//! Rows that this backend has read, kept as long as the packed rows stay the same.
//!
//! A generation stands for one state of the packed rows and is never given twice, not even after a rollback: whoever
//! reads the same generation in `recommend.state` may use what was read under it. Memory is bounded by count: some
//! 20 MB a backend in all.

use std::cell::RefCell;
use std::collections::HashMap;

use engine::decay::LogSum;
use engine::packed::Leaders;
use engine::recommend::{Head, Weights};
use engine::store::{ItemStats, Order};
use engine::{ItemId, Result, SessionId};
use rustc_hash::FxHashMap;

use crate::key::Key;

const MAX_ITEMS: usize = 100_000;
/// Some 200,000 sessions of a shop: a row is 12 bytes and 4 for each item.
const MAX_SESSION_BYTES: usize = 8 << 20;

/// What was read of one recommender.
#[derive(Default)]
pub struct RowCache {
    generation: i64,
    items: FxHashMap<ItemId, ItemStats>,
    keys: FxHashMap<ItemId, Key>,
    trending: Vec<(ItemId, LogSum)>,
    /// How many trending items were asked for when `trending` was read.
    trending_asked: usize,
    /// Where each session's row lies in `session_bytes`: first byte and length.
    sessions: FxHashMap<SessionId, (u32, u32)>,
    leaders: [Option<Leaders>; Order::ALL.len()],
    weights: Option<[Weights; Head::ALL.len()]>,
    session_bytes: Vec<u8>,
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

    /// The place for the leaders of an order.
    pub fn leaders(&mut self, order: Order) -> &mut Option<Leaders> {
        &mut self.leaders[order as usize]
    }

    /// The place for the weights of each kind of question.
    pub fn weights(&mut self) -> &mut Option<[Weights; Head::ALL.len()]> {
        &mut self.weights
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

    /// Splits sessions into those at hand, whose rows are handed to `each`, and those to be read.
    pub fn sessions(&self, ids: &[SessionId], each: &mut dyn FnMut(SessionId, &[u8]) -> Result<()>) -> Result<Vec<SessionId>> {
        let mut missing = Vec::new();
        for id in ids {
            match self.sessions.get(id) {
                Some(&(first, length)) => each(*id, &self.session_bytes[first as usize..][..length as usize])?,
                None => missing.push(*id),
            }
        }
        Ok(missing)
    }

    /// Keeps a session's row.
    pub fn keep_session(&mut self, id: SessionId, row: &[u8]) {
        if self.session_bytes.len() + row.len() > MAX_SESSION_BYTES {
            self.sessions.clear();
            self.session_bytes.clear();
        }
        self.sessions.insert(id, (self.session_bytes.len() as u32, row.len() as u32));
        self.session_bytes.extend_from_slice(row);
    }
}
