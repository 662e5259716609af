//! What the extension does when other DDL touches what it tracks: partitions come and go, columns are renamed, tables
//! change hands, are rewritten or are dropped. Three event triggers, ENABLE ALWAYS, call in here.

use std::cell::Cell;

use pgrx::{PgSqlErrorCode, pg_sys};

use crate::catalog::{self, CatalogError};
use crate::define::{self, DefineError};
use crate::definition::DefinitionError;
use crate::features::{self, error::FeatureError};
use crate::models::{self, ModelsError};
use crate::pg::error::SqlError;
use crate::pg::function::{Call, CallError};
use crate::pg::relation::{self, quote_ident};
use crate::pg::snapshot;
use crate::pg::spi::{self, Arg, SpiError};
use crate::track::{self, TrackError};
use crate::vectors::error::VectorsError;
use crate::{graph, sql_function, state, vectors};

sql_function!(recommend_ddl_end, pg_finfo_recommend_ddl_end, ddl_end);
sql_function!(recommend_table_rewrite, pg_finfo_recommend_table_rewrite, table_rewrite);
sql_function!(recommend_sql_drop, pg_finfo_recommend_sql_drop, sql_drop);

/// Why DDL of others is refused, or what failed while following it.
#[derive(Debug, thiserror::Error)]
pub enum DdlError {
    #[error("cannot drop {object} because {kind} \"{name}\" needs it")]
    Needed { object: String, kind: &'static str, name: String, hint: String },
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Define(#[from] DefineError),
    #[error(transparent)]
    Graph(#[from] graph::define::DefineError),
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    #[error(transparent)]
    Features(#[from] FeatureError),
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error(transparent)]
    Models(#[from] ModelsError),
    #[error(transparent)]
    Track(#[from] TrackError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl DdlError {
    fn cause(&self) -> Option<&dyn SqlError> {
        match self {
            Self::Needed { .. } => None,
            Self::Catalog(error) => Some(error),
            Self::Define(error) => Some(error),
            Self::Graph(error) => Some(error),
            Self::Vectors(error) => Some(error),
            Self::Features(error) => Some(error),
            Self::Definition(error) => Some(error),
            Self::Models(error) => Some(error),
            Self::Track(error) => Some(error),
            Self::Call(error) => Some(error),
            Self::Spi(error) => Some(error),
        }
    }
}

impl SqlError for DdlError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        self.cause().map_or(PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST, |cause| cause.sqlstate())
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Needed { hint, .. } => Some(hint.clone()),
            other => other.cause()?.hint(),
        }
    }

    fn detail(&self) -> Option<String> {
        self.cause()?.detail()
    }
}

thread_local! {
    static OWN_DDL: Cell<bool> = const { Cell::new(false) };
}

struct Watched(bool);

impl Drop for Watched {
    fn drop(&mut self) {
        OWN_DDL.set(self.0);
    }
}

/// Run `work`, whose DDL is our own and needs no following.
pub fn unwatched<T>(work: impl FnOnce() -> T) -> T {
    let _watched = Watched(OWN_DDL.replace(true));
    work()
}

/// Nothing to follow: our own DDL, or a database where nothing is tracked.
fn idle() -> Result<bool, DdlError> {
    if OWN_DDL.get() {
        return Ok(true);
    }
    match catalog::any_feed() {
        Ok(any) => Ok(!any),
        Err(CatalogError::NotInstalled) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn event_trigger(call: &Call, name: &'static str) -> Result<(), CallError> {
    if call.is_event_trigger() { Ok(()) } else { Err(CallError::NotTrigger(name)) }
}

fn ddl_end(call: &Call) -> Result<pg_sys::Datum, DdlError> {
    event_trigger(call, "recommend.follow_ddl")?;
    if !idle()? {
        let touched = catalog::as_owner(|| {
            snapshot::with_latest(|| spi::read(include_str!("../sql/ddl_touched.sql"), &[], |row| row.value::<i32>(1)))
        })??;
        for id in touched {
            catalog::as_owner(|| unwatched(|| follow(id)))??;
        }
    }
    Ok(call.void())
}

/// A rewrite, which comes next, may change the values of generated columns without a trigger.
fn table_rewrite(call: &Call) -> Result<pg_sys::Datum, DdlError> {
    event_trigger(call, "recommend.follow_rewrite")?;
    if !idle()? {
        catalog::as_owner(|| {
            for id in snapshot::with_latest(|| spi::read(include_str!("../sql/rewritten.sql"), &[], |row| row.value::<i32>(1)))? {
                need_rebuild(id)?;
                spi::write("UPDATE recommend.vector_state SET generation = DEFAULT WHERE feed = $1", &[Arg::of(id)])?;
            }
            Ok::<_, DdlError>(())
        })??;
    }
    Ok(call.void())
}

/// Bring feed `id` in line with its table.
fn follow(id: i32) -> Result<(), DdlError> {
    follow_renames(id)?;
    follow_owner(id)?;
    follow_partitions(id)?;
    follow_triggers(id)?;
    catalog::announce_change()?;
    Ok(())
}

fn read_latest<T>(sql: &str, id: i32, each: impl FnMut(&spi::Row) -> Result<T, SpiError>) -> Result<Vec<T>, SpiError> {
    snapshot::with_latest(|| spi::read(sql, &[Arg::of(id)], each))
}

/// The view follows a renamed column by its number; of the names it depends on, the one that the catalog does not
/// know is the new name of the one that the view does not know. Columns are renamed one at a time.
fn follow_renames(id: i32) -> Result<(), DdlError> {
    let used: Vec<String> = read_latest(include_str!("../sql/view_columns.sql"), id, |row| row.value(1))?;
    let known = catalog::tracked(id)?.columns();
    let lost: Vec<&String> = known.iter().filter(|name| !used.contains(name)).collect();
    let new: Vec<&String> = used.iter().filter(|name| !known.contains(name)).collect();
    if let ([lost], [new]) = (&lost[..], &new[..]) {
        spi::write(include_str!("../sql/rename_column.sql"), &[Arg::of(id), Arg::of(lost.as_str()), Arg::of(new.as_str())])?;
    }
    Ok(())
}

fn follow_owner(id: i32) -> Result<(), DdlError> {
    let moved: Vec<pg_sys::Oid> = read_latest(include_str!("../sql/new_owner.sql"), id, |row| row.value(1))?;
    for owner in moved {
        state::remake_view(&catalog::tracked(id)?)?;
        state::set_view_owner(id, owner)?;
        graph::of_recommender::follow_owner(id, owner)?;
    }
    Ok(())
}

/// Rows of a partition that was attached become events, those of one that was detached are events no more.
fn follow_partitions(id: i32) -> Result<(), DdlError> {
    let changes: Vec<(pg_sys::Oid, i32)> =
        read_latest(include_str!("../sql/partition_changes.sql"), id, |row| Ok((row.value(1)?, row.value(2)?)))?;
    for (leaf, change) in changes {
        let args = [Arg::of(id), Arg::of(leaf)];
        if change > 0 {
            state::add_leaf_trigger(id, leaf)?;
            spi::write("INSERT INTO recommend.partitions (feed, leaf) VALUES ($1, $2::oid::regclass)", &args)?;
        } else {
            spi::write("DELETE FROM recommend.partitions WHERE feed = $1 AND leaf = $2::oid::regclass", &args)?;
            state::drop_leaf_trigger(id, leaf)?;
        }
        track::append_table(id, leaf, change as i16)?;
    }
    Ok(())
}

/// Triggers that DISABLE and ENABLE TRIGGER ALL left as ordinary ones fire always again. While one is disabled events are
/// missed: the state is to be rebuilt.
fn follow_triggers(id: i32) -> Result<(), DdlError> {
    let changed: Vec<(pg_sys::Oid, String, bool)> =
        read_latest(include_str!("../sql/weak_triggers.sql"), id, |row| Ok((row.value(1)?, row.value(2)?, row.value(3)?)))?;
    for (table, trigger, disabled) in &changed {
        if *disabled {
            need_rebuild(id)?;
        } else if let Some(table) = relation::qualified_name(*table) {
            spi::write(&format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {}", quote_ident(trigger)), &[])?;
        }
    }
    // Copies know nothing of what went unseen: with all triggers enabled again, none that there is will do.
    let suspended = changed.iter().any(|(_, _, disabled)| *disabled);
    let sql = "UPDATE recommend.vector_state SET suspended = $2, generation = DEFAULT WHERE feed = $1 AND suspended <> $2";
    spi::write(sql, &[Arg::of(id), Arg::of(suspended)])?;
    Ok(())
}

fn need_rebuild(id: i32) -> Result<(), SpiError> {
    for (table, column) in [("state", "recommender"), ("edge_state", "feed"), ("feature_state", "feed")] {
        let sql = format!("UPDATE recommend.{table} SET needs_rebuild = true WHERE {column} = $1 AND NOT needs_rebuild");
        spi::write(&sql, &[Arg::of(id)])?;
    }
    Ok(())
}

fn is_known(id: i32) -> Result<bool, DdlError> {
    match catalog::tracked(id) {
        Ok(_) => Ok(true),
        Err(CatalogError::UnknownId(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What a feed is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Recommender,
    Edges,
    Vectors,
    Features,
}

impl Kind {
    fn of(id: i32) -> Result<Self, CatalogError> {
        let known = |found: Result<(), CatalogError>, kind| match found {
            Ok(()) => Some(Ok(kind)),
            Err(CatalogError::UnknownId(_)) => None,
            Err(error) => Some(Err(error)),
        };
        catalog::as_owner(|| {
            known(catalog::definition(id).map(drop), Self::Recommender)
                .or_else(|| known(vectors::catalog::feed(id).map(drop), Self::Vectors))
                .or_else(|| known(features::catalog::definition(id).map(drop), Self::Features))
                .unwrap_or(Ok(Self::Edges))
        })?
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Recommender | Self::Features => "recommender",
            Self::Edges => "graph",
            Self::Vectors => "vector set",
        }
    }

    /// How the feed is dropped.
    fn drop_hint(self, name: &str) -> String {
        match self {
            Self::Recommender => format!("SELECT drop_recommender('{name}') drops all that belongs to it."),
            Self::Edges => format!("SELECT drop_graph('{name}') drops all that belongs to it; drop_edges() drops one source."),
            Self::Vectors => format!("SELECT drop_vector_set('{name}') drops all that belongs to it."),
            Self::Features => format!("SELECT drop_features('{name}') drops all that belongs to them."),
        }
    }
}

/// A feed whose view is gone.
fn forget(id: i32) -> Result<(), DdlError> {
    match Kind::of(id)? {
        Kind::Recommender => Ok(define::forget(id)?),
        Kind::Edges => Ok(graph::define::forget_source(id)?),
        Kind::Vectors => Ok(vectors::define::forget(id)?),
        Kind::Features => Ok(features::define::forget(id)?),
    }
}

fn sql_drop(call: &Call) -> Result<pg_sys::Datum, DdlError> {
    event_trigger(call, "recommend.follow_drop")?;
    if idle()? {
        return Ok(call.void());
    }
    let losses = catalog::as_owner(|| {
        snapshot::with_latest(|| {
            spi::read(include_str!("../sql/losses.sql"), &[], |row| {
                Ok::<_, SpiError>((row.value::<i32>(1)?, row.value::<String>(2)?, row.value::<String>(3)?, row.value::<String>(4)?))
            })
        })
    })??;
    for (id, recommender, what, object) in losses {
        // Gone with a recommender that came before it in this list.
        if what == "view" && !is_known(id)? {
            continue;
        }
        if what == "model" {
            models::forget(&recommender)?;
            continue;
        }
        let of_graph = what == "nodes" || what == "graph";
        let kind = if of_graph { Kind::Edges } else { Kind::of(id)? };
        let needed = |hint: String| Err(DdlError::Needed { object, kind: kind.noun(), name: recommender.clone(), hint });
        match what.as_str() {
            "view" => forget(id)?,
            "graph" => graph::define::forget(id)?,
            "partition" => {
                catalog::as_owner(|| {
                    need_rebuild(id)?;
                    spi::write(
                        "DELETE FROM recommend.partitions p WHERE feed = $1 \
                            AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = p.leaf)",
                        &[Arg::of(id)],
                    )
                })??;
            }
            "eligible" => {
                return needed(format!("SELECT alter_recommender('{recommender}', eligible => '-') first."));
            }
            _ => return needed(kind.drop_hint(&recommender)),
        }
    }
    Ok(call.void())
}
