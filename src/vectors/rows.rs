//! The rows of a vector set's table, as the active snapshot shows them. They are read as the table's owner: who asks has checked what the caller
//! may see.

use rustc_hash::FxHashMap;

use super::catalog::VectorSet;
use super::error::{Result, VectorsError};
use crate::key::{Key, KeyType};
use crate::pg::spi::{self, Arg};
use crate::pg::{array, owner};

/// How many rows are read at a time.
const CHUNK: usize = 1000;

/// In which order rows are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they come.
    Any,
    /// By their ids, in the order of [`Key`].
    Key,
}

/// The vectors of `keys`, in their order; `None` where there is no row of that id, or none that holds a vector.
pub fn lookup(set: &VectorSet, keys: &[Key]) -> Result<Vec<Option<Vec<f32>>>> {
    let found = lookup_rows(set, keys)?;
    Ok(keys.iter().map(|key| found.get(key).cloned().flatten()).collect())
}

/// The rows of `keys` that there are; `None` for one that holds no vector, as an array with a NULL in it.
pub fn lookup_rows(set: &VectorSet, keys: &[Key]) -> Result<FxHashMap<Key, Option<Vec<f32>>>> {
    let sql = format!("SELECT id, vector FROM recommend.vectors_{} WHERE id = ANY ($1)", set.id);
    let element = set.key.oid();
    let mut found = FxHashMap::default();
    for chunk in keys.chunks(CHUNK) {
        // A key that the column's type cannot hold is in no row.
        let mut datums: Vec<_> = chunk.iter().filter_map(|key| key.write(set.key).ok()).collect();
        let arg = Arg::datum(Some(array::of(element, &mut datums)), array::type_of(element));
        owner::as_user(set.owner, || {
            spi::read_prepared(&sql, &[arg], |row| {
                if let Some(id) = row.datum(1) {
                    let vector = row.datum(2).and_then(|vector| set.vector.with(vector, <[f32]>::to_vec).ok());
                    found.insert(Key::read(id, set.key)?, vector);
                }
                Ok::<_, VectorsError>(())
            })
        })?;
    }
    Ok(found)
}

/// Hands each row to `each`, without a vector where it holds none.
pub fn each(set: &VectorSet, order: Order, mut each: impl FnMut(Key, Option<&[f32]>) -> Result<()>) -> Result<()> {
    let collation = if set.key == KeyType::Text { " COLLATE \"C\"" } else { "" };
    let order = if order == Order::Key { format!(" ORDER BY id{collation}") } else { String::new() };
    let sql = format!("SELECT id, vector FROM recommend.vectors_{}{order}", set.id);
    owner::as_user(set.owner, || {
        owner::use_maintenance_memory();
        spi::stream(&sql, &[], CHUNK, |row| {
            let Some(id) = row.datum(1) else { return Ok(()) };
            let key = Key::read(id, set.key)?;
            let Some(vector) = row.datum(2) else { return each(key, None) };
            let mut done = Ok(());
            match set.vector.with(vector, |vector| done = each(key.clone(), Some(vector))) {
                Ok(()) => done,
                Err(_) => each(key, None),
            }
        })
    })
}

/// How many rows there are.
pub fn count(set: &VectorSet) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM recommend.vectors_{}", set.id);
    let counted: Vec<i64> = owner::as_user(set.owner, || spi::read(&sql, &[], |row| row.value::<i64>(1)))?;
    Ok(counted.first().map_or(0, |count| count.unsigned_abs()))
}
