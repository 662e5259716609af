//! Dense numbers for the user's own keys, and events in terms of them.

use std::cell::RefCell;

use engine::decay::HalfLife;
use engine::event::{DEFAULT_MAX_VISITS, Event, Rules, SessionRule};
use engine::{ContextId, Error, ItemId, Micros, NO_CONTEXT, Result};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use crate::catalog::{self, Recommender, catalog_owner};
use crate::key::Key;
use crate::pg::fetch::{Equality, Scan};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::varlena::Bytes;
use crate::pg::{array, hash, owner};
use crate::rows::PackedRows;
use crate::totals::{float4, int8, number};

/// A recommender's rules, as the engine takes them.
pub fn rules(recommender: &Recommender) -> Rules {
    // The catalog holds positive half-lives only; a microsecond stands in for one that a superuser has written over.
    let half_life = HalfLife::from_micros(recommender.half_life_us.max(1));
    Rules {
        half_life: half_life.unwrap_or(HalfLife::SHORTEST),
        session: match recommender.session {
            catalog::SessionRule::Gap(micros) => SessionRule::Gap(micros),
            catalog::SessionRule::Column(_) => SessionRule::Column,
        },
        max_edges: recommender.max_edges as usize,
        max_visits: DEFAULT_MAX_VISITS,
    }
}

/// The values of the context columns.
pub type ContextValues = Vec<Option<String>>;

/// Whether the values at all of these places are those that are asked for.
pub fn context_matches(values: &ContextValues, asked: &[(usize, impl AsRef<str>)]) -> bool {
    asked.iter().all(|(place, value)| values.get(*place).is_some_and(|found| found.as_deref() == Some(value.as_ref())))
}

/// An event in terms of keys.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedEvent {
    /// The item.
    pub item: Key,
    /// When.
    pub at: Micros,
    /// Its weight.
    pub weight: f32,
    /// The hash of the session column.
    pub session: Option<i64>,
    /// The context.
    pub context: Option<ContextValues>,
}

impl KeyedEvent {
    /// Orders events of equal time: by item, and by weight where the same item is met twice, as by a view and a cart of one
    /// transaction. The same after every rebuild.
    pub fn tie(&self) -> u64 {
        // The multiplier of Fibonacci hashing spreads neighbouring keys over all bits, so that weights cannot make two items equal.
        self.item.tie().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(self.weight.to_bits())
    }

    /// Reads a row of the columns item_key, at, weight, session, context, user_key: an event, and the datum of its user.
    pub fn of_row(recommender: &Recommender, row: &spi::Row) -> Result<(Option<Self>, Option<pg_sys::Datum>)> {
        let types =
            [recommender.item.oid, pg_sys::TIMESTAMPTZOID, pg_sys::FLOAT4OID, pg_sys::INT8OID, pg_sys::TEXTARRAYOID, recommender.user.oid];
        let [item, at, weight, session, context, user] = row.datums(types).map_err(store_error)?;
        Ok((Self::read(recommender, [item, at, weight, session, context])?, user))
    }

    /// Reads the columns item_key, at, weight, session, context, as the delta and the event view have them.
    pub fn read(recommender: &Recommender, columns: [Option<pg_sys::Datum>; 5]) -> Result<Option<Self>> {
        let [Some(item), Some(at), Some(weight), session, context] = columns else { return Ok(None) };
        let (at, weight) = (int8(at), float4(weight));
        // One row that cannot be read costs that row alone, and is counted as skipped.
        let (Ok(item), true) = (Key::read(item, recommender.item.key), is_sound(at, weight)) else { return Ok(None) };
        Ok(Some(Self { item, at, weight, session: session.map(int8), context: context.and_then(context_values) }))
    }
}

/// Whether a time and a weight are those of an event: the trigger appends no others, but the delta belongs to whose the table is.
pub fn is_sound(at: Micros, weight: f32) -> bool {
    weight.is_finite() && !matches!(at, i64::MIN | i64::MAX)
}

/// The values of a context column, a text[].
#[allow(unsafe_code)]
pub fn context_values(datum: pg_sys::Datum) -> Option<ContextValues> {
    // SAFETY: the column's type is text[], which lives as long as this call.
    let texts = unsafe { array::elements(datum, pg_sys::TEXTOID) };
    // SAFETY: each element is a text.
    let text = |value: pg_sys::Datum| String::from_utf8_lossy(&unsafe { Bytes::of(value) }).into_owned();
    Some(texts.into_iter().map(|value| value.map(text)).collect())
}

/// What contexts are found by: values may be longer than an index takes.
pub fn context_hash(values: &ContextValues) -> i64 {
    let mut bytes = Vec::new();
    for value in values {
        match value {
            None => bytes.push(0),
            Some(value) => {
                bytes.push(1);
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
                bytes.extend_from_slice(value.as_bytes());
            }
        }
    }
    hash::bytes(&bytes) as i64
}

/// An error of the Postgres side inside a call of the engine.
pub fn store_error(error: impl std::fmt::Display) -> Error {
    Error::Store(error.to_string())
}

/// Gives items and contexts their numbers: the stored ones, or new ones from a given start.
pub struct Numbers<'a> {
    rows: &'a PackedRows<'a>,
    known: RefCell<Known>,
}

/// The numbers found or given so far; outlives the snapshot that they were looked up in only together with its generation.
#[derive(Debug)]
pub struct Known {
    items: FxHashMap<Key, ItemId>,
    contexts: FxHashMap<ContextValues, ContextId>,
    /// New items, in the order of their numbers.
    pub new_items: Vec<Key>,
    /// New contexts, in the order of their numbers.
    pub new_contexts: Vec<ContextValues>,
    first_item: ItemId,
    first_context: ContextId,
}

impl Known {
    /// Nothing known; new numbers start here.
    pub fn starting(first_item: ItemId, first_context: ContextId) -> Self {
        Self {
            items: FxHashMap::default(),
            contexts: FxHashMap::default(),
            new_items: Vec::new(),
            new_contexts: Vec::new(),
            first_item,
            first_context,
        }
    }

    /// The key of an item that has no stored number.
    pub fn new_item(&self, item: ItemId) -> Option<&Key> {
        self.new_items.get(item.checked_sub(self.first_item)? as usize)
    }

    /// The number of an item that was looked up before.
    pub fn item(&self, key: &Key) -> Option<ItemId> {
        self.items.get(key).copied()
    }

    /// The new contexts that satisfy `matches`.
    pub fn contexts_that(&self, matches: impl Fn(&ContextValues) -> bool) -> Vec<ContextId> {
        (self.first_context..).zip(&self.new_contexts).filter(|(_, values)| matches(values)).map(|(context, _)| context).collect()
    }

    /// All known numbers of items.
    pub fn items(&self) -> impl Iterator<Item = (&Key, ItemId)> {
        self.items.iter().map(|(key, item)| (key, *item))
    }
}

impl<'a> Numbers<'a> {
    /// Continues from what is known.
    pub fn new(rows: &'a PackedRows<'a>, known: Known) -> Self {
        Self { rows, known: RefCell::new(known) }
    }

    /// What is known in the end.
    pub fn into_known(self) -> Known {
        self.known.into_inner()
    }

    /// The item's number, if it has one.
    pub fn known_item(&self, key: &Key) -> Result<Option<ItemId>> {
        if let Some(item) = self.known.borrow().items.get(key) {
            return Ok(Some(*item));
        }
        let stored = self.rows.item(&mut self.rows.items_by_key(), key)?;
        if let Some(item) = stored {
            self.known.borrow_mut().items.insert(key.clone(), item);
        }
        Ok(stored)
    }

    /// The item's number; a new one for a new item.
    pub fn item(&self, key: &Key) -> Result<ItemId> {
        if let Some(item) = self.known_item(key)? {
            return Ok(item);
        }
        let mut known = self.known.borrow_mut();
        known.new_items.push(key.clone());
        let item = known.first_item + known.new_items.len() as u32 - 1;
        known.items.insert(key.clone(), item);
        Ok(item)
    }

    /// The key of an item that has a number.
    pub fn key(&self, item: ItemId) -> Result<Option<Key>> {
        if let Some(key) = self.known.borrow().new_item(item) {
            return Ok(Some(key.clone()));
        }
        Ok(self.rows.item_keys(&[item])?.pop().flatten())
    }

    /// The context's number; a new one for a new context.
    pub fn context(&self, values: Option<&ContextValues>) -> Result<ContextId> {
        let Some(values) = values else { return Ok(NO_CONTEXT) };
        if let Some(context) = self.known.borrow().contexts.get(values) {
            return Ok(*context);
        }
        let tables = &self.rows.recommender().tables;
        let stored = if self.rows.state().is_void() { None } else { stored_context((tables.contexts, tables.contexts_key), values) };
        let mut known = self.known.borrow_mut();
        let context = match stored {
            Some(context) => context,
            None => {
                known.new_contexts.push(values.clone());
                known.first_context + known.new_contexts.len() as u32 - 1
            }
        };
        known.contexts.insert(values.clone(), context);
        Ok(context)
    }

    /// An event in terms of numbers.
    pub fn event(&self, event: &KeyedEvent) -> Result<Event> {
        Ok(Event {
            item: self.item(&event.item)?,
            at: event.at,
            tie: event.tie(),
            weight: event.weight,
            session: event.session,
            context: self.context(event.context.as_ref())?,
        })
    }

    /// All events of users up to `horizon` that the event table shows.
    pub fn events_of(&self, recommender: &Recommender, users: &[&Key], horizon: Micros) -> Result<FxHashMap<Key, Vec<Event>>> {
        let mut found: FxHashMap<Key, Vec<Event>> = FxHashMap::default();
        keyed_events_of(recommender, users, horizon, &mut |user, event| {
            let event = self.event(&event)?;
            found.entry(user).or_default().push(event);
            Ok(())
        })?;
        Ok(found)
    }
}

/// Hands all events of users up to `horizon` that the event table shows to `each`, in one reading of the table.
pub fn keyed_events_of(
    recommender: &Recommender,
    users: &[&Key],
    horizon: Micros,
    each: &mut dyn FnMut(Key, KeyedEvent) -> Result<()>,
) -> Result<()> {
    let sql = format!(
        "SELECT item_key, at, weight, session, context, user_key FROM recommend.events_{} WHERE user_key = ANY ($1) AND at <= $2",
        recommender.id
    );
    let key = recommender.user.oid;
    let mut users = users.iter().map(|user| user.to_datum(key)).collect::<std::result::Result<Vec<_>, _>>().map_err(store_error)?;
    let args = [
        Arg::datum(Some(array::of(key, &mut users)), array::type_of(key)),
        Arg::datum(Some(pg_sys::Datum::from(horizon)), pg_sys::TIMESTAMPTZOID),
    ];
    stream(recommender.owner, &sql, &args, |row| {
        let (event, user) = KeyedEvent::of_row(recommender, row)?;
        match (user, event) {
            (Some(user), Some(event)) => Key::read(user, recommender.user.key).map_or(Ok(()), |user| each(user, event)),
            _ => Ok(()),
        }
    })
}

/// The stored number of a context; `contexts` is a feed's table of contexts and its index by the hashes of their values.
pub fn stored_context(contexts: (pg_sys::Oid, pg_sys::Oid), values: &ContextValues) -> Option<ContextId> {
    let equality = Equality { procedure: pg_sys::Oid::from(pg_sys::F_INT8EQ), collation: pg_sys::InvalidOid };
    let mut scan = Scan::open(contexts.0, contexts.1, &[equality]);
    scan.seek(&[pg_sys::Datum::from(context_hash(values))]);
    while let Some(row) = scan.next_row() {
        if row.datum(3).and_then(context_values).as_ref() == Some(values) {
            return row.datum(1).map(number);
        }
    }
    None
}

/// The stored contexts of a feed whose columns have the values asked for: (place of the column, value).
pub fn matching_contexts(feed: i32, asked: &[(usize, String)]) -> Result<Vec<ContextId>> {
    // A context that does not hold all the values asked for does not match; the table has one row for each combination seen.
    let conditions: Vec<String> = (0..asked.len()).map(|place| format!("context[{}] = ${}", asked[place].0 + 1, place + 1)).collect();
    let sql = format!("SELECT node FROM recommend.contexts_{} WHERE {} ORDER BY node", feed, conditions.join(" AND "));
    let args: Vec<Arg> = asked.iter().map(|(_, value)| Arg::of(value.clone())).collect();
    let read = || spi::read_prepared(&sql, &args, |row| row.value::<i32>(1).map(|node| node as u32));
    owner::as_user(catalog_owner().map_err(store_error)?, read).map_err(|error: SpiError| store_error(error))
}

/// Hands each row that a statement gives to `each`, run as `role`; its first error ends the reading.
pub fn stream(role: pg_sys::Oid, sql: &str, args: &[Arg], mut each: impl FnMut(&spi::Row) -> Result<()>) -> Result<()> {
    Ok(owner::as_user(role, || spi::stream(sql, args, 1000, |row| each(row).map_err(Failure::Engine)))?)
}

/// An error on the way of a row: of the statement or of the engine.
enum Failure {
    Spi(SpiError),
    Engine(engine::Error),
}

impl From<SpiError> for Failure {
    fn from(error: SpiError) -> Self {
        Self::Spi(error)
    }
}

impl From<Failure> for engine::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Spi(error) => store_error(error),
            Failure::Engine(error) => error,
        }
    }
}
