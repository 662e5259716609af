//! The rows of a table of vectors, as its trigger reads them: only which ids are touched, for a reader looks the vectors up.

use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::TrackError;
use crate::feed::VectorFeed;
use crate::key::KeyType;
use crate::pg::heap::{self, Columns};
use crate::pg::relation::{self, Relation};
use crate::{catalog::CatalogError, definition::DefinitionError};

/// Where one relation keeps ids and vectors.
pub struct VectorColumns {
    id: (i16, KeyType),
    vector: i16,
}

impl VectorColumns {
    /// Looks the columns of a feed up in its table or a partition of it.
    pub fn of(feed: &VectorFeed, table: pg_sys::Oid) -> Result<Self, TrackError> {
        let (id, vector) = (super::column_number(table, &feed.id_column)?, super::column_number(table, &feed.vector_column)?);
        let key = KeyType::of(relation::column_type(table, id)).map_err(DefinitionError::from).map_err(CatalogError::from)?;
        Ok(Self { id: (id, key), vector })
    }

    /// The type of ids.
    pub fn key(&self) -> KeyType {
        self.id.1
    }

    /// Appends the id of a row that came or went; without one it is in no answer.
    pub fn append(&self, changes: &Relation, epoch: i32, row: Columns) {
        if let Some(id) = row.get(self.id.0) {
            heap::append(changes, [epoch.into_datum(), Some(id)]);
        }
    }

    /// Appends the ids of a row that was updated. False where nothing is touched: both columns hold what they held, the vector to the byte
    /// as it is stored, so that none is fetched for this.
    pub fn append_update(&self, changes: &Relation, epoch: i32, old: Columns, new: Columns) -> bool {
        let same_id = match (old.get(self.id.0), new.get(self.id.0)) {
            (Some(old), Some(new)) => self.id.1.same(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if same_id && heap::same_varlena(old.get(self.vector), new.get(self.vector)) {
            return false;
        }
        self.append(changes, epoch, new);
        if !same_id {
            self.append(changes, epoch, old);
        }
        true
    }
}
