//! The packed rows of features, as the active snapshot sees them.

use engine::features::{Entity, Spec};
use engine::packed::FeaturesView;
use engine::{Micros, Result};
use pgrx::pg_sys;

use super::catalog::FeatureSet;
use super::entities::EntityKey;
use crate::key::KeyType;
use crate::pg::fetch::{INTEGER, Scan};
use crate::pg::relation;
use crate::pg::varlena::{self, Bytes};
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
        })
    }

    /// True when TRUNCATE has made the packed rows void.
    pub fn is_void(&self) -> bool {
        self.epoch != self.packed_epoch
    }
}

/// The packed rows of features.
pub struct Rows {
    rows: Option<Scan>,
}

impl Rows {
    /// Opens them; none are there where the state is void.
    pub fn open(set: &FeatureSet, state: &FeatureState) -> Self {
        let columns = [equality(KeyType::Int2), equality(KeyType::Text), equality(KeyType::Text)];
        Self { rows: (!state.is_void()).then(|| Scan::open(set.rows.0, set.rows.1, &columns)) }
    }

    /// Looks at an entity's row; it lies in the buffer, or in memory of its own.
    pub fn with<T>(&mut self, key: &EntityKey, look: impl FnOnce(FeaturesView<'_>) -> Result<T>) -> Result<Option<T>> {
        let Some(rows) = &mut self.rows else { return Ok(None) };
        let text = |text: &str| varlena::from_bytes(text.as_bytes());
        let row = rows.get(&[pg_sys::Datum::from(key.slot as i16), text(&key.key), text(&key.part)]);
        let row: Option<Bytes> = row.and_then(|row| row.datum(4)).map(bytes);
        row.map(|row| look(FeaturesView::parse(&row)?)).transpose()
    }

    /// An entity's row as what further events can be added to; an empty one where there is none.
    pub fn entity(&mut self, spec: &Spec, key: &EntityKey) -> Result<Entity> {
        let stored = self.with(key, |view| view.entity(spec))?;
        Ok(stored.unwrap_or_else(|| Entity::new(spec, key.kind().distinct().is_some())))
    }
}
