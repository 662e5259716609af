//! The visible delta, folded: what a reader lays over the packed rows.
//!
//! A backend keeps the folded delta between calls. Each call scans the delta table, and folds again only the users whose
//! rows are not the ones that it has folded; so the cost of a call grows with what is new, not with the backlog.
//! All of it is dropped when the compactor has been at work.

use std::cell::RefCell;
use std::collections::HashMap;

use engine::event::{Event, Rules};
use engine::fold::{Past, UserBatch, fold};
use engine::packed::{History, Landmark, Session};
use engine::store::overlay::Unpacked;
use engine::{Micros, Result, SessionId, UserId};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

use crate::catalog::Recommender;
use crate::key::Key;
use crate::numbers::{KeyedEvent, Known, Numbers, store_error};
use crate::pg::fetch::{Version, scan_heap};
use crate::pg::interrupt;
use crate::rows::{PackedRows, past_sessions, past_sessions_of};
use crate::totals::int4;

/// The first number of users, items and contexts that exist only in the delta; stored ones are smaller.
const FIRST_UNPACKED: u32 = 1 << 31;

/// One row of the delta table that changes something.
#[derive(Debug, Clone)]
pub struct DeltaRow {
    /// The row version.
    pub version: Version,
    /// True for an event that came, false for one that went.
    pub added: bool,
    /// The user.
    pub user: Key,
    /// The event.
    pub event: KeyedEvent,
}

/// What a scan of the delta meets.
pub enum Met {
    /// An event that came or went.
    Event(DeltaRow),
    /// A row that is no event: counted as skipped, by 1 or -1.
    Skipped(Version, i64),
    /// A row of an epoch that TRUNCATE has ended.
    Gone(Version),
    /// An event dated after the horizon.
    Future,
}

/// Calls `each` with what the active snapshot shows of the delta, until it gives false.
pub fn scan(recommender: &Recommender, epoch: i32, horizon: Micros, mut each: impl FnMut(Met) -> Result<bool>) -> Result<()> {
    let mut failed = None;
    scan_heap(recommender.tables.delta, |row| {
        let met = || -> Result<Met> {
            if row.datum(1).map(int4) != Some(epoch) {
                return Ok(Met::Gone(row.version));
            }
            let change = row.datum(2).map_or(0, |datum| datum.value() as i16);
            let event = KeyedEvent::read(recommender, std::array::from_fn(|column| row.datum(column + 4)))?;
            let (Some(user), Some(event)) = (row.datum(3), event) else {
                let weight = row.datum(6).map_or(0.0, crate::totals::float4);
                return Ok(Met::Skipped(row.version, if weight < 0.0 { -1 } else { 1 }));
            };
            if event.at > horizon {
                return Ok(Met::Future);
            }
            let user = Key::read(user, recommender.user.key).map_err(store_error)?;
            Ok(Met::Event(DeltaRow { version: row.version, added: change > 0, user, event }))
        };
        match met().and_then(&mut each) {
            Ok(go_on) => go_on,
            Err(error) => {
                failed = Some(error);
                false
            }
        }
    });
    failed.map_or(Ok(()), Err)
}

/// What the fold reads beyond its batches, from one snapshot.
pub struct PastEvents<'a> {
    /// The packed rows.
    pub rows: &'a PackedRows<'a>,
    /// The numbers of keys.
    pub numbers: &'a Numbers<'a>,
    /// The users' keys, by number.
    pub users: &'a FxHashMap<UserId, Key>,
    /// Events after it do not count.
    pub horizon: Micros,
}

impl Past for PastEvents<'_> {
    fn sessions(&self, ids: &[SessionId]) -> Result<FxHashMap<SessionId, Session>> {
        past_sessions(self.rows, ids)
    }

    fn sessions_of(&self, user: UserId) -> Result<Vec<(SessionId, Session)>> {
        past_sessions_of(self.rows, user)
    }

    fn events_of(&self, batch: &UserBatch) -> Result<Vec<Event>> {
        match self.users.get(&batch.user) {
            Some(key) => self.numbers.events_of(self.rows.recommender(), key, self.horizon),
            None => Ok(Vec::new()),
        }
    }
}

#[derive(Debug)]
struct FoldedUser {
    number: UserId,
    fingerprint: u64,
}

/// What the delta shows of one user: the sum of the hashes of the row versions, and the rows.
type Rows = (u64, Vec<DeltaRow>);

/// How many half-lives an event may lie after the landmark: f64 holds 2^1023.
const MAX_EXPONENT: f64 = 500.0;

/// The folded delta of one recommender, good for one version of its state and one epoch.
#[derive(Debug)]
pub struct Delta {
    version: Version,
    epoch: i32,
    half_life_us: i64,
    users: HashMap<Key, FoldedUser>,
    next_user: UserId,
    known: Known,
    unpacked: Unpacked,
}

thread_local! {
    static KEPT: RefCell<HashMap<i32, Delta>> = RefCell::new(HashMap::new());
}

fn nothing_known() -> Known {
    Known::starting(FIRST_UNPACKED, FIRST_UNPACKED)
}

impl Delta {
    /// Nothing folded; `newest` is the time that weights are measured from.
    fn empty(rows: &PackedRows<'_>, rules: &Rules, newest: Micros) -> Self {
        let state = rows.state();
        Self {
            version: state.version,
            epoch: state.epoch,
            half_life_us: rows.recommender().half_life_us,
            users: HashMap::new(),
            next_user: FIRST_UNPACKED,
            known: nothing_known(),
            unpacked: Unpacked::new(Landmark { at: newest, half_life: rules.half_life }),
        }
    }

    /// The delta that the active snapshot shows, up to `horizon`. Give it back to [`Delta::keep`] when done.
    pub fn visible(rows: &PackedRows<'_>, rules: &Rules, horizon: Micros) -> Result<Self> {
        let (recommender, state) = (rows.recommender(), rows.state());
        let found = visible_rows(recommender, state.epoch, horizon)?;
        let newest = found.values().flat_map(|(_, rows)| rows).map(|row| row.event.at).max();
        let newest = newest.max(state.newest_at.filter(|_| !state.is_void())).unwrap_or(0);
        let current = |delta: &Delta| {
            delta.version == state.version
                && delta.epoch == state.epoch
                && delta.half_life_us == recommender.half_life_us
                && rules.half_life.between(delta.unpacked.landmark().at, newest) <= MAX_EXPONENT
        };
        let kept = KEPT.with_borrow_mut(|kept| kept.remove(&recommender.id)).filter(current);
        let mut delta = kept.unwrap_or_else(|| Self::empty(rows, rules, newest));
        if !delta.holds(&found) {
            delta.refresh(rows, rules, horizon, newest, found)?;
        }
        Ok(delta)
    }

    /// Keeps the folded delta for the next call.
    pub fn keep(self, recommender: i32) {
        KEPT.with_borrow_mut(|kept| kept.insert(recommender, self));
    }

    /// The folded events.
    pub fn unpacked(&self) -> &Unpacked {
        &self.unpacked
    }

    /// The numbers of new items and contexts.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The user's history where the delta changes it; `Some(None)` where none is left.
    pub fn history(&self, user: &Key) -> Option<Option<&History>> {
        self.users.get(user).and_then(|folded| self.unpacked.history(folded.number))
    }

    fn holds_user(&self, user: &Key, fingerprint: u64) -> bool {
        self.users.get(user).is_some_and(|folded| folded.fingerprint == fingerprint)
    }

    fn holds(&self, found: &HashMap<Key, Rows>) -> bool {
        found.len() == self.users.len() && found.iter().all(|(user, (fingerprint, _))| self.holds_user(user, *fingerprint))
    }

    /// Folds what is not folded yet. New items get their numbers in the order in which the compactor gives them, because equal scores
    /// are ordered by number; where that order has changed, everything is folded anew.
    fn refresh(&mut self, rows: &PackedRows<'_>, rules: &Rules, horizon: Micros, newest: Micros, found: HashMap<Key, Rows>) -> Result<()> {
        let mut numbers = Numbers::new(rows, std::mem::replace(&mut self.known, nothing_known()));
        let order = new_items(&numbers, &found)?;
        if !numbers.continued_by(&order) {
            *self = Self::empty(rows, rules, newest);
            numbers = Numbers::new(rows, nothing_known());
        }
        for item in order {
            numbers.item(item)?;
        }
        let unpacked = &mut self.unpacked;
        self.users.retain(|key, folded| {
            let stays = found.contains_key(key);
            if !stays {
                unpacked.remove(folded.number);
            }
            stays
        });
        let mut changed: Vec<(&Key, &Rows)> =
            found.iter().filter(|(user, (fingerprint, _))| !self.holds_user(user, *fingerprint)).collect();
        // By their first events, as the compactor does it: sessions are numbered on the way.
        changed.sort_by_cached_key(|(user, (_, rows))| (rows.iter().map(|row| (row.event.at, row.event.item.tie())).min(), user.tie()));
        self.fold(rows, rules, horizon, &numbers, &changed)?;
        self.known = numbers.into_known();
        self.unpacked.set_new_items(self.known.new_items.len() as u32);
        Ok(())
    }

    fn fold(
        &mut self,
        rows: &PackedRows<'_>,
        rules: &Rules,
        horizon: Micros,
        numbers: &Numbers<'_>,
        changed: &[(&Key, &Rows)],
    ) -> Result<()> {
        let mut stored = rows.users();
        for &(key, (fingerprint, events)) in changed {
            let (number, history) = match rows.user(&mut stored, key)? {
                Some((number, history)) => (number, Some(history)),
                None => (self.users.get(key).map_or(self.next_user, |folded| folded.number), None),
            };
            if number == self.next_user {
                self.next_user += 1;
            }
            let batch = user_batch(numbers, number, history, events)?;
            let past = PastEvents { rows, numbers, users: &FxHashMap::from_iter([(number, key.clone())]), horizon };
            let landmark = self.unpacked.landmark().at;
            let changes = fold(vec![batch], rules, landmark, self.unpacked.next_session(), &past, &interrupt::checker())?;
            self.unpacked.insert(number, changes);
            self.users.insert(key.clone(), FoldedUser { number, fingerprint: *fingerprint });
        }
        Ok(())
    }
}

/// The events that the active snapshot shows of the delta, by user.
fn visible_rows(recommender: &Recommender, epoch: i32, horizon: Micros) -> Result<HashMap<Key, Rows>> {
    let mut found: HashMap<Key, Rows> = HashMap::new();
    scan(recommender, epoch, horizon, |met| {
        if let Met::Event(row) = met {
            let (fingerprint, events) = found.entry(row.user.clone()).or_default();
            *fingerprint = fingerprint.wrapping_add(hash(&row.version));
            events.push(row);
        }
        Ok(true)
    })?;
    Ok(found)
}

/// The items that have no stored number, in the order in which they were first seen.
fn new_items<'a>(numbers: &Numbers<'_>, found: &'a HashMap<Key, Rows>) -> Result<Vec<&'a Key>> {
    let mut first: HashMap<&Key, (Micros, u64)> = HashMap::new();
    for event in found.values().flat_map(|(_, rows)| rows).map(|row| &row.event) {
        if !numbers.is_stored(&event.item)? {
            let seen = (event.at, event.item.tie());
            first.entry(&event.item).and_modify(|first| *first = seen.min(*first)).or_insert(seen);
        }
    }
    let mut order: Vec<&Key> = first.keys().copied().collect();
    order.sort_unstable_by_key(|item| (first[item], *item));
    Ok(order)
}

/// A user's delta rows as a batch for the fold.
pub fn user_batch(numbers: &Numbers<'_>, user: UserId, history: Option<History>, rows: &[DeltaRow]) -> Result<UserBatch> {
    let mut batch = UserBatch { user, history, added: Vec::new(), removed: Vec::new() };
    for row in rows {
        let event = numbers.event(&row.event)?;
        if row.added { batch.added.push(event) } else { batch.removed.push(event) }
    }
    Ok(batch)
}

fn hash(version: &Version) -> u64 {
    let mut hasher = FxHasher::default();
    version.hash(&mut hasher);
    hasher.finish()
}
