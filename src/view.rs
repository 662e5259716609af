//! The view of a feed's rows, as it was made: whoever owns the tracked table owns it, and may have put another one in its place.
//!
//! What its code does is harmless, because it is read as its owner alone. Its columns are read by their types, so these are compared.

use pgrx::pg_sys;

use crate::key::KeyType;
use crate::pg::invalidation;
use crate::pg::relation;

/// The view of the events of feed `id`, whose ends have such keys; the error is what is wrong.
pub fn check_events(id: i32, owner: pg_sys::Oid, (user, item): (KeyType, KeyType)) -> Result<(), String> {
    let columns = [
        ("user_key", user.oid()),
        ("item_key", item.oid()),
        ("at", pg_sys::TIMESTAMPTZOID),
        ("weight", pg_sys::FLOAT4OID),
        ("session", pg_sys::INT8OID),
        ("context", pg_sys::TEXTARRAYOID),
    ];
    check(&format!("events_{id}"), owner, &columns)
}

/// The view of the rows of vector set `id`.
pub fn check_vectors(id: i32, owner: pg_sys::Oid, key: KeyType, vector: pg_sys::Oid) -> Result<(), String> {
    check(&format!("vectors_{id}"), owner, &[("id", key.oid()), ("vector", vector)])
}

fn check(name: &str, owner: pg_sys::Oid, columns: &[(&str, pg_sys::Oid)]) -> Result<(), String> {
    let oid = relation::state_relation(name).ok_or_else(|| format!("recommend.{name}"))?;
    invalidation::watch(oid);
    // Without a lock: its owner could hold one for ever.
    let is_as_made = relation::kind(oid) == Some(b'v')
        && relation::owner(oid) == Some(owner)
        && (1..).zip(columns).all(|(number, (column, type_oid))| {
            relation::column_number(oid, column) == Some(number) && relation::column_type(oid, number) == *type_oid
        });
    if is_as_made { Ok(()) } else { Err(format!("recommend.{name} as it was made")) }
}
