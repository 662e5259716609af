//! The rows of a vector set's table, as the active snapshot shows them.

use rustc_hash::FxHashMap;

use super::catalog::VectorSet;
use super::error::Result;
use crate::key::Key;
use crate::pg::spi::{self, Arg};
use crate::pg::{array, owner};

/// How many ids are looked up at a time.
const CHUNK: usize = 1000;

/// The vectors of `keys`, in their order, as the active snapshot shows them; `None` where there is no row of that id, or none that holds a
/// vector. Reads as the table's owner: who asks has checked what the caller may see.
pub fn lookup(set: &VectorSet, keys: &[Key]) -> Result<Vec<Option<Vec<f32>>>> {
    let sql = format!("SELECT id, vector FROM recommend.vectors_{} WHERE id = ANY ($1)", set.id);
    let element = set.key.oid();
    let mut found: FxHashMap<Key, Vec<f32>> = FxHashMap::default();
    for chunk in keys.chunks(CHUNK) {
        // A key that the column's type cannot hold is in no row.
        let mut datums: Vec<_> = chunk.iter().filter_map(|key| key.write(set.key).ok()).collect();
        let arg = Arg::datum(Some(array::of(element, &mut datums)), array::type_of(element));
        owner::as_user(set.owner, || {
            spi::read_prepared(&sql, &[arg], |row| {
                if let (Some(id), Some(vector)) = (row.datum(1), row.datum(2)) {
                    // What is no vector, as an array with a NULL in it, is as good as none.
                    if let Ok(vector) = set.vector.with(vector, <[f32]>::to_vec) {
                        found.insert(Key::read(id, set.key)?, vector);
                    }
                }
                Ok::<_, super::error::VectorsError>(())
            })
        })?;
    }
    Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
}
