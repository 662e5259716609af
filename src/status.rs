//! `recommend.status`, `recommend.graph_status`, `recommend.feature_status`: what the state of each recommender, graph and set of features holds, and what waits to get in.

use pgrx::datum::IntoDatum;
use pgrx::{PgSqlErrorCode, pg_sys};

use crate::catalog::{self, CatalogError};
use crate::features::{self, error::FeatureError};
use crate::graph::catalog::{self as graphs, GraphError};
use crate::pg::error::{self, SqlError};
use crate::pg::function::{Call, CallError};
use crate::pg::spi::{self, Arg, Row, SpiError};
use crate::pg::{guc, privilege, snapshot, subtransaction};
use crate::serve::learnt;
use crate::sql_function;

sql_function!(recommend_status, pg_finfo_recommend_status, rows);
sql_function!(graph_status, pg_finfo_graph_status, graph_rows);
sql_function!(features_status, pg_finfo_features_status, feature_rows);

/// What can go wrong on the way.
#[derive(Debug, thiserror::Error)]
enum StatusError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Features(#[from] FeatureError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl SqlError for StatusError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Catalog(error) => error.sqlstate(),
            Self::Graph(error) => error.sqlstate(),
            Self::Features(error) => error.sqlstate(),
            Self::Call(error) => error.sqlstate(),
            Self::Spi(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Catalog(error) => error.hint(),
            Self::Graph(error) => error.hint(),
            Self::Features(error) => error.hint(),
            Self::Call(error) => error.hint(),
            Self::Spi(error) => error.hint(),
        }
    }
}

/// One row per recommender for those who may learn what its events say, and for pg_monitor.
fn rows(call: &Call) -> Result<pg_sys::Datum, StatusError> {
    let mut rows = call.rows()?;
    for (id, name) in catalog::names()? {
        let Some(recommender) = known("recommender", &name, catalog::by_id(id)) else { continue };
        if !recommender.is_readable() && !privilege::may_monitor() {
            continue;
        }
        each("recommender", &name, || {
            // What cannot be read is said by the recommender's own functions.
            let learnt = learnt::in_words(&recommender).ok();
            catalog::as_owner(|| {
                snapshot::with_latest(|| {
                    let sql = include_str!("../sql/status_row.sql").replace("{id}", &id.to_string());
                    let args = [Arg::of(id), Arg::of(guc::clock_skew_us())];
                    spi::read(&sql, &args, |row| {
                        rows.push(&[
                            name.as_str().into_datum(),
                            bigint(row, 1)?,
                            bigint(row, 2)?,
                            bigint(row, 3)?,
                            bigint(row, 4)?,
                            bigint(row, 5)?,
                            bigint(row, 6)?,
                            row.datum(7, pg_sys::TIMESTAMPTZOID)?,
                            row.datum(8, pg_sys::TIMESTAMPTZOID)?,
                            row.value::<bool>(9)?.into_datum(),
                            bigint(row, 10)?,
                            learnt.as_deref().into_datum(),
                        ]);
                        Ok::<_, SpiError>(())
                    })
                })
            })
        });
    }
    Ok(rows.finish(call))
}

/// One row per source of a graph, as with recommenders.
fn graph_rows(call: &Call) -> Result<pg_sys::Datum, StatusError> {
    let mut rows = call.rows()?;
    for (id, name) in graphs::names()? {
        let Some(graph) = known("graph", &name, graphs::by_id(id)) else { continue };
        for (place, source) in graph.sources.iter().enumerate() {
            if !privilege::may_learn(source.table, &source.columns) && !privilege::may_monitor() {
                continue;
            }
            let sql = include_str!("../sql/graph_status_row.sql");
            let sql = sql.replace("{id}", &source.id.to_string()).replace("{graph}", &id.to_string());
            let args = [Arg::of(source.id), Arg::of(guc::clock_skew_us())];
            let mut push = |row: &Row| {
                let names = [graph.name.as_str().into_datum(), source.table.into_datum(), graph.edge_type(place).into_datum()];
                rows.push(&[&names[..], &packed_and_waiting(row)?].concat());
                Ok::<_, SpiError>(())
            };
            each("graph", &name, || catalog::as_owner(|| snapshot::with_latest(|| spi::read(&sql, &args, &mut push))));
        }
    }
    Ok(rows.finish(call))
}

/// One row per recommender with features, as with recommenders.
fn feature_rows(call: &Call) -> Result<pg_sys::Datum, StatusError> {
    let mut rows = call.rows()?;
    for (id, _) in features::catalog::all()? {
        let Some(set) = known("features", &id.to_string(), features::catalog::by_id(id)) else { continue };
        if !set.is_readable() && !privilege::may_monitor() {
            continue;
        }
        let sql = include_str!("../sql/feature_status_row.sql").replace("{id}", &id.to_string());
        let args = [Arg::of(id), Arg::of(guc::clock_skew_us())];
        let mut push = |row: &Row| {
            rows.push(&[&[set.name.as_str().into_datum()][..], &packed_and_waiting(row)?].concat());
            Ok::<_, SpiError>(())
        };
        each("features of recommender", &set.name, || catalog::as_owner(|| snapshot::with_latest(|| spi::read(&sql, &args, &mut push))));
    }
    Ok(rows.finish(call))
}

/// What `graph_status_row.sql` and `feature_status_row.sql` tell of a feed: what is packed, what waits, times, whether a rebuild is due, bytes.
fn packed_and_waiting(row: &Row) -> Result<[Option<pg_sys::Datum>; 9], SpiError> {
    Ok([
        bigint(row, 1)?,
        bigint(row, 2)?,
        bigint(row, 3)?,
        bigint(row, 4)?,
        bigint(row, 5)?,
        row.datum(6, pg_sys::TIMESTAMPTZOID)?,
        row.datum(7, pg_sys::TIMESTAMPTZOID)?,
        row.value::<bool>(8)?.into_datum(),
        bigint(row, 9)?,
    ])
}

/// Reads one row; one that cannot be read is told by a WARNING, and the others follow.
fn each<T>(kind: &str, name: &str, read: impl FnOnce() -> Result<Result<T, SpiError>, CatalogError>) {
    let read = || error::or_raise(read().map_err(StatusError::from).and_then(|read| read.map_err(StatusError::from)));
    if let Err(failure) = subtransaction::attempt(read) {
        error::warn(format!("{kind} \"{name}\" is left out: {failure}"), &failure);
    }
}

/// A definition; one that is damaged is told by a WARNING.
pub fn known<T, E: SqlError>(kind: &str, name: &str, found: Result<T, E>) -> Option<T> {
    found.inspect_err(|failure| error::warn(format!("{kind} \"{name}\" is left out: {failure}"), failure)).ok()
}

fn bigint(row: &Row, column: usize) -> Result<Option<pg_sys::Datum>, SpiError> {
    Ok(row.get::<i64>(column)?.and_then(IntoDatum::into_datum))
}
