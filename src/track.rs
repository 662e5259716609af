//! The row trigger of a feed: one row of its delta for every event that comes or goes.
//!
//! It reads no row of ours, takes no lock but the one any INSERT takes, and runs no SQL once its plan is made. The rules of
//! what is an event stand twice, here and in the view `recommend.events_N` (`state::view_sql`): change both.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::datum::IntoDatum;
use pgrx::{PgSqlErrorCode, pg_sys};

use crate::catalog::{self, CatalogError};
use crate::definition::{self, DefinitionError};
use crate::feed::{Feed, Weight};
use crate::key::{KeyType, MAX_TEXT_BYTES};
use crate::pg::error::SqlError;
use crate::pg::function::{Call, CallError};
use crate::pg::heap::{self, Columns};
use crate::pg::label::{self, Label};
use crate::pg::number::NumberType;
use crate::pg::relation::{self, Relation};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::varlena::{self, Bytes};
use crate::pg::{invalidation, snapshot};
use crate::{backlog, sql_function};

sql_function!(recommend_track_row, pg_finfo_recommend_track_row, track_row);

/// What can go wrong in a tracking trigger.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    #[error("column \"{column}\" of \"{table}\" does not exist")]
    Column { column: String, table: String },
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
            Self::Catalog(error) => error.sqlstate(),
            Self::Call(error) => error.sqlstate(),
            Self::Spi(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Catalog(error) => error.hint(),
            _ => None,
        }
    }
}

/// Where one relation keeps what a recommender tracks. Partitions may keep columns in other places than their parent.
struct Plan {
    delta: pg_sys::Oid,
    epoch: i32,
    user: (i16, KeyType),
    item: (i16, KeyType),
    time: Option<i16>,
    weight: RowWeight,
    session: Option<(i16, Label)>,
    recorded: Option<i16>,
    context: Vec<(i16, Label)>,
    last: i16,
}

/// What a row weighs.
enum RowWeight {
    One,
    /// What a column holds.
    Column(i16, NumberType),
    /// By the text of a column.
    Events(i16, Label, HashMap<Vec<u8>, f32>),
}

/// An event as the delta takes it; one without time is an edge that has none.
struct Event {
    user: pg_sys::Datum,
    item: pg_sys::Datum,
    at: Option<pg_sys::Datum>,
    weight: f32,
    session: Option<i64>,
    context: Option<pg_sys::Datum>,
}

/// What a row of the event table is.
enum Reading {
    Event(Event),
    /// No key, no time where there is to be one, or no finite weight: counted, not more.
    Skipped,
    /// Weight 0.
    Ignored,
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
    let trigger = call.trigger().ok_or(CallError::NotTrigger("recommend.track_row"))?;
    // SAFETY: valid for the call.
    let trigger_oid = unsafe { (*trigger.tg_trigger).tgoid };
    let Some(plan) = plan(trigger_oid, trigger_relation(trigger), || trigger_argument(trigger)) else {
        return Ok(call.void());
    };
    let delta = match Relation::try_open(plan.delta, pg_sys::RowExclusiveLock as i32) {
        Some(delta) => delta,
        None => return Ok(call.void()),
    };
    // SAFETY: a row trigger's slots hold the rows until it returns, with the columns of the relation that the plan is for.
    let read = |slot| plan.read(unsafe { Columns::of(slot, plan.last) });
    match trigger.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
        pg_sys::TRIGGER_EVENT_INSERT => plan.append(&delta, 1, &read(trigger.tg_trigslot)),
        pg_sys::TRIGGER_EVENT_DELETE => plan.append(&delta, -1, &read(trigger.tg_trigslot)),
        pg_sys::TRIGGER_EVENT_UPDATE => {
            let (old, new) = (read(trigger.tg_trigslot), read(trigger.tg_newslot));
            if !plan.same(&old, &new) {
                plan.append(&delta, -1, &old);
                plan.append(&delta, 1, &new);
            }
        }
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
fn plan(trigger: pg_sys::Oid, relation: pg_sys::Oid, id: impl Fn() -> Option<i32>) -> Option<Rc<Plan>> {
    let generation = invalidation::generation();
    let cached = PLANS.with_borrow_mut(|cache| {
        if cache.generation != generation {
            *cache = Plans { generation, plans: HashMap::new() };
        }
        cache.plans.get(&trigger).cloned()
    });
    cached.unwrap_or_else(|| {
        let plan = load(relation, id()?);
        PLANS.with_borrow_mut(|cache| {
            if cache.generation == generation {
                cache.plans.insert(trigger, plan.clone());
            }
        });
        plan
    })
}

/// Make a plan. An application's write must not fail because of us, so what is missing is a WARNING, and nothing is tracked.
fn load(relation: pg_sys::Oid, id: i32) -> Option<Rc<Plan>> {
    invalidation::watch(relation);
    let planned = (|| {
        let feed = catalog::feed(id)?;
        // The trigger may stand on a table that is none of the feed's, where somebody copied its definition.
        let epoch = epoch(id, relation)?;
        epoch.map(|epoch| Plan::new(&feed, relation, epoch)).transpose()
    })();
    match planned {
        Ok(plan) => plan.map(Rc::new),
        Err(TrackError::Catalog(CatalogError::UnknownId(_) | CatalogError::NotInstalled)) => None,
        Err(error) => {
            pgrx::warning!("an event table is not tracked: {error}");
            None
        }
    }
}

/// The epoch of the feed, if `relation` is its table or a partition of it.
fn epoch(id: i32, relation: pg_sys::Oid) -> Result<Option<i32>, TrackError> {
    let epochs: Vec<i32> = catalog::as_owner(|| {
        snapshot::with_latest(|| {
            spi::read_prepared(include_str!("../sql/epoch.sql"), &[Arg::of(id), Arg::of(relation)], |row| row.value::<i32>(1))
        })
    })??;
    Ok(epochs.first().copied())
}

/// Append every row of a table as an event that came (1) or went (-1).
pub fn append_table(id: i32, table: pg_sys::Oid, change: i16) -> Result<(), TrackError> {
    let feed = catalog::feed(id)?;
    let Some(epoch) = epoch(id, feed.table)? else { return Ok(()) };
    let rows = Relation::open(table, pg_sys::AccessShareLock as i32);
    if rows.class().relkind as u8 != b'r' {
        return Ok(());
    }
    let plan = Plan::new(&feed, table, epoch)?;
    let delta = Relation::open(plan.delta, pg_sys::RowExclusiveLock as i32);
    heap::scan(&rows, plan.last, |columns| plan.append(&delta, change, &plan.read(columns)));
    Ok(())
}

impl Plan {
    fn new(feed: &Feed, table: pg_sys::Oid, epoch: i32) -> Result<Self, TrackError> {
        let delta = format!("delta_{}", feed.id);
        let delta = relation::state_relation(&delta).ok_or(CatalogError::UnknownId(feed.id))?;
        let number = |column: &str| {
            relation::column_number(table, column)
                .ok_or_else(|| TrackError::Column { column: column.to_owned(), table: relation::name(table).unwrap_or_default() })
        };
        let label = |column: &str| {
            let number = number(column)?;
            Ok::<_, TrackError>((number, Label::of(relation::column_type(table, number))))
        };
        let key = |column: &str| {
            let number = number(column)?;
            let key = KeyType::of(relation::column_type(table, number)).map_err(DefinitionError::from).map_err(CatalogError::from)?;
            Ok::<_, TrackError>((number, key))
        };
        let weight = match &feed.weight {
            Weight::One => RowWeight::One,
            Weight::Column(column) => {
                let number = number(column)?;
                let found = relation::column_type(table, number);
                RowWeight::Column(number, NumberType::of(found).ok_or_else(|| CatalogError::from(definition::no_number(column, found)))?)
            }
            Weight::Events(column, weights) => {
                let (number, text) = label(column)?;
                RowWeight::Events(number, text, weights.iter().map(|(event, weight)| (event.clone().into_bytes(), *weight)).collect())
            }
        };
        let session = feed.session.as_deref().map(label).transpose()?;
        let context = feed.context.iter().map(|column| label(column)).collect::<Result<Vec<_>, _>>()?;
        let last = feed.columns().iter().map(|column| number(column)).collect::<Result<Vec<_>, _>>()?.into_iter().max();
        Ok(Self {
            delta,
            epoch,
            user: key(&feed.user)?,
            item: key(&feed.item)?,
            time: feed.time.as_deref().map(number).transpose()?,
            weight,
            session,
            recorded: feed.recorded.as_deref().map(number).transpose()?,
            context,
            last: last.unwrap_or_default(),
        })
    }

    fn read(&self, columns: Columns) -> Reading {
        let weight = match &self.weight {
            RowWeight::One => 1.0,
            // SAFETY: the column's type is that one.
            RowWeight::Column(number, kind) => columns.get(*number).map_or(f32::NAN, |weight| unsafe { kind.read(weight) }),
            RowWeight::Events(number, text, weights) => {
                // SAFETY: the label is of the column's type.
                let weight = columns.get(*number).and_then(|kind| unsafe { text.with_bytes(kind, |kind| weights.get(kind).copied()) });
                weight.unwrap_or(0.0)
            }
        };
        if weight == 0.0 {
            return Reading::Ignored;
        }
        let (Some(user), Some(item)) = (key(columns, self.user), key(columns, self.item)) else { return Reading::Skipped };
        let at = self.time.map(|time| columns.get(time));
        // Both kinds of timestamp are 64-bit microseconds, a plain one read as UTC; the extremes stand for infinity.
        let timeless = at.is_some_and(|at| at.is_none_or(|at| matches!(at.value() as i64, i64::MIN | i64::MAX)));
        if timeless || !weight.is_finite() {
            return Reading::Skipped;
        }
        // SAFETY: the labels are of their columns' types.
        let session = self
            .session
            .as_ref()
            .and_then(|(number, text)| unsafe { columns.get(*number).map(|value| text.with_bytes(value, label::hash)) });
        // What was recorded before all time was known at once, as what says nothing of it.
        let recorded = self.recorded.and_then(|number| columns.get(number)).map(|at| at.value() as i64).filter(|at| *at != i64::MIN);
        let session = session.or(recorded);
        Reading::Event(Event { user, item, at: at.flatten(), weight, session, context: self.context(columns) })
    }

    /// The context columns' texts as one text[].
    fn context(&self, columns: Columns) -> Option<pg_sys::Datum> {
        if self.context.is_empty() {
            return None;
        }
        let mut texts = Vec::with_capacity(self.context.len());
        let mut nulls = Vec::with_capacity(self.context.len());
        for (number, text) in &self.context {
            let value = columns.get(*number);
            nulls.push(value.is_none());
            // SAFETY: the label is of the column's type.
            texts.push(value.map_or(pg_sys::Datum::from(0), |value| unsafe { text.datum(value) }));
        }
        // SAFETY: one dimension of as many text datums as both arrays have.
        let array = unsafe {
            pg_sys::construct_md_array(
                texts.as_mut_ptr(),
                nulls.as_mut_ptr(),
                1,
                &mut (texts.len() as i32),
                &mut 1,
                pg_sys::TEXTOID,
                -1,
                false,
                pg_sys::TYPALIGN_INT as std::ffi::c_char,
            )
        };
        Some(array.into())
    }

    fn append(&self, delta: &Relation, change: i16, reading: &Reading) {
        let row = match reading {
            Reading::Ignored => return,
            Reading::Skipped => {
                let count = f32::from(change).into_datum();
                [self.epoch.into_datum(), 0_i16.into_datum(), None, None, None, count, None, None]
            }
            Reading::Event(event) => [
                self.epoch.into_datum(),
                change.into_datum(),
                Some(event.user),
                Some(event.item),
                event.at,
                event.weight.into_datum(),
                event.session.and_then(IntoDatum::into_datum),
                event.context,
            ],
        };
        heap::append(delta, row);
        backlog::grew();
    }

    /// Whether an UPDATE has changed nothing that is tracked.
    fn same(&self, old: &Reading, new: &Reading) -> bool {
        match (old, new) {
            (Reading::Event(old), Reading::Event(new)) => {
                same_key(self.user.1, old.user, new.user)
                    && same_key(self.item.1, old.item, new.item)
                    && old.at.map(|at| at.value()) == new.at.map(|at| at.value())
                    && old.weight == new.weight
                    && old.session == new.session
                    && match (old.context, new.context) {
                        (Some(old), Some(new)) => same_bytes(old, new),
                        (old, new) => old.is_none() && new.is_none(),
                    }
            }
            (Reading::Skipped, Reading::Skipped) | (Reading::Ignored, Reading::Ignored) => true,
            _ => false,
        }
    }
}

/// A key column's value, unless it is NULL or too long for a key.
fn key(columns: Columns, (number, key): (i16, KeyType)) -> Option<pg_sys::Datum> {
    columns.get(number).filter(|value| {
        // SAFETY: a text column's value is a varlena.
        key != KeyType::Text || unsafe { varlena::length(*value) } <= MAX_TEXT_BYTES
    })
}

fn same_key(key: KeyType, old: pg_sys::Datum, new: pg_sys::Datum) -> bool {
    match key {
        KeyType::Int2 | KeyType::Int4 | KeyType::Int8 => old.value() == new.value(),
        // SAFETY: both datums point to the 16 bytes of a uuid.
        KeyType::Uuid => unsafe { *old.cast_mut_ptr::<[u8; 16]>() == *new.cast_mut_ptr::<[u8; 16]>() },
        KeyType::Text => same_bytes(old, new),
    }
}

fn same_bytes(old: pg_sys::Datum, new: pg_sys::Datum) -> bool {
    // SAFETY: both are varlenas of the rows or arrays made from them.
    unsafe { *Bytes::of(old) == *Bytes::of(new) }
}
