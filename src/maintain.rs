//! `recommend.maintain()`: the compactor by hand.

use std::rc::Rc;

use pgrx::pg_sys::Datum;
use pgrx::{PgSqlErrorCode, pg_sys};

use crate::catalog::{self, CatalogError, Recommender};
use crate::compact::{self, CompactError, Outcome, Pace};
use crate::features::{self, catalog::FeatureSet, error::FeatureError};
use crate::graph::catalog::{self as graphs, Graph, GraphError};
use crate::pg::error::{SqlError, or_raise, warn};
use crate::pg::function::{Call, CallError};
use crate::pg::{owner, subtransaction};
use crate::vectors::catalog::{self as sets, VectorSet};
use crate::vectors::error::VectorsError;
use crate::{graph, sql_function, vectors};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// The caller does not own the event table.
    #[error("must be owner of the event table of recommender \"{0}\"")]
    NotOwner(String),
    /// The caller does not own the graph.
    #[error("must be owner of graph \"{0}\"")]
    NotGraphOwner(String),
    /// A limit that is not positive.
    #[error("max_events must be positive: {0}")]
    Limit(i64),
    /// The lookup.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The compactor.
    #[error(transparent)]
    Compact(#[from] CompactError),
    /// A graph's look-up.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The compactor of graphs.
    #[error(transparent)]
    CompactGraph(#[from] graph::compact::CompactError),
    /// Features.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// A vector set.
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl SqlError for MaintainError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::NotOwner(_) | Self::NotGraphOwner(_) => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::Limit(_) => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Catalog(error) => error.sqlstate(),
            Self::Compact(error) => error.sqlstate(),
            Self::Graph(error) => error.sqlstate(),
            Self::CompactGraph(error) => error.sqlstate(),
            Self::Features(error) => error.sqlstate(),
            Self::Vectors(error) => error.sqlstate(),
            Self::Call(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotOwner(_) | Self::NotGraphOwner(_) => {
                Some("Background workers compact by themselves; see recommend.auto_compact.".into())
            }
            Self::Limit(_) => Some("Leave it out to move the whole backlog.".into()),
            Self::Catalog(error) => error.hint(),
            Self::Compact(error) => error.hint(),
            Self::Graph(error) => error.hint(),
            Self::CompactGraph(error) => error.hint(),
            Self::Features(error) => error.hint(),
            Self::Vectors(error) => error.hint(),
            Self::Call(error) => error.hint(),
        }
    }
}

/// What is to be compacted.
#[derive(Clone)]
enum Target {
    Recommender(Rc<Recommender>),
    Graph(Rc<Graph>),
    Features(Rc<FeatureSet>),
    VectorSet(Rc<VectorSet>),
}

impl Target {
    fn owner(&self) -> pg_sys::Oid {
        match self {
            Self::Recommender(recommender) => recommender.owner,
            Self::Graph(graph) => graph.owner,
            Self::Features(set) => set.owner,
            Self::VectorSet(set) => set.owner,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Recommender(recommender) => format!("recommender \"{}\"", recommender.name),
            Self::Graph(graph) => format!("graph \"{}\"", graph.name),
            Self::Features(set) => format!("features of recommender \"{}\"", set.name),
            Self::VectorSet(set) => format!("vector set \"{}\"", set.name),
        }
    }

    /// Moves up to `limit` delta rows, a batch at a time. Gives how many of them count.
    fn maintain(&self, limit: Option<i64>) -> Result<u64, MaintainError> {
        let (mut moved, mut counted) = (0, 0);
        loop {
            let left = limit.map_or(u64::MAX, |limit| limit.unsigned_abs().saturating_sub(moved));
            let (count, own) = self.compact(left.min(compact::DEFAULT_BATCH))?;
            moved += count;
            counted += own;
            if count == 0 || limit.is_some_and(|limit| moved >= limit.unsigned_abs()) {
                return Ok(counted);
            }
            crate::pg::snapshot::count_command();
        }
    }

    /// Moves up to `limit` delta rows. Gives how many were moved, and how many of them count: events that a recommender packs too count
    /// there.
    fn compact(&self, limit: u64) -> Result<(u64, u64), MaintainError> {
        let moved = |outcome| if let Outcome::Moved(count) = outcome { count } else { 0 };
        match self {
            Self::Recommender(recommender) => {
                let count = moved(compact::compact(recommender, limit, Pace::Now)?);
                Ok((count, count))
            }
            Self::Graph(graph) => {
                let compacted = graph::compact::compact(graph.id, limit, Pace::Now)?;
                let of_recommender = |place| graph.recommender.is_some() && graph.edge_type(place) == graph::of_recommender::EVENT;
                let own = compacted.moved.iter().enumerate().filter(|(place, _)| !of_recommender(*place)).map(|(_, count)| count).sum();
                Ok((moved(compacted.outcome), own))
            }
            // The recommender's own count says how many events these were.
            Self::Features(set) => Ok((moved(features::compact::compact(set.id, limit, Pace::Now)?), 0)),
            Self::VectorSet(set) => {
                let count = moved(vectors::compact::compact(set.id, Pace::Now)?);
                Ok((count, count))
            }
        }
    }
}

/// maintain(name, max_events): moves the backlog of a recommender, of its features and of the graph of that name, or of all that the caller owns.
fn maintain(call: &Call) -> Result<Datum, MaintainError> {
    let limit = call.arg::<i64>(1);
    if let Some(limit @ ..=0) = limit {
        return Err(MaintainError::Limit(limit));
    }
    let name: Option<String> = call.arg(0);
    let mut counted = 0;
    for target in chosen(name.clone())? {
        if name.is_some() {
            counted += target.maintain(limit)?;
            continue;
        }
        // What is broken holds up itself alone.
        match subtransaction::attempt(|| or_raise(target.maintain(limit))) {
            Ok(own) => counted += own,
            Err(failure) => warn(format!("{} was not maintained: {failure}", target.name()), &failure),
        }
    }
    Ok(call.value(Some(counted as i64)))
}

fn chosen(name: Option<String>) -> Result<Vec<Target>, MaintainError> {
    let wanted = |other: &String| name.as_ref().is_none_or(|name| name == other);
    let mut targets = Vec::new();
    // Without a name, what cannot even be looked up is left out.
    let mut add = |found: Result<Target, MaintainError>| match found {
        Ok(target) => {
            targets.push(target);
            Ok(())
        }
        Err(error) if name.is_none() => {
            warn(format!("left out: {error}"), &error);
            Ok(())
        }
        Err(error) => Err(error),
    };
    let recommenders: Vec<(i32, String)> = catalog::names()?.into_iter().filter(|(_, other)| wanted(other)).collect();
    for (id, _) in &recommenders {
        add(catalog::by_id(*id).map(Target::Recommender).map_err(Into::into))?;
    }
    for (id, _) in recommenders {
        if let Some(id) = features::catalog::of_recommender(id)? {
            add(features::catalog::by_id(id).map(Target::Features).map_err(Into::into))?;
        }
    }
    for (id, _) in graphs::names()?.into_iter().filter(|(_, other)| wanted(other)) {
        add(graphs::by_id(id).map(Target::Graph).map_err(Into::into))?;
    }
    for (id, _) in sets::names()?.into_iter().filter(|(_, other)| wanted(other)) {
        add(sets::by_id(id).map(Target::VectorSet).map_err(Into::into))?;
    }
    let owns = |target: &Target| owner::has_privileges_of(owner::current_user(), target.owner());
    let Some(name) = name else {
        targets.retain(owns);
        return Ok(targets);
    };
    if targets.is_empty() {
        let existing = catalog::names()?.into_iter().map(|(_, other)| other).collect();
        return Err(CatalogError::Unknown { existing, name }.into());
    }
    match targets.iter().find(|target| !owns(target)) {
        None => Ok(targets),
        Some(Target::Recommender(_) | Target::Features(_)) => Err(MaintainError::NotOwner(name)),
        Some(Target::Graph(_)) => Err(MaintainError::NotGraphOwner(name)),
        Some(Target::VectorSet(_)) => Err(VectorsError::NotOwner(name).into()),
    }
}

sql_function!(maintain_recommenders, pg_finfo_maintain_recommenders, maintain);
