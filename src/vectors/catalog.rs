//! What a vector set is: its row in `recommend.vector_sets`, with the columns, types and relations it names looked up.
//!
//! Cached and read as the definitions of recommenders are.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::pg_sys;

use super::error::{Result, VectorsError};
use crate::catalog::{self, CatalogError};
use crate::catalog_cache::{self, Kept, fresh, named};
use crate::feed::VectorFeed;
use crate::key::KeyType;
use crate::pg::relation::{self, Relation};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::vector::VectorType;
use crate::pg::{index, invalidation, privilege, shape, snapshot};
use crate::view;

/// A vector set.
#[derive(Clone, Debug)]
pub struct VectorSet {
    /// Its number, the N in the names of its state tables.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// What is tracked of its table.
    pub feed: VectorFeed,
    /// The table's owner, as whom it is read.
    pub owner: pg_sys::Oid,
    /// The type of its ids.
    pub key: KeyType,
    /// The type of its vectors.
    pub vector: VectorType,
    /// The numbers of the id column and the vector column.
    pub columns: [i16; 2],
    /// The length of the vectors, where it is fixed.
    pub dimensions: Option<u32>,
    /// Whether the ids still have a unique index: without one, answers are not told apart by them.
    pub is_unique: bool,
    /// The declared type of the column of vectors.
    pub vector_oid: pg_sys::Oid,
    /// `recommend.vector_changes_N`.
    pub changes: pg_sys::Oid,
}

impl VectorSet {
    /// The table.
    pub fn table(&self) -> pg_sys::Oid {
        self.feed.table
    }

    /// How many bytes a file has for each key at least.
    pub fn key_width(&self) -> u64 {
        if self.key == KeyType::Uuid { 16 } else { 8 }
    }

    /// Refuses who may not read the rows that it is made of.
    pub fn check_reader(&self, role: pg_sys::Oid) -> Result<()> {
        refuse_stranger(role, &self.name, self.table(), &self.columns)
    }

    fn resolve(Definition { name, feed, dimensions }: Definition) -> Result<Self> {
        let damaged = |missing: &str| VectorsError::Damaged { name: name.clone(), missing: missing.to_owned() };
        let owner = relation::owner_held(feed.table).ok_or_else(|| damaged("its table"))?;
        let column = |column: &str| {
            let number =
                relation::column_number(feed.table, column).ok_or_else(|| damaged(&format!("column \"{column}\" of its table")))?;
            Ok::<_, VectorsError>((number, relation::column_type(feed.table, number)))
        };
        let ((id, id_type), (vector, vector_type)) = (column(&feed.id_column)?, column(&feed.vector_column)?);
        let changes = format!("vector_changes_{}", feed.id);
        let key = KeyType::of(id_type)?;
        shape::keys_are(feed.id, [key.oid(), pg_sys::InvalidOid]);
        view::check_vectors(feed.id, owner, key, vector_type).map_err(|missing| damaged(&missing))?;
        Ok(Self {
            id: feed.id,
            owner,
            key,
            vector: VectorType::of(vector_type).ok_or_else(|| damaged("the type of its vectors"))?,
            vector_oid: vector_type,
            columns: [id, vector],
            dimensions,
            is_unique: index::is_unique(&Relation::open(feed.table, pg_sys::AccessShareLock as i32), id),
            changes: relation::state_relation(&changes).ok_or_else(|| damaged(&format!("recommend.{changes}")))?,
            name,
            feed,
        })
    }
}

thread_local! {
    static CACHE: RefCell<Kept<VectorSet, (i32, String)>> = RefCell::default();
}

fn refuse_stranger(role: pg_sys::Oid, name: &str, table: pg_sys::Oid, columns: &[i16]) -> Result<()> {
    let qualified = || relation::qualified_name(table).unwrap_or_default();
    if !privilege::may_role_select(role, table, columns) {
        return Err(VectorsError::Denied { table: qualified(), name: name.to_owned() });
    }
    if privilege::hides_rows_from(role, table) {
        return Err(VectorsError::RowSecurity { table: qualified() });
    }
    Ok(())
}

/// Refuses who may not read the rows that set `id` is made of, before any lock is waited for.
pub fn check_reader(id: i32, role: pg_sys::Oid) -> Result<()> {
    if let Some(set) = catalog_cache::kept(&CACHE, id) {
        return set.check_reader(role);
    }
    let definition = catalog::as_owner(|| row(id))??.ok_or(VectorsError::UnknownId(id))?;
    let feed = &definition.feed;
    let columns: Vec<i16> =
        [&feed.id_column, &feed.vector_column].into_iter().filter_map(|column| relation::column_number(feed.table, column)).collect();
    refuse_stranger(role, &definition.name, feed.table, &columns)
}

/// The set of that name, kept from being dropped until the transaction ends: its table is locked as by reading it.
pub fn held(name: &str) -> Result<Rc<VectorSet>> {
    let lock = |table| Relation::try_open(table, pg_sys::AccessShareLock as i32).is_some();
    loop {
        let set = by_name(name)?;
        // Locking takes in what others have committed: only a definition that is still the one in the cache is good.
        if lock(set.table()) && lock(set.changes) && Rc::ptr_eq(&set, &by_name(name)?) {
            return checked(set);
        }
    }
}

/// A set, if its ids still have a unique index.
pub fn checked(set: Rc<VectorSet>) -> Result<Rc<VectorSet>> {
    if set.is_unique {
        return Ok(set);
    }
    Err(VectorsError::NotUnique { column: set.feed.id_column.clone(), table: relation::qualified_name(set.table()).unwrap_or_default() })
}

/// The set of that name.
pub fn by_name(name: &str) -> Result<Rc<VectorSet>> {
    loop {
        let generation = fresh(&CACHE);
        match by_id(id_of(name)?) {
            // Dropped or changed while its relations were looked up.
            Err(VectorsError::Damaged { .. } | VectorsError::UnknownId(_)) if fresh(&CACHE) != generation => {}
            found => return found,
        }
    }
}

/// The number of the set of that name.
pub fn id_of(name: &str) -> Result<i32> {
    let existing = names()?;
    match existing.iter().find(|(_, other)| other == name) {
        Some((id, _)) => Ok(*id),
        None => Err(VectorsError::Unknown { name: name.to_owned(), existing: existing.into_iter().map(|(_, other)| other).collect() }),
    }
}

/// The set of that number.
pub fn by_id(id: i32) -> Result<Rc<VectorSet>> {
    catalog_cache::definition(&CACHE, id, || {
        let definition = catalog::as_owner(|| row(id))??.ok_or(VectorsError::UnknownId(id))?;
        invalidation::watch(definition.feed.table);
        VectorSet::resolve(definition)
    })
}

/// All sets, lowest id first: (id, name).
pub fn names() -> Result<Vec<(i32, String)>> {
    Ok(catalog_cache::list(&CACHE, "SELECT id, name FROM recommend.vector_sets ORDER BY id", named)?)
}

/// What is tracked for set `id`; the caller has put on the catalog owner's role.
pub fn feed(id: i32) -> std::result::Result<VectorFeed, CatalogError> {
    Ok(row(id)?.ok_or(CatalogError::UnknownId(id))?.feed)
}

/// A row of `recommend.vector_sets`.
struct Definition {
    name: String,
    feed: VectorFeed,
    dimensions: Option<u32>,
}

/// A set's row of the catalog; the caller has put on the catalog owner's role.
fn row(id: i32) -> std::result::Result<Option<Definition>, SpiError> {
    let sql = "SELECT name, source::oid, id_column::text, vector_column::text, dimensions FROM recommend.vector_sets WHERE id = $1";
    let read = |row: &spi::Row| {
        let feed = VectorFeed { id, table: row.value(2)?, id_column: row.value(3)?, vector_column: row.value(4)? };
        Ok::<_, SpiError>(Definition { name: row.value(1)?, feed, dimensions: row.get::<i32>(5)?.map(i32::unsigned_abs) })
    };
    Ok(snapshot::with_latest(|| spi::read_prepared(sql, &[Arg::of(id)], read))?.pop())
}
