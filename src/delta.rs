//! The visible delta, folded: what a reader lays over the packed rows.
//!
//! A backend keeps the folded delta between calls. Each call scans the delta table, and folds again only the users whose
//! rows are not the ones that it has folded; so the cost of a call grows with what is new, not with the backlog.
//! All of it is dropped when the compactor's generation moves.

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

/// The folded delta of one recommender, good for one generation and epoch.
#[derive(Debug)]
pub struct Delta {
    generation: i64,
    epoch: i32,
    users: HashMap<Key, FoldedUser>,
    next_user: UserId,
    known: Known,
    unpacked: Unpacked,
}

thread_local! {
    static KEPT: RefCell<HashMap<i32, Delta>> = RefCell::new(HashMap::new());
}

impl Delta {
    /// The delta that the active snapshot shows, up to `horizon`. Give it back to [`Delta::keep`] when done.
    pub fn visible(rows: &PackedRows<'_>, rules: &Rules, horizon: Micros) -> Result<Self> {
        let (recommender, state) = (rows.recommender(), rows.state());
        let kept = KEPT.with_borrow_mut(|kept| kept.remove(&recommender.id));
        let current = |delta: &Delta| delta.generation == state.generation && delta.epoch == state.epoch;
        let mut delta = kept.filter(current).unwrap_or_else(|| Self {
            generation: state.generation,
            epoch: state.epoch,
            users: HashMap::new(),
            next_user: FIRST_UNPACKED,
            known: Known::starting(FIRST_UNPACKED, FIRST_UNPACKED),
            unpacked: Unpacked::new(Landmark { at: state.newest_at.unwrap_or(0), half_life: rules.half_life }),
        });
        delta.refresh(rows, rules, horizon)?;
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

    fn refresh(&mut self, rows: &PackedRows<'_>, rules: &Rules, horizon: Micros) -> Result<()> {
        let mut found: HashMap<Key, (u64, Vec<DeltaRow>)> = HashMap::new();
        scan(rows.recommender(), self.epoch, horizon, |met| {
            if let Met::Event(row) = met {
                let (fingerprint, events) = found.entry(row.user.clone()).or_default();
                *fingerprint = fingerprint.wrapping_add(hash(&row.version));
                events.push(row);
            }
            Ok(true)
        })?;
        let unpacked = &mut self.unpacked;
        self.users.retain(|key, folded| {
            let stays = found.contains_key(key);
            if !stays {
                unpacked.remove(folded.number);
            }
            stays
        });
        found.retain(|key, (fingerprint, _)| self.users.get(key).is_none_or(|folded| folded.fingerprint != *fingerprint));
        if found.is_empty() {
            return Ok(());
        }
        let known = std::mem::replace(&mut self.known, Known::starting(FIRST_UNPACKED, FIRST_UNPACKED));
        let numbers = Numbers::new(rows, known);
        let result = self.fold(rows, rules, horizon, &numbers, found);
        self.known = numbers.into_known();
        self.unpacked.set_new_items(self.known.new_items.len() as u32);
        result
    }

    fn fold(
        &mut self,
        rows: &PackedRows<'_>,
        rules: &Rules,
        horizon: Micros,
        numbers: &Numbers<'_>,
        found: HashMap<Key, (u64, Vec<DeltaRow>)>,
    ) -> Result<()> {
        let mut stored = rows.users();
        for (key, (fingerprint, events)) in found {
            let (number, history) = match rows.user(&mut stored, &key)? {
                Some((number, history)) => (number, Some(history)),
                None => (self.users.get(&key).map_or(self.next_user, |folded| folded.number), None),
            };
            if number == self.next_user {
                self.next_user += 1;
            }
            let batch = user_batch(numbers, number, history, &events)?;
            let past = PastEvents { rows, numbers, users: &FxHashMap::from_iter([(number, key.clone())]), horizon };
            let landmark = self.unpacked.landmark().at;
            let changes = fold(vec![batch], rules, landmark, self.unpacked.next_session(), &past, &interrupt::checker())?;
            self.unpacked.insert(number, changes);
            self.users.insert(key, FoldedUser { number, fingerprint });
        }
        Ok(())
    }
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
