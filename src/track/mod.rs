//! The row trigger of a feed: one row of its delta for every event that comes or goes.
//!
//! It reads no row of ours, takes no lock but the one any INSERT takes, and runs no SQL once its plan is made. What it reads of a
//! row is the matter of [`events`] and [`vectors`].
#![allow(unsafe_code)]

mod events;
pub mod standing;
mod vectors;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::{PgSqlErrorCode, pg_sys};

use self::events::EventColumns;
use self::vectors::VectorColumns;

use crate::catalog::{self, CatalogError};
use crate::feed::Tracked;
use crate::key::KeyType;
use crate::pg::error::SqlError;
use crate::pg::function::{Call, CallError};
use crate::pg::heap::{self, Columns};
use crate::pg::relation::{self, Relation};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{invalidation, shape, snapshot};
use crate::{backlog, sql_function};

sql_function!(recommend_track_row, pg_finfo_recommend_track_row, track_row);

/// What can go wrong in a tracking trigger.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    #[error("column \"{column}\" of \"{table}\" does not exist")]
    Column { column: String, table: String },
    #[error("trigger \"{trigger}\" of table \"{table}\" is none that the extension has made")]
    Misplaced { trigger: String, table: String, function: &'static str },
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl SqlError for TrackError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Column { .. } => PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
            Self::Misplaced { .. } => PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            Self::Catalog(error) => error.sqlstate(),
            Self::Call(error) => error.sqlstate(),
            Self::Spi(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Catalog(error) => error.hint(),
            Self::Misplaced { trigger, table, function } => Some(format!(
                "{function}() serves the triggers that the extension makes, under their own names: DROP TRIGGER {} ON {}.",
                relation::quote_ident(trigger),
                relation::quote_ident(table)
            )),
            _ => None,
        }
    }
}

/// How the rows of one relation are tracked.
struct Plan {
    delta: pg_sys::Oid,
    epoch: i32,
    columns: PlanColumns,
    last: i16,
}

/// Where the tracked columns are.
enum PlanColumns {
    Events(EventColumns),
    Vectors(VectorColumns),
}

#[derive(Default)]
struct Plans {
    generation: u64,
    /// By trigger, for each relation has its own; `None` where it tracks nothing.
    plans: HashMap<pg_sys::Oid, Option<Rc<Plan>>>,
}

thread_local! {
    static PLANS: RefCell<Plans> = RefCell::new(Plans::default());
}

fn track_row(call: &Call) -> Result<pg_sys::Datum, TrackError> {
    let trigger = standing::ROW.of(call)?;
    // SAFETY: valid for the call.
    let trigger_oid = unsafe { (*trigger.tg_trigger).tgoid };
    let Some(plan) = plan(trigger_oid, trigger)? else { return Ok(call.void()) };
    let delta = match Relation::try_open(plan.delta, pg_sys::RowExclusiveLock as i32) {
        Some(delta) => delta,
        None => return Ok(call.void()),
    };
    if let Err(error) = shape::compare(&delta) {
        forget(trigger_oid, &error);
        return Ok(call.void());
    }
    // SAFETY: a row trigger's slots hold the rows until it returns, with the columns of the relation that the plan is for.
    let row = |slot| unsafe { Columns::of(slot, plan.last) };
    match trigger.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
        pg_sys::TRIGGER_EVENT_INSERT => plan.append(&delta, 1, row(trigger.tg_trigslot)),
        pg_sys::TRIGGER_EVENT_DELETE => plan.append(&delta, -1, row(trigger.tg_trigslot)),
        pg_sys::TRIGGER_EVENT_UPDATE => plan.append_update(&delta, row(trigger.tg_trigslot), row(trigger.tg_newslot)),
        _ => {}
    }
    Ok(call.void())
}

/// The relation that a trigger fires for.
pub fn trigger_relation(trigger: &pg_sys::TriggerData) -> pg_sys::Oid {
    // SAFETY: a trigger call has its relation open.
    unsafe { (*trigger.tg_relation).rd_id }
}

/// Whether `relation` is the table of feed `id` or a partition of it.
pub fn tracks(id: i32, relation: pg_sys::Oid) -> bool {
    matches!(epoch(id, relation), Ok(Some(_)))
}

/// The feed's id, which the trigger was created with.
pub fn trigger_argument(trigger: &pg_sys::TriggerData) -> Option<i32> {
    // SAFETY: a trigger has `tgnargs` NUL-terminated arguments.
    unsafe {
        let definition = &*trigger.tg_trigger;
        if definition.tgnargs < 1 {
            return None;
        }
        std::ffi::CStr::from_ptr(*definition.tgargs).to_str().ok()?.parse().ok()
    }
}

/// The cached plan of a trigger.
fn plan(trigger_oid: pg_sys::Oid, trigger: &pg_sys::TriggerData) -> Result<Option<Rc<Plan>>, TrackError> {
    let generation = invalidation::generation();
    let cached = PLANS.with_borrow_mut(|cache| {
        if cache.generation != generation {
            *cache = Plans { generation, plans: HashMap::new() };
        }
        cache.plans.get(&trigger_oid).cloned()
    });
    if let Some(plan) = cached {
        return Ok(plan);
    }
    let Some(id) = trigger_argument(trigger) else { return Ok(None) };
    let plan = load(trigger_relation(trigger), id);
    if plan.is_some() {
        standing::ROW.check_name(trigger)?;
    }
    PLANS.with_borrow_mut(|cache| {
        if cache.generation == generation {
            cache.plans.insert(trigger_oid, plan.clone());
        }
    });
    Ok(plan)
}

/// A trigger whose delta is not as it was made: nothing is tracked, and a WARNING says so once, until a definition changes.
#[cold]
fn forget(trigger: pg_sys::Oid, error: &shape::ShapeError) {
    PLANS.with_borrow_mut(|cache| cache.plans.insert(trigger, None));
    crate::pg::error::warn(format!("a table is not tracked: {error}"), error);
}

/// Make a plan. An application's write must not fail because of us, so what is missing is a WARNING, and nothing is tracked.
fn load(relation: pg_sys::Oid, id: i32) -> Option<Rc<Plan>> {
    invalidation::watch(relation);
    let planned = (|| {
        let feed = catalog::tracked(id)?;
        // The trigger may stand on a table that is none of the feed's, where somebody copied its definition.
        let epoch = epoch(id, relation)?;
        epoch.map(|epoch| Plan::new(&feed, relation, epoch)).transpose()
    })();
    match planned {
        Ok(plan) => plan.map(Rc::new),
        Err(TrackError::Catalog(CatalogError::UnknownId(_) | CatalogError::NotInstalled)) => None,
        Err(error) => {
            pgrx::warning!("a table is not tracked: {error}");
            None
        }
    }
}

/// The epoch of the feed, if `relation` is its table or a partition of it.
fn epoch(id: i32, relation: pg_sys::Oid) -> Result<Option<i32>, TrackError> {
    let epochs: Vec<i32> = catalog::as_owner(|| {
        snapshot::with_latest(|| {
            spi::read_prepared(include_str!("../../sql/epoch.sql"), &[Arg::of(id), Arg::of(relation)], |row| row.value::<i32>(1))
        })
    })??;
    Ok(epochs.first().copied())
}

/// Append every row of a table as an event that came (1) or went (-1).
pub fn append_table(id: i32, table: pg_sys::Oid, change: i16) -> Result<(), TrackError> {
    let feed = catalog::tracked(id)?;
    let Some(epoch) = epoch(id, feed.table())? else { return Ok(()) };
    let rows = Relation::open(table, pg_sys::AccessShareLock as i32);
    if rows.class().relkind as u8 != b'r' {
        return Ok(());
    }
    let plan = Plan::new(&feed, table, epoch)?;
    let delta = Relation::open(plan.delta, pg_sys::RowExclusiveLock as i32);
    shape::check(&delta);
    heap::scan(&rows, plan.last, |row| plan.append(&delta, change, row));
    Ok(())
}

/// The number of a column that has to be there.
fn column_number(table: pg_sys::Oid, column: &str) -> Result<i16, TrackError> {
    let lost = || TrackError::Column { column: column.to_owned(), table: relation::name(table).unwrap_or_default() };
    relation::column_number(table, column).ok_or_else(lost)
}

impl Plan {
    fn new(tracked: &Tracked, table: pg_sys::Oid, epoch: i32) -> Result<Self, TrackError> {
        let delta = relation::state_relation(&tracked.delta()).ok_or(CatalogError::UnknownId(tracked.id()))?;
        let (columns, keys) = match tracked {
            Tracked::Events(feed) => {
                let columns = EventColumns::of(feed, table)?;
                let keys = columns.keys().map(KeyType::oid);
                (PlanColumns::Events(columns), keys)
            }
            Tracked::Vectors(feed) => {
                let columns = VectorColumns::of(feed, table)?;
                let keys = [columns.key().oid(), pg_sys::InvalidOid];
                (PlanColumns::Vectors(columns), keys)
            }
        };
        shape::keys_are(tracked.id(), keys);
        let last = tracked.columns().iter().map(|column| column_number(table, column)).collect::<Result<Vec<_>, _>>()?.into_iter().max();
        Ok(Self { delta, epoch, columns, last: last.unwrap_or_default() })
    }

    /// Appends a row that came (1) or went (-1).
    fn append(&self, delta: &Relation, change: i16, row: Columns) {
        match &self.columns {
            PlanColumns::Events(columns) => columns.append(delta, self.epoch, change, &columns.read(row)),
            PlanColumns::Vectors(columns) => columns.append(delta, self.epoch, row),
        }
        backlog::grew();
    }

    /// Appends what an UPDATE has changed.
    fn append_update(&self, delta: &Relation, old: Columns, new: Columns) {
        match &self.columns {
            PlanColumns::Events(columns) => {
                let (old, new) = (columns.read(old), columns.read(new));
                if columns.same(&old, &new) {
                    return;
                }
                columns.append(delta, self.epoch, -1, &old);
                columns.append(delta, self.epoch, 1, &new);
            }
            PlanColumns::Vectors(columns) => {
                if !columns.append_update(delta, self.epoch, old, new) {
                    return;
                }
            }
        }
        backlog::grew();
    }
}
