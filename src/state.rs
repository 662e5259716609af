//! The state of a feed as database objects: its tables, the view of its events, the triggers that track them.
//!
//! The tables belong to the catalog's owner, so that nobody else can put rules, triggers, policies or other types on them. The view, which
//! runs code of the tracked table's owner (casts of its types), belongs to that role, and is read as that role alone. Every function
//! here runs as the catalog's owner.

use pgrx::pg_sys;

use crate::definition::{self, DefinitionError};
use crate::feed::{Feed, Tracked, VectorFeed, Weight};
use crate::key::{KeyType, MAX_TEXT_BYTES};
use crate::pg::number::NumberType;
use crate::pg::relation::{self, Relation, quote_ident, quote_literal};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{owner, snapshot};

/// The tables of a feed by their stems, in the order in which they are made; then those of a recommender, and those of a source
/// of edges.
const FEED_TABLES: [&str; 2] = ["delta", "contexts"];
/// The packed rows of a recommender.
const RECOMMENDER_TABLES: [&str; 9] =
    ["users", "items", "leaders", "neighbors", "visits", "sessions", "interests", "learnt", "context_items"];
/// The packed rows of a source of edges.
const EDGE_TABLES: [&str; 2] = ["out", "in"];
/// The packed rows of features, and the categories that items had when they were first met.
const FEATURE_TABLES: [&str; 2] = ["feature_rows", "item_categories"];
/// What a vector set has.
const VECTOR_TABLES: [&str; 1] = ["vector_changes"];
/// The views of the tracked rows, of which a feed has one.
const VIEWS: [&str; 2] = ["events", "vectors"];

/// One definition at a time: two sessions must not take the same number or name.
pub const LOCK_CATALOG: &str = "LOCK TABLE recommend.recommenders, recommend.graphs, recommend.edge_sources, recommend.features, \
     recommend.vector_sets IN SHARE ROW EXCLUSIVE MODE";

/// What a feed is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A recommender's events.
    Recommender,
    /// Edges of a graph.
    Edges,
    /// Features of a recommender.
    Features,
}

impl Purpose {
    fn sql(self) -> &'static str {
        match self {
            Self::Recommender => include_str!("../sql/recommender_state.sql"),
            Self::Edges => include_str!("../sql/edge_state.sql"),
            Self::Features => include_str!("../sql/feature_state.sql"),
        }
    }
}

/// Make everything for a checked feed of events.
pub fn create(feed: &Feed, purpose: Purpose) -> Result<(), DefinitionError> {
    let key_type = |column: &str| KeyType::of(column_type(feed.table, column));
    let (user, item) = (key_definition(key_type(&feed.user)?), key_definition(key_type(&feed.item)?));
    let tables = [include_str!("../sql/feed_state.sql"), purpose.sql()];
    let tables = tables.map(|sql| sql.replace("{user_type}", &user).replace("{item_type}", &item));
    create_feed((feed.id, feed.table), &tables, &events_view(feed))
}

/// Make everything for a checked feed of vectors.
pub fn create_vectors(feed: &VectorFeed) -> Result<(), DefinitionError> {
    let id = key_definition(KeyType::of(column_type(feed.table, &feed.id_column))?);
    create_feed((feed.id, feed.table), &[include_str!("../sql/vector_feed_state.sql").replace("{id_type}", &id)], &vectors_view(feed))
}

fn create_feed((id, table): (i32, pg_sys::Oid), tables: &[String], view: &str) -> Result<(), DefinitionError> {
    // Only looked at: ALTER TABLE refuses a table that is held open.
    let owner = Relation::open(table, pg_sys::ShareRowExclusiveLock as i32).class().relowner;
    for tables in tables {
        spi::write(&tables.replace("{id}", &id.to_string()), &[])?;
    }
    spi::write(view, &[])?;
    for view in views(id) {
        spi::write(&format!("COMMENT ON VIEW recommend.{view} IS 'The tracked columns of the table under fixed names'"), &[])?;
    }
    set_view_owner(id, owner)?;
    create_triggers(id, table)?;
    note_partitions(id)?;
    Ok(())
}

/// Whether feed `id` has rows that are tracked. The view runs code of its owner: `role` is the tracked table's.
pub fn has_rows(id: i32, role: pg_sys::Oid) -> Result<bool, SpiError> {
    let Some(view) = views(id).next() else { return Ok(false) };
    let sql = format!("SELECT EXISTS (SELECT FROM recommend.{view})");
    let any = owner::as_user(role, || snapshot::with_latest(|| spi::read(&sql, &[], |row| row.value::<bool>(1))))?;
    Ok(any.first().copied().unwrap_or(false))
}

/// Take everything away again, the triggers included. Objects that are gone already are no error.
pub fn drop(id: i32) -> Result<(), SpiError> {
    drop_triggers(id)?;
    drop_relations(id)?;
    spi::write("DELETE FROM recommend.partitions WHERE feed = $1", &[Arg::of(id)])?;
    spi::forget_plans(|sql| all_tables().chain(VIEWS).any(|stem| sql.contains(&format!("recommend.{stem}_{id}"))));
    Ok(())
}

/// The packed rows of a recommender and what goes with them, by their stems: all that a rebuild makes anew.
pub fn rebuilt_tables() -> impl Iterator<Item = &'static str> {
    RECOMMENDER_TABLES.into_iter().chain(["contexts"])
}

fn all_tables() -> impl Iterator<Item = &'static str> {
    FEED_TABLES.into_iter().chain(RECOMMENDER_TABLES).chain(EDGE_TABLES).chain(FEATURE_TABLES).chain(VECTOR_TABLES)
}

/// Those tables of feed `id` that exist.
fn existing_tables(id: i32) -> impl Iterator<Item = String> {
    all_tables().map(move |stem| format!("{stem}_{id}")).filter(|name| relation::state_relation(name).is_some())
}

/// The view of the tracked rows of feed `id`.
fn views(id: i32) -> impl Iterator<Item = String> {
    VIEWS.into_iter().map(move |stem| format!("{stem}_{id}")).filter(|name| relation::state_relation(name).is_some())
}

fn key_definition(key: KeyType) -> String {
    format!("{}{}", key.sql(), key.sql_collation())
}

fn column_type(table: pg_sys::Oid, column: &str) -> pg_sys::Oid {
    relation::column_number(table, column).map_or(pg_sys::InvalidOid, |number| relation::column_type(table, number))
}

fn is_partitioned(table: pg_sys::Oid) -> bool {
    relation::kind(table) == Some(b'p')
}

/// What stands behind FROM for the rows that are tracked. A plain table's children by inheritance are left out, because triggers do not
/// fire for them.
fn tracked_rows(table: pg_sys::Oid) -> String {
    let only = if is_partitioned(table) { "" } else { "ONLY " };
    format!("{only}{}", relation::qualified_name(table).unwrap_or_default())
}

/// `SELECT` of the ids and vectors: the id in the type of its keys, the vector as it is.
fn vectors_view(feed: &VectorFeed) -> String {
    let id = quote_ident(&feed.id_column);
    let declared = column_type(feed.table, &feed.id_column);
    let key = match KeyType::of(declared) {
        Ok(key) if key.oid() != declared => format!("{id}::{}", key.sql()),
        _ => id,
    };
    let (vector, rows) = (quote_ident(&feed.vector_column), tracked_rows(feed.table));
    format!("CREATE VIEW recommend.vectors_{} AS SELECT {key} AS id, {vector} AS vector FROM {rows} WHERE {key} IS NOT NULL", feed.id)
}

/// `SELECT` of the tracked columns. It says in SQL what the row trigger says in Rust: which rows are events, and what
/// an event is.
fn events_view(feed: &Feed) -> String {
    let (id, table) = (feed.id, feed.table);
    let mut conditions = Vec::new();
    let user = key_sql(table, &feed.user, &mut conditions);
    let item = key_sql(table, &feed.item, &mut conditions);
    let at = time_sql(feed, &mut conditions);
    let weight = weight_sql(feed, &mut conditions);
    let session = match (&feed.session, &feed.recorded) {
        (Some(column), _) => format!("hashtextextended({}::text COLLATE \"C\", 0)", quote_ident(column)),
        (None, Some(column)) => recorded_sql(feed, column),
        (None, None) => "NULL::bigint".into(),
    };
    let context = if feed.context.is_empty() {
        "NULL::text[]".into()
    } else {
        let texts: Vec<String> = feed.context.iter().map(|column| format!("{}::text", quote_ident(column))).collect();
        format!("ARRAY[{}]", texts.join(", "))
    };
    format!(
        "CREATE VIEW recommend.events_{id} AS \
         SELECT {user} AS user_key, {item} AS item_key, {at} AS at, {weight} AS weight, \
                {session} AS session, {context} AS context \
           FROM {} WHERE {}",
        tracked_rows(table),
        conditions.join(" AND ")
    )
}

/// A key, and the condition that it is one.
fn key_sql(table: pg_sys::Oid, column: &str, conditions: &mut Vec<String>) -> String {
    let declared = column_type(table, column);
    let (name, base) = (quote_ident(column), KeyType::of(declared));
    let value = match base {
        Ok(base) if base.oid() != declared => format!("{name}::{}", base.sql()),
        _ => name,
    };
    conditions.push(format!("{value} IS NOT NULL"));
    if matches!(base, Ok(KeyType::Text)) {
        conditions.push(format!("octet_length({value}) <= {MAX_TEXT_BYTES}"));
    }
    value
}

/// The time, and the condition that it is one.
fn time_sql(feed: &Feed, conditions: &mut Vec<String>) -> String {
    let Some(column) = &feed.time else { return "NULL::timestamptz".into() };
    let at = timestamp_sql(feed.table, column);
    conditions.push(format!("isfinite({at})"));
    at
}

/// When a row could be known, in microseconds since 2000-01-01: NULL where it says nothing of it, or before all time.
fn recorded_sql(feed: &Feed, column: &str) -> String {
    let time = timestamp_sql(feed.table, column);
    format!(
        "CASE WHEN isfinite({time}) THEN (extract(epoch FROM {time}) * 1000000)::bigint - 946684800000000 \
              WHEN {time} = 'infinity' THEN 9223372036854775807 END"
    )
}

/// A column as a time; one without time zone is read as UTC.
fn timestamp_sql(table: pg_sys::Oid, column: &str) -> String {
    let time = quote_ident(column);
    match relation::base_type(column_type(table, column)) {
        pg_sys::TIMESTAMPOID => format!("({time}::timestamp AT TIME ZONE 'UTC')"),
        _ => format!("{time}::timestamptz"),
    }
}

/// The weight, and the condition that the row counts.
fn weight_sql(feed: &Feed, conditions: &mut Vec<String>) -> String {
    let (column, weights) = match &feed.weight {
        Weight::One => return "1::real".into(),
        Weight::Column(column) => {
            let name = quote_ident(column);
            let weight = NumberType::of(column_type(feed.table, column)).map_or_else(|| "NULL::real".into(), |kind| kind.sql(&name));
            conditions.push(format!("({weight}) <> 0"));
            return weight;
        }
        Weight::Events(column, weights) => (column, weights),
    };
    let kind = format!("{}::text", quote_ident(column));
    let counted: Vec<_> = weights.iter().filter(|(_, weight)| **weight != 0.0).collect();
    let kinds: Vec<String> = counted.iter().map(|(kind, _)| quote_literal(kind)).collect();
    if kinds.is_empty() {
        conditions.push("false".into());
        return "0::real".into();
    }
    conditions.push(format!("{kind} COLLATE \"C\" IN ({})", kinds.join(", ")));
    let cases: Vec<String> = counted.iter().map(|(name, weight)| format!("WHEN {} THEN '{weight}'::real", quote_literal(name))).collect();
    format!("CASE {kind} COLLATE \"C\" {} END", cases.join(" "))
}

/// Make the view of a feed anew, before another role gets it: what its owner has put in its place would run with that role's rights.
pub fn remake_view(tracked: &Tracked) -> Result<(), SpiError> {
    let view = match tracked {
        Tracked::Events(feed) => events_view(feed),
        Tracked::Vectors(feed) => vectors_view(feed),
    };
    spi::write(&view.replacen("CREATE VIEW", "CREATE OR REPLACE VIEW", 1), &[])?;
    Ok(())
}

/// Hand the view of feed `id` to `role`.
pub fn set_view_owner(id: i32, role: pg_sys::Oid) -> Result<(), SpiError> {
    let owner = quote_ident(&owner::role_name(role));
    for view in views(id) {
        spi::write(&format!("ALTER VIEW recommend.{view} OWNER TO {owner}"), &[])?;
    }
    Ok(())
}

fn drop_relations(id: i32) -> Result<(), SpiError> {
    for name in views(id).chain(existing_tables(id)) {
        // Its owner may have put something else in its place.
        let kind = match relation::state_relation(&name).and_then(relation::kind) {
            Some(b'v') => "VIEW",
            Some(b'm') => "MATERIALIZED VIEW",
            Some(b'f') => "FOREIGN TABLE",
            Some(b'S') => "SEQUENCE",
            Some(b'i' | b'I') => "INDEX",
            Some(b'c') => "TYPE",
            _ => "TABLE",
        };
        spi::write(&format!("DROP {kind} recommend.{name}"), &[])?;
    }
    Ok(())
}

/// The row trigger's name; the statement triggers' names begin with it.
pub fn trigger_name(id: i32) -> String {
    format!("recommend_{id}")
}

/// Row triggers for INSERT, UPDATE, DELETE, which Postgres clones to partitions, and statement triggers for TRUNCATE,
/// which it does not. ENABLE ALWAYS, so that they fire in a subscriber's apply worker too.
fn create_triggers(id: i32, events: pg_sys::Oid) -> Result<(), SpiError> {
    let table = relation::qualified_name(events).unwrap_or_default();
    let name = trigger_name(id);
    add_trigger(&table, &name, "AFTER INSERT OR UPDATE OR DELETE", "ROW", "track_row", id)?;
    add_trigger(&table, &format!("{name}_truncate"), "AFTER TRUNCATE", "STATEMENT", "track_truncate", id)?;
    if is_partitioned(events) {
        // Tells the triggers of the leaves that all of them are about to be emptied.
        add_trigger(&table, &format!("{name}_begin"), "BEFORE TRUNCATE", "STATEMENT", "track_truncate", id)?;
    }
    Ok(())
}

fn add_trigger(table: &str, name: &str, when: &str, level: &str, function: &str, id: i32) -> Result<(), SpiError> {
    spi::write(
        &format!(
            "CREATE TRIGGER {name} {when} ON {table} FOR EACH {level} EXECUTE FUNCTION recommend.{function}('{id}'); \
             ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
        ),
        &[],
    )?;
    Ok(())
}

/// Emptying one partition takes its rows out one by one.
pub fn add_leaf_trigger(id: i32, leaf: pg_sys::Oid) -> Result<(), DefinitionError> {
    definition::check_leaf(leaf)?;
    let table = relation::qualified_name(leaf).unwrap_or_default();
    add_trigger(&table, &format!("{}_leaf", trigger_name(id)), "BEFORE TRUNCATE", "STATEMENT", "track_truncate_partition", id)?;
    Ok(())
}

/// Drop the triggers of feed `id` wherever they are; clones in partitions go with the one they were cloned from.
fn drop_triggers(id: i32) -> Result<(), SpiError> {
    let triggers = snapshot::with_latest(|| {
        spi::read(include_str!("../sql/triggers.sql"), &[Arg::of(trigger_name(id)), Arg::of(id.to_string())], |row| {
            Ok::<(String, pg_sys::Oid), SpiError>((row.value(1)?, row.value(2)?))
        })
    })?;
    for (name, table) in triggers {
        if let Some(table) = relation::qualified_name(table) {
            spi::write(&format!("DROP TRIGGER {} ON {table}", quote_ident(&name)), &[])?;
        }
    }
    Ok(())
}

/// Write down the leaf partitions as they are now and give each its TRUNCATE trigger.
fn note_partitions(id: i32) -> Result<(), DefinitionError> {
    let leaves: Vec<pg_sys::Oid> = spi::write_returning(
        "INSERT INTO recommend.partitions (feed, leaf) \
         SELECT f.id, t.relid FROM recommend.feeds f, pg_partition_tree(f.source) t \
          WHERE f.id = $1 AND t.isleaf AND t.relid <> f.source RETURNING leaf::oid",
        &[Arg::of(id)],
        |row| row.value::<pg_sys::Oid>(1),
    )?;
    leaves.into_iter().try_for_each(|leaf| add_leaf_trigger(id, leaf))
}

/// A partition that was detached is no concern of feed `id` any more.
pub fn drop_leaf_trigger(id: i32, leaf: pg_sys::Oid) -> Result<(), SpiError> {
    if let Some(table) = relation::qualified_name(leaf) {
        spi::write(&format!("DROP TRIGGER IF EXISTS {}_leaf ON {table}", trigger_name(id)), &[])?;
    }
    Ok(())
}
