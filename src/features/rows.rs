//! The packed rows of features, as the active snapshot sees them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use engine::features::{Entity, EntityKind, Spec};
use engine::packed::FeaturesView;
use engine::{Micros, Result};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use super::catalog::FeatureSet;
use super::entities::EntityKey;
use crate::key::KeyType;
use crate::pg::fetch::{INTEGER, Scan};
use crate::pg::relation;
use crate::pg::varlena;
use crate::rows::{bytes, equality};
use crate::totals::{int4, int8};

/// A row of `recommend.feature_state`, with the epoch beside it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FeatureState {
    /// Two snapshots that see the same number see the same packed rows.
    pub generation: i64,
    /// The epoch of the event table; events of an older one are gone.
    pub epoch: i32,
    /// The epoch that the packed rows belong to.
    pub packed_epoch: i32,
    /// Events behind the packed rows.
    pub events: i64,
    /// When the newest of them could be known.
    pub newest_at: Option<Micros>,
    /// Rows that were no events.
    pub skipped: i64,
    /// When they were written.
    pub last_compaction: Option<Micros>,
    /// True when the packed rows are known not to be those of the event table.
    pub needs_rebuild: bool,
    /// Two snapshots that see the same number know the same categories of items, but for those that were added.
    pub categories_since: i64,
}

impl FeatureState {
    /// Reads the state under the active snapshot; `None` where that does not show it yet.
    pub fn read(id: i32) -> Option<Self> {
        let open = |name: &str| {
            let tables = relation::state_relation(name).zip(relation::state_relation(&format!("{name}_pkey")));
            tables.map(|(table, index)| Scan::open(table, index, &[INTEGER]))
        };
        let id = pg_sys::Datum::from(id);
        let epoch = open("epochs")?.get(&[id]).and_then(|row| row.datum(2)).map_or(0, int4);
        let mut states = open("feature_state")?;
        let row = states.get(&[id])?;
        Some(Self {
            epoch,
            generation: row.datum(2).map_or(0, int8),
            packed_epoch: row.datum(3).map_or(0, int4),
            events: row.datum(4).map_or(0, int8),
            newest_at: row.datum(5).map(int8),
            skipped: row.datum(6).map_or(0, int8),
            last_compaction: row.datum(7).map(int8),
            needs_rebuild: row.datum(8).is_some_and(|flag| flag.value() != 0),
            categories_since: row.datum(9).map_or(0, int8),
        })
    }

    /// True when TRUNCATE has made the packed rows void.
    pub fn is_void(&self) -> bool {
        self.epoch != self.packed_epoch
    }
}

/// How many bytes of rows a backend keeps for each recommender.
const MAX_KEPT: usize = 16 << 20;

/// Rows that were read under one generation: those of entities that many users share.
#[derive(Default)]
struct Kept {
    generation: i64,
    rows: FxHashMap<EntityKey, Option<Rc<[u8]>>>,
    bytes: usize,
}

thread_local! {
    static KEPT: RefCell<HashMap<i32, Kept>> = RefCell::default();
}

/// The packed rows of features.
pub struct Rows<'a> {
    set: &'a FeatureSet,
    generation: i64,
    is_void: bool,
    scan: Option<Scan>,
}

impl<'a> Rows<'a> {
    /// Those that a state stands for; none are there where it is void.
    pub fn new(set: &'a FeatureSet, state: &FeatureState) -> Self {
        Self { set, generation: state.generation, is_void: state.is_void(), scan: None }
    }

    fn read<T>(&mut self, key: &EntityKey, look: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
        if self.is_void {
            return Ok(None);
        }
        let columns = [equality(KeyType::Int2), equality(KeyType::Text), equality(KeyType::Text)];
        let scan = self.scan.get_or_insert_with(|| Scan::open(self.set.rows.0, self.set.rows.1, &columns));
        let row = scan.get(&[pg_sys::Datum::from(key.slot as i16), text(&key.key), text(&key.part)]);
        row.and_then(|row| row.datum(4)).map(bytes).map(|row| look(&row)).transpose()
    }

    /// Looks at an entity's row.
    pub fn with<T>(&mut self, key: &EntityKey, look: impl FnOnce(FeaturesView<'_>) -> Result<T>) -> Result<Option<T>> {
        if self.is_void || matches!(key.kind(), EntityKind::User | EntityKind::UserCategory) {
            return self.read(key, |row| look(FeaturesView::parse(row)?));
        }
        let (id, generation) = (self.set.id, self.generation);
        let kept = KEPT.with_borrow_mut(|all| {
            let kept = all.entry(id).or_default();
            if kept.generation != generation {
                *kept = Kept { generation, ..Kept::default() };
            }
            kept.rows.get(key).cloned()
        });
        let row = match kept {
            Some(row) => row,
            None => {
                let row: Option<Rc<[u8]>> = self.read(key, |row| Ok(row.into()))?;
                KEPT.with_borrow_mut(|all| all.entry(id).or_default().keep(generation, key, row.clone()));
                row
            }
        };
        row.map(|row| look(FeaturesView::parse(&row)?)).transpose()
    }

    /// The rows of a user by category, up to `most` of them; `None` where there are more.
    pub fn of_user(&mut self, user: &str, most: usize) -> Option<FxHashMap<Box<str>, Vec<u8>>> {
        let mut rows = FxHashMap::default();
        if self.is_void {
            return Some(rows);
        }
        let mut scan = Scan::open(self.set.rows.0, self.set.rows.1, &[equality(KeyType::Int2), equality(KeyType::Text)]);
        scan.seek(&[pg_sys::Datum::from(EntityKind::UserCategory.slot() as i16), text(user)]);
        while let Some(row) = scan.next_row() {
            if rows.len() == most {
                return None;
            }
            if let (Some(part), Some(row)) = (row.datum(3).map(bytes), row.datum(4).map(bytes)) {
                rows.insert(String::from_utf8_lossy(&part).into(), row.to_vec());
            }
        }
        Some(rows)
    }

    /// An entity's row as what further events can be added to; an empty one where there is none.
    pub fn entity(&mut self, spec: &Spec, key: &EntityKey) -> Result<Entity> {
        let stored = self.read(key, |row| FeaturesView::parse(row)?.entity(spec))?;
        Ok(stored.unwrap_or_else(|| Entity::new(spec, key.kind().distinct().is_some())))
    }
}

impl Kept {
    fn keep(&mut self, generation: i64, key: &EntityKey, row: Option<Rc<[u8]>>) {
        self.bytes += size_of::<EntityKey>() + key.key.len() + row.as_ref().map_or(0, |row| row.len());
        if self.bytes > MAX_KEPT || self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
        self.rows.insert(key.clone(), row);
    }
}

fn text(text: &str) -> pg_sys::Datum {
    varlena::from_bytes(text.as_bytes())
}
