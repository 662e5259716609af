//! Writing packed rows of features and the categories of items. All of it runs as the catalog's owner.

use pgrx::pg_sys::{self, Datum};

use super::catalog::FeatureSet;
use super::entities::EntityKey;
use crate::bulk::{Bulks, Result};
use crate::key::Key;
use crate::pg::spi;
use crate::pg::varlena;

/// Writes rows and deletes those of entities that have none.
pub fn entities<'k>(set: &FeatureSet, rows: impl Iterator<Item = (&'k EntityKey, Option<Vec<u8>>)>) -> Result<()> {
    let table = format!("recommend.feature_rows_{}", set.id);
    let upsert = format!(
        "INSERT INTO {table} (kind, key, part, features) SELECT k, e, p, recommend.packed(f) FROM unnest($1, $2, $3, $4) AS r (k, e, p, f) \
             ON CONFLICT (kind, key, part) DO UPDATE SET features = excluded.features"
    );
    let delete = format!("DELETE FROM {table} t USING unnest($1, $2, $3) AS r (k, e, p) WHERE (t.kind, t.key, t.part) = (r.k, r.e, r.p)");
    let key_types = [pg_sys::INT2OID, pg_sys::TEXTOID, pg_sys::TEXTOID];
    let row_types = [pg_sys::INT2OID, pg_sys::TEXTOID, pg_sys::TEXTOID, pg_sys::BYTEAOID];
    let mut statements = Bulks::new([(upsert, &row_types[..]), (delete, &key_types[..])]);
    for (key, row) in rows {
        let text = |text: &str| varlena::from_bytes(text.as_bytes());
        let [slot, name, part] = [Datum::from(key.slot as i16), text(&key.key), text(&key.part)];
        let bytes = key.key.len() + key.part.len();
        match row {
            Some(row) => statements.push(0, &[slot, name, part, varlena::from_bytes(&row)], bytes + row.len())?,
            None => statements.push(1, &[slot, name, part], bytes)?,
        }
    }
    statements.finish()
}

/// Writes down the categories of items.
pub fn categories<'k>(set: &FeatureSet, rows: impl Iterator<Item = (&'k Key, &'k str)>) -> Result<()> {
    let sql = format!(
        "INSERT INTO recommend.item_categories_{} (item, category) SELECT * FROM unnest($1, $2) ON CONFLICT (item) DO NOTHING",
        set.id
    );
    let mut statement = Bulks::new([(sql, &[pg_sys::TEXTOID, pg_sys::TEXTOID])]);
    for (item, category) in rows {
        let item = item.to_string();
        let row = [varlena::from_bytes(item.as_bytes()), varlena::from_bytes(category.as_bytes())];
        statement.push(0, &row, item.len() + category.len())?;
    }
    statement.finish()
}

/// Deletes all of it.
pub fn clear(set: &FeatureSet) -> Result<()> {
    for stem in ["feature_rows", "item_categories"] {
        spi::write(&format!("DELETE FROM recommend.{stem}_{}", set.id), &[])?;
    }
    Ok(())
}
