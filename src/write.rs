//! Writing packed rows: bulk statements over the state tables of one recommender.

use engine::learn::Learnt;
use engine::packed::{History, Leaders, Neighbors, Session, UserInterest, Visits};
use engine::store::ItemStats;
use engine::{ContextId, ItemId, SessionId, UserId};
use pgrx::pg_sys::{self, Datum};

use crate::bulk::{Bulks, Result, write_packed};
use crate::catalog::Recommender;
use crate::key::Key;
use crate::numbers::{ContextValues, context_hash};
use crate::pg::spi::{self, Arg};
use crate::pg::varlena;
use crate::state;
use crate::totals::number_datum;

/// The places of the statements in [`Bulks`].
const UPSERT: usize = 0;
const DELETE: usize = 1;

/// Writes into the state tables of one recommender. Runs as the catalog's owner, whose they are.
pub struct Writer<'a> {
    recommender: &'a Recommender,
}

impl<'a> Writer<'a> {
    /// A writer for `recommender`.
    pub fn new(recommender: &'a Recommender) -> Self {
        Self { recommender }
    }

    fn table(&self, stem: &str) -> String {
        format!("recommend.{stem}_{}", self.recommender.id)
    }

    /// Deletes every row but those of the delta.
    pub fn clear(&self) -> Result<()> {
        for stem in state::rebuilt_tables() {
            spi::write(&format!("DELETE FROM {}", self.table(stem)), &[])?;
        }
        Ok(())
    }

    /// Writes histories and deletes those of users without events.
    pub fn histories<'r>(&self, rows: impl Iterator<Item = (&'r Key, UserId, Option<&'r History>)>) -> Result<()> {
        let (table, key) = (self.table("users"), self.recommender.user.oid);
        let upsert = format!(
            "INSERT INTO {table} (key, node, history) SELECT k, n, recommend.packed(h) FROM unnest($1, $2, $3) AS u (k, n, h) \
                 ON CONFLICT (key) DO UPDATE SET history = excluded.history"
        );
        let upsert_types = [key, pg_sys::INT4OID, pg_sys::BYTEAOID];
        let delete = format!("DELETE FROM {table} WHERE key = ANY ($1)");
        let delete_types = [key];
        let mut statements = Bulks::new([(upsert, &upsert_types), (delete, &delete_types)]);
        for (user, node, history) in rows {
            let user = user.to_datum(key)?;
            match history {
                Some(history) => {
                    let bytes = history.to_bytes();
                    statements.push(UPSERT, &[user, number_datum(node), varlena::from_bytes(&bytes)], bytes.len())?;
                }
                None => statements.push(DELETE, &[user], 0)?,
            }
        }
        statements.finish()
    }

    /// Writes items; a key stays what it was.
    pub fn items<'r>(&self, rows: impl Iterator<Item = (&'r Key, ItemId, ItemStats)>) -> Result<()> {
        let (table, key) = (self.table("items"), self.recommender.item.oid);
        let upsert = format!(
            "INSERT INTO {table} (key, node, score, events, last_at, month_score, week_score, day_score, hour_score, sessions, users, repeats, seconds) \
                 SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
                 ON CONFLICT (node) DO UPDATE SET score = excluded.score, events = excluded.events, last_at = excluded.last_at, \
                     month_score = excluded.month_score, week_score = excluded.week_score, day_score = excluded.day_score, \
                     hour_score = excluded.hour_score, sessions = excluded.sessions, users = excluded.users, repeats = excluded.repeats, \
                     seconds = excluded.seconds"
        );
        let (sum, count, time) = (pg_sys::FLOAT8OID, pg_sys::INT8OID, pg_sys::TIMESTAMPTZOID);
        let upsert_types = [key, pg_sys::INT4OID, sum, count, time, sum, sum, sum, sum, sum, sum, count, count];
        let mut statements = Bulks::new([(upsert, &upsert_types)]);
        for (item, node, stats) in rows {
            let [month, week, day, hour] = stats.windows.map(|sum| float8_datum(sum.0));
            let row = [
                item.to_datum(key)?,
                number_datum(node),
                float8_datum(stats.score.0),
                Datum::from(stats.events),
                timestamp_datum(stats.last_at),
                month,
                week,
                day,
                hour,
                float8_datum(stats.sessions.0),
                float8_datum(stats.users.0),
                Datum::from(stats.repeats),
                Datum::from(stats.seconds),
            ];
            statements.push(UPSERT, &row, 0)?;
        }
        statements.finish()
    }

    /// Writes popularities within contexts and deletes those without events.
    pub fn context_items(&self, rows: impl Iterator<Item = ((ContextId, ItemId), ItemStats)>) -> Result<()> {
        let table = self.table("context_items");
        let pair = [pg_sys::INT4OID, pg_sys::INT4OID];
        let upsert = format!(
            "INSERT INTO {table} (context, item, score, events) SELECT * FROM unnest($1, $2, $3, $4) \
                 ON CONFLICT (context, item) DO UPDATE SET score = excluded.score, events = excluded.events"
        );
        let upsert_types = [pair[0], pair[1], pg_sys::FLOAT8OID, pg_sys::INT8OID];
        let delete = format!("DELETE FROM {table} USING unnest($1, $2) AS g (c, i) WHERE context = g.c AND item = g.i");
        let mut statements = Bulks::new([(upsert, &upsert_types), (delete, &pair)]);
        for ((context, item), stats) in rows {
            let key = [number_datum(context), number_datum(item)];
            if stats.events > 0 {
                statements.push(UPSERT, &[key[0], key[1], float8_datum(stats.score.0), Datum::from(stats.events)], 0)?;
            } else {
                statements.push(DELETE, &key, 0)?;
            }
        }
        statements.finish()
    }

    /// Writes new contexts.
    pub fn contexts(&self, first: ContextId, rows: &[ContextValues]) -> Result<()> {
        let sql = format!("INSERT INTO {} (node, hash, context) VALUES ($1, $2, $3)", self.table("contexts"));
        for (place, values) in rows.iter().enumerate() {
            spi::write_prepared(&sql, &[Arg::of(first as i32 + place as i32), Arg::of(context_hash(values)), Arg::of(values.clone())])?;
        }
        Ok(())
    }

    /// Writes neighbour rows and deletes empty ones.
    pub fn neighbors<'r>(&self, rows: impl Iterator<Item = (ItemId, &'r Neighbors)>) -> Result<()> {
        self.packed("neighbors", "edges", rows.map(|(item, row)| (item, (!row.is_empty()).then(|| row.to_bytes()))))
    }

    /// Writes lists of leaders.
    pub fn leaders<'r>(&self, rows: impl Iterator<Item = (u32, &'r Leaders)>) -> Result<()> {
        self.packed("leaders", "items", rows.map(|(order, row)| (order, Some(row.to_bytes()))))
    }

    /// Writes what was learnt.
    pub fn learnt(&self, learnt: &Learnt) -> Result<()> {
        self.packed("learnt", "weights", std::iter::once((0, Some(learnt.to_bytes()))))
    }

    /// Writes visit rows and deletes empty ones.
    pub fn visits<'r>(&self, rows: impl Iterator<Item = (ItemId, &'r Visits)>) -> Result<()> {
        self.packed("visits", "sessions", rows.map(|(item, row)| (item, (!row.is_empty()).then(|| row.to_bytes()))))
    }

    /// Writes interests and deletes those of users who have none.
    pub fn interests(&self, rows: impl Iterator<Item = (UserId, Option<UserInterest>)>) -> Result<()> {
        self.packed("interests", "interest", rows.map(|(user, row)| (user, row.map(|row| row.to_bytes()))))
    }

    fn packed(&self, stem: &str, column: &str, rows: impl Iterator<Item = (u32, Option<Vec<u8>>)>) -> Result<()> {
        write_packed(&self.table(stem), column, rows)
    }

    /// Writes sessions and deletes those that are gone.
    pub fn sessions<'r>(&self, rows: impl Iterator<Item = (SessionId, Option<&'r Session>)>) -> Result<()> {
        let table = self.table("sessions");
        let upsert = format!(
            "INSERT INTO {table} (node, user_node, items) SELECT n, u, recommend.packed(p) FROM unnest($1, $2, $3) AS r (n, u, p) \
                 ON CONFLICT (node) DO UPDATE SET items = excluded.items"
        );
        let upsert_types = [pg_sys::INT4OID, pg_sys::INT4OID, pg_sys::BYTEAOID];
        let delete = format!("DELETE FROM {table} WHERE node = ANY ($1)");
        let delete_types = [pg_sys::INT4OID];
        let mut statements = Bulks::new([(upsert, &upsert_types), (delete, &delete_types)]);
        for (node, session) in rows {
            match session {
                Some(session) => {
                    let bytes = session.to_bytes();
                    statements.push(
                        UPSERT,
                        &[number_datum(node), number_datum(session.user()), varlena::from_bytes(&bytes)],
                        bytes.len(),
                    )?;
                }
                None => statements.push(DELETE, &[number_datum(node)], 0)?,
            }
        }
        statements.finish()
    }
}

fn float8_datum(value: f64) -> Datum {
    Datum::from(value.to_bits())
}

/// A timestamptz; the engine's "never" becomes -infinity, which Postgres writes the same way.
pub fn timestamp_datum(at: i64) -> Datum {
    Datum::from(at)
}
