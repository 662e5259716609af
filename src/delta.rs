//! The visible delta, folded: what a reader lays over the packed rows.
//!
//! A backend keeps the folded delta between calls. Each call scans the delta table, and folds again only the users whose
//! rows are not the ones that it has folded; so the cost of a call grows with what is new, not with the backlog.
//! All of it is dropped when the compactor's generation moves.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use engine::decay::HalfLife;
use engine::event::{Event, Rules};
use engine::fold::{Past, UserBatch, fold};
use engine::packed::{History, Landmark, Session, UserInterest};
use engine::store::overlay::Unpacked;
use engine::{Micros, Result, SessionId, UserId};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use crate::catalog::Recommender;
use crate::delta_rows::{Change, DeltaTable, Met, MetRows};
use crate::key::Key;
use crate::numbers::{KeyedEvent, Known as KnownNumbers, Numbers, context_hash};
use crate::pg::fetch::HeapRow;
use crate::pg::interrupt;
use crate::rows::{PackedRows, past_sessions, past_sessions_of};
use crate::totals::State;
use crate::user_interest;

/// The first number of users, items and contexts that exist only in the delta; stored ones are smaller.
const FIRST_UNPACKED: u32 = 1 << 31;

/// The number of a user who has none yet.
const NO_USER: UserId = UserId::MAX;

/// An event with whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct UserEvent {
    /// The user.
    pub user: Key,
    /// The event.
    pub event: KeyedEvent,
}

impl DeltaTable for Recommender {
    type Event = UserEvent;

    fn delta(&self) -> pg_sys::Oid {
        self.tables.delta
    }

    fn event(&self, row: &mut HeapRow<'_>) -> Result<Option<UserEvent>> {
        let event = KeyedEvent::read(self, std::array::from_fn(|column| row.datum(column + 4)))?;
        let (Some(user), Some(event)) = (row.datum(3), event) else { return Ok(None) };
        Ok(Key::read(user, self.user.key).ok().map(|user| UserEvent { user, event }))
    }

    fn waits_until(event: &UserEvent) -> Micros {
        event.event.at
    }

    fn fingerprint(event: &UserEvent) -> u64 {
        let context = event.event.context.as_ref().map_or(0, context_hash);
        event.user.tie().rotate_left(32) ^ event.event.tie() ^ context.cast_unsigned()
    }
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

    fn events_of(&self, batches: &[&UserBatch]) -> Result<FxHashMap<UserId, Vec<Event>>> {
        let keys: FxHashMap<&Key, UserId> =
            batches.iter().filter_map(|batch| self.users.get(&batch.user).map(|key| (key, batch.user))).collect();
        let users: Vec<&Key> = keys.keys().copied().collect();
        let events = self.numbers.events_of(self.rows.recommender(), &users, self.horizon)?;
        Ok(events.into_iter().filter_map(|(key, events)| keys.get(&key).map(|user| (*user, events))).collect())
    }
}

#[derive(Debug)]
struct FoldedUser {
    number: UserId,
    rows: Vec<UserChange>,
}

/// An event of a user that came or went.
pub type UserChange = Change<UserEvent>;

/// When an item was first seen: time and tie of its first event.
type Seen = (Micros, u64);

/// The folded delta of one recommender, good for one generation and epoch.
#[derive(Debug)]
pub struct Delta {
    generation: i64,
    epoch: i32,
    /// Whose events they are.
    met: MetRows<Option<Key>>,
    users: HashMap<Key, FoldedUser>,
    next_user: UserId,
    numbers: KnownNumbers,
    /// When each of the new items was first seen, in the order of their numbers, which is theirs too.
    first_seen: Vec<Seen>,
    unpacked: Unpacked,
}

thread_local! {
    static KEPT: RefCell<HashMap<i32, Delta>> = RefCell::new(HashMap::new());
}

impl Delta {
    fn empty(state: &State) -> Self {
        Self {
            generation: state.generation,
            epoch: state.epoch,
            met: MetRows::default(),
            users: HashMap::new(),
            next_user: FIRST_UNPACKED,
            numbers: KnownNumbers::starting(FIRST_UNPACKED, FIRST_UNPACKED),
            first_seen: Vec::new(),
            unpacked: Unpacked::new(Landmark { at: 0, half_life: HalfLife::SHORTEST }),
        }
    }

    /// The delta that the active snapshot shows, up to `horizon`. Give it back to [`Delta::keep`] when done.
    pub fn visible(rows: &PackedRows<'_>, rules: &Rules, horizon: Micros) -> Result<Self> {
        let state = rows.state();
        let kept = KEPT.with_borrow_mut(|kept| kept.remove(&rows.recommender().id));
        let current = |delta: &Delta| delta.generation == state.generation && delta.epoch == state.epoch;
        if let Some(mut delta) = kept.filter(current)
            && delta.refresh(rows, rules, horizon)?
        {
            return Ok(delta);
        }
        let mut delta = Self::empty(state);
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
    pub fn known(&self) -> &KnownNumbers {
        &self.numbers
    }

    /// The user's history where the delta changes it; `Some(None)` where none is left.
    pub fn history(&self, user: &Key) -> Option<Option<&History>> {
        self.users.get(user).and_then(|folded| self.unpacked.history(folded.number))
    }

    /// The user's interest where the delta has events of the user.
    pub fn interest(&self, rows: &PackedRows<'_>, rules: &Rules, horizon: Micros, user: &Key) -> Result<Option<UserInterest>> {
        let Some(folded) = self.users.get(user) else { return Ok(None) };
        let numbers = Numbers::new(rows, KnownNumbers::starting(FIRST_UNPACKED, FIRST_UNPACKED));
        let history = rows.user(&mut rows.users(), user)?.map(|(_, history)| history);
        let mut batches = [user_batch(&numbers, folded.number, history, &folded.rows)?];
        let past = PastEvents { rows, numbers: &numbers, users: &FxHashMap::from_iter([(folded.number, user.clone())]), horizon };
        let mut interests = user_interest::after(&mut batches, rules, &past)?;
        Ok(interests.remove(&folded.number).flatten())
    }

    /// Whether the delta has events of the user.
    pub fn knows(&self, user: &Key) -> bool {
        self.users.contains_key(user)
    }

    /// Meets the rows that the snapshot shows, and folds the users again whose rows are not those that were folded. False where
    /// everything has to be folded anew: what is left is not to be used then.
    fn refresh(&mut self, rows: &PackedRows<'_>, rules: &Rules, horizon: Micros) -> Result<bool> {
        let mut changed = HashSet::new();
        let (new, all_met) = self.met.look(rows.recommender(), self.epoch, horizon)?;
        if !all_met && !self.forget_unmet(&mut changed) {
            return Ok(false);
        }
        if changed.is_empty() && new.is_empty() {
            return Ok(true);
        }
        let known = std::mem::replace(&mut self.numbers, KnownNumbers::starting(FIRST_UNPACKED, FIRST_UNPACKED));
        let numbers = Numbers::new(rows, known);
        if !self.reach(rows, rules, &new) || !self.number(&numbers, &new)? {
            return Ok(false);
        }
        for met in new {
            match met {
                Met::Event(row) => {
                    let (version, at, user) = (row.version, row.event.event.at, row.event.user.clone());
                    let folded = self.users.entry(user.clone()).or_insert_with(|| FoldedUser { number: NO_USER, rows: Vec::new() });
                    folded.rows.push(row);
                    changed.insert(user.clone());
                    self.met.note(version, at, Some(user));
                }
                Met::Skipped(version, _) | Met::Gone(version) => self.met.note_void(version),
                Met::Future(_) => {}
            }
        }
        self.fold(rows, rules, horizon, &numbers, changed)?;
        self.numbers = numbers.into_known();
        self.unpacked.set_new_items(self.numbers.new_items.len() as u32);
        Ok(true)
    }

    /// Takes out the rows that this refresh has not met: another snapshot does not see them. False where one was of a new item: with
    /// it, the item or its place may be gone.
    fn forget_unmet(&mut self, changed: &mut HashSet<Key>) -> bool {
        let (users, numbers) = (&mut self.users, &self.numbers);
        let is_new = |item: &Key| numbers.item(item).is_some_and(|item| item >= FIRST_UNPACKED);
        let mut numbers_stay = true;
        self.met.forget_unmet(|version, user| {
            if let Some(user) = user
                && let Some(folded) = users.get_mut(user)
            {
                numbers_stay &= !folded.rows.iter().any(|row| row.version == version && is_new(&row.event.event.item));
                folded.rows.retain(|row| row.version != version);
                changed.insert(user.clone());
            }
        });
        numbers_stay
    }

    /// Measures weights from the newest event, stored or met. False where what is folded already measures them from a time too far back.
    fn reach(&mut self, rows: &PackedRows<'_>, rules: &Rules, new: &[Met<UserEvent>]) -> bool {
        let stored = Some(rows.state().totals.newest).filter(|newest| *newest != i64::MIN && !rows.state().is_void());
        let Some(newest) = new.iter().filter_map(Met::event).map(|row| row.event.at).max().max(stored) else { return true };
        if self.users.is_empty() {
            self.unpacked = Unpacked::new(Landmark { at: newest, half_life: rules.half_life });
        }
        self.unpacked.landmark().reaches_in_windows(newest)
    }

    /// Gives new items their numbers in the order in which the compactor will, because equal scores are ordered by number. False where
    /// one was seen before others that have a number already.
    fn number(&mut self, numbers: &Numbers<'_>, new: &[Met<UserEvent>]) -> Result<bool> {
        let mut first: HashMap<&Key, Seen> = HashMap::new();
        for event in new.iter().filter_map(Met::event).map(|row| &row.event) {
            let seen = (event.at, event.tie());
            match numbers.known_item(&event.item)?.map(|item| item.checked_sub(FIRST_UNPACKED)) {
                Some(None) => {}
                Some(Some(place)) if self.first_seen.get(place as usize).is_none_or(|first| seen < *first) => return Ok(false),
                Some(Some(_)) => {}
                None => {
                    first.entry(&event.item).and_modify(|first| *first = seen.min(*first)).or_insert(seen);
                }
            }
        }
        let mut order: Vec<(Seen, &Key)> = first.into_iter().map(|(item, seen)| (seen, item)).collect();
        order.sort_unstable();
        if order.first().is_some_and(|(seen, _)| self.first_seen.last().is_some_and(|last| seen < last)) {
            return Ok(false);
        }
        for (seen, item) in order {
            numbers.item(item)?;
            self.first_seen.push(seen);
        }
        Ok(true)
    }

    fn fold(&mut self, rows: &PackedRows<'_>, rules: &Rules, horizon: Micros, numbers: &Numbers<'_>, changed: HashSet<Key>) -> Result<()> {
        let mut stored = rows.users();
        let mut changed: Vec<Key> = changed.into_iter().collect();
        // By their first events, as the compactor does it: sessions get their numbers on the way.
        let first = |rows: &Vec<UserChange>| rows.iter().map(|row| (row.event.event.at, row.event.event.tie())).min();
        changed.sort_by_cached_key(|user| (self.users.get(user).and_then(|folded| first(&folded.rows)), user.tie()));
        for key in changed {
            let Some(folded) = self.users.get_mut(&key) else { continue };
            if folded.rows.is_empty() {
                self.unpacked.remove(folded.number);
                self.users.remove(&key);
                continue;
            }
            let found = rows.user(&mut stored, &key)?;
            if folded.number == NO_USER {
                folded.number = found.as_ref().map_or(self.next_user, |(number, _)| *number);
                self.next_user += u32::from(found.is_none());
            }
            let batch = user_batch(numbers, folded.number, found.map(|(_, history)| history), &folded.rows)?;
            let past = PastEvents { rows, numbers, users: &FxHashMap::from_iter([(folded.number, key.clone())]), horizon };
            let landmark = self.unpacked.landmark().at;
            let changes = fold(vec![batch], rules, landmark, self.unpacked.next_session(), &past, None, &interrupt::checker())?;
            self.unpacked.insert(folded.number, changes);
        }
        Ok(())
    }
}

/// A user's delta rows as a batch for the fold.
pub fn user_batch(numbers: &Numbers<'_>, user: UserId, history: Option<History>, rows: &[UserChange]) -> Result<UserBatch> {
    let mut batch = UserBatch { user, history, added: Vec::new(), removed: Vec::new() };
    for row in rows {
        let event = numbers.event(&row.event.event)?;
        if row.came { batch.added.push(event) } else { batch.removed.push(event) }
    }
    Ok(batch)
}
