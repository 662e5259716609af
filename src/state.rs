//! The state of a recommender as database objects: its tables, the view of its events, the triggers that track them.
//!
//! All of it belongs to the owner of the event table and is made by the catalog's owner, because the schema of the
//! state admits nobody else. Every function here runs in that role.

use pgrx::pg_sys;

use crate::catalog::{STATE_TABLES, SessionRule};
use crate::definition::{self, Definition, DefinitionError};
use crate::key::{KeyType, MAX_TEXT_BYTES};
use crate::pg::relation::{self, Relation, quote_ident, quote_literal};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{owner, snapshot};

/// Make everything for a checked definition.
pub fn create(definition: &Definition) -> Result<(), DefinitionError> {
    let id = definition.id;
    let events = definition.events;
    // Only looked at: ALTER TABLE refuses a table that is held open.
    let owner = Relation::open(events, pg_sys::ShareRowExclusiveLock as i32).class().relowner;
    let key_type = |column: &str| KeyType::of(column_type(events, column));
    let user = key_type(&definition.user_column)?;
    let item = key_type(&definition.item_column)?;
    let tables = include_str!("../sql/state.sql")
        .replace("{id}", &id.to_string())
        .replace("{user_type}", &key_definition(user))
        .replace("{item_type}", &key_definition(item));
    spi::write(&tables, &[])?;
    spi::write(&view_sql(definition), &[])?;
    spi::write(&format!("COMMENT ON VIEW recommend.events_{id} IS 'The tracked columns of the event table under fixed names'"), &[])?;
    set_owner(id, owner)?;
    create_triggers(id, events)?;
    note_partitions(id)?;
    Ok(())
}

/// Take everything away again, the triggers included. Objects that are gone already are no error.
pub fn drop(id: i32) -> Result<(), SpiError> {
    drop_triggers(id)?;
    drop_relations(id)?;
    spi::write("DELETE FROM recommend.partitions WHERE recommender = $1", &[Arg::of(id)])?;
    spi::forget_plans(|sql| mentions(sql, id));
    Ok(())
}

fn mentions(sql: &str, id: i32) -> bool {
    STATE_TABLES.iter().chain(&["events"]).any(|stem| sql.contains(&format!("recommend.{stem}_{id}")))
}

fn key_definition(key: KeyType) -> String {
    format!("{}{}", key.sql(), key.sql_collation())
}

fn column_type(events: pg_sys::Oid, column: &str) -> pg_sys::Oid {
    relation::column_number(events, column).map_or(pg_sys::InvalidOid, |number| relation::column_type(events, number))
}

fn is_partitioned(events: pg_sys::Oid) -> bool {
    relation::kind(events) == Some(b'p')
}

/// `SELECT` of the tracked columns. It says in SQL what the row trigger says in Rust: which rows are events, and what
/// an event is. A plain table's children by inheritance are left out, because triggers do not fire for them.
fn view_sql(definition: &Definition) -> String {
    let (id, events) = (definition.id, definition.events);
    let only = if is_partitioned(events) { "" } else { "ONLY " };
    let table = relation::qualified_name(events).unwrap_or_default();
    let mut conditions = Vec::new();
    let mut key = |column: &str| {
        let declared = column_type(events, column);
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
    };
    let user = key(&definition.user_column);
    let item = key(&definition.item_column);
    let time = quote_ident(&definition.time_column);
    let at = match relation::base_type(column_type(events, &definition.time_column)) {
        pg_sys::TIMESTAMPOID => format!("({time}::timestamp AT TIME ZONE 'UTC')"),
        _ => format!("{time}::timestamptz"),
    };
    conditions.push(format!("isfinite({at})"));
    let weight = match (&definition.event_column, &definition.event_weights) {
        (Some(column), Some(weights)) => {
            let kind = format!("{}::text", quote_ident(column));
            let counted: Vec<_> = weights.iter().filter(|(_, weight)| **weight != 0.0).collect();
            let kinds: Vec<String> = counted.iter().map(|(kind, _)| quote_literal(kind)).collect();
            conditions.push(match kinds.is_empty() {
                true => "false".into(),
                false => format!("{kind} COLLATE \"C\" IN ({})", kinds.join(", ")),
            });
            let cases: Vec<String> =
                counted.iter().map(|(name, weight)| format!("WHEN {} THEN '{weight}'::real", quote_literal(name))).collect();
            match cases.is_empty() {
                true => "0::real".into(),
                false => format!("CASE {kind} COLLATE \"C\" {} END", cases.join(" ")),
            }
        }
        _ => "1::real".into(),
    };
    let session = match &definition.session {
        SessionRule::Column(column) => format!("hashtextextended({}::text COLLATE \"C\", 0)", quote_ident(column)),
        SessionRule::Gap(_) => "NULL::bigint".into(),
    };
    let context = if definition.context_columns.is_empty() {
        "NULL::text[]".into()
    } else {
        let texts: Vec<String> = definition.context_columns.iter().map(|column| format!("{}::text", quote_ident(column))).collect();
        format!("ARRAY[{}]", texts.join(", "))
    };
    format!(
        "CREATE VIEW recommend.events_{id} AS \
         SELECT {user} AS user_key, {item} AS item_key, {at} AS at, {weight} AS weight, \
                {session} AS session, {context} AS context \
           FROM {only}{table} WHERE {}",
        conditions.join(" AND ")
    )
}

/// Hand tables and view to `role`.
pub fn set_owner(id: i32, role: pg_sys::Oid) -> Result<(), SpiError> {
    let owner = quote_ident(&owner::role_name(role));
    for table in STATE_TABLES {
        spi::write(&format!("ALTER TABLE recommend.{table}_{id} OWNER TO {owner}"), &[])?;
    }
    spi::write(&format!("ALTER VIEW recommend.events_{id} OWNER TO {owner}"), &[])?;
    Ok(())
}

fn drop_relations(id: i32) -> Result<(), SpiError> {
    let exists = |name: &str| relation::state_relation(name).is_some();
    if exists(&format!("events_{id}")) {
        spi::write(&format!("DROP VIEW recommend.events_{id}"), &[])?;
    }
    for table in STATE_TABLES {
        if exists(&format!("{table}_{id}")) {
            spi::write(&format!("DROP TABLE recommend.{table}_{id}"), &[])?;
        }
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

/// Drop the triggers of recommender `id` wherever they are; clones in partitions go with the one they were cloned from.
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
        "INSERT INTO recommend.partitions (recommender, leaf) \
         SELECT r.id, t.relid FROM recommend.recommenders r, pg_partition_tree(r.events) t \
          WHERE r.id = $1 AND t.isleaf AND t.relid <> r.events RETURNING leaf::oid",
        &[Arg::of(id)],
        |row| row.value::<pg_sys::Oid>(1),
    )?;
    leaves.into_iter().try_for_each(|leaf| add_leaf_trigger(id, leaf))
}

/// A partition that was detached is no concern of recommender `id` any more.
pub fn drop_leaf_trigger(id: i32, leaf: pg_sys::Oid) -> Result<(), SpiError> {
    if let Some(table) = relation::qualified_name(leaf) {
        spi::write(&format!("DROP TRIGGER IF EXISTS {}_leaf ON {table}", trigger_name(id)), &[])?;
    }
    Ok(())
}
