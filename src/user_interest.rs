//! What users are interested in, where items have vectors: kept by the compactor, read with the visible delta, made anew by a rebuild.

use std::cell::RefCell;
use std::rc::Rc;

use engine::event::Rules;
use engine::fold::{ItemVectors, UserBatch, fold_interests};
use engine::interest::MAX_DIMENSIONS;
use engine::packed::UserInterest;
use engine::{ItemId, Micros, Result, UserId};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use crate::catalog::{Recommender, catalog_owner};
use crate::delta::PastEvents;
use crate::key::Key;
use crate::numbers::{KeyedEvent, keyed_events_of, rules, store_error, stream};
use crate::pg::spi::{self, Arg};
use crate::pg::{error, interrupt, owner};
use crate::vectors;
use crate::vectors::catalog::VectorSet;
use crate::vectors::error::VectorsError;
use crate::write::Writer;

/// How many events of a rebuild wait for the vectors of their items, which are looked up at once.
const CHUNK: usize = 20_000;

/// The vectors that are kept for the next events, in bytes.
const KEPT: usize = 64 << 20;

/// The set of the vectors of a recommender's items, for what they say to `role`: the one who asks, or the owner of the events that are put
/// together with them. Raises an error where that role may not read the vectors. `None` where there is no set, or it is lost.
pub fn set_for(role: pg_sys::Oid, recommender: &Recommender) -> std::result::Result<Option<Rc<VectorSet>>, VectorsError> {
    let Some(id) = recommender.vector_set else { return Ok(None) };
    // What the owner may not read, none of its recommenders serves. Before the lock is waited for, and again after it.
    let check = || {
        for role in [recommender.owner, role] {
            match vectors::catalog::check_reader(id, role) {
                Err(denied @ (VectorsError::Denied { .. } | VectorsError::RowSecurity { .. })) => error::raise(&denied),
                Err(VectorsError::UnknownId(_)) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    check()?;
    let set = set_of(recommender)?;
    check()?;
    Ok(set)
}

fn set_of(recommender: &Recommender) -> std::result::Result<Option<Rc<VectorSet>>, VectorsError> {
    let Some(id) = recommender.vector_set else { return Ok(None) };
    // Kept from being dropped, as the recommender's own tables are.
    match vectors::catalog::by_id(id).and_then(|set| vectors::catalog::held(&set.name)) {
        Ok(set) => Ok(Some(set)),
        Err(VectorsError::Damaged { .. } | VectorsError::UnknownId(_) | VectorsError::Unknown { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The vectors of a recommender's items, as the active snapshot shows them.
struct Vectors {
    set: Rc<VectorSet>,
    /// Looked up before; `None` for items without one.
    known: RefCell<FxHashMap<Key, Option<Rc<[f32]>>>>,
}

impl Vectors {
    /// `None` where the recommender has no vectors, or has lost them.
    fn of(recommender: &Recommender) -> Result<Option<Self>> {
        let set = set_for(recommender.owner, recommender).map_err(store_error)?;
        Ok(set.map(|set| Self { set, known: RefCell::default() }))
    }

    /// Looks up what is not known yet.
    fn get<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> Result<FxHashMap<&'k Key, Rc<[f32]>>> {
        let mut known = self.known.borrow_mut();
        let dimensions = known.values().flatten().map(|vector| vector.len()).next().unwrap_or(0);
        if known.len() * (dimensions * size_of::<f32>() + size_of::<Key>()) > KEPT {
            known.clear();
        }
        let keys: Vec<&Key> = keys.collect();
        let mut missing: Vec<Key> = keys.iter().filter(|key| !known.contains_key(**key)).map(|key| (*key).clone()).collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            let found = vectors::rows::lookup(&self.set, &missing).map_err(store_error)?;
            let usable = found.into_iter().map(|vector| vector.filter(|vector| is_usable(vector)).map(Rc::from));
            known.extend(missing.into_iter().zip(usable));
        }
        Ok(keys.into_iter().filter_map(|key| Some((key, known.get(key)?.clone()?))).collect())
    }
}

/// Whether a vector says anything: what else stands in a column of vectors is as good as none.
fn is_usable(vector: &[f32]) -> bool {
    (1..=MAX_DIMENSIONS).contains(&vector.len()) && vector.iter().all(|value| value.is_finite())
}

/// Vectors by the numbers that a fold uses.
struct Numbered<'a> {
    vectors: &'a Vectors,
    past: &'a PastEvents<'a>,
}

impl ItemVectors for Numbered<'_> {
    fn vectors(&self, items: &[ItemId]) -> Result<FxHashMap<ItemId, Rc<[f32]>>> {
        let mut keys = Vec::with_capacity(items.len());
        for item in items {
            if let Some(key) = self.past.numbers.key(*item)? {
                keys.push((*item, key));
            }
        }
        let found = self.vectors.get(keys.iter().map(|(_, key)| key))?;
        Ok(keys.iter().filter_map(|(item, key)| Some((*item, found.get(key)?.clone()))).collect())
    }
}

/// The interests of the batches' users after the batches; empty where the recommender has no vectors.
pub fn after(batches: &mut [UserBatch], rules: &Rules, past: &PastEvents<'_>) -> Result<FxHashMap<UserId, Option<UserInterest>>> {
    let Some(vectors) = Vectors::of(past.rows.recommender())? else { return Ok(FxHashMap::default()) };
    let numbered = Numbered { vectors: &vectors, past };
    let mut items: Vec<ItemId> = batches.iter().flat_map(|batch| batch.added.iter().map(|event| event.item)).collect();
    items.sort_unstable();
    items.dedup();
    // All at once; what the fold asks for is known then.
    numbered.vectors(&items)?;
    let users: Vec<UserId> = batches.iter().map(|batch| batch.user).collect();
    let mut stored = past.rows.interests(&users)?;
    fold_interests(batches, &mut stored, rules, past, &numbered, &interrupt::checker())
}

/// A user's interest by the events up to `until`.
pub fn of_events(recommender: &Recommender, user: &Key, until: Micros) -> Result<Option<UserInterest>> {
    let Some(vectors) = Vectors::of(recommender)? else { return Ok(None) };
    let mut events = Vec::new();
    keyed_events_of(recommender, &[user], until, &mut |_, event| {
        events.push(event);
        Ok(())
    })?;
    interest(&mut events, &vectors, &rules(recommender))
}

fn interest(events: &mut [KeyedEvent], vectors: &Vectors, rules: &Rules) -> Result<Option<UserInterest>> {
    events.sort_by_cached_key(|event| (event.at, event.tie(), event.session));
    let found = vectors.get(events.iter().map(|event| &event.item))?;
    let mut interest: Option<UserInterest> = None;
    for event in events.iter() {
        if let Some(vector) = found.get(&event.item) {
            interest.get_or_insert_default().push(event.at, event.weight, event.session, vector, rules)?;
        }
    }
    Ok(interest)
}

/// Writes the interests of all users anew, one user after the other: no more than a chunk of events is kept in memory.
pub fn rebuild(recommender: &Recommender, users: &FxHashMap<Key, UserId>, until: Micros) -> Result<()> {
    let Some(vectors) = Vectors::of(recommender)? else { return Ok(()) };
    let rules = rules(recommender);
    let sql = format!(
        "SELECT item_key, at, weight, session, context, user_key FROM recommend.events_{} WHERE at <= $1 ORDER BY user_key",
        recommender.id
    );
    let args = [Arg::datum(Some(pg_sys::Datum::from(until)), pg_sys::TIMESTAMPTZOID)];
    let (mut chunk, mut waiting): (Vec<(UserId, Vec<KeyedEvent>)>, usize) = (Vec::new(), 0);
    let write = |chunk: &mut Vec<(UserId, Vec<KeyedEvent>)>| -> Result<()> {
        vectors.get(chunk.iter().flat_map(|(_, events)| events.iter().map(|event| &event.item)))?;
        let mut rows = Vec::with_capacity(chunk.len());
        for (user, mut events) in chunk.drain(..) {
            if let Some(interest) = interest(&mut events, &vectors, &rules)? {
                rows.push((user, Some(interest)));
            }
        }
        owner::as_user(catalog_owner().map_err(store_error)?, || Writer::new(recommender).interests(rows.into_iter())).map_err(store_error)
    };
    stream(recommender.owner, &sql, &args, |row: &spi::Row| {
        let (Some(event), Some(user)) = KeyedEvent::of_row(recommender, row)? else { return Ok(()) };
        let Some(user) = Key::read(user, recommender.user.key).ok().and_then(|user| users.get(&user)) else { return Ok(()) };
        if chunk.last().is_none_or(|(last, _)| last != user) {
            if waiting >= CHUNK {
                write(&mut chunk)?;
                waiting = 0;
            }
            chunk.push((*user, Vec::new()));
        }
        waiting += 1;
        if let Some((_, events)) = chunk.last_mut() {
            events.push(event);
        }
        Ok(())
    })?;
    write(&mut chunk)
}
