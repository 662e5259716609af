//! Query vectors, made ready once for all rows that are compared with them.

use std::cell::RefCell;

use engine::Micros;
use engine::topk::Query;
use pgrx::pg_sys;

use super::error::{Result, VectorsError};
use crate::pg::function::{Call, CallError};
use crate::pg::vector::VectorType;
use crate::pg::{clock, relation, varlena};

/// The query of the last row of an aggregate, and the type of its vector: the next row has the same as a rule.
struct Last {
    /// The query as it was passed: the bytes of the array, or where these are stored.
    stored: Vec<u8>,
    /// The start of the transaction for what lies out of line: in the next one, that place may hold another query.
    transaction: Option<Micros>,
    query: Query,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    static VECTOR_TYPE: RefCell<Option<(pg_sys::Oid, VectorType)>> = const { RefCell::new(None) };
}

/// A query of any length but 0.
pub fn of(vector: &[f32]) -> Result<Query> {
    Query::new(vector).map_err(VectorsError::Query)
}

/// Hands the query that argument `place`, a real[], holds to `work`.
pub fn with<T>(call: &Call, place: usize, work: impl FnOnce(&Query) -> Result<T>) -> Result<T> {
    let stored = call.stored(place).ok_or(CallError::Null("query"))?;
    let transaction = varlena::is_external(stored).then(clock::transaction_start);
    LAST.with_borrow_mut(|last| {
        let last = match last {
            Some(kept) if kept.stored == stored && kept.transaction == transaction => kept,
            _ => {
                let reals = call.reals(place)?.ok_or(CallError::Null("query"))?;
                last.insert(Last { stored: stored.to_vec(), transaction, query: of(&reals)? })
            }
        };
        work(&last.query)
    })
}

/// The kind of vector that argument `place` is.
pub fn vector_type(call: &Call, place: usize) -> Result<VectorType> {
    let given = call.arg_type(place);
    if let Some((_, kind)) = VECTOR_TYPE.with_borrow(|known| known.filter(|(type_oid, _)| *type_oid == given)) {
        return Ok(kind);
    }
    let kind = VectorType::of(given).ok_or_else(|| VectorsError::VectorType(relation::type_name(given)))?;
    VECTOR_TYPE.set(Some((given, kind)));
    Ok(kind)
}
