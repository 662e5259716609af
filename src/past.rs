//! A recommender as it was: the same engine over rows made from the events up to a time.

use engine::event::{Event, Rules};
use engine::learn::Learnt;
use engine::packed::History;
use engine::recommend::{Head, Weights};
use engine::store::Store;
use engine::store::memory::MemoryStore;
use engine::{ContextId, ItemId, Micros, NO_CONTEXT, Result, UserId};
use rustc_hash::FxHashMap;

use crate::catalog::Recommender;
use crate::key::Key;
use crate::numbers::{ContextValues, KeyedEvent, stream};
use crate::pg::spi::{self, Arg};
use pgrx::pg_sys;

/// How many events are folded at a time.
const CHUNK: usize = 50_000;

/// Events of the event table in order of time, with dense numbers given on the way.
#[derive(Default)]
pub struct Replay {
    users: FxHashMap<Key, UserId>,
    items: FxHashMap<Key, ItemId>,
    contexts: FxHashMap<ContextValues, ContextId>,
    item_keys: Vec<Key>,
}

/// The columns of an event, as [`keyed`] takes them.
const COLUMNS: &str = "item_key, at, weight, session, context, user_key";

/// An event with its user; `None` for a row that is none.
fn keyed(recommender: &Recommender, row: &spi::Row) -> Result<Option<(Key, KeyedEvent)>> {
    let (Some(event), Some(user)) = KeyedEvent::of_row(recommender, row)? else { return Ok(None) };
    Ok(Key::read(user, recommender.user.key).ok().map(|user| (user, event)))
}

fn number<K: std::hash::Hash + Eq>(numbers: &mut FxHashMap<K, u32>, key: K) -> u32 {
    let next = numbers.len() as u32;
    *numbers.entry(key).or_insert(next)
}

impl Replay {
    /// Reads all events up to `until` under the active snapshot and hands them on in chunks that end where the time changes.
    pub fn run(
        &mut self,
        recommender: &Recommender,
        until: Micros,
        mut take: impl FnMut(Vec<(UserId, Event)>) -> Result<()>,
    ) -> Result<u64> {
        let sql = format!("SELECT {COLUMNS} FROM recommend.events_{} WHERE at <= $1 ORDER BY at", recommender.id);
        let args = [Arg::datum(Some(pg_sys::Datum::from(until)), pg_sys::TIMESTAMPTZOID)];
        let mut chunk: Vec<(Key, KeyedEvent)> = Vec::with_capacity(CHUNK);
        let mut count = 0;
        let mut each = |row: &spi::Row| -> Result<()> {
            let Some((user, event)) = keyed(recommender, row)? else { return Ok(()) };
            if chunk.len() >= CHUNK && chunk.last().is_some_and(|(_, last)| last.at != event.at) {
                take(self.numbered(&mut chunk))?;
            }
            count += 1;
            chunk.push((user, event));
            Ok(())
        };
        stream(recommender.owner, &sql, &args, &mut each)?;
        take(self.numbered(&mut chunk))?;
        Ok(count)
    }

    /// The events of a chunk in terms of numbers. New ones are given in the order that the compactor follows too, so that they do not
    /// depend on where the rows lie.
    fn numbered(&mut self, chunk: &mut Vec<(Key, KeyedEvent)>) -> Vec<(UserId, Event)> {
        chunk.sort_by_cached_key(|(user, event)| (event.at, event.tie(), user.tie()));
        chunk.drain(..).map(|(user, event)| (number(&mut self.users, user), self.event(event))).collect()
    }

    fn event(&mut self, event: KeyedEvent) -> Event {
        let tie = event.tie();
        let next = self.items.len() as u32;
        let item = *self.items.entry(event.item).or_insert_with_key(|key| {
            self.item_keys.push(key.clone());
            next
        });
        let context = event.context.map_or(NO_CONTEXT, |values| number(&mut self.contexts, values));
        Event { item, at: event.at, tie, weight: event.weight, session: event.session, context }
    }

    /// The users' numbers.
    pub fn users(&self) -> &FxHashMap<Key, UserId> {
        &self.users
    }

    /// The items' keys, in the order of their numbers.
    pub fn item_keys(&self) -> &[Key] {
        &self.item_keys
    }

    /// The contexts' numbers.
    pub fn contexts(&self) -> &FxHashMap<ContextValues, ContextId> {
        &self.contexts
    }
}

/// The store of one past time.
pub struct PastStore {
    replay: Replay,
    store: MemoryStore,
    learnt: Learnt,
}

impl PastStore {
    /// Builds the rows from the events up to `as_of`; questions are answered with the weights that are learnt by now.
    pub fn build(recommender: &Recommender, rules: Rules, as_of: Micros, learnt: Learnt) -> Result<Self> {
        let mut replay = Replay::default();
        let mut store = MemoryStore::new(rules);
        replay.run(recommender, as_of, |events| store.append(events))?;
        Ok(Self { replay, store, learnt })
    }

    /// Builds the rows step by step, and asks `each` at the times of a list in ascending order, by their places in it: with what the events before
    /// that time have left.
    pub fn walk(
        recommender: &Recommender,
        rules: Rules,
        learnt: Learnt,
        times: &[Micros],
        mut each: impl FnMut(usize, &Self) -> Result<()>,
    ) -> Result<()> {
        let Some(end) = times.last() else { return Ok(()) };
        let mut past = Self { replay: Replay::default(), store: MemoryStore::new(rules), learnt };
        let mut chunk: Vec<(Key, KeyedEvent)> = Vec::new();
        let mut next = 0;
        let sql = format!("SELECT {COLUMNS} FROM recommend.events_{} WHERE at < $1 ORDER BY at", recommender.id);
        let args = [Arg::datum(Some(pg_sys::Datum::from(*end)), pg_sys::TIMESTAMPTZOID)];
        stream(recommender.owner, &sql, &args, &mut |row: &spi::Row| {
            let Some((user, event)) = keyed(recommender, row)? else { return Ok(()) };
            while times[next] <= event.at {
                past.take(&mut chunk)?;
                each(next, &past)?;
                next += 1;
            }
            if chunk.len() >= CHUNK && chunk.last().is_some_and(|(_, last)| last.at != event.at) {
                past.take(&mut chunk)?;
            }
            chunk.push((user, event));
            Ok(())
        })?;
        past.take(&mut chunk)?;
        (next..times.len()).try_for_each(|place| each(place, &past))
    }

    fn take(&mut self, chunk: &mut Vec<(Key, KeyedEvent)>) -> Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        let events = self.replay.numbered(chunk);
        self.store.append(events)
    }

    /// The weights of a kind of question.
    pub fn weights(&self, head: Head) -> Weights {
        self.learnt.weights(head)
    }

    /// The rules of the rows.
    pub fn rules(&self) -> &Rules {
        self.store.rules()
    }

    /// The rows.
    pub fn store(&self) -> &dyn Store {
        &self.store
    }

    /// The user's history.
    pub fn history(&self, user: &Key) -> Option<&History> {
        self.replay.users.get(user).and_then(|user| self.store.history(*user))
    }

    /// The item's number.
    pub fn item(&self, key: &Key) -> Option<ItemId> {
        self.replay.items.get(key).copied()
    }

    /// The item's key.
    pub fn key(&self, item: ItemId) -> Option<&Key> {
        self.replay.item_keys.get(item as usize)
    }

    /// The contexts that satisfy `matches`.
    pub fn contexts_that(&self, matches: impl Fn(&ContextValues) -> bool) -> Vec<ContextId> {
        let mut found: Vec<ContextId> =
            self.replay.contexts.iter().filter(|(values, _)| matches(values)).map(|(_, context)| *context).collect();
        found.sort_unstable();
        found
    }
}
