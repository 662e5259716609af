//! The compactor: moves the delta into packed rows, or makes these anew from the event table.
//!
//! One transaction does all of it, so that a crash leaves either the delta or the packed rows. The lock is the
//! recommender's row of `recommend.state`.

use std::rc::Rc;

use engine::event::Event;
use engine::learn::{self, Learnt};
use engine::store::memory::MemoryStore;
use engine::store::{Store, Totals};
use engine::{Micros, UserId};
use pgrx::{PgSqlErrorCode, pg_sys};

use crate::batch::Batch;
use crate::bulk::WriteError;
use crate::catalog::{self, CatalogError, Recommender, announce_change, catalog_owner};
use crate::delta_rows::Done;
use crate::numbers::rules;
use crate::past::Replay;
use crate::pg::error::SqlError;
use crate::pg::fetch::delete_rows;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{clock, guc, interrupt, owner, snapshot};
use crate::progress::{Phase, Progress};
use crate::totals::{self, State};
use crate::user_interest;
use crate::write::{Writer, timestamp_datum};

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

/// The module's result.
pub type Result<T> = std::result::Result<T, CompactError>;

/// Locks a recommender against other compactors; false when another one holds the lock and `wait` is not set.
fn lock(recommender: &Recommender, wait: bool) -> Result<bool> {
    let skip = if wait { "" } else { " SKIP LOCKED" };
    let sql = format!("SELECT recommender FROM recommend.state WHERE recommender = $1 FOR UPDATE{skip}");
    let found = owner::as_user(catalog_owner()?, || spi::write_returning(&sql, &[Arg::of(recommender.id)], |row| row.value::<i32>(1)));
    Ok(!found.map_err(CompactError::Spi)?.is_empty())
}

/// What a call of [`compact`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// So many delta rows were moved.
    Moved(u64),
    /// Rows wait, but not yet long enough or enough of them.
    NotDue,
    /// Another session is at it.
    Busy,
}

/// When a backlog is to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At once; another session that is at it is waited for.
    Now,
    /// When it has grown to `recommend.compact_after` rows or the last compaction is [`REST`] ago: each compaction makes
    /// readers read packed rows again that they had kept.
    WhenDue,
}

/// How long small backlogs wait.
pub const REST: Micros = 2_000_000;

/// Moves up to `limit` delta rows into packed rows.
///
/// Where the packed rows are known to be wrong, it makes them anew instead.
pub fn compact(recommender: &Recommender, limit: u64, pace: Pace) -> Result<Outcome> {
    if !lock(recommender, pace == Pace::Now)? {
        return Ok(Outcome::Busy);
    }
    snapshot::with_current(|| {
        let state = state_of(recommender)?;
        if state.needs_rebuild {
            return rebuild_locked(recommender, state).map(Outcome::Moved);
        }
        let batch = Batch::read(recommender, state, horizon(), limit)?;
        let rested = state.last_compaction.is_none_or(|last| clock::now().saturating_sub(last) >= REST);
        if pace == Pace::WhenDue && !rested && batch.len() < guc::compact_after() {
            return Ok(if batch.len() > 0 { Outcome::NotDue } else { Outcome::Moved(0) });
        }
        batch.write().map(Outcome::Moved)
    })
}

/// Makes all packed rows anew from the event table. Gives the number of events.
pub fn rebuild(recommender: &Recommender) -> Result<u64> {
    lock(recommender, true)?;
    snapshot::with_current(|| rebuild_locked(recommender, state_of(recommender)?))
}

/// Measures the pace of the log where that is the half-life; gives the recommender with the half-life that its rows are to have.
fn at_pace(recommender: &Recommender) -> Result<Rc<Recommender>> {
    if recommender.follows_pace {
        let sql = include_str!("../sql/pace.sql").replace("{id}", &recommender.id.to_string());
        let pace = owner::as_user(recommender.owner, || spi::read(&sql, &[Arg::datum(Some(timestamp_datum(horizon())), pg_sys::TIMESTAMPTZOID)], |row| row.get::<f64>(1)))?;
        if let Some(Some(seconds)) = pace.first() {
            let sql = "UPDATE recommend.recommenders SET pace = pg_catalog.make_interval(secs => $2) WHERE id = $1";
            owner::as_user(catalog_owner()?, || spi::write(sql, &[Arg::of(recommender.id), Arg::of(*seconds)]))?;
            announce_change()?;
        }
    }
    Ok(catalog::by_id(recommender.id)?)
}

fn state_of(recommender: &Recommender) -> Result<State> {
    totals::read(recommender.id).ok_or_else(|| CatalogError::UnknownId(recommender.id).into())
}

/// Events dated after this wait in the delta.
pub fn horizon() -> Micros {
    clock::now().saturating_add(guc::clock_skew_us())
}

fn rebuild_locked(recommender: &Recommender, state: State) -> Result<u64> {
    let recommender = &*at_pace(recommender)?;
    let horizon = horizon();
    let done = Done::all(recommender, state.epoch, horizon).map_err(|source| failure(recommender, source))?;
    let mut progress = Progress::start(
        recommender.id,
        Phase::ReadingEvents,
        owner::as_user(catalog_owner()?, || totals::estimated_events(recommender.id))? as u64,
    );
    let mut replay = Replay::default();
    let mut store = MemoryStore::new(rules(recommender));
    let (mut learnt, learns) = (Learnt::default(), recommender.learn);
    let fold = |events: Vec<(UserId, Event)>| {
        let folded = events.len() as u64;
        if learns {
            learn::append_log(&mut store, &events, &mut learnt, &interrupt::checker())?;
        } else {
            store.append(events)?;
        }
        progress.advance(folded);
        Ok(())
    };
    let count = replay.run(recommender, horizon, fold).map_err(|source| failure(recommender, source))?;
    progress.phase(Phase::WritingRows);
    owner::as_user(catalog_owner()?, || -> Result<()> {
        let writer = Writer::new(recommender);
        writer.clear()?;
        snapshot::count_command();
        let mut contexts: Vec<_> = replay.contexts().iter().collect();
        contexts.sort_by_key(|(_, number)| **number);
        writer.contexts(0, &contexts.into_iter().map(|(values, _)| values.clone()).collect::<Vec<_>>())?;
        let items = (0..).zip(replay.item_keys()).map(|(item, key)| (key, item, store.item_stats(item)));
        writer.items(items)?;
        writer.context_items(store.context_stats())?;
        writer.leaders(store.leader_rows().iter().zip(0..).map(|(leaders, order)| (order, leaders)))?;
        writer.learnt(&learnt)?;
        writer.neighbors(store.neighbor_rows())?;
        writer.visits(store.visit_rows())?;
        writer.histories(replay.users().iter().map(|(key, user)| (key, *user, store.history(*user))))?;
        writer.sessions(store.session_rows().map(|(id, session)| (id, Some(session))))?;
        Ok(())
    })?;
    user_interest::rebuild(recommender, replay.users(), horizon).map_err(|source| failure(recommender, source))?;
    delete_rows(recommender.tables.delta, &done.rows);
    let totals = store.totals().map_err(|source| failure(recommender, source))?;
    save(
        recommender,
        &State {
            packed_epoch: state.epoch,
            totals: Totals { items: replay.item_keys().len() as u32, ..totals },
            next_user: replay.users().len() as u32,
            next_context: replay.contexts().len() as u32,
            skipped: state.skipped + done.skipped,
            needs_rebuild: false,
            ..state
        },
    )?;
    Ok(count)
}

/// Writes the state row; the generation moves.
pub fn save(recommender: &Recommender, state: &State) -> Result<()> {
    let totals = &state.totals;
    let [month, week, day, hour] = totals.windows;
    let args = [
        Arg::of(recommender.id),
        Arg::of(state.packed_epoch),
        Arg::of(totals.events),
        Arg::datum((totals.newest != i64::MIN).then(|| timestamp_datum(totals.newest)), pg_sys::TIMESTAMPTZOID),
        Arg::of(state.next_user as i32),
        Arg::of(totals.items as i32),
        Arg::of(totals.sessions as i32),
        Arg::of(state.next_context as i32),
        Arg::of(state.skipped),
        Arg::of(totals.score.0),
        Arg::of(state.needs_rebuild),
        Arg::of(month.0),
        Arg::of(week.0),
        Arg::of(day.0),
        Arg::of(hour.0),
        Arg::of(totals.repeats),
        Arg::of(totals.grouped),
    ];
    owner::as_user(catalog_owner()?, || spi::write_prepared(include_str!("../sql/save_state.sql"), &args))?;
    Ok(())
}

pub fn failure(recommender: &Recommender, source: engine::Error) -> CompactError {
    CompactError::Engine { name: recommender.name.clone(), source }
}
