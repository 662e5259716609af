//! `cosine_topk`, `cosine_topk_batch` and `cosine_neighbors` of a vector set: arguments in, rows out. They read and never write.

use std::rc::Rc;

use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::aggregate;
use super::catalog::{self as sets, VectorSet};
use super::error::{Result, VectorsError};
use super::search::{self, Ask, Device};
use super::{query, rows};
use crate::key::{Key, KeyError, KeyType};
use crate::pg::array::Matrix;
use crate::pg::function::{Call, CallError, RowSet};
use crate::pg::{owner, relation, varlena};
use crate::sql_function;

sql_function!(vector_set_topk, pg_finfo_vector_set_topk, topk);
sql_function!(vector_set_topk_typed, pg_finfo_vector_set_topk_typed, topk_typed);
sql_function!(vector_set_batch, pg_finfo_vector_set_batch, batch);
sql_function!(vector_set_batch_typed, pg_finfo_vector_set_batch_typed, batch_typed);
sql_function!(vector_set_neighbors, pg_finfo_vector_set_neighbors, neighbors);

/// The most queries of one batch.
const MAX_QUERIES: usize = 10_000;

/// The set that argument `place` names, which the caller may read.
fn open(call: &Call, place: usize) -> Result<Rc<VectorSet>> {
    let name: String = call.required(place, "vector_set")?;
    // Who may not read it does not wait for it.
    sets::check_reader(sets::id_of(&name)?, owner::current_user())?;
    let set = sets::held(&name)?;
    set.check_reader(owner::current_user())?;
    Ok(set)
}

/// What is to search.
fn device(call: &Call, place: usize) -> Result<Device> {
    match call.arg::<String>(place).as_deref() {
        None | Some("auto") => Ok(Device::Auto),
        Some("cpu") => Ok(Device::Cpu),
        Some("gpu") => Ok(Device::Gpu),
        Some(other) => Err(VectorsError::Device(other.to_owned())),
    }
}

/// A key of a type that the set's ids can be compared with, or its text.
fn key(set: &VectorSet, datum: pg_sys::Datum, given: pg_sys::Oid) -> Result<Key> {
    match KeyType::of(given)? {
        KeyType::Text if set.key != KeyType::Text => match Key::parse(&Key::read(datum, KeyType::Text)?.to_string(), set.key) {
            Err(KeyError::Syntax { text, .. }) => Err(VectorsError::IdText { name: set.name.clone(), expected: set.key.sql(), text }),
            key => Ok(key?),
        },
        found if found.comparable(set.key) => Ok(Key::read(datum, found)?),
        _ => Err(VectorsError::IdArgument { name: set.name.clone(), expected: set.key.sql(), given: relation::type_name(given) }),
    }
}

/// The ids of an array; `None` for NULL. NULL elements are left out.
fn keys(set: &VectorSet, call: &Call, place: usize, argument: &'static str) -> Result<Option<Vec<Key>>> {
    if call.datum(place).is_none() {
        return Ok(None);
    }
    let (element, elements) = call.elements(place);
    if element == pg_sys::InvalidOid {
        let given = relation::type_name(call.arg_type(place));
        return Err(VectorsError::IdArray { argument, given, expected: set.key.sql() });
    }
    elements.into_iter().flatten().map(|datum| key(set, datum, element)).collect::<Result<_>>().map(Some)
}

/// How ids become a result column.
struct Column<'s> {
    set: &'s VectorSet,
    key: KeyType,
}

impl<'s> Column<'s> {
    fn of(set: &'s VectorSet, rows: &RowSet, column: usize) -> Result<Self> {
        let given = rows.column_type(column);
        let key = KeyType::of(given)?;
        if key == KeyType::Text || key.comparable(set.key) {
            Ok(Self { set, key })
        } else {
            Err(VectorsError::IdArgument { name: set.name.clone(), expected: set.key.sql(), given: relation::type_name(given) })
        }
    }

    fn datum(&self, key: &Key) -> Result<pg_sys::Datum> {
        if self.key == KeyType::Text && self.set.key != KeyType::Text {
            return Ok(varlena::from_bytes(key.to_string().as_bytes()));
        }
        Ok(key.write(self.key)?)
    }
}

/// The arguments from `k` on: k, device, among, exclude.
fn ask(call: &Call, set: &VectorSet, queries: &[engine::topk::Query], first: usize, exclude: Option<&Key>) -> Result<Vec<search::Answer>> {
    let k = aggregate::k(call, first)?;
    let device = device(call, first + 1)?;
    let among = keys(set, call, first + 2, "among")?;
    let mut excluded = keys(set, call, first + 3, "exclude")?.unwrap_or_default();
    excluded.extend(exclude.cloned());
    search::search(set, &Ask { queries, k, among: among.as_deref(), exclude: &excluded, device })
}

/// `first` is the place of the set's name.
fn topk_from(call: &Call, first: usize) -> Result<pg_sys::Datum> {
    let set = open(call, first)?;
    let query = query::of(&call.reals(first + 1)?.ok_or(CallError::Null("query"))?)?;
    let mut rows = call.rows()?;
    let column = Column::of(&set, &rows, 0)?;
    for (key, score) in ask(call, &set, &[query], first + 2, None)?.into_iter().flatten() {
        rows.push(&[Some(column.datum(&key)?), score.into_datum()]);
    }
    Ok(rows.finish(call))
}

/// cosine_topk(vector_set, query, k, device, among, exclude)
fn topk(call: &Call) -> Result<pg_sys::Datum> {
    topk_from(call, 0)
}

/// cosine_topk(id_type, vector_set, query, k, device, among, exclude)
fn topk_typed(call: &Call) -> Result<pg_sys::Datum> {
    type_only(call)?;
    topk_from(call, 1)
}

fn type_only(call: &Call) -> Result<()> {
    if call.datum(0).is_some() { Err(VectorsError::IdTypeValue) } else { Ok(()) }
}

/// `first` is the place of the set's name.
fn batch_from(call: &Call, first: usize) -> Result<pg_sys::Datum> {
    let set = open(call, first)?;
    let matrix: Matrix = call.matrix(first + 1)?.ok_or(CallError::Null("queries"))?;
    let numbered = |(place, row)| query::of(row).map_err(|error| VectorsError::InBatch { number: place + 1, source: Box::new(error) });
    let queries = matrix.rows().enumerate().map(numbered).collect::<Result<Vec<_>>>()?;
    if queries.len() > MAX_QUERIES {
        return Err(VectorsError::TooManyQueries { max: MAX_QUERIES, given: queries.len() });
    }
    let mut rows = call.rows()?;
    let column = Column::of(&set, &rows, 1)?;
    for (place, answer) in ask(call, &set, &queries, first + 2, None)?.into_iter().enumerate() {
        for (key, score) in answer {
            rows.push(&[(place as i32 + 1).into_datum(), Some(column.datum(&key)?), score.into_datum()]);
        }
    }
    Ok(rows.finish(call))
}

/// cosine_topk_batch(vector_set, queries, k, device, among, exclude)
fn batch(call: &Call) -> Result<pg_sys::Datum> {
    batch_from(call, 0)
}

/// cosine_topk_batch(id_type, vector_set, queries, k, device, among, exclude)
fn batch_typed(call: &Call) -> Result<pg_sys::Datum> {
    type_only(call)?;
    batch_from(call, 1)
}

/// cosine_neighbors(vector_set, id, k, device, among, exclude)
fn neighbors(call: &Call) -> Result<pg_sys::Datum> {
    let set = open(call, 0)?;
    let id = key(&set, call.datum(1).ok_or(CallError::Null("id"))?, call.arg_type(1))?;
    let mut rows = call.rows()?;
    let column = Column::of(&set, &rows, 0)?;
    let vector = rows::lookup(&set, std::slice::from_ref(&id))?.pop().flatten();
    // Without a row of that id, or a direction of its vector, nothing is near it.
    let query = match vector.map(|vector| query::of(&vector)) {
        Some(Ok(query)) => vec![query],
        _ => Vec::new(),
    };
    for (key, score) in ask(call, &set, &query, 2, Some(&id))?.into_iter().flatten() {
        rows.push(&[Some(column.datum(&key)?), score.into_datum()]);
    }
    Ok(rows.finish(call))
}
