//! What a session keeps of the catalog: good until something that it was made of changes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::thread::LocalKey;

use crate::catalog::{self, CatalogError};
use crate::pg::spi::{self, Row, SpiError};
use crate::pg::{invalidation, snapshot};

/// Definitions by their numbers, and the list of all.
pub struct Kept<T, L> {
    generation: u64,
    list: Option<Vec<L>>,
    loaded: HashMap<i32, Rc<T>>,
}

impl<T, L> Default for Kept<T, L> {
    fn default() -> Self {
        Self { generation: 0, list: None, loaded: HashMap::new() }
    }
}

/// Where a session keeps definitions of one kind; `L` is an entry of their list.
pub type CatalogCache<T, L> = LocalKey<RefCell<Kept<T, L>>>;

/// Empties a cache if something that it depends on has changed; gives the generation that it is good for.
pub fn fresh<T, L>(cache: &'static CatalogCache<T, L>) -> u64 {
    invalidation::accept();
    let generation = invalidation::generation();
    cache.with_borrow_mut(|kept| {
        if kept.generation != generation {
            *kept = Kept { generation, ..Kept::default() };
        }
    });
    generation
}

/// The definition of that number, if it is kept.
pub fn kept<T, L>(cache: &'static CatalogCache<T, L>, id: i32) -> Option<Rc<T>> {
    fresh(cache);
    cache.with_borrow(|kept| kept.loaded.get(&id).cloned())
}

/// The definition of that number, loaded where it is not kept. `load` watches what the definition depends on beside the catalog.
pub fn definition<T, L, E: From<CatalogError>>(
    cache: &'static CatalogCache<T, L>,
    id: i32,
    load: impl FnOnce() -> Result<T, E>,
) -> Result<Rc<T>, E> {
    let generation = fresh(cache);
    if let Some(found) = cache.with_borrow(|kept| kept.loaded.get(&id).cloned()) {
        return Ok(found);
    }
    invalidation::watch(catalog::catalog_relation()?);
    let definition = Rc::new(load()?);
    cache.with_borrow_mut(|kept| {
        // A change that arrived while loading leaves the cache at the older generation: it is dropped at the next use.
        if kept.generation == generation {
            kept.loaded.insert(id, Rc::clone(&definition));
        }
    });
    Ok(definition)
}

/// The list of a kind's definitions, read as the catalog's owner where it is not kept.
pub fn list<T, L: Clone>(
    cache: &'static CatalogCache<T, L>,
    sql: &str,
    read: impl FnMut(&Row) -> Result<L, SpiError>,
) -> Result<Vec<L>, CatalogError> {
    fresh(cache);
    if let Some(list) = cache.with_borrow(|kept| kept.list.clone()) {
        return Ok(list);
    }
    invalidation::watch(catalog::catalog_relation()?);
    let list: Vec<L> = catalog::as_owner(|| snapshot::with_latest(|| spi::read_prepared(sql, &[], read)))??;
    cache.with_borrow_mut(|kept| kept.list = Some(list.clone()));
    Ok(list)
}

/// An entry of a list of numbers and names.
pub fn named(row: &Row) -> Result<(i32, String), SpiError> {
    Ok((row.value(1)?, row.value(2)?))
}
