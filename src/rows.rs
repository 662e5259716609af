//! The engine's store over Postgres: packed rows of one recommender as the active snapshot sees them.

use engine::decay::LogSum;
use engine::learn::Learnt;
use engine::packed::{History, HistoryView, Leaders, NeighborsView, Session, SessionView, UserInterest, VisitsView};
use engine::recommend::{Head, Weights};
use engine::store::{ItemStats, Order, Store, Totals};
use engine::{ContextId, Error, ItemId, Result, SessionId, UserId};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use crate::catalog::Recommender;
use crate::key::{Key, KeyType};
use crate::numbers::rules;
use crate::pg::fetch::{Columns, Equality, INTEGER, Scan};
use crate::pg::varlena::Bytes;
use crate::row_cache;
use crate::totals::{State, float8, int8, number, number_datum};

/// The packed rows.
pub struct PackedRows<'a> {
    recommender: &'a Recommender,
    state: State,
}

impl<'a> PackedRows<'a> {
    /// The rows that go with `state`, read under the snapshot that is active at each call.
    pub fn new(recommender: &'a Recommender, state: State) -> Self {
        Self { recommender, state }
    }

    /// Whose rows they are.
    pub fn recommender(&self) -> &Recommender {
        self.recommender
    }

    /// The totals that the rows go with.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Calls `each` with the bytes of column 2 of each of `nodes` that has a row.
    fn packed(
        &self,
        table: pg_sys::Oid,
        index: pg_sys::Oid,
        column: i16,
        nodes: &[u32],
        each: &mut dyn FnMut(u32, &[u8]) -> Result<()>,
    ) -> Result<()> {
        if nodes.is_empty() || self.state.is_void() {
            return Ok(());
        }
        let mut sorted = nodes.to_vec();
        sorted.sort_unstable();
        let mut scan = Scan::open(table, index, &[INTEGER]);
        for node in sorted {
            if let Some(datum) = scan.get(&[number_datum(node)]).and_then(|row| row.datum(column)) {
                each(node, &bytes(datum))?;
            }
        }
        Ok(())
    }

    /// A user's number and history.
    pub fn user(&self, users: &mut KeyScan, key: &Key) -> Result<Option<(UserId, History)>> {
        if self.state.is_void() {
            return Ok(None);
        }
        let Some(row) = users.get(key)? else { return Ok(None) };
        let (Some(node), Some(history)) = (row.datum(2), row.datum(3)) else { return Ok(None) };
        let history = bytes(history);
        let view = HistoryView::parse(&history)?;
        Ok(Some((number(node), History::from_view(&view, rules(self.recommender).half_life))))
    }

    /// The stored interests of users.
    pub fn interests(&self, users: &[UserId]) -> Result<FxHashMap<UserId, UserInterest>> {
        let tables = &self.recommender.tables;
        let mut interests = FxHashMap::default();
        self.packed(tables.interests, tables.interests_pkey, 2, users, &mut |user, bytes| {
            interests.insert(user, UserInterest::parse(bytes)?);
            Ok(())
        })?;
        Ok(interests)
    }

    /// An item's number.
    pub fn item(&self, items: &mut KeyScan, key: &Key) -> Result<Option<ItemId>> {
        if self.state.is_void() {
            return Ok(None);
        }
        Ok(items.get(key)?.and_then(|row| row.datum(1)).map(number))
    }

    /// The keys of items, in the order asked; `None` for unknown numbers.
    pub fn item_keys(&self, items: &[ItemId]) -> Result<Vec<Option<Key>>> {
        let tables = &self.recommender.tables;
        row_cache::with(self.recommender.id, self.state.generation, |cache| {
            let mut scan = None;
            let mut read = |item: ItemId| -> Result<Option<Key>> {
                if let Some(key) = cache.key(item) {
                    return Ok(Some(key.clone()));
                }
                let scan = scan.get_or_insert_with(|| Scan::open(tables.items, tables.items_pkey, &[INTEGER]));
                let Some(datum) = scan.get(&[number_datum(item)]).and_then(|row| row.datum(2)) else { return Ok(None) };
                let key = key_of(datum, self.recommender.item.key)?;
                cache.keep_key(item, key.clone());
                Ok(Some(key))
            };
            items.iter().map(|item| read(*item)).collect()
        })
    }

    /// Fills in the stored popularities within contexts; those that are not stored stay as they are.
    pub fn context_stats(&self, wanted: &mut FxHashMap<(ContextId, ItemId), ItemStats>) -> Result<()> {
        if wanted.is_empty() || self.state.is_void() {
            return Ok(());
        }
        let tables = &self.recommender.tables;
        let mut scan = Scan::open(tables.context_items, tables.context_items_pkey, &[INTEGER, INTEGER]);
        for ((context, item), stats) in wanted {
            let Some(row) = scan.get(&[number_datum(*context), number_datum(*item)]) else { continue };
            if let (Some(score), Some(events)) = (row.datum(3), row.datum(4)) {
                *stats = ItemStats { score: LogSum(float8(score)), events: int8(events), ..ItemStats::NONE };
            }
        }
        Ok(())
    }

    /// What was learnt of the weights, to be learnt on.
    pub fn learnt(&self) -> Result<Learnt> {
        let tables = &self.recommender.tables;
        let mut learnt = Learnt::default();
        self.packed(tables.learnt, tables.learnt_pkey, 2, &[0], &mut |_, bytes| {
            learnt = Learnt::parse(bytes)?;
            Ok(())
        })?;
        Ok(learnt)
    }

    /// The weights that serve a kind of question.
    pub fn weights(&self, head: Head) -> Result<Weights> {
        if self.state.is_void() {
            return Ok(*head.prior());
        }
        row_cache::with(self.recommender.id, self.state.generation, |cache| {
            let kept = cache.weights();
            let weights = match kept {
                Some(weights) => weights,
                None => {
                    let learnt = if self.recommender.learn { self.learnt()? } else { Learnt::default() };
                    kept.insert(Head::ALL.map(|head| learnt.weights(head)))
                }
            };
            Ok(weights[head as usize])
        })
    }

    /// The leaders of all items, of which `changed` are not written yet.
    pub fn leaders_anew(&self, order: Order, changed: &FxHashMap<ItemId, ItemStats>) -> Result<Leaders> {
        let tables = &self.recommender.tables;
        let mut ranks: FxHashMap<ItemId, f64> = FxHashMap::default();
        let mut scan = Scan::open(tables.items, tables.items_score, &[]);
        scan.seek(&[]);
        while let Some(row) = scan.next_row() {
            if let Some(node) = row.datum(1) {
                ranks.insert(number(node), order.rank(&item_stats(&row)));
            }
        }
        ranks.extend(changed.iter().map(|(item, stats)| (*item, order.rank(stats))));
        Ok(Leaders::of(ranks.into_iter()))
    }

    fn read_trending(&self, n: usize) -> Vec<(ItemId, LogSum)> {
        let tables = &self.recommender.tables;
        let mut list = Vec::new();
        let mut scan = Scan::open(tables.items, tables.items_score, &[]);
        scan.seek(&[]);
        while list.len() < n {
            let Some(row) = scan.next_row() else { break };
            if let (Some(node), Some(score)) = (row.datum(1), row.datum(3)) {
                list.push((number(node), LogSum(float8(score))));
            }
        }
        list
    }

    /// A scan of the users by key.
    pub fn users(&self) -> KeyScan {
        let tables = &self.recommender.tables;
        KeyScan::open(tables.users, tables.users_pkey, self.recommender.user.key)
    }

    /// A scan of the items by key.
    pub fn items_by_key(&self) -> KeyScan {
        let tables = &self.recommender.tables;
        KeyScan::open(tables.items, tables.items_key, self.recommender.item.key)
    }
}

/// A scan by a user's or an item's own key.
pub struct KeyScan {
    scan: Scan,
    key_type: KeyType,
}

impl KeyScan {
    fn open(table: pg_sys::Oid, index: pg_sys::Oid, key_type: KeyType) -> Self {
        Self { scan: Scan::open(table, index, &[equality(key_type)]), key_type }
    }

    fn get(&mut self, key: &Key) -> Result<Option<Columns<'_>>> {
        // A key that the column's type cannot hold is in no row.
        let Ok(datum) = key.to_datum(self.key_type.oid()) else { return Ok(None) };
        Ok(self.scan.get(&[datum]))
    }
}

/// How keys of a type are compared.
pub fn equality(key_type: KeyType) -> Equality {
    let procedure = match key_type {
        KeyType::Int2 => pg_sys::F_INT2EQ,
        KeyType::Int4 => pg_sys::F_INT4EQ,
        KeyType::Int8 => pg_sys::F_INT8EQ,
        KeyType::Uuid => pg_sys::F_UUID_EQ,
        KeyType::Text => pg_sys::F_TEXTEQ,
    };
    let collation = if key_type == KeyType::Text { pg_sys::C_COLLATION_OID } else { pg_sys::InvalidOid };
    Equality { procedure: pg_sys::Oid::from(procedure), collation }
}

fn key_of(datum: pg_sys::Datum, key_type: KeyType) -> Result<Key> {
    Key::from_datum(datum, key_type.oid()).map_err(|error| Error::Store(error.to_string()))
}

/// The stats in a row of the items.
fn item_stats(row: &Columns<'_>) -> ItemStats {
    let sum = |column| row.datum(column).map_or(LogSum::EMPTY, |sum| LogSum(float8(sum)));
    let count = |column| row.datum(column).map_or(0, int8);
    ItemStats {
        score: sum(3),
        events: count(4),
        last_at: row.datum(5).map_or(i64::MIN, int8),
        windows: [6, 7, 8, 9].map(sum),
        sessions: sum(10),
        users: sum(11),
        repeats: count(12),
        seconds: count(13),
    }
}

/// The bytes of a packed column of the row that a scan stands on.
#[allow(unsafe_code)]
pub fn bytes(datum: pg_sys::Datum) -> Bytes {
    // SAFETY: a packed column of the row that the scan stands on.
    unsafe { Bytes::of(datum) }
}

impl Store for PackedRows<'_> {
    fn totals(&self) -> Result<Totals> {
        let state = &self.state;
        if state.is_void() {
            return Ok(Totals::NONE);
        }
        Ok(state.totals)
    }

    fn neighbors(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, NeighborsView<'_>)) -> Result<()> {
        let tables = &self.recommender.tables;
        self.packed(tables.neighbors, tables.neighbors_pkey, 2, items, &mut |item, bytes| {
            each(item, NeighborsView::parse(bytes)?);
            Ok(())
        })
    }

    fn visits(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, VisitsView<'_>)) -> Result<()> {
        let tables = &self.recommender.tables;
        self.packed(tables.visits, tables.visits_pkey, 2, items, &mut |item, bytes| {
            each(item, VisitsView::parse(bytes)?);
            Ok(())
        })
    }

    fn sessions(&self, ids: &[SessionId], each: &mut dyn FnMut(SessionId, SessionView<'_>)) -> Result<()> {
        if self.state.is_void() {
            return Ok(());
        }
        let tables = &self.recommender.tables;
        row_cache::with(self.recommender.id, self.state.generation, |cache| {
            let mut view = |id, bytes: &[u8]| {
                each(id, SessionView::parse(bytes)?);
                Ok(())
            };
            let missing = cache.sessions(ids, &mut view)?;
            self.packed(tables.sessions, tables.sessions_pkey, 3, &missing, &mut |id, bytes| {
                cache.keep_session(id, bytes);
                view(id, bytes)
            })
        })
    }

    fn items(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, ItemStats)) -> Result<()> {
        if self.state.is_void() {
            return Ok(());
        }
        row_cache::with(self.recommender.id, self.state.generation, |cache| {
            let mut missing = cache.items(items, each);
            if missing.is_empty() {
                return Ok(());
            }
            missing.sort_unstable();
            let tables = &self.recommender.tables;
            let mut scan = Scan::open(tables.items, tables.items_pkey, &[INTEGER]);
            for item in missing {
                let Some(row) = scan.get(&[number_datum(item)]) else { continue };
                let stats = item_stats(&row);
                if stats.events > 0 {
                    each(item, stats);
                    cache.keep_item(item, stats);
                }
            }
            Ok(())
        })
    }

    fn trending(&self, n: usize) -> Result<Vec<(ItemId, LogSum)>> {
        if self.state.is_void() {
            return Ok(Vec::new());
        }
        row_cache::with(self.recommender.id, self.state.generation, |cache| {
            if let Some(list) = cache.trending(n) {
                return Ok(list);
            }
            let list = self.read_trending(n);
            cache.keep_trending(n, &list);
            Ok(list)
        })
    }

    fn leaders(&self, order: Order, each: &mut dyn FnMut(&Leaders)) -> Result<()> {
        if self.state.is_void() {
            each(&Leaders::default());
            return Ok(());
        }
        row_cache::with(self.recommender.id, self.state.generation, |cache| {
            let leaders = cache.leaders(order);
            if leaders.is_none() {
                let tables = &self.recommender.tables;
                self.packed(tables.leaders, tables.leaders_pkey, 2, &[order as u32], &mut |_, bytes| {
                    *leaders = Some(Leaders::parse(bytes)?);
                    Ok(())
                })?;
            }
            each(leaders.get_or_insert_default());
            Ok(())
        })
    }

    fn context_items(&self, context: ContextId, items: &[ItemId], each: &mut dyn FnMut(ItemId, LogSum)) -> Result<()> {
        if self.state.is_void() {
            return Ok(());
        }
        let tables = &self.recommender.tables;
        let mut scan = Scan::open(tables.context_items, tables.context_items_pkey, &[INTEGER, INTEGER]);
        for &item in items {
            if let Some(score) = scan.get(&[number_datum(context), number_datum(item)]).and_then(|row| row.datum(3)) {
                each(item, LogSum(float8(score)));
            }
        }
        Ok(())
    }

    fn context_trending(&self, context: ContextId, n: usize) -> Result<Vec<(ItemId, LogSum)>> {
        let mut list = Vec::new();
        if self.state.is_void() {
            return Ok(list);
        }
        let tables = &self.recommender.tables;
        let mut scan = Scan::open(tables.context_items, tables.context_items_score, &[INTEGER]);
        scan.seek(&[number_datum(context)]);
        while list.len() < n {
            let Some(row) = scan.next_row() else { break };
            if let (Some(item), Some(score)) = (row.datum(2), row.datum(3)) {
                list.push((number(item), LogSum(float8(score))));
            }
        }
        Ok(list)
    }
}

/// The stored sessions, as the fold reads them.
pub fn past_sessions(rows: &PackedRows<'_>, ids: &[SessionId]) -> Result<FxHashMap<SessionId, Session>> {
    let mut sessions = FxHashMap::default();
    Store::sessions(rows, ids, &mut |id, view| {
        sessions.insert(id, Session::from_view(&view));
    })?;
    Ok(sessions)
}

/// A user's stored sessions.
pub fn past_sessions_of(rows: &PackedRows<'_>, user: UserId) -> Result<Vec<(SessionId, Session)>> {
    let mut sessions = Vec::new();
    if rows.state.is_void() {
        return Ok(sessions);
    }
    let tables = &rows.recommender.tables;
    let mut scan = Scan::open(tables.sessions, tables.sessions_user, &[INTEGER]);
    scan.seek(&[number_datum(user)]);
    while let Some(row) = scan.next_row() {
        if let (Some(node), Some(items)) = (row.datum(1), row.datum(3)) {
            sessions.push((number(node), Session::from_view(&SessionView::parse(&bytes(items))?)));
        }
    }
    Ok(sessions)
}
