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
use crate::pg::owner;
use crate::reader::Reader;
use crate::sql_function;
use crate::user_interest::set_for;
use crate::vectors::catalog::VectorSet;
use crate::vectors::error::VectorsError;
use crate::vectors::search::{self, Ask, Device};
use crate::vectors::{query, rows};

/// The first number of items that a vector set knows and the recommender does not; see [`crate::delta`] for those before it.
const FIRST_UNMET: ItemId = 3 << 30;

/// Items by the numbers that they are given here, in the order of these.
#[derive(Default)]
struct Unmet {
    numbers: FxHashMap<Key, ItemId>,
    keys: Vec<Key>,
}

/// Items with their cosines.
type Cosines = Vec<(ItemId, f32)>;

/// The items near one direction, by the recommender's numbers.
pub struct Near<'a> {
    reader: &'a Reader<'a>,
    set: Rc<VectorSet>,
    direction: Vec<f32>,
    /// The items without any event.
    unmet: RefCell<Unmet>,
    /// The answer to the last question for so many nearest items: reading a large set takes milliseconds.
    nearest: RefCell<Option<(usize, Cosines)>>,
}

impl<'a> Near<'a> {
    /// The items near what a user is interested in; `None` where nothing is known of that.
    pub fn user(reader: &'a Reader<'a>, user: Option<&Key>) -> EngineResult<Option<Self>> {
        let (Some(set), Some(user)) = (set_for(owner::current_user(), reader.recommender()).map_err(store_error)?, user) else {
            return Ok(None);
        };
        let interest = reader.interest(user)?.and_then(|interest| interest.blended);
        Ok(interest.map(|direction| Self { reader, set, direction, unmet: RefCell::default(), nearest: RefCell::default() }))
    }

    /// The items near the sum of the vectors of `items`.
    pub fn session(reader: &'a Reader<'a>, items: &[Key]) -> EngineResult<Option<Self>> {
        let Some(set) = set_for(owner::current_user(), reader.recommender()).map_err(store_error)? else { return Ok(None) };
        let vectors = rows::lookup(&set, items).map_err(store_error)?;
        let mut sum: Vec<f32> = Vec::new();
        for vector in vectors.into_iter().flatten() {
            if vector.len() != sum.len() {
                sum = vec![0.0; vector.len()];
            }
            sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        }
        let directed = sum.iter().any(|value| *value != 0.0) && sum.iter().all(|value| value.is_finite());
        Ok(directed.then(|| Self { reader, set, direction: sum, unmet: RefCell::default(), nearest: RefCell::default() }))
    }

    /// The nearest vectors, of all or of some keys; none where they are of another dimension than the direction.
    fn ask(&self, k: usize, among: Option<&[Key]>) -> EngineResult<Vec<(Key, f32)>> {
        let queries = [query::of(&self.direction).map_err(store_error)?];
        match search::search(&self.set, &Ask { queries: &queries, k, among, exclude: &[], device: Device::Auto }) {
            Ok(answers) => Ok(answers.into_iter().flatten().collect()),
            Err(VectorsError::QueryDimensions { .. }) => Ok(Vec::new()),
            Err(error) => Err(store_error(error)),
        }
    }

    /// The key of an item without any event.
    pub fn unmet(&self, item: ItemId) -> Option<Key> {
        self.unmet.borrow().keys.get(item.checked_sub(FIRST_UNMET)? as usize).cloned()
    }

    /// The number of an item without any event.
    pub fn number(&self, key: &Key) -> ItemId {
        let Unmet { numbers, keys } = &mut *self.unmet.borrow_mut();
        *numbers.entry(key.clone()).or_insert_with(|| {
            keys.push(key.clone());
            FIRST_UNMET + keys.len() as ItemId - 1
        })
    }
}

impl Nearest for Near<'_> {
    fn nearest(&self, n: usize) -> EngineResult<Vec<(ItemId, f32)>> {
        // A question that has to reach further asks again.
        if let Some((_, nearest)) = self.nearest.borrow().as_ref().filter(|(known, _)| *known == n) {
            return Ok(nearest.clone());
        }
        let found = self.ask(n, None)?;
        let keys: Vec<Key> = found.iter().map(|(key, _)| key.clone()).collect();
        let numbers = self.reader.items(&keys)?;
        let numbered = numbers.into_iter().zip(keys).map(|(number, key)| number.unwrap_or_else(|| self.number(&key)));
        let nearest: Cosines = numbered.zip(&found).map(|(item, (_, cosine))| (item, *cosine)).collect();
        self.nearest.replace(Some((n, nearest.clone())));
        Ok(nearest)
    }

    fn cosines(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, f32)) -> EngineResult<()> {
        let keys = self.reader.keys(items)?;
        let known: Vec<(ItemId, Key)> =
            items.iter().zip(keys).filter_map(|(item, key)| Some((*item, key.or_else(|| self.unmet(*item))?))).collect();
        if known.is_empty() {
            return Ok(());
        }
        let asked: Vec<Key> = known.iter().map(|(_, key)| key.clone()).collect();
        let cosines: FxHashMap<Key, f32> = self.ask(asked.len(), Some(&asked))?.into_iter().collect();
        known.iter().filter_map(|(item, key)| Some((*item, *cosines.get(key)?))).for_each(|(item, cosine)| each(item, cosine));
        Ok(())
    }
}

/// user_interest(user, recommender, as_of)
fn user_interest(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call, 1)?;
    if set_for(owner::current_user(), &arguments.recommender)?.is_none() {
        return Err(ServeError::NoVectors { name: arguments.recommender.name.clone() });
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
