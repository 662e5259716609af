//! `create_features`, `rebuild_features`, `drop_features`, and the lists of what there is.

use std::rc::Rc;

use engine::interest::Grid;
use pgrx::datum::IntoDatum;
use pgrx::{PgSqlErrorCode, pg_sys};

use super::catalog as features;
use super::compact;
use super::definition::{Categories, EVENT, FeatureDefinition, entity_names};
use super::error::{FeatureError, Result};
use crate::catalog::{self, Recommender};
use crate::definition::{self, Definition};
use crate::pg::function::{Call, CallError};
use crate::pg::relation::{self, Relation, quote_ident};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{error, guc, interval, owner, snapshot};
use crate::serve::second_phase;
use crate::state::{self, Purpose};
use crate::{ddl, sql_function, totals, worker};

sql_function!(features_create, pg_finfo_features_create, create);
sql_function!(features_rebuild, pg_finfo_features_rebuild, rebuild);
sql_function!(features_drop, pg_finfo_features_drop, drop);
sql_function!(features_list, pg_finfo_features_list, list);

/// The texts of an array argument; NULL elements are left out.
fn texts(call: &Call, place: usize) -> Option<Vec<String>> {
    call.arg::<Vec<Option<String>>>(place).map(|texts| texts.into_iter().flatten().collect())
}

/// The recommender called `name`, whose event table is locked, after a check that the caller owns that.
fn owned(name: &str, lock: u32) -> Result<Rc<Recommender>> {
    definition::refuse_stranger(catalog::event_table(name)?.1)?;
    let recommender = catalog::by_name(Some(name))?;
    definition::open_owned(recommender.events, lock)?;
    Ok(recommender)
}

fn create(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "recommender")?;
    // Writers that have begun finish first, so that no row falls between the backfill's snapshot and the trigger.
    let recommender = owned(&name, pg_sys::ShareRowExclusiveLock)?;
    definition::check_event_table(&Relation::open(recommender.events, pg_sys::AccessShareLock as i32))?;
    if features::of_recommender(recommender.id)?.is_some() {
        return Err(FeatureError::Duplicate(name));
    }
    check_spans(call)?;
    let categories: Option<pg_sys::Oid> = call.arg(7);
    let columns = [call.text(8), call.text(9)];
    if columns.iter().any(|column| column.is_some() != categories.is_some()) {
        return Err(FeatureError::HalfCategories);
    }
    let definition = catalog::as_owner(|| catalog::definition(recommender.id))??;
    let types = match texts(call, 2) {
        Some(types) => types,
        None => event_types(&recommender, &definition)?,
    };
    let entities = texts(call, 1).unwrap_or_else(|| {
        let of_categories = |name: &String| name != "category" && name != "user_category";
        entity_names(&definition.context_columns).into_iter().filter(|name| categories.is_some() || of_categories(name)).collect()
    });
    let args = [
        Arg::of(recommender.id),
        Arg::of(entities),
        Arg::of(types),
        Arg::of(call.text(3)),
        Arg::of(call.text(4)),
        Arg::of(call.text(5)),
        Arg::of(call.arg::<f64>(6)),
        Arg::of(categories),
        Arg::of(columns[0].clone()),
        Arg::of(columns[1].clone()),
        Arg::of(call.text(10)),
        Arg::of(texts(call, 11)),
    ];
    let (id, count) = catalog::as_owner(|| insert(&definition, &args))??;
    if let (Some(relation), [Some(item_column), Some(category_column)]) = (categories, columns.clone()) {
        let categories = Categories { relation, item_column, category_column };
        for role in [owner::current_user(), recommender.owner] {
            error::or_raise(categories.reader_for(role));
        }
    }
    fill(id, call.arg(12).unwrap_or(true))?;
    Ok(call.value(i32::try_from(count).ok()))
}

/// Windows and half-lives are looked at as they were given, before NULL elements get lost.
fn check_spans(call: &Call) -> Result<()> {
    for (place, argument) in [(3, "windows"), (4, "half_lives")] {
        for span in call.elements(place).1 {
            let micros = span.map(interval::micros).ok_or(CallError::Null(argument))?;
            if Grid::new(micros).is_err() {
                return Err(FeatureError::Span { argument, seconds: micros as f64 / 1e6 });
            }
        }
    }
    Ok(())
}

/// The event types that count where a call does not say: those that have weights, else those that the log has.
fn event_types(recommender: &Recommender, definition: &Definition) -> Result<Vec<String>> {
    let Some(column) = &definition.event_column else { return Ok(vec![EVENT.into()]) };
    if let Some(weights) = &definition.event_weights {
        return Ok(weights.keys().cloned().collect());
    }
    let table = relation::qualified_name(definition.events).unwrap_or_default();
    let kind = format!("{}::text COLLATE \"C\"", quote_ident(column));
    let sql = format!("SELECT DISTINCT {kind} FROM {table} WHERE {kind} <> '' ORDER BY 1 LIMIT 65");
    Ok(owner::as_user(recommender.owner, || spi::read(&sql, &[], |row| row.value::<String>(1)))?)
}

/// Writes the row of the catalog and makes the state. Gives the number and how many features there are.
fn insert(recommender: &Definition, args: &[Arg]) -> Result<(i32, usize)> {
    spi::write(state::LOCK_CATALOG, &[])?;
    if catalog::as_owner(|| features::definition_of(recommender.id))??.is_some() {
        return Err(FeatureError::Duplicate(recommender.name.clone()));
    }
    let ids = spi::write_returning(include_str!("../../sql/insert_features.sql"), args, |row| row.value::<i32>(1))?;
    let id: i32 = ids.first().copied().ok_or(SpiError::Null { column: 1 })?;
    let definition: FeatureDefinition = features::definition(id)?;
    let plan = definition.check(recommender)?;
    spi::write("INSERT INTO recommend.epochs (feed, epoch) VALUES ($1, 0)", &[Arg::of(id)])?;
    spi::write("INSERT INTO recommend.feature_state (feed) VALUES ($1)", &[Arg::of(id)])?;
    ddl::unwatched(|| state::create(&definition.feed(recommender), Purpose::Features))?;
    catalog::announce_change()?;
    Ok((id, plan.features().len()))
}

/// Brings existing rows into the state: now, in the background where there are many, or not yet.
fn fill(id: i32, now: bool) -> Result<()> {
    let rows = catalog::as_owner(|| totals::estimated_events(id))??;
    if now && rows <= guc::background_backfill() {
        compact::rebuild(id)?;
        return Ok(());
    }
    let pending = state::has_rows(id, features::by_id(id)?.owner)?;
    if pending {
        catalog::as_owner(|| spi::write("UPDATE recommend.feature_state SET needs_rebuild = true WHERE feed = $1", &[Arg::of(id)]))??;
    }
    if now && pending {
        pgrx::ereport!(
            NOTICE,
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            format!("a background worker will read about {rows:.0} rows of the event table after commit"),
            "Watch it in recommend.progress; recommend.feature_status says when it is done."
        );
        worker::start_after_commit(relation::database());
    }
    Ok(())
}

fn rebuild(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "recommender")?;
    let id = of_named(&name)?;
    // The compactor locks the state first and reads the event table then: the same order here.
    compact::lock(id, true)?;
    owned(&name, pg_sys::AccessShareLock)?;
    Ok(call.value(i64::try_from(compact::rebuild(id)?).ok()))
}

fn of_named(name: &str) -> Result<i32> {
    definition::refuse_stranger(catalog::event_table(name)?.1)?;
    let recommender = catalog::by_name(Some(name))?;
    definition::open_owned(recommender.events, pg_sys::AccessShareLock)?;
    features::of_recommender(recommender.id)?.ok_or_else(|| FeatureError::None(name.to_owned()))
}

fn drop(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "recommender")?;
    let id = of_named(&name)?;
    compact::lock(id, true)?;
    owned(&name, pg_sys::AccessExclusiveLock)?;
    forget(id)?;
    // Its model may want them.
    second_phase::warn(&name);
    Ok(call.void())
}

/// Removes features: the row of the catalog, the state, the triggers.
pub fn forget(id: i32) -> Result<()> {
    catalog::as_owner(|| {
        for (table, column) in [("features", "id"), ("epochs", "feed"), ("feature_state", "feed")] {
            spi::write(&format!("DELETE FROM recommend.{table} WHERE {column} = $1"), &[Arg::of(id)])?;
        }
        ddl::unwatched(|| state::drop(id))?;
        catalog::announce_change()?;
        Ok(())
    })?
}

/// Removes the features of a recommender, where it has some.
pub fn forget_of(recommender: i32) -> Result<()> {
    match catalog::as_owner(|| features::definition_of(recommender))?? {
        Some(definition) => forget(definition.id),
        None => Ok(()),
    }
}

/// Refuses a change of a recommender that its features would not survive; the caller has put on the catalog owner's role.
pub fn check_change(before: &Definition, after: &Definition) -> Result<()> {
    match features::definition_of(before.id)? {
        Some(definition) if definition.feed(before) != definition.feed(after) => Err(FeatureError::Needed(before.name.clone())),
        _ => Ok(()),
    }
}

/// One row per feature of each recommender, in the order of its vector.
fn list(call: &Call) -> Result<pg_sys::Datum> {
    let mut rows = call.rows()?;
    for (id, recommender) in features::all()? {
        // Their names tell values of the event column.
        if !catalog::by_id(recommender).is_ok_and(|recommender| recommender.is_readable()) {
            continue;
        }
        let (definition, recommender) = snapshot::with_latest(|| {
            catalog::as_owner(|| Ok::<_, crate::catalog::CatalogError>((features::definition(id)?, catalog::definition(recommender)?)))
        })??;
        for (position, feature) in (1i32..).zip(definition.plan(&recommender)?.features()) {
            rows.push(&[
                recommender.name.as_str().into_datum(),
                position.into_datum(),
                feature.name.as_str().into_datum(),
                feature.description.as_str().into_datum(),
            ]);
        }
    }
    Ok(rows.finish(call))
}
