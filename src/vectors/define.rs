//! `create_vector_set`, `rebuild_vector_set`, `drop_vector_set`.

use engine::topk::MAX_DIMENSIONS;
use pgrx::{PgSqlErrorCode, pg_sys};

use super::catalog as sets;
use super::copy::Copy;
use super::error::{Result, VectorsError};
use super::{compact, files};
use crate::catalog;
use crate::compact::Pace;
use crate::definition;
use crate::feed::VectorFeed;
use crate::pg::function::{Call, CallError};
use crate::pg::relation::{self, Relation};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::vector::VectorType;
use crate::pg::{guc, index, owner, snapshot};
use crate::{ddl, sql_function, state, totals, worker};

sql_function!(vector_set_create, pg_finfo_vector_set_create, create);
sql_function!(vector_set_rebuild, pg_finfo_vector_set_rebuild, rebuild);
sql_function!(vector_set_drop, pg_finfo_vector_set_drop, drop);

/// create_vector_set(name, source, id_column, vector_column, dimensions, build)
fn create(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "name")?;
    let table: pg_sys::Oid = call.required(1, "source")?;
    let column = |place, argument| call.text(place).ok_or(CallError::Null(argument));
    let (id_column, vector_column) = (column(2, "id_column")?, column(3, "vector_column")?);
    let given = call.arg::<i32>(4);
    if let Some(given) = given.filter(|given| !usize::try_from(*given).is_ok_and(|given| (1..=MAX_DIMENSIONS).contains(&given))) {
        return Err(VectorsError::DimensionCount(given));
    }
    let declared = {
        // Writers that have begun finish first, so that no row escapes both the first copy and the trigger.
        let table = definition::open_owned(table, pg_sys::ShareRowExclusiveLock)?;
        definition::check_event_table(&table)?;
        check_columns(&table, &id_column, &vector_column)?
    };
    let dimensions = match (given, declared) {
        (Some(given), Some(declared)) if given != declared => return Err(VectorsError::DeclaredDimensions { given, declared }),
        (given, declared) => given.or(declared),
    };
    let id = catalog::as_owner(|| insert(&name, table, (&id_column, &vector_column), dimensions))??;
    fill(id, call.arg(5).unwrap_or(true))?;
    Ok(call.value(Some(id)))
}

/// Checks what the columns hold. Gives the number of dimensions, where the type of the vectors fixes it.
fn check_columns(table: &Relation, id_column: &str, vector_column: &str) -> Result<Option<i32>> {
    definition::check_key(table, id_column)?;
    let vector_type = definition::column_type(table, vector_column)?;
    let Some(kind) = VectorType::of(vector_type) else {
        return Err(VectorsError::VectorColumn { column: vector_column.to_owned(), found: relation::type_name(vector_type) });
    };
    let number = |column| relation::column_number(table.oid(), column).unwrap_or_default();
    if !index::is_unique(table, number(id_column)) {
        return Err(VectorsError::NotUnique { column: id_column.to_owned(), table: definition::display_name(table) });
    }
    Ok(kind.declared_dimensions(relation::column_modifier(table.oid(), number(vector_column))))
}

/// Writes the rows of the catalog, makes the state, and gives the new set's number.
fn insert(name: &str, table: pg_sys::Oid, (id_column, vector_column): (&str, &str), dimensions: Option<i32>) -> Result<i32> {
    if name.is_empty() {
        return Err(VectorsError::Nameless);
    }
    spi::write(state::LOCK_CATALOG, &[])?;
    let taken = "SELECT 1 FROM recommend.vector_sets WHERE name = $1";
    if !snapshot::with_latest(|| spi::read(taken, &[Arg::of(name)], |_| Ok::<_, SpiError>(())))?.is_empty() {
        return Err(VectorsError::Duplicate(name.to_owned()));
    }
    let args = [Arg::of(name), Arg::of(table), Arg::of(id_column), Arg::of(vector_column), Arg::of(dimensions)];
    let ids = spi::write_returning(include_str!("../../sql/insert_vector_set.sql"), &args, |row| row.value::<i32>(1))?;
    let id = ids.first().copied().ok_or(SpiError::Null { column: 1 })?;
    spi::write("INSERT INTO recommend.epochs (feed, epoch) VALUES ($1, 0)", &[Arg::of(id)])?;
    let args = [Arg::of(id), Arg::of(dimensions)];
    spi::write("INSERT INTO recommend.vector_state (feed, dimensions) VALUES ($1, $2)", &args)?;
    let feed = VectorFeed { id, table, id_column: id_column.to_owned(), vector_column: vector_column.to_owned() };
    ddl::unwatched(|| state::create_vectors(&feed))?;
    catalog::announce_change()?;
    Ok(id)
}

/// Makes the first copy: now, in the background where there are many rows, or when it is first asked for.
fn fill(id: i32, now: bool) -> Result<()> {
    if !now {
        return Ok(());
    }
    let rows = catalog::as_owner(|| totals::estimated_events(id))??;
    if rows <= guc::background_backfill() {
        compact::compact(id, Pace::Now)?;
        return Ok(());
    }
    files::want(id);
    pgrx::ereport!(
        NOTICE,
        PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
        format!("a background worker will read about {rows:.0} rows of the table after commit"),
        "Watch it in recommend.progress; recommend.vector_set_status says when it is done."
    );
    worker::start_after_commit(relation::database());
    Ok(())
}

/// Locks the table of the set called `name` and checks that the caller owns it. Gives the set's number: it may be damaged.
fn owned(name: &str, lock: u32) -> Result<i32> {
    let id = sets::id_of(name)?;
    let table = catalog::as_owner(|| sets::feed(id))??.table;
    // Looked at before the lock is waited for, and again after it.
    let is_owned = |owner| owner::has_privileges_of(owner::current_user(), owner);
    if relation::owner(table).is_none_or(is_owned) && is_owned(Relation::open(table, lock as i32).class().relowner) {
        Ok(id)
    } else {
        Err(VectorsError::NotOwner(name.to_owned()))
    }
}

/// rebuild_vector_set(name)
fn rebuild(call: &Call) -> Result<pg_sys::Datum> {
    let id = owned(&call.required::<String>(0, "name")?, pg_sys::AccessShareLock)?;
    Ok(call.value(i64::try_from(compact::rebuild(id)?).ok()))
}

/// drop_vector_set(name)
fn drop(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "name")?;
    let id = owned(&name, pg_sys::AccessExclusiveLock)?;
    let users = catalog::as_owner(|| {
        let sql = "SELECT name FROM recommend.recommenders WHERE vector_set = $1 ORDER BY id";
        snapshot::with_latest(|| spi::read(sql, &[Arg::of(id)], |row| row.value::<String>(1)))
    })??;
    if let Some(recommender) = users.into_iter().next() {
        return Err(VectorsError::InUse { name, recommender });
    }
    forget(id)?;
    Ok(call.void())
}

/// Removes a set: the catalog rows, the state, the triggers.
pub fn forget(id: i32) -> Result<()> {
    catalog::as_owner(|| {
        // No foreign key: parallel restores would load the tables in the wrong order.
        spi::write("UPDATE recommend.recommenders SET vector_set = NULL WHERE vector_set = $1", &[Arg::of(id)])?;
        for (table, column) in [("vector_sets", "id"), ("epochs", "feed"), ("vector_state", "feed")] {
            spi::write(&format!("DELETE FROM recommend.{table} WHERE {column} = $1"), &[Arg::of(id)])?;
        }
        ddl::unwatched(|| state::drop(id))?;
        catalog::announce_change()?;
        Ok::<_, VectorsError>(())
    })??;
    Copy::forget(id);
    files::list().into_iter().filter(|file| file.is_of(id)).for_each(|file| files::remove_at_commit(file.path));
    Ok(())
}
