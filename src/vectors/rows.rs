//! The rows of a vector set's table, as the active snapshot shows them. They are read as the table's owner: who asks has checked what the caller
//! may see.

use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use super::catalog::VectorSet;
use super::error::Result;
use crate::key::Key;
use crate::pg::lookup::Lookup;
use crate::pg::memory::Scratch;
use crate::pg::spi::{self, Arg};
use crate::pg::{array, interrupt, owner};

/// How many rows are read at a time.
const CHUNK: usize = 1000;
/// How many keys are looked up together: the more, the more rows lie on the same page.
const KEYS: usize = 1 << 16;

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
    // A key that the column's type cannot hold is in no row.
    let datums = |keys: &[Key]| keys.iter().filter_map(|key| key.write(set.key).ok()).collect::<Vec<_>>();
    let element = set.key.oid();
    if let Some(mut table) = Lookup::open(set.table(), set.columns, element) {
        return keys.chunks(KEYS).try_for_each(|keys| {
            let _scratch = Scratch::enter();
            let mut result = Ok(());
            table.rows(&datums(keys), |row| {
                result = hand_over(set, row, &mut each);
                result.is_ok()
            });
            result
        });
    }
    let sql = format!("SELECT id, vector FROM recommend.vectors_{} WHERE id = ANY ($1)", set.id);
    for keys in keys.chunks(CHUNK) {
        interrupt::check();
        let arg = Arg::datum(Some(array::of(element, &mut datums(keys))), array::type_of(element));
        owner::as_user(set.owner, || spi::read_prepared(&sql, &[arg], |row| hand_over(set, row.datums(), &mut each)))?;
    }
    Ok(())
}

/// Hands each row to `each`, as they come, without a vector where it holds none.
pub fn each(set: &VectorSet, mut each: impl FnMut(Key, Option<&[f32]>) -> Result<()>) -> Result<()> {
    let sql = format!("SELECT id, vector FROM recommend.vectors_{}", set.id);
    owner::as_user(set.owner, || spi::stream(&sql, &[], CHUNK, |row| hand_over(set, row.datums(), &mut each)))
}

/// Hands a row on, of which the id and the vector are given.
fn hand_over(set: &VectorSet, row: [Option<pg_sys::Datum>; 2], each: &mut impl FnMut(Key, Option<&[f32]>) -> Result<()>) -> Result<()> {
    let [Some(id), vector] = row else { return Ok(()) };
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
