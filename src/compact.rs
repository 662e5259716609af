//! The compactor: moves the delta into packed rows, or makes these anew from the event table.
//!
//! One transaction does all of it, so that a crash leaves either the delta or the packed rows. The lock is the
//! recommender's row of `recommend.state`.

use std::collections::HashMap;

use engine::decay::LogSum;
use engine::event::Event;
use engine::fold::{Changes, fold};
use engine::packed::{Neighbors, Visits};
use engine::store::memory::MemoryStore;
use engine::store::{ItemStats, Store};
use engine::{ItemId, Micros, UserId};
use pgrx::{PgSqlErrorCode, pg_sys};
use rustc_hash::FxHashMap;

use crate::catalog::{CatalogError, Recommender, catalog_owner};
use crate::delta::{DeltaRow, Met, PastEvents, scan, user_batch};
use crate::key::Key;
use crate::numbers::{Known, Numbers, rules};
use crate::past::Replay;
use crate::pg::error::SqlError;
use crate::pg::fetch::{Version, delete_rows};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{clock, guc, interrupt, owner, snapshot};
use crate::progress::{Phase, Progress};
use crate::rows::PackedRows;
use crate::totals::{self, State};
use crate::write::{WriteError, Writer, timestamp_datum};

/// How many delta rows one transaction moves, unless told otherwise: bounds its memory to some 100 MB.
pub const DEFAULT_BATCH: u64 = 200_000;

/// What can go wrong while compacting.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The engine, or the store under it.
    #[error("could not compact recommender \"{name}\": {source}")]
    Engine {
        /// The recommender.
        name: String,
        /// What happened.
        source: engine::Error,
    },
    /// The recommender went away.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A statement.
    #[error(transparent)]
    Spi(#[from] SpiError),
    /// A bulk statement.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl SqlError for CompactError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Engine { .. } => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
            Self::Catalog(error) => error.sqlstate(),
            Self::Spi(error) => error.sqlstate(),
            Self::Write(_) => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Engine { name, .. } => Some(format!("Make its rows anew: SELECT rebuild_recommender('{name}').")),
            Self::Catalog(error) => error.hint(),
            _ => None,
        }
    }
}

type Result<T> = std::result::Result<T, CompactError>;

/// Locks a recommender against other compactors; false when another one holds the lock and `wait` is not set.
fn lock(recommender: &Recommender, wait: bool) -> Result<bool> {
    let skip = if wait { "" } else { " SKIP LOCKED" };
    let sql = format!("SELECT recommender FROM recommend.state WHERE recommender = $1 FOR UPDATE{skip}");
    let found = owner::as_user(catalog_owner()?, || spi::write_returning(&sql, &[Arg::of(recommender.id)], |row| row.value::<i32>(1)));
    Ok(!found.map_err(CompactError::Spi)?.is_empty())
}

/// Moves up to `limit` delta rows into packed rows. Gives how many; `None` when another session is at it and `wait` is not set.
///
/// Where the packed rows are known to be wrong, it makes them anew instead.
pub fn compact(recommender: &Recommender, limit: u64, wait: bool) -> Result<Option<u64>> {
    if !lock(recommender, wait)? {
        return Ok(None);
    }
    snapshot::with_current(|| {
        let state = state_of(recommender)?;
        if state.needs_rebuild {
            rebuild_locked(recommender, state).map(Some)
        } else {
            Batch::read(recommender, state, limit)?.write().map(Some)
        }
    })
}

/// Makes all packed rows anew from the event table. Gives the number of events.
pub fn rebuild(recommender: &Recommender) -> Result<u64> {
    lock(recommender, true)?;
    snapshot::with_current(|| rebuild_locked(recommender, state_of(recommender)?))
}

fn state_of(recommender: &Recommender) -> Result<State> {
    totals::read(recommender.id).ok_or_else(|| CatalogError::UnknownId(recommender.id).into())
}

/// Events dated after this wait in the delta.
fn horizon() -> Micros {
    clock::now().saturating_add(guc::clock_skew_us())
}

/// Delta rows on their way into packed rows.
struct Batch<'a> {
    recommender: &'a Recommender,
    state: State,
    horizon: Micros,
    events: Vec<DeltaRow>,
    /// The row versions to delete: events, skipped rows, rows of ended epochs.
    done: Vec<Version>,
    skipped: i64,
}

impl<'a> Batch<'a> {
    /// Reads up to `limit` rows, and all further ones of the users that they belong to: the fold wants a user's rows together.
    fn read(recommender: &'a Recommender, state: State, limit: u64) -> Result<Self> {
        let mut batch = Self { recommender, state, horizon: horizon(), events: Vec::new(), done: Vec::new(), skipped: 0 };
        let mut users: HashMap<Key, ()> = HashMap::new();
        let met = scan(recommender, state.epoch, batch.horizon, |met| {
            match met {
                Met::Event(row) => {
                    let full = batch.done.len() as u64 >= limit;
                    if !full || users.contains_key(&row.user) {
                        users.entry(row.user.clone()).or_default();
                        batch.done.push(row.version);
                        batch.events.push(row);
                    }
                }
                Met::Skipped(version, count) => {
                    batch.done.push(version);
                    batch.skipped += count;
                }
                Met::Gone(version) => batch.done.push(version),
                Met::Future => {}
            }
            Ok(true)
        });
        met.map_err(|source| failure(recommender, source))?;
        // In order of time, so that new items get their numbers in the order in which they were first seen.
        batch.events.sort_by_cached_key(|row| (row.event.at, row.event.item.tie(), row.user.tie()));
        Ok(batch)
    }

    fn write(self) -> Result<u64> {
        if self.done.is_empty() && !self.state.is_void() {
            return Ok(0);
        }
        let recommender = self.recommender;
        let mut progress = Progress::start(recommender.id, Phase::Compacting, self.events.len() as u64);
        let rows = PackedRows::new(recommender, self.state);
        let state = if self.state.is_void() { emptied(self.state) } else { self.state };
        let numbers = Numbers::new(&rows, Known::starting(state.next_item, state.next_context));
        let (changes, users, next_user) = self.fold(&rows, &numbers, state).map_err(|source| failure(recommender, source))?;
        let merged = Merged::read(&rows, &changes).map_err(|source| failure(recommender, source))?;
        let known = numbers.into_known();
        progress.advance(self.events.len() as u64);
        progress.phase(Phase::WritingRows);
        owner::as_user(recommender.owner, || -> Result<()> {
            let writer = Writer::new(recommender);
            if self.state.is_void() {
                writer.clear()?;
                snapshot::count_command();
            }
            writer.contexts(state.next_context, &known.new_contexts)?;
            merged.write(&writer, &changes, &known)?;
            writer.histories(changes.histories.iter().map(|(user, history)| (&users[user], *user, history.as_ref())))?;
            writer.sessions(changes.sessions.iter().map(|(&id, session)| (id, session.as_ref())))?;
            Ok(())
        })?;
        delete_rows(recommender.tables.delta, &self.done);
        let total = ItemStats { score: state.total, events: state.events, last_at: 0 }.merged(&changes.total, None);
        save(
            recommender,
            &State {
                packed_epoch: self.state.epoch,
                events: total.events,
                total: total.score,
                newest_at: newest(state.newest_at, changes.newest),
                next_user,
                next_item: state.next_item + known.new_items.len() as u32,
                next_session: changes.next_session,
                next_context: state.next_context + known.new_contexts.len() as u32,
                skipped: state.skipped + self.skipped,
                ..state
            },
        )?;
        Ok(self.done.len() as u64)
    }

    fn fold(
        &self,
        rows: &PackedRows<'_>,
        numbers: &Numbers<'_>,
        state: State,
    ) -> engine::Result<(Changes, FxHashMap<UserId, Key>, UserId)> {
        let mut by_user: HashMap<&Key, Vec<DeltaRow>> = HashMap::new();
        let mut order = Vec::new();
        for row in &self.events {
            // Looked up in order, so that numbers follow time.
            numbers.event(&row.event)?;
            let rows = by_user.entry(&row.user).or_default();
            if rows.is_empty() {
                order.push(&row.user);
            }
            rows.push(row.clone());
        }
        let mut stored = rows.users();
        let (mut users, mut batches, mut next_user) = (FxHashMap::default(), Vec::with_capacity(order.len()), state.next_user);
        for key in order {
            let (number, history) = match rows.user(&mut stored, key)? {
                Some((number, history)) => (number, Some(history)),
                None => {
                    next_user += 1;
                    (next_user - 1, None)
                }
            };
            users.insert(number, key.clone());
            batches.push(user_batch(numbers, number, history, &by_user[key])?);
        }
        let landmark = newest(state.newest_at, self.events.last().map_or(i64::MIN, |row| row.event.at)).unwrap_or(0);
        let past = PastEvents { rows, numbers, users: &users, horizon: self.horizon };
        let changes = fold(batches, &rules(self.recommender), landmark, state.next_session, &past, &interrupt::checker())?;
        Ok((changes, users, next_user))
    }
}

/// The state of a recommender without rows, as TRUNCATE leaves it. Numbers start again, as in a rebuild: how many there are enters the scores.
fn emptied(state: State) -> State {
    State { events: 0, total: LogSum::EMPTY, newest_at: None, next_user: 0, next_item: 0, next_session: 0, next_context: 0, ..state }
}

fn newest(stored: Option<Micros>, came: Micros) -> Option<Micros> {
    stored.max((came != i64::MIN).then_some(came))
}

fn failure(recommender: &Recommender, source: engine::Error) -> CompactError {
    CompactError::Engine { name: recommender.name.clone(), source }
}

/// Stored rows with a batch's changes merged.
struct Merged {
    neighbors: FxHashMap<ItemId, Neighbors>,
    visits: FxHashMap<ItemId, Visits>,
    items: FxHashMap<ItemId, ItemStats>,
    context_items: FxHashMap<(u32, ItemId), ItemStats>,
}

impl Merged {
    fn read(rows: &PackedRows<'_>, changes: &Changes) -> engine::Result<Self> {
        let rules = rules(rows.recommender());
        let mut merged = Self {
            neighbors: FxHashMap::default(),
            visits: FxHashMap::default(),
            items: changes.items.keys().map(|&item| (item, ItemStats::NONE)).collect(),
            context_items: changes.context_items.keys().map(|&key| (key, ItemStats::NONE)).collect(),
        };
        let paired: Vec<ItemId> = changes.pairs.keys().copied().collect();
        rows.neighbors(&paired, &mut |item, view| {
            merged.neighbors.insert(item, Neighbors::from_view(&view, rules.half_life));
        })?;
        for (&item, deltas) in &changes.pairs {
            let row = merged.neighbors.entry(item).or_insert_with(|| Neighbors::new(changes.landmark));
            row.merge(deltas, changes.landmark, rules.max_edges);
        }
        let visited: Vec<ItemId> = changes.visits.keys().copied().collect();
        rows.visits(&visited, &mut |item, view| {
            merged.visits.insert(item, Visits::from_view(&view));
        })?;
        for (&item, sessions) in &changes.visits {
            merged.visits.entry(item).or_default().merge(sessions, rules.max_visits);
        }
        let counted: Vec<ItemId> = changes.items.keys().copied().collect();
        rows.items(&counted, &mut |item, stats| {
            merged.items.insert(item, stats);
        })?;
        for (item, stats) in &mut merged.items {
            let newest = merged.visits.get(item).and_then(|visits| visits.view().sessions.first().map(|visit| visit.at()));
            *stats = stats.merged(&changes.items[item], newest);
        }
        rows.context_stats(&mut merged.context_items)?;
        for (key, stats) in &mut merged.context_items {
            *stats = stats.merged(&changes.context_items[key], None);
        }
        Ok(merged)
    }

    fn write(&self, writer: &Writer<'_>, changes: &Changes, known: &Known) -> Result<()> {
        // Items that were only disliked so far have a number but no event: they are written too, for their key.
        let items = known.items().filter_map(|(key, item)| {
            let stats = self.items.get(&item).copied();
            let new = known.new_item(item).is_some();
            stats.or(new.then_some(ItemStats::NONE)).map(|stats| (key, item, stats))
        });
        writer.items(items)?;
        writer.context_items(self.context_items.iter().map(|(&key, &stats)| (key, stats)))?;
        writer.neighbors(changes.pairs.keys().map(|item| (*item, &self.neighbors[item])))?;
        writer.visits(changes.visits.keys().map(|item| (*item, &self.visits[item])))?;
        Ok(())
    }
}

fn rebuild_locked(recommender: &Recommender, state: State) -> Result<u64> {
    let horizon = horizon();
    let (mut done, mut skipped_since) = (Vec::new(), 0);
    let met = scan(recommender, state.epoch, horizon, |met| {
        match met {
            Met::Event(row) => done.push(row.version),
            Met::Skipped(version, count) => {
                skipped_since += count;
                done.push(version);
            }
            Met::Gone(version) => done.push(version),
            Met::Future => {}
        }
        Ok(true)
    });
    met.map_err(|source| failure(recommender, source))?;
    let mut progress = Progress::start(
        recommender.id,
        Phase::ReadingEvents,
        owner::as_user(catalog_owner()?, || totals::estimated_events(recommender.id))? as u64,
    );
    let mut replay = Replay::default();
    let mut store = MemoryStore::new(rules(recommender));
    let fold = |events: Vec<(UserId, Event)>| {
        let folded = events.len() as u64;
        store.append(events)?;
        progress.advance(folded);
        Ok(())
    };
    let count = replay.run(recommender, horizon, fold).map_err(|source| failure(recommender, source))?;
    progress.phase(Phase::WritingRows);
    owner::as_user(recommender.owner, || -> Result<()> {
        let writer = Writer::new(recommender);
        writer.clear()?;
        snapshot::count_command();
        let mut contexts: Vec<_> = replay.contexts().iter().collect();
        contexts.sort_by_key(|(_, number)| **number);
        writer.contexts(0, &contexts.into_iter().map(|(values, _)| values.clone()).collect::<Vec<_>>())?;
        let items = (0..).zip(replay.item_keys()).map(|(item, key)| (key, item, store.item_stats(item)));
        writer.items(items)?;
        writer.context_items(store.context_stats())?;
        writer.neighbors(store.neighbor_rows())?;
        writer.visits(store.visit_rows())?;
        writer.histories(replay.users().iter().map(|(key, user)| (key, *user, store.history(*user))))?;
        writer.sessions(store.session_rows().map(|(id, session)| (id, Some(session))))?;
        Ok(())
    })?;
    delete_rows(recommender.tables.delta, &done);
    let totals = store.totals().map_err(|source| failure(recommender, source))?;
    save(
        recommender,
        &State {
            packed_epoch: state.epoch,
            events: store.events(),
            total: totals.score,
            newest_at: newest(None, totals.newest),
            next_user: replay.users().len() as u32,
            next_item: replay.item_keys().len() as u32,
            next_session: totals.sessions,
            next_context: replay.contexts().len() as u32,
            skipped: state.skipped + skipped_since,
            needs_rebuild: false,
            ..state
        },
    )?;
    Ok(count)
}

/// Writes the state row; the generation moves.
fn save(recommender: &Recommender, state: &State) -> Result<()> {
    let args = [
        Arg::of(recommender.id),
        Arg::of(state.packed_epoch),
        Arg::of(state.events),
        Arg::datum(state.newest_at.map(timestamp_datum), pg_sys::TIMESTAMPTZOID),
        Arg::of(state.next_user as i32),
        Arg::of(state.next_item as i32),
        Arg::of(state.next_session as i32),
        Arg::of(state.next_context as i32),
        Arg::of(state.skipped),
        Arg::of(state.total.0),
        Arg::of(state.needs_rebuild),
    ];
    owner::as_user(catalog_owner()?, || spi::write_prepared(include_str!("../sql/save_state.sql"), &args))?;
    Ok(())
}
