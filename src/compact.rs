//! Moves events from the delta into packed rows.

use pgrx::PgSqlErrorCode;

use crate::catalog::Recommender;
use crate::pg::error::SqlError;

/// What can go wrong when state is packed.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {}

impl SqlError for CompactError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match *self {}
    }
}

/// Build the state of `_recommender` anew from its event table.
pub fn rebuild(_recommender: &Recommender) -> Result<u64, CompactError> {
    Ok(0)
}
