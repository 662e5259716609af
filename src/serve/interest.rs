//! What a user is interested in, and the items near it.

use std::cell::RefCell;
use std::rc::Rc;

use engine::recommend::Nearest;
use engine::{ItemId, Result as EngineResult};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::Datum;
use rustc_hash::FxHashMap;

use super::arguments::Arguments;
use super::{Result, ServeError};
use crate::key::Key;
use crate::numbers::store_error;
use crate::pg::function::Call;
use crate::pg::{privilege, relation};
use crate::reader::Reader;
use crate::sql_function;
use crate::user_interest::set_of;
use crate::vectors::catalog::VectorSet;
use crate::vectors::error::VectorsError;

/// The first number of items that a vector set knows and the recommender does not; see [`crate::delta`] for those before it.
const FIRST_UNMET: ItemId = 3 << 30;

/// The items near one direction, by the recommender's numbers.
pub struct Near<'a> {
    reader: &'a Reader<'a>,
    set: Rc<VectorSet>,
    direction: Vec<f32>,
    /// The numbers of items without any event.
    unmet: RefCell<FxHashMap<Key, ItemId>>,
}

impl<'a> Near<'a> {
    /// The items near what a user is interested in; `None` where nothing is known of that.
    pub fn user(reader: &'a Reader<'a>, user: Option<&Key>) -> EngineResult<Option<Self>> {
        let (Some(set), Some(user)) = (set_of(reader.recommender()).map_err(store_error)?, user) else { return Ok(None) };
        let interest = reader.interest(user)?.and_then(|interest| interest.blended);
        Ok(interest.map(|direction| Self { reader, set, direction, unmet: RefCell::default() }))
    }

    /// The items near the sum of the vectors of `items`.
    pub fn session(reader: &'a Reader<'a>, items: &[Key]) -> EngineResult<Option<Self>> {
        let Some(set) = set_of(reader.recommender()).map_err(store_error)? else { return Ok(None) };
        let vectors = crate::vectors::rows::lookup(&set, items).map_err(store_error)?;
        let mut sum: Vec<f32> = Vec::new();
        for vector in vectors.into_iter().flatten() {
            if vector.len() != sum.len() {
                sum = vec![0.0; vector.len()];
            }
            sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        }
        let directed = sum.iter().any(|value| *value != 0.0) && sum.iter().all(|value| value.is_finite());
        Ok(directed.then(|| Self { reader, set, direction: sum, unmet: RefCell::default() }))
    }

    /// The key of an item without any event.
    pub fn unmet(&self, item: ItemId) -> Option<Key> {
        if item < FIRST_UNMET {
            return None;
        }
        self.unmet.borrow().iter().find(|(_, number)| **number == item).map(|(key, _)| key.clone())
    }

    /// The number of an item without any event.
    pub fn number(&self, key: &Key) -> ItemId {
        let mut unmet = self.unmet.borrow_mut();
        let next = FIRST_UNMET + unmet.len() as ItemId;
        *unmet.entry(key.clone()).or_insert(next)
    }
}

impl Nearest for Near<'_> {
    fn nearest(&self, n: usize) -> EngineResult<Vec<(ItemId, f32)>> {
        let found = question::nearest(&self.set, &self.direction, n).map_err(store_error)?;
        let keys: Vec<Key> = found.iter().map(|(key, _)| key.clone()).collect();
        let numbers = self.reader.items(&keys)?;
        let numbered = numbers.into_iter().zip(keys).map(|(number, key)| number.unwrap_or_else(|| self.number(&key)));
        Ok(numbered.zip(&found).map(|(item, (_, cosine))| (item, *cosine)).collect())
    }

    fn cosines(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, f32)) -> EngineResult<()> {
        let keys = self.reader.keys(items)?;
        let known: Vec<(ItemId, Key)> =
            items.iter().zip(keys).filter_map(|(item, key)| Some((*item, key.or_else(|| self.unmet(*item))?))).collect();
        let asked: Vec<Key> = known.iter().map(|(_, key)| key.clone()).collect();
        let cosines = question::cosines(&self.set, &self.direction, &asked).map_err(store_error)?;
        known.iter().zip(cosines).for_each(|((item, _), cosine)| {
            if let Some(cosine) = cosine {
                each(*item, cosine);
            }
        });
        Ok(())
    }
}

mod question {
    use super::*;
    use crate::pg::spi::{self, SpiError};
    fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
        let (mut ab, mut aa, mut bb) = (0.0f64, 0.0f64, 0.0f64);
        for (a, b) in a.iter().zip(b) {
            ab += f64::from(*a) * f64::from(*b);
            aa += f64::from(*a) * f64::from(*a);
            bb += f64::from(*b) * f64::from(*b);
        }
        (a.len() == b.len() && bb > 0.0).then(|| (ab / (aa.sqrt() * bb.sqrt())) as f32)
    }
    pub fn nearest(set: &VectorSet, direction: &[f32], n: usize) -> Result<Vec<(Key, f32)>> {
        let mut list: Vec<(Key, f32)> = Vec::new();
        crate::pg::owner::as_user(set.owner, || {
            spi::read_prepared(&format!("SELECT id, vector FROM recommend.vectors_{}", set.id), &[], |row| {
                if let (Some(id), Some(vector)) = (row.datum(1), row.datum(2)) {
                    if let Ok(Some(c)) = set.vector.with(vector, |v| cosine(direction, v)) {
                        list.push((Key::read(id, set.key).unwrap(), c));
                    }
                }
                Ok::<_, SpiError>(())
            })
        })?;
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.truncate(n);
        Ok(list)
    }
    pub fn cosines(set: &VectorSet, direction: &[f32], keys: &[Key]) -> Result<Vec<Option<f32>>> {
        Ok(crate::vectors::rows::lookup(set, keys)?.into_iter().map(|v| v.and_then(|v| cosine(direction, &v))).collect())
    }
}

/// user_interest(user, recommender, as_of)
fn user_interest(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call, 1)?;
    let Some(set) = set_of(&arguments.recommender)? else {
        return Err(ServeError::NoVectors { name: arguments.recommender.name.clone() });
    };
    if !privilege::may_select(set.table(), &set.columns) {
        return Err(VectorsError::Denied { table: relation::qualified_name(set.table()).unwrap_or_default() }.into());
    }
    let mut rows = call.rows()?;
    let user = arguments.user(0)?;
    let reader = arguments.reader(2)?;
    let interest = match &user {
        Some(user) => reader.interest(user).map_err(|source| arguments.failure(source))?,
        None => None,
    };
    let [session, long_term, blended] = match interest {
        Some(interest) => [interest.session, interest.long_term, interest.blended],
        None => [None, None, None],
    };
    rows.push(&[session.into_datum(), long_term.into_datum(), blended.into_datum()]);
    Ok(rows.finish(call))
}

sql_function!(user_interest_vectors, pg_finfo_user_interest_vectors, user_interest);
