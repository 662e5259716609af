//! `create_recommender`, `alter_recommender`, `rebuild_recommender`, `drop_recommender`.

use pgrx::{PgSqlErrorCode, pg_sys};

use crate::catalog::{self, CatalogError, Recommender};
use crate::compact::{self, CompactError};
use crate::ddl;
use crate::definition::{self, Definition, DefinitionError};
use crate::features::{self, error::FeatureError};
use crate::graph;
use crate::models::{self, ModelsError};
use crate::pg::error::SqlError;
use crate::pg::function::{Call, CallError};
use crate::pg::relation;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{error, guc, owner, snapshot};
use crate::serve::rank_error::RankError;
use crate::serve::second_phase;
use crate::state::{self, Purpose};
use crate::vectors::{self, error::VectorsError};
use crate::{lent, sql_function, totals, worker};

sql_function!(recommend_create, pg_finfo_recommend_create, create);
sql_function!(recommend_alter, pg_finfo_recommend_alter, alter);
sql_function!(recommend_rebuild, pg_finfo_recommend_rebuild, rebuild);
sql_function!(recommend_drop, pg_finfo_recommend_drop, drop);

/// What can go wrong when a recommender is defined.
#[derive(Debug, thiserror::Error)]
pub enum DefineError {
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    #[error(transparent)]
    Graph(#[from] graph::define::DefineError),
    #[error(transparent)]
    Features(#[from] FeatureError),
    #[error(transparent)]
    Rank(#[from] RankError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Compact(#[from] CompactError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl DefineError {
    fn cause(&self) -> &dyn SqlError {
        match self {
            Self::Definition(error) => error,
            Self::Vectors(error) => error,
            Self::Graph(error) => error,
            Self::Features(error) => error,
            Self::Rank(error) => error,
            Self::Catalog(error) => error,
            Self::Compact(error) => error,
            Self::Call(error) => error,
            Self::Spi(error) => error,
        }
    }
}

impl SqlError for DefineError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        self.cause().sqlstate()
    }

    fn hint(&self) -> Option<String> {
        self.cause().hint()
    }

    fn detail(&self) -> Option<String> {
        self.cause().detail()
    }
}

/// The arguments from `first` on that are options, each as text (intervals and arrays of names too), NULL where the
/// caller left them out. The SQL that stores them casts each back to the column's type.
fn options(call: &Call, first: usize, count: usize) -> Result<Vec<Arg>, CallError> {
    let option = |index| {
        call.no_null_in(index, "context_columns")?;
        Ok(Arg::of(call.text(index)))
    };
    (first..first + count).map(option).collect()
}

fn create(call: &Call) -> Result<pg_sys::Datum, DefineError> {
    let required = |index, name| call.text(index).ok_or(CallError::Null(name));
    let name = required(0, "name")?;
    let events: pg_sys::Oid = call.required(1, "events")?;
    required(2, "user_column")?;
    required(3, "item_column")?;
    required(4, "time_column")?;
    let (vector_set, model) = (vector_set(call, 18)?, model(call, 19)?);
    let (backfill, with_graph) = (call.arg(15).unwrap_or(true), call.arg(17).unwrap_or(true));
    {
        // The lock that CREATE TRIGGER takes: writers that have begun finish first, so that no row falls between the
        // backfill's snapshot and the trigger.
        let table = definition::open_owned(events, pg_sys::ShareRowExclusiveLock)?;
        definition::check_event_table(&table)?;
    }
    let (id, edges) = catalog::as_owner(|| {
        let mut args = vec![Arg::of(name.clone()), Arg::of(events)];
        args.extend(options(call, 2, 13)?);
        args.push(Arg::of(call.arg::<bool>(16)));
        args.push(Arg::of(vector_set));
        args.push(Arg::of(model));
        args.push(Arg::of(call.text(20)));
        args.push(Arg::of(call.arg::<bool>(21)));
        let id = insert(&name, &args)?;
        let definition = catalog::definition(id)?;
        definition.check()?;
        ddl::unwatched(|| state::create(&definition.feed(), Purpose::Recommender))?;
        catalog::announce_change()?;
        let edges = if with_graph { graph::of_recommender::follow(&definition, None)? } else { None };
        Ok::<_, DefineError>((id, edges))
    })??;
    check_eligible(id)?;
    second_phase::check(id)?;
    fill(id, backfill)?;
    if let Some(edges) = edges {
        graph::of_recommender::fill_edges(edges, backfill)?;
    }
    Ok(call.value(Some(id)))
}

/// The name of a vector set, whose vectors the caller may read; empty to go without.
fn vector_set(call: &Call, place: usize) -> Result<Option<String>, DefineError> {
    let Some(name) = call.text(place) else { return Ok(None) };
    if !name.is_empty() {
        let set = vectors::catalog::by_name(&name)?;
        set.check_reader(owner::current_user())?;
    }
    Ok(Some(name))
}

/// Refuses a list of eligible items that the caller could not read.
fn check_eligible(id: i32) -> Result<(), DefineError> {
    if let Some((relation, column)) = &catalog::by_id(id)?.eligible {
        error::or_raise(lent::reader_for(owner::current_user(), *relation, &[column]));
    }
    Ok(())
}

/// The name of a model, kept from being dropped until the transaction ends; empty to go without.
fn model(call: &Call, place: usize) -> Result<Option<String>, DefineError> {
    let Some(name) = call.text(place) else { return Ok(None) };
    if !name.is_empty() {
        let sql = "SELECT FROM recommend.models WHERE name = $1 FOR KEY SHARE";
        // It may be gone since this statement's snapshot.
        if catalog::as_owner(|| spi::write(sql, &[Arg::of(name.as_str())]))?? == 0 {
            let existing = snapshot::with_latest(models::catalog::names).map_err(RankError::from)?;
            return Err(RankError::from(ModelsError::Unknown { name, existing }).into());
        }
    }
    Ok(Some(name))
}

/// Write the rows of the catalog, and give the new recommender's id.
fn insert(name: &str, args: &[Arg]) -> Result<i32, DefineError> {
    // One at a time: two sessions must not take the same id or name.
    spi::write(state::LOCK_CATALOG, &[])?;
    refuse_taken(name)?;
    let ids = spi::write_returning(include_str!("../sql/insert_recommender.sql"), args, |row| row.value::<i32>(1))?;
    let id = ids.first().copied().ok_or(SpiError::Null { column: 1 })?;
    spi::write("INSERT INTO recommend.epochs (feed, epoch) VALUES ($1, 0)", &[Arg::of(id)])?;
    spi::write("INSERT INTO recommend.state (recommender) VALUES ($1)", &[Arg::of(id)])?;
    Ok(id)
}

fn refuse_taken(name: &str) -> Result<(), DefineError> {
    let taken = snapshot::with_latest(|| {
        spi::read("SELECT 1 FROM recommend.recommenders WHERE name = $1", &[Arg::of(name)], |_| Ok::<_, SpiError>(()))
    })?;
    if taken.is_empty() { Ok(()) } else { Err(DefinitionError::Duplicate(name.to_owned()).into()) }
}

/// Bring existing rows into the state of recommender `id`: now, in the background where there are many, or, where
/// the caller does not want it, only note that they are missing.
fn fill(id: i32, now: bool) -> Result<Option<u64>, DefineError> {
    let recommender = catalog::by_id(id)?;
    let rows = catalog::as_owner(|| totals::estimated_events(id))??;
    if now && rows <= guc::background_backfill() {
        return Ok(Some(compact::rebuild(&recommender)?));
    }
    let pending = state::has_rows(id, recommender.owner)?;
    if pending {
        catalog::as_owner(|| spi::write("UPDATE recommend.state SET needs_rebuild = true WHERE recommender = $1", &[Arg::of(id)]))??;
    }
    if now && pending {
        pgrx::ereport!(
            NOTICE,
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            format!("a background worker will read about {rows:.0} rows of the event table after commit"),
            "Watch it in recommend.progress; recommend.status says when it is done."
        );
        worker::start_after_commit(relation::database());
    }
    Ok(None)
}

/// Lock the event table of the recommender called `name`, after a check that the caller owns it.
fn owned(name: &str, lock: u32) -> Result<std::rc::Rc<Recommender>, DefineError> {
    definition::refuse_stranger(catalog::event_table(name)?.1)?;
    let recommender = catalog::by_name(Some(name))?;
    // The compactor locks the state first and reads the event table then: take the locks in the same order.
    catalog::as_owner(|| spi::write("SELECT FROM recommend.state WHERE recommender = $1 FOR UPDATE", &[Arg::of(recommender.id)]))??;
    if let Some(features) = features::catalog::of_recommender(recommender.id)? {
        features::compact::lock(features, true)?;
    }
    definition::open_owned(recommender.events, lock)?;
    Ok(recommender)
}

/// [`owned`] for a recommender that has lost a part: its number.
fn owned_damaged(name: &str) -> Result<i32, DefineError> {
    let (id, events) = catalog::event_table(name)?;
    definition::open_owned(events, pg_sys::AccessExclusiveLock)?;
    Ok(id)
}

fn rebuild(call: &Call) -> Result<pg_sys::Datum, DefineError> {
    let name: String = call.required(0, "name")?;
    let recommender = owned(&name, pg_sys::AccessShareLock)?;
    let events = compact::rebuild(&recommender)?;
    Ok(call.value(i64::try_from(events).ok()))
}

fn drop(call: &Call) -> Result<pg_sys::Datum, DefineError> {
    let name: String = call.required(0, "name")?;
    match owned(&name, pg_sys::AccessExclusiveLock) {
        Ok(recommender) => forget(recommender.id)?,
        // What is left of one that has lost a part can still be dropped.
        Err(DefineError::Catalog(CatalogError::Damaged { .. })) => forget(owned_damaged(&name)?)?,
        Err(error) => return Err(error),
    }
    Ok(call.void())
}

/// Remove a recommender with its graph and features: the catalog rows, the state, the triggers.
pub fn forget(id: i32) -> Result<(), DefineError> {
    features::define::forget_of(id)?;
    if let Some(graph) = catalog::as_owner(|| graph::catalog::of_recommender(id))?? {
        graph::define::forget(graph)?;
    }
    catalog::as_owner(|| {
        spi::write("DELETE FROM recommend.recommenders WHERE id = $1", &[Arg::of(id)])?;
        spi::write("DELETE FROM recommend.epochs WHERE feed = $1", &[Arg::of(id)])?;
        spi::write("DELETE FROM recommend.state WHERE recommender = $1", &[Arg::of(id)])?;
        ddl::unwatched(|| state::drop(id))?;
        catalog::announce_change()?;
        Ok(())
    })?
}

fn alter(call: &Call) -> Result<pg_sys::Datum, DefineError> {
    let name: String = call.required(0, "name")?;
    // Columns and weights are what view and triggers are made from; changing them keeps writers and readers out.
    let redefines = (1..=6).chain([8, 18]).any(|index| call.datum(index).is_some());
    let lock = if redefines { pg_sys::AccessExclusiveLock } else { pg_sys::ShareUpdateExclusiveLock };
    let recommender = owned(&name, lock)?;
    let (id, vector_set, model) = (recommender.id, vector_set(call, 16)?, model(call, 17)?);
    let (refill, edges, other_inputs) = catalog::as_owner(|| {
        let before = catalog::definition(id)?;
        if let Some(new_name) = call.text(15).filter(|new_name| *new_name != before.name) {
            spi::write("LOCK TABLE recommend.recommenders IN SHARE ROW EXCLUSIVE MODE", &[])?;
            refuse_taken(&new_name)?;
        }
        let mut args = vec![Arg::of(id)];
        args.extend(options(call, 1, 13)?);
        args.push(Arg::of(call.arg::<bool>(14)));
        args.push(Arg::of(call.text(15)));
        args.push(Arg::of(vector_set));
        let is_given = model.is_some();
        args.push(Arg::of(model));
        args.push(Arg::of(call.text(18)));
        args.push(Arg::of(call.arg::<bool>(19)));
        spi::write(include_str!("../sql/update_recommender.sql"), &args)?;
        let after = catalog::definition(id)?;
        after.check()?;
        features::define::check_change(&before, &after)?;
        catalog::announce_change()?;
        let other_inputs = is_given || before.context_columns != after.context_columns;
        let edges = graph::of_recommender::follow(&after, Some(&before))?;
        if before.feed() != after.feed() {
            ddl::unwatched(|| {
                state::drop(id)?;
                state::create(&after.feed(), Purpose::Recommender)
            })?;
            spi::write(include_str!("../sql/reset_state.sql"), &[Arg::of(id)])?;
            return Ok((true, edges, other_inputs));
        }
        Ok::<_, DefineError>((!same_state(&before, &after), edges, other_inputs))
    })??;
    if call.datum(12).is_some() {
        check_eligible(id)?;
    }
    if other_inputs {
        second_phase::check(id)?;
    }
    if refill {
        fill(id, true)?;
    }
    if let Some(edges) = edges {
        graph::of_recommender::fill_edges(edges, true)?;
    }
    Ok(call.void())
}

/// Whether both definitions make the same state from the same events.
fn same_state(before: &Definition, after: &Definition) -> bool {
    before.session == after.session
        && before.half_life_us == after.half_life_us
        && before.max_edges == after.max_edges
        && before.vector_set == after.vector_set
}
