//! `recommend.maintain()`: the compactor by hand.

use std::rc::Rc;

use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::Datum;

use crate::catalog::{self, CatalogError, Recommender};
use crate::compact::{self, CompactError, Outcome, Pace};
use crate::pg::error::SqlError;
use crate::pg::function::{Call, CallError};
use crate::pg::owner;
use crate::sql_function;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// The caller does not own the event table.
    #[error("must be owner of the event table of recommender \"{0}\"")]
    NotOwner(String),
    /// A limit that is not positive.
    #[error("max_events must be positive: {0}")]
    Limit(i64),
    /// The lookup.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The compactor.
    #[error(transparent)]
    Compact(#[from] CompactError),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl SqlError for MaintainError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::NotOwner(_) => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::Limit(_) => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Catalog(error) => error.sqlstate(),
            Self::Compact(error) => error.sqlstate(),
            Self::Call(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotOwner(_) => Some("Background workers compact by themselves; see recommend.auto_compact.".into()),
            Self::Limit(_) => Some("Leave it out to move the whole backlog.".into()),
            Self::Catalog(error) => error.hint(),
            Self::Compact(error) => error.hint(),
            Self::Call(error) => error.hint(),
        }
    }
}

/// maintain(recommender, max_events): moves the backlog of one recommender, or of all that the caller owns.
fn maintain(call: &Call) -> Result<Datum, MaintainError> {
    let limit = call.arg::<i64>(1);
    if let Some(limit @ ..=0) = limit {
        return Err(MaintainError::Limit(limit));
    }
    let mut moved = 0;
    for recommender in chosen(call.arg(0))? {
        loop {
            let left = limit.map_or(u64::MAX, |limit| limit.unsigned_abs().saturating_sub(moved));
            let Outcome::Moved(count) = compact::compact(&recommender, left.min(compact::DEFAULT_BATCH), Pace::Now)? else { break };
            moved += count;
            if count == 0 || limit.is_some_and(|limit| moved >= limit.unsigned_abs()) {
                break;
            }
            crate::pg::snapshot::count_command();
        }
    }
    Ok(call.value(Some(moved as i64)))
}

fn chosen(name: Option<String>) -> Result<Vec<Rc<Recommender>>, MaintainError> {
    let owns = |recommender: &Recommender| owner::has_privileges_of(owner::current_user(), recommender.owner);
    if let Some(name) = name {
        let recommender = catalog::by_name(Some(&name))?;
        return if owns(&recommender) { Ok(vec![recommender]) } else { Err(MaintainError::NotOwner(name)) };
    }
    let all = catalog::names()?.into_iter().map(|(id, _)| catalog::by_id(id)).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().filter(|recommender| owns(recommender)).collect())
}

sql_function!(maintain_recommenders, pg_finfo_maintain_recommenders, maintain);
