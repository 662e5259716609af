//! What a vector set is: its row in `recommend.vector_sets`, with the columns, types and relations it names looked up.
//!
//! Cached and read as the definitions of recommenders are.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::pg_sys;

use super::error::{Result, VectorsError};
use crate::catalog::{self, CatalogError};
use crate::feed::VectorFeed;
use crate::key::KeyType;
use crate::pg::relation::{self, Relation};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::vector::VectorType;
use crate::pg::{index, invalidation, snapshot};

/// A vector set.
#[derive(Clone, Debug)]
pub struct VectorSet {
    /// Its number, the N in the names of its state tables.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// What is tracked of its table.
    pub feed: VectorFeed,
    /// The table's owner, whose are the state tables too.
    pub owner: pg_sys::Oid,
    /// The type of its ids.
    pub key: KeyType,
    /// The type of its vectors.
    pub vector: VectorType,
    /// The numbers of the id column and the vector column.
    pub columns: [i16; 2],
    /// `recommend.vector_changes_N`.
    pub changes: pg_sys::Oid,
}

impl VectorSet {
    /// The table.
    pub fn table(&self) -> pg_sys::Oid {
        self.feed.table
    }

    fn resolve(name: String, feed: VectorFeed) -> Result<Self> {
        let damaged = |missing: &str| VectorsError::Damaged { name: name.clone(), missing: missing.to_owned() };
        let owner = relation::owner(feed.table).ok_or_else(|| damaged("its table"))?;
        let column = |column: &str| {
            let number =
                relation::column_number(feed.table, column).ok_or_else(|| damaged(&format!("column \"{column}\" of its table")))?;
            Ok::<_, VectorsError>((number, relation::column_type(feed.table, number)))
        };
        let ((id, id_type), (vector, vector_type)) = (column(&feed.id_column)?, column(&feed.vector_column)?);
        let changes = format!("vector_changes_{}", feed.id);
        if !index::is_unique(&Relation::open(feed.table, pg_sys::AccessShareLock as i32), id) {
            return Err(damaged(&format!("the unique index on column \"{}\" of its table", feed.id_column)));
        }
        Ok(Self {
            id: feed.id,
            owner,
            key: KeyType::of(id_type)?,
            vector: VectorType::of(vector_type).ok_or_else(|| damaged("the type of its vectors"))?,
            columns: [id, vector],
            changes: relation::state_relation(&changes).ok_or_else(|| damaged(&format!("recommend.{changes}")))?,
            name,
            feed,
        })
    }
}

#[derive(Default)]
struct Cache {
    generation: u64,
    names: Option<Vec<(i32, String)>>,
    loaded: HashMap<i32, Rc<VectorSet>>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache::default());
}

/// The set of that name, kept from being dropped until the transaction ends: its table is locked as by reading it.
pub fn held(name: &str) -> Result<Rc<VectorSet>> {
    let lock = |table| Relation::try_open(table, pg_sys::AccessShareLock as i32).is_some();
    loop {
        let set = by_name(name)?;
        // Locking takes in what others have committed: only a definition that is still the one in the cache is good.
        if lock(set.table()) && lock(set.changes) && Rc::ptr_eq(&set, &by_name(name)?) {
            return Ok(set);
        }
    }
}

/// The set of that name.
pub fn by_name(name: &str) -> Result<Rc<VectorSet>> {
    loop {
        let generation = fresh_cache();
        let existing = names()?;
        let Some((id, _)) = existing.iter().find(|(_, other)| other == name) else {
            return Err(VectorsError::Unknown { name: name.to_owned(), existing: existing.into_iter().map(|(_, other)| other).collect() });
        };
        match by_id(*id) {
            // Dropped or changed while its relations were looked up.
            Err(VectorsError::Damaged { .. } | VectorsError::UnknownId(_)) if fresh_cache() != generation => {}
            found => return found,
        }
    }
}

/// The set of that number.
pub fn by_id(id: i32) -> Result<Rc<VectorSet>> {
    let generation = fresh_cache();
    if let Some(found) = CACHE.with_borrow(|cache| cache.loaded.get(&id).cloned()) {
        return Ok(found);
    }
    invalidation::watch(catalog::catalog_relation()?);
    let row = catalog::as_owner(|| row(id))??;
    let (name, feed) = row.ok_or(VectorsError::UnknownId(id))?;
    invalidation::watch(feed.table);
    let set = Rc::new(VectorSet::resolve(name, feed)?);
    CACHE.with_borrow_mut(|cache| {
        if cache.generation == generation {
            cache.loaded.insert(id, Rc::clone(&set));
        }
    });
    Ok(set)
}

/// All sets, lowest id first: (id, name).
pub fn names() -> Result<Vec<(i32, String)>> {
    fresh_cache();
    if let Some(names) = CACHE.with_borrow(|cache| cache.names.clone()) {
        return Ok(names);
    }
    invalidation::watch(catalog::catalog_relation()?);
    let names: Vec<(i32, String)> = catalog::as_owner(|| {
        snapshot::with_latest(|| {
            let sql = "SELECT id, name FROM recommend.vector_sets ORDER BY id";
            spi::read_prepared(sql, &[], |row| Ok::<_, SpiError>((row.value(1)?, row.value(2)?)))
        })
    })??;
    CACHE.with_borrow_mut(|cache| cache.names = Some(names.clone()));
    Ok(names)
}

/// What is tracked for set `id`; the caller has put on the catalog owner's role.
pub fn feed(id: i32) -> std::result::Result<VectorFeed, CatalogError> {
    Ok(row(id)?.ok_or(CatalogError::UnknownId(id))?.1)
}

/// A set's row of the catalog; the caller has put on the catalog owner's role.
fn row(id: i32) -> std::result::Result<Option<(String, VectorFeed)>, SpiError> {
    let sql = "SELECT name, source::oid, id_column::text, vector_column::text FROM recommend.vector_sets WHERE id = $1";
    let read = |row: &spi::Row| {
        let feed = VectorFeed { id, table: row.value(2)?, id_column: row.value(3)?, vector_column: row.value(4)? };
        Ok::<_, SpiError>((row.value(1)?, feed))
    };
    Ok(snapshot::with_latest(|| spi::read_prepared(sql, &[Arg::of(id)], read))?.pop())
}

fn fresh_cache() -> u64 {
    invalidation::accept();
    let generation = invalidation::generation();
    CACHE.with_borrow_mut(|cache| {
        if cache.generation != generation {
            *cache = Cache { generation, ..Cache::default() };
        }
    });
    generation
}
