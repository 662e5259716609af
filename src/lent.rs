//! Relations that a definition names beside its own table, as those of eligible items and of categories, whoever owns them: who may read
//! them, and as whom they are read.
//!
//! Such a relation may be a view, or have policies, whose functions run as whoever reads it. So they run as the one who asks only where
//! the relation's owner may act for that role anyway. Else the relation is read as its owner, and whether the one who asks might read it is
//! looked at first, at each use.

use pgrx::{PgSqlErrorCode, pg_sys};

use crate::pg::error::SqlError;
use crate::pg::relation::{self, Relation};
use crate::pg::{owner, privilege};

/// Why a relation is not read.
#[derive(Debug, thiserror::Error)]
pub enum LentError {
    /// It is gone, or one of its columns.
    #[error("\"{column}\" of \"{relation}\" does not exist")]
    Gone { relation: String, column: String },
    /// Who asks may not read it.
    #[error("permission denied for {kind} {relation}")]
    Denied { kind: &'static str, relation: String, role: String },
    /// A policy applies to who asks.
    #[error("row level security of {relation} applies to role \"{role}\"")]
    RowSecurity { relation: String, role: String },
    /// It gives each role something else.
    #[error("what {relation} shows depends on the role that reads it, and its owner cannot act for role \"{role}\"")]
    Invoker { relation: String, role: String },
}

impl SqlError for LentError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Gone { .. } => PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
            _ => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Gone { .. } => None,
            Self::Denied { relation, role, .. } => Some(format!("GRANT SELECT ON {relation} TO {};", relation::quote_ident(role))),
            Self::RowSecurity { .. } => {
                Some("A view of its owner's, which shows what may be shown to all, can stand in its place; so can a table of a role that may act for this one.".into())
            }
            Self::Invoker { .. } => Some("Name a view without security_invoker, or a plain table.".into()),
        }
    }
}

/// The role as which `columns` of `relation` are read for `role`.
pub fn reader_for(role: pg_sys::Oid, relation: pg_sys::Oid, columns: &[&str]) -> Result<pg_sys::Oid, LentError> {
    let name = || relation::qualified_name(relation).unwrap_or_else(|| relation.to_u32().to_string());
    let gone = |column: &str| LentError::Gone { relation: name(), column: column.to_owned() };
    let Some(open) = Relation::try_open(relation, pg_sys::AccessShareLock as i32) else {
        return Err(gone(columns.first().copied().unwrap_or_default()));
    };
    let number = |column: &&str| relation::column_number(relation, column).ok_or_else(|| gone(column));
    let numbers = columns.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    if !privilege::may_role_select(role, relation, &numbers) {
        let kind = match open.class().relkind as u8 {
            b'v' => "view",
            b'm' => "materialized view",
            b'f' => "foreign table",
            _ => "table",
        };
        return Err(LentError::Denied { kind, relation: name(), role: owner::role_name(role) });
    }
    let lender = open.class().relowner;
    if owner::may_act_for(lender, role) {
        return Ok(role);
    }
    if privilege::hides_rows_from(role, relation) {
        return Err(LentError::RowSecurity { relation: name(), role: owner::role_name(role) });
    }
    if relation::reads_as_invoker(&open) {
        return Err(LentError::Invoker { relation: name(), role: owner::role_name(role) });
    }
    Ok(lender)
}
