//! The rows of a vector set's table, as the active snapshot shows them. They are read as the table's owner: who asks has checked what the caller
//! may see.

use rustc_hash::FxHashMap;

use super::catalog::VectorSet;
use super::error::Result;
use crate::key::Key;
use crate::pg::spi::{self, Arg, Row};
use crate::pg::{array, interrupt, owner};

/// How many rows are read at a time.
const CHUNK: usize = 1000;

/// The vectors of `keys`, in their order; `None` where there is no row of that id, or none that holds a vector.
pub fn lookup(set: &VectorSet, keys: &[Key]) -> Result<Vec<Option<Vec<f32>>>> {
    let mut found = FxHashMap::default();
    each_of(set, keys, |key, vector| {
        found.insert(key, vector.map(<[f32]>::to_vec));
        Ok(())
    })?;
    Ok(keys.iter().map(|key| found.get(key).cloned().flatten()).collect())
}

/// Hands each row of `keys` to `each`, in no order, without a vector where it holds none, as an array with a NULL in it.
pub fn each_of(set: &VectorSet, keys: &[Key], mut each: impl FnMut(Key, Option<&[f32]>) -> Result<()>) -> Result<()> {
    let sql = format!("SELECT id, vector FROM recommend.vectors_{} WHERE id = ANY ($1)", set.id);
    let element = set.key.oid();
    for chunk in keys.chunks(CHUNK) {
        interrupt::check();
        // A key that the column's type cannot hold is in no row.
        let mut datums: Vec<_> = chunk.iter().filter_map(|key| key.write(set.key).ok()).collect();
        let arg = Arg::datum(Some(array::of(element, &mut datums)), array::type_of(element));
        owner::as_user(set.owner, || spi::read_prepared(&sql, &[arg], |row| hand_over(set, row, &mut each)))?;
    }
    Ok(())
}

/// Hands each row to `each`, as they come, without a vector where it holds none.
pub fn each(set: &VectorSet, mut each: impl FnMut(Key, Option<&[f32]>) -> Result<()>) -> Result<()> {
    let sql = format!("SELECT id, vector FROM recommend.vectors_{}", set.id);
    owner::as_user(set.owner, || spi::stream(&sql, &[], CHUNK, |row| hand_over(set, row, &mut each)))
}

fn hand_over(set: &VectorSet, row: &Row, each: &mut impl FnMut(Key, Option<&[f32]>) -> Result<()>) -> Result<()> {
    let [Some(id), vector] = row.datums([set.key.oid(), set.vector_oid])? else { return Ok(()) };
    let key = Key::read(id, set.key)?;
    let Some(vector) = vector else { return each(key, None) };
    let (mut key, mut done) = (Some(key), Ok(()));
    // Called once, or not at all where the value is no vector.
    let read = set.vector.with(vector, |vector| {
        if let Some(key) = key.take() {
            done = each(key, Some(vector));
        }
    });
    match (read, key) {
        (Err(_), Some(key)) => each(key, None),
        _ => done,
    }
}

/// How many rows there are.
pub fn count(set: &VectorSet) -> Result<u64> {
    let sql = format!("SELECT count(*) FROM recommend.vectors_{}", set.id);
    let counted: Vec<i64> = owner::as_user(set.owner, || spi::read(&sql, &[], |row| row.value::<i64>(1)))?;
    Ok(counted.first().map_or(0, |count| count.unsigned_abs()))
}
