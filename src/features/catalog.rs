//! The features of a recommender: their row in `recommend.features`, with what it names looked up.
//!
//! Cached and read as the definitions of recommenders are.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use engine::features::{EntityKind, Plan};
use pgrx::pg_sys;

use super::definition::{Categories, FeatureDefinition};
use super::error::{FeatureError, Result};
use crate::catalog::{self, CatalogError, Recommender};
use crate::catalog_cache::{self, Kept, fresh};
use crate::feed::Feed;
use crate::key::KeyType;
use crate::pg::relation::Relation;
use crate::pg::spi::{self, Arg};
use crate::pg::{invalidation, privilege, relation, shape, snapshot};
use crate::view;

/// The features of a recommender.
#[derive(Clone, Debug)]
pub struct FeatureSet {
    /// Their number, the N in the names of their state tables.
    pub id: i32,
    /// The recommender's name.
    pub name: String,
    /// The event table's owner, as whom it is read.
    pub owner: pg_sys::Oid,
    /// What is tracked of the event table.
    pub feed: Feed,
    /// The key types of users and items.
    pub keys: (KeyType, KeyType),
    /// Whether events carry their type, first in their context.
    pub typed: bool,
    /// The numbers of event types.
    pub types: HashMap<String, usize>,
    /// Where the categories of items stand.
    pub categories: Option<Categories>,
    /// All features.
    pub plan: Plan,
    /// By place, the entities that they read.
    pub used: Vec<bool>,
    /// Whether the category of an item matters to them.
    pub by_category: bool,
    /// The delta.
    pub delta: pg_sys::Oid,
    /// The packed rows and their primary key.
    pub rows: (pg_sys::Oid, pg_sys::Oid),
    /// The stored categories of items and their primary key.
    pub item_categories: (pg_sys::Oid, pg_sys::Oid),
}

thread_local! {
    static CACHE: RefCell<Kept<FeatureSet, (i32, i32)>> = RefCell::default();
}

impl FeatureSet {
    /// Whether the current user may learn what its events say.
    pub fn is_readable(&self) -> bool {
        let columns: Vec<i16> = self.feed.columns().iter().filter_map(|column| relation::column_number(self.feed.table, column)).collect();
        privilege::may_learn(self.feed.table, &columns)
    }
}

/// The numbers of all features with those of their recommenders, lowest first.
pub fn all() -> Result<Vec<(i32, i32)>> {
    let sql = "SELECT id, recommender FROM recommend.features ORDER BY id";
    Ok(catalog_cache::list(&CACHE, sql, |row| Ok((row.value(1)?, row.value(2)?)))?)
}

/// The features of that number.
pub fn by_id(id: i32) -> Result<Rc<FeatureSet>> {
    catalog_cache::definition(&CACHE, id, || {
        let set = load(id)?;
        invalidation::watch(set.feed.table);
        Ok(set)
    })
}

/// The number of a recommender's features, if it has some.
pub fn of_recommender(recommender: i32) -> Result<Option<i32>> {
    Ok(all()?.into_iter().find(|(_, other)| *other == recommender).map(|(id, _)| id))
}

/// The features of a recommender, kept from being dropped until the transaction ends.
pub fn held(recommender: &Recommender) -> Result<Rc<FeatureSet>> {
    loop {
        let id = of_recommender(recommender.id)?.ok_or_else(|| FeatureError::None(recommender.name.clone()))?;
        let generation = fresh(&CACHE);
        match by_id(id) {
            Ok(set) => {
                let locked = Relation::try_open(set.delta, pg_sys::AccessShareLock as i32).is_some();
                if locked && Rc::ptr_eq(&set, &by_id(id)?) {
                    return Ok(set);
                }
            }
            // Dropped or changed while its relations were looked up.
            Err(FeatureError::Damaged { .. } | FeatureError::UnknownId(_)) if fresh(&CACHE) != generation => {}
            Err(error) => return Err(error),
        }
    }
}

/// A row of the catalog; the caller has put on the catalog owner's role.
pub fn definition(id: i32) -> std::result::Result<FeatureDefinition, CatalogError> {
    read(Some(id), None)?.ok_or(CatalogError::UnknownId(id))
}

/// The row of a recommender's features, if it has some; the caller has put on the catalog owner's role.
pub fn definition_of(recommender: i32) -> std::result::Result<Option<FeatureDefinition>, CatalogError> {
    read(None, Some(recommender))
}

fn read(id: Option<i32>, recommender: Option<i32>) -> std::result::Result<Option<FeatureDefinition>, CatalogError> {
    let args = [Arg::of(id), Arg::of(recommender)];
    let read = || spi::read_prepared(include_str!("../../sql/feature_set.sql"), &args, FeatureDefinition::from_row);
    Ok(snapshot::with_latest(read)?.pop())
}

/// What the features of that number track; the caller has put on the catalog owner's role.
pub fn feed(id: i32) -> std::result::Result<Feed, CatalogError> {
    let features = definition(id)?;
    Ok(features.feed(&catalog::definition(features.recommender)?))
}

fn load(id: i32) -> Result<FeatureSet> {
    let (features, recommender) = catalog::as_owner(|| {
        let features = definition(id)?;
        let recommender = catalog::definition(features.recommender)?;
        Ok::<_, CatalogError>((features, recommender))
    })?
    .map_err(|error| if matches!(error, CatalogError::UnknownId(_)) { FeatureError::UnknownId(id) } else { error.into() })?;
    let damaged = |missing: String| FeatureError::Damaged { name: recommender.name.clone(), missing };
    let state = |name: String| relation::state_relation(&name).ok_or_else(|| damaged(format!("recommend.{name}")));
    let feed = features.feed(&recommender);
    let key = |column: &str| {
        let number = relation::column_number(feed.table, column);
        let found = number.map(|number| relation::column_type(feed.table, number));
        found.and_then(|found| KeyType::of(found).ok()).ok_or_else(|| damaged(format!("key column \"{column}\"")))
    };
    let owner = relation::owner_held(feed.table).ok_or_else(|| damaged("the event table".into()))?;
    let keys = (key(&feed.user)?, key(&feed.item)?);
    shape::keys_are(id, [keys.0.oid(), keys.1.oid()]);
    view::check_events(id, owner, keys).map_err(damaged)?;
    let plan = features.plan(&recommender)?;
    let used = plan.used();
    Ok(FeatureSet {
        id,
        owner,
        keys,
        typed: recommender.event_column.is_some(),
        types: features.event_types.iter().cloned().zip(0..).collect(),
        categories: features.categories,
        by_category: used[EntityKind::Category.slot()] || used[EntityKind::UserCategory.slot()],
        used,
        plan,
        delta: state(format!("delta_{id}"))?,
        rows: (state(format!("feature_rows_{id}"))?, state(format!("feature_rows_{id}_pkey"))?),
        item_categories: (state(format!("item_categories_{id}"))?, state(format!("item_categories_{id}_pkey"))?),
        feed,
        name: recommender.name,
    })
}
