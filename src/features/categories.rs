//! The categories of items, as the active snapshot sees them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use engine::Result;
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use super::catalog::FeatureSet;
use super::rows::FeatureState;
use crate::catalog::catalog_owner;
use crate::key::{Key, KeyType, MAX_TEXT_BYTES};
use crate::numbers::{store_error, stream};
use crate::pg::fetch::Scan;
use crate::pg::relation::{qualified_name, quote_ident};
use crate::pg::spi::Arg;
use crate::pg::varlena;
use crate::pg::{array, error};
use crate::rows::{bytes, equality};

/// How many categories of items a backend keeps for each recommender.
const MAX_KEPT: usize = 200_000;

/// Categories that were written down; good as long as these are only added to.
#[derive(Default)]
struct Kept {
    since: i64,
    of: FxHashMap<Key, Rc<str>>,
}

thread_local! {
    static KEPT: RefCell<HashMap<i32, Kept>> = RefCell::default();
}

/// Works with what is kept of one recommender.
fn kept<T>(id: i32, since: i64, work: impl FnOnce(&mut FxHashMap<Key, Rc<str>>) -> T) -> T {
    KEPT.with_borrow_mut(|all| {
        let kept = all.entry(id).or_default();
        if kept.since != since || kept.of.len() > MAX_KEPT {
            *kept = Kept { since, ..Kept::default() };
        }
        work(&mut kept.of)
    })
}

/// The categories of items: what was written down when an item was first met, else what the table of categories says.
pub struct ItemCategories<'a> {
    set: &'a FeatureSet,
    since: i64,
    /// Nothing is written down.
    is_void: bool,
    /// Where they are written down.
    stored: RefCell<Option<Scan>>,
    known: RefCell<FxHashMap<Key, Option<Rc<str>>>>,
}

impl<'a> ItemCategories<'a> {
    /// Opens them; none are written down where the state is void.
    pub fn open(set: &'a FeatureSet, state: &FeatureState) -> Self {
        Self { set, since: state.categories_since, is_void: state.is_void(), stored: RefCell::default(), known: RefCell::default() }
    }

    /// Learns the categories of items that are not known yet. Gives those that the table had to tell.
    pub fn learn<'k>(&self, items: impl Iterator<Item = &'k Key>) -> Result<Vec<(Key, Rc<str>)>> {
        let mut known = self.known.borrow_mut();
        let mut missing: Vec<Key> = Vec::new();
        for item in items.filter(|_| self.set.by_category) {
            if known.contains_key(item) {
                continue;
            }
            let stored = self.stored(item)?;
            if stored.is_none() {
                missing.push(item.clone());
            }
            known.insert(item.clone(), stored);
        }
        let told = if missing.is_empty() { Vec::new() } else { told(self.set, Some(&missing))? };
        known.extend(told.iter().map(|(item, category)| (item.clone(), Some(Rc::clone(category)))));
        Ok(told)
    }

    /// What is written down of an item.
    fn stored(&self, item: &Key) -> Result<Option<Rc<str>>> {
        if self.is_void {
            return Ok(None);
        }
        if let Some(category) = kept(self.set.id, self.since, |of| of.get(item).cloned()) {
            return Ok(Some(category));
        }
        let mut scan = self.stored.borrow_mut();
        let scan =
            scan.get_or_insert_with(|| Scan::open(self.set.item_categories.0, self.set.item_categories.1, &[equality(KeyType::Text)]));
        let row = scan.get(&[varlena::from_bytes(item.to_string().as_bytes())]);
        let category = row.and_then(|row| row.datum(2)).map(|datum| text(&bytes(datum))).transpose()?;
        if let Some(category) = &category {
            kept(self.set.id, self.since, |of| of.insert(item.clone(), Rc::clone(category)));
        }
        Ok(category)
    }

    /// The category of one item.
    pub fn of(&self, item: &Key) -> Result<Option<Rc<str>>> {
        self.learn(std::iter::once(item))?;
        Ok(self.known.borrow().get(item).cloned().flatten())
    }

    /// Learns the category of every item.
    pub fn learn_all(&self) -> Result<()> {
        if !self.set.by_category {
            return Ok(());
        }
        let mut all: FxHashMap<Key, Option<Rc<str>>> = told(self.set, None)?.into_iter().map(|(item, of)| (item, Some(of))).collect();
        if !self.is_void {
            let sql = format!("SELECT item, category FROM recommend.item_categories_{}", self.set.id);
            stream(catalog_owner().map_err(store_error)?, &sql, &[], |row| {
                if let [Some(item), Some(category)] = row.datums([pg_sys::TEXTOID; 2]).map_err(store_error)? {
                    let item = Key::parse(&text(&bytes(item))?, self.set.keys.1).map_err(store_error)?;
                    all.insert(item, Some(text(&bytes(category))?));
                }
                Ok(())
            })?;
        }
        *self.known.borrow_mut() = all;
        Ok(())
    }

    /// The category of an item, where [`ItemCategories::learn_all`] has been called: an item that is not known has none.
    pub fn known(&self, item: &Key) -> Option<Rc<str>> {
        self.known.borrow().get(item).cloned().flatten()
    }
}

fn text(bytes: &[u8]) -> Result<Rc<str>> {
    std::str::from_utf8(bytes).map(Rc::from).map_err(store_error)
}

/// What the table of categories says of some items, or of all. Several categories of one item: the first in the order of their bytes.
pub fn told(set: &FeatureSet, items: Option<&[Key]>) -> Result<Vec<(Key, Rc<str>)>> {
    let Some(categories) = set.categories.as_ref().filter(|_| set.by_category) else { return Ok(Vec::new()) };
    let (item, category) = (quote_ident(&categories.item_column), quote_ident(&categories.category_column));
    let table = qualified_name(categories.relation).ok_or_else(|| store_error("the table of categories is gone"))?;
    let key_type = set.keys.1.oid();
    let mut args = Vec::new();
    if let Some(items) = items {
        let datums: std::result::Result<Vec<_>, _> = items.iter().map(|item| item.write(set.keys.1)).collect();
        args.push(Arg::datum(Some(array::of(key_type, &mut datums.map_err(store_error)?)), array::type_of(key_type)));
    }
    let sql = format!(
        "SELECT {item}::{}, min({category}::text COLLATE \"C\") FROM {table} \
          WHERE {item} IS NOT NULL AND octet_length({category}::text) <= {MAX_TEXT_BYTES}{} GROUP BY 1",
        set.keys.1.sql(),
        if items.is_some() { format!(" AND {item} = ANY ($1)") } else { String::new() }
    );
    let mut told = Vec::new();
    let reader = error::or_raise(categories.reader_for(set.owner));
    stream(reader, &sql, &args, |row| {
        if let [Some(item), Some(category)] = row.datums([key_type, pg_sys::TEXTOID]).map_err(store_error)? {
            told.push((Key::read(item, set.keys.1).map_err(store_error)?, text(&bytes(category))?));
        }
        Ok(())
    })?;
    Ok(told)
}
