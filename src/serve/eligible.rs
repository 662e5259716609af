//! Items that may be shown now: the table or view that a recommender names, read for the caller.

use std::collections::HashSet;

use engine::ItemId;
use pgrx::pg_sys;
use rustc_hash::FxHashSet;

use super::{Result, ServeError};
use crate::catalog::Recommender;
use crate::key::{Key, KeyType};
use crate::lent;
use crate::numbers::store_error;
use crate::pg::spi::{self, Arg};
use crate::pg::{array, error, owner, relation};

/// Gives the keys of items.
type KeysOf<'a> = &'a dyn Fn(&[ItemId]) -> engine::Result<Vec<Option<Key>>>;

/// Which of `items` are eligible: all of them where the recommender names no table. `keys_of` gives their keys.
pub fn eligible(recommender: &Recommender, items: &[ItemId], keys_of: KeysOf<'_>) -> engine::Result<FxHashSet<ItemId>> {
    if recommender.eligible.is_none() {
        return Ok(items.iter().copied().collect());
    }
    let keys = keys_of(items)?;
    let asked: Vec<Key> = keys.iter().flatten().cloned().collect();
    let shown = among(recommender, &asked).map_err(store_error)?;
    Ok(items.iter().zip(&keys).filter(|(_, key)| key.as_ref().is_some_and(|key| shown.contains(key))).map(|(item, _)| *item).collect())
}

fn among(recommender: &Recommender, asked: &[Key]) -> Result<HashSet<Key>> {
    let Some((table, column)) = names(recommender) else { return Ok(asked.iter().cloned().collect()) };
    let item = &recommender.item;
    let sql = format!("SELECT DISTINCT e.{column}::{} FROM {table} AS e WHERE e.{column} = ANY ($1)", item.key.sql());
    let keys = [keys(recommender, asked)?];
    let shown = owner::as_reader(reader(recommender), || {
        spi::read_prepared(&sql, &keys, |row| match row.datum(1, item.oid)? {
            Some(datum) => Ok(Some(Key::read(datum, item.key)?)),
            None => Ok::<_, ServeError>(None),
        })
    })?;
    Ok(shown.into_iter().flatten().collect())
}

/// Up to `n` eligible items that are not among `shown`, in the order of their keys: what is left to show when every item with an
/// event is.
pub fn others(recommender: &Recommender, shown: &[Key], n: usize) -> Result<Vec<Key>> {
    let Some((table, column)) = names(recommender) else { return Ok(Vec::new()) };
    let item = &recommender.item;
    let sql = format!(
        "SELECT k FROM (SELECT DISTINCT e.{column}::{}{} AS k FROM {table} AS e WHERE e.{column} IS NOT NULL AND NOT e.{column} = ANY ($1){}) AS o \
         ORDER BY k LIMIT $2",
        item.key.sql(),
        item.key.sql_collation(),
        // The column may be wider than the keys of items.
        match item.key {
            KeyType::Int2 => format!(" AND e.{column} BETWEEN {} AND {}", i16::MIN, i16::MAX),
            KeyType::Int4 => format!(" AND e.{column} BETWEEN {} AND {}", i32::MIN, i32::MAX),
            KeyType::Int8 | KeyType::Uuid | KeyType::Text => String::new(),
        },
    );
    let args = [keys(recommender, shown)?, Arg::of(i64::try_from(n).unwrap_or(i64::MAX))];
    let found = owner::as_reader(reader(recommender), || {
        spi::read_prepared(&sql, &args, |row| match row.datum(1, item.oid)? {
            Some(datum) => Ok(Some(Key::read(datum, item.key)?)),
            None => Ok::<_, ServeError>(None),
        })
    })?;
    Ok(found.into_iter().flatten().collect())
}

/// As whom the relation is read. Raises the error of who may not read it, as the statement itself would.
fn reader(recommender: &Recommender) -> pg_sys::Oid {
    let caller = owner::current_user();
    match &recommender.eligible {
        Some((relation, column)) => error::or_raise(lent::reader_for(caller, *relation, &[column])),
        None => caller,
    }
}

fn names(recommender: &Recommender) -> Option<(String, String)> {
    let (table, column) = recommender.eligible.as_ref()?;
    Some((relation::qualified_name(*table)?, relation::quote_ident(column)))
}

fn keys(recommender: &Recommender, keys: &[Key]) -> Result<Arg> {
    let element = recommender.item.oid;
    let mut datums = keys.iter().map(|key| key.to_datum(element)).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Arg::datum(Some(array::of(element, &mut datums)), array::type_of(element)))
}
