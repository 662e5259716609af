//! `create_graph`, `add_edges`, `drop_edges`, `rebuild_graph`, `drop_graph`, and the graphs that recommenders make.

use std::rc::Rc;

use pgrx::{PgSqlErrorCode, pg_sys};

use super::cache;
use super::catalog::{self as graphs, Graph, GraphError};
use super::compact::{self, CompactError};
use crate::catalog::{self, CatalogError};
use crate::definition::{self, DefinitionError};
use crate::key::KeyType;
use crate::pg::error::SqlError;
use crate::pg::function::{Call, CallError};
use crate::pg::relation::{self, Relation, quote_ident};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{guc, interval, owner, snapshot};
use crate::state::{self, Purpose};
use crate::{ddl, sql_function, totals, worker};

sql_function!(graph_create, pg_finfo_graph_create, create);
sql_function!(graph_add_edges, pg_finfo_graph_add_edges, add_edges);
sql_function!(graph_drop_edges, pg_finfo_graph_drop_edges, drop_edges);
sql_function!(graph_rebuild, pg_finfo_graph_rebuild, rebuild);
sql_function!(graph_drop, pg_finfo_graph_drop, drop);

/// The highest `max_edges_per_node` of a graph: a row of 28 MB.
const MAX_EDGES: i32 = 1_000_000;

/// What can go wrong when a graph is defined.
#[derive(Debug, thiserror::Error)]
pub enum DefineError {
    #[error("a graph needs a name")]
    Nameless,
    #[error("graph \"{0}\" already exists")]
    Duplicate(String),
    #[error("must be owner of graph \"{0}\"")]
    NotOwner(String),
    #[error("max_edges_per_node must be between 1 and {MAX_EDGES}, but is {0}")]
    MaxEdges(i32),
    #[error("{argument} must not be empty")]
    EmptyType { argument: &'static str },
    #[error("nodes of type \"{name}\" have keys of type {expected}, but column \"{column}\" has {found}")]
    KeyType { name: String, expected: &'static str, column: String, found: &'static str },
    #[error("table {table} is already a source of \"{edge_type}\" edges of graph \"{graph}\"")]
    DuplicateEdges { graph: String, table: String, edge_type: String },
    #[error("table {table} is no source of edges of graph \"{graph}\"")]
    UnknownEdges { graph: String, table: String, existing: Vec<String> },
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Compact(#[from] CompactError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl DefineError {
    fn cause(&self) -> Option<&dyn SqlError> {
        match self {
            Self::Definition(error) => Some(error),
            Self::Graph(error) => Some(error),
            Self::Catalog(error) => Some(error),
            Self::Compact(error) => Some(error),
            Self::Call(error) => Some(error),
            Self::Spi(error) => Some(error),
            _ => None,
        }
    }
}

impl SqlError for DefineError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Nameless | Self::MaxEdges(_) | Self::EmptyType { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Duplicate(_) | Self::DuplicateEdges { .. } => PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            Self::NotOwner(_) => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::KeyType { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::UnknownEdges { .. } => PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            other => other.cause().map_or(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, SqlError::sqlstate),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nameless => "Give a name that is not empty.".into(),
            Self::Duplicate(_) => "Choose another name, or drop that one with drop_graph().".into(),
            Self::NotOwner(_) => "Let its owner do it, who created it.".into(),
            Self::MaxEdges(_) => "128 is the default; more neighbours make rows longer and reads slower.".into(),
            Self::EmptyType { .. } => "Say what the nodes or edges are, such as 'user' or 'follows'.".into(),
            Self::KeyType { .. } => "Give nodes of other keys a type of their own.".into(),
            Self::DuplicateEdges { .. } => "Use another edge_type, or drop_edges() first.".into(),
            Self::UnknownEdges { existing, .. } if existing.is_empty() => "It has none yet: see add_edges().".into(),
            Self::UnknownEdges { existing, .. } => format!("Its sources: {}.", existing.join(", ")),
            other => return other.cause()?.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        self.cause()?.detail()
    }
}

/// The module's result.
pub type Result<T> = std::result::Result<T, DefineError>;

fn lock_catalog() -> Result<()> {
    // One at a time: two sessions must not take the same id or name.
    spi::write(state::LOCK_CATALOG, &[])?;
    Ok(())
}

fn create(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "name")?;
    let (caller, max_edges) = (owner::current_user(), call.arg::<i32>(3));
    for (argument, place) in [("half_life", 1), ("time_window", 2)] {
        if let Some(value) = call.datum(place) {
            definition::check_interval(argument, interval::micros(value))?;
        }
    }
    let args = [Arg::of(name.clone()), Arg::of(call.text(1)), Arg::of(call.text(2)), Arg::of(max_edges), Arg::of(None::<i32>)];
    let id = catalog::as_owner(|| insert(&name, &args, caller))??;
    Ok(call.value(Some(id)))
}

/// Write the rows of a new graph, which belongs to `role`, and make its table of nodes.
pub fn insert(name: &str, args: &[Arg], role: pg_sys::Oid) -> Result<i32> {
    if name.is_empty() {
        return Err(DefineError::Nameless);
    }
    lock_catalog()?;
    refuse_taken(name)?;
    let rows = spi::write_returning(include_str!("../../sql/insert_graph.sql"), args, |row| {
        Ok::<_, SpiError>((row.value::<i32>(1)?, row.value::<i32>(2)?))
    })?;
    let (id, max_edges) = rows.first().copied().ok_or(SpiError::Null { column: 1 })?;
    if !(1..=MAX_EDGES).contains(&max_edges) {
        return Err(DefineError::MaxEdges(max_edges));
    }
    spi::write("INSERT INTO recommend.graph_state (graph) VALUES ($1)", &[Arg::of(id)])?;
    ddl::unwatched(|| {
        create_nodes(id)?;
        spi::write(&include_str!("../../sql/graph_owner.sql").replace("{id}", &id.to_string()), &[])?;
        set_owner(id, role)
    })?;
    catalog::announce_change()?;
    Ok(id)
}

pub fn refuse_taken(name: &str) -> Result<()> {
    let taken =
        snapshot::with_latest(|| spi::read("SELECT 1 FROM recommend.graphs WHERE name = $1", &[Arg::of(name)], |_| Ok::<_, SpiError>(())))?;
    if taken.is_empty() { Ok(()) } else { Err(DefineError::Duplicate(name.to_owned())) }
}

/// The graph called `name`, whose owner the caller has to be.
fn owned(name: &str) -> Result<Rc<Graph>> {
    // Before the tables of its edges are looked up, which locks them.
    let known = graphs::names()?.into_iter().find(|(_, other)| other == name).and_then(|(id, _)| graphs::owner(id));
    if known.is_some_and(|known| !owner::has_privileges_of(owner::current_user(), known)) {
        return Err(DefineError::NotOwner(name.to_owned()));
    }
    let graph = graphs::by_name(name)?;
    if owner::has_privileges_of(owner::current_user(), graph.owner) { Ok(graph) } else { Err(DefineError::NotOwner(name.to_owned())) }
}

fn add_edges(call: &Call) -> Result<pg_sys::Datum> {
    let required = |index, name| call.text(index).ok_or(CallError::Null(name));
    let name = required(0, "graph")?;
    let table: pg_sys::Oid = call.required(1, "source_table")?;
    let (from_column, to_column) = (required(2, "from_column")?, required(4, "to_column")?);
    let types = [("from_type", required(3, "from_type")?), ("to_type", required(5, "to_type")?), ("edge_type", required(6, "edge_type")?)];
    if let Some((argument, _)) = types.iter().find(|(_, name)| name.is_empty()) {
        return Err(DefineError::EmptyType { argument });
    }
    let graph = owned(&name)?;
    {
        // Writers that have begun finish first, so that no row falls between the backfill's snapshot and the trigger.
        let table = definition::open_owned(table, pg_sys::ShareRowExclusiveLock)?;
        definition::check_event_table(&table)?;
    }
    let [(_, from_type), (_, to_type), (_, edge_type)] = types;
    let ends = Ends { from: (&from_column, &from_type), to: (&to_column, &to_type) };
    call.no_null_in(9, "context_columns")?;
    let options = [7, 8, 10, 11, 9].map(|place| Arg::of(call.text(place)));
    let id = catalog::as_owner(|| insert_source(&graph, table, &ends, &edge_type, options))??;
    fill_all(graph.id, id, call.arg(12).unwrap_or(true))?;
    Ok(call.value(Some(id)))
}

/// The columns of both ends of an edge, each with the type of its nodes.
pub struct Ends<'a> {
    /// Where it starts.
    pub from: (&'a str, &'a str),
    /// Where it ends.
    pub to: (&'a str, &'a str),
}

/// Write the rows of a new source and make its state. `options` are the time, weight and event columns, the event weights, and the
/// context columns, each as text.
pub fn insert_source(graph: &Graph, table: pg_sys::Oid, ends: &Ends<'_>, edge_type: &str, options: [Arg; 5]) -> Result<i32> {
    lock_catalog()?;
    let taken = graph.sources.iter().zip(&graph.schema.sources);
    let taken = taken.filter(|(source, _)| source.table == table).any(|(_, kind)| graph.edge_types[kind.edge_type as usize] == edge_type);
    if taken {
        let table = relation::qualified_name(table).unwrap_or_default();
        return Err(DefineError::DuplicateEdges { graph: graph.name.clone(), table, edge_type: edge_type.to_owned() });
    }
    let from_type = node_type(graph.id, table, ends.from, None)?;
    let to_type = node_type(graph.id, table, ends.to, Some(from_type))?;
    let [time, weight, event, weights, context] = options;
    let args = [
        Arg::of(graph.id),
        Arg::of(table),
        Arg::of(ends.from.0),
        Arg::of(from_type),
        Arg::of(ends.to.0),
        Arg::of(to_type),
        Arg::of(edge_type),
        time,
        weight,
        event,
        weights,
        context,
    ];
    let ids = spi::write_returning(include_str!("../../sql/insert_edge_source.sql"), &args, |row| row.value::<i32>(1))?;
    let id: i32 = ids.first().copied().ok_or(SpiError::Null { column: 1 })?;
    let definition = graphs::source_definition(id)?;
    definition.check()?;
    spi::write("INSERT INTO recommend.epochs (feed, epoch) VALUES ($1, 0)", &[Arg::of(id)])?;
    spi::write("INSERT INTO recommend.edge_state (feed) VALUES ($1)", &[Arg::of(id)])?;
    ddl::unwatched(|| state::create(&definition.feed(), Purpose::Edges))?;
    catalog::announce_change()?;
    Ok(id)
}

/// The number of a node type; a new one is made with the type of the column's keys, and one that no source has, `taken` apart, changes to it.
fn node_type(graph: i32, table: pg_sys::Oid, (column, name): (&str, &str), taken: Option<i16>) -> Result<i16> {
    let key = {
        let table = Relation::open(table, pg_sys::AccessShareLock as i32);
        definition::check_key(&table, column)?
    };
    let sql = "SELECT id, key_type FROM recommend.node_types WHERE graph = $1 AND name = $2";
    let read = |row: &spi::Row| Ok::<_, SpiError>((row.value::<i16>(1)?, row.value::<String>(2)?));
    let known = snapshot::with_latest(|| spi::read(sql, &[Arg::of(graph), Arg::of(name)], read))?.pop();
    if let Some((id, stored)) = known {
        let expected = KeyType::named(&stored).filter(|expected| !expected.comparable(key));
        if let Some(expected) = expected {
            let sql = "SELECT 1 FROM recommend.edge_sources WHERE graph = $1 AND $2 IN (from_type, to_type)";
            let used = snapshot::with_latest(|| spi::read(sql, &[Arg::of(graph), Arg::of(id)], |_| Ok::<_, SpiError>(())))?;
            if !used.is_empty() || taken == Some(id) {
                let (name, column) = (name.to_owned(), column.to_owned());
                return Err(DefineError::KeyType { name, expected: expected.sql(), column, found: key.sql() });
            }
            let args = [Arg::of(graph), Arg::of(id), Arg::of(key.sql())];
            spi::write("UPDATE recommend.node_types SET key_type = $3 WHERE graph = $1 AND id = $2", &args)?;
            reset_nodes(graph)?;
        }
        return Ok(id);
    }
    let ids = spi::write_returning(
        "INSERT INTO recommend.node_types (graph, id, name, key_type) \
         SELECT $1, coalesce(max(id) + 1, 0), $2, $3 FROM recommend.node_types WHERE graph = $1 RETURNING id",
        &[Arg::of(graph), Arg::of(name), Arg::of(key.sql())],
        |row| row.value::<i16>(1),
    )?;
    Ok(ids.first().copied().ok_or(SpiError::Null { column: 1 })?)
}

/// Number the nodes anew, because those of one type have other keys now: a new table, and nothing packed. The graph's sources are to be filled.
fn reset_nodes(graph: i32) -> Result<()> {
    ddl::unwatched(|| {
        spi::write(&format!("DROP TABLE recommend.nodes_{graph}"), &[])?;
        create_nodes(graph)
    })?;
    spi::write(
        "UPDATE recommend.graph_state SET next_node = 0, generation = nextval('recommend.generation') WHERE graph = $1",
        &[Arg::of(graph)],
    )?;
    for definition in graphs::source_definitions(graph)? {
        for stem in ["out", "in"] {
            spi::write(&format!("DELETE FROM recommend.{stem}_{}", definition.id), &[])?;
        }
        spi::write("UPDATE recommend.edge_state SET needs_rebuild = true WHERE feed = $1", &[Arg::of(definition.id)])?;
    }
    Ok(())
}

fn create_nodes(graph: i32) -> Result<()> {
    spi::write(&include_str!("../../sql/graph_state.sql").replace("{id}", &graph.to_string()), &[])?;
    Ok(())
}

/// Bring the rows of a source's table into its state: now, in the background where there are many, or not yet.
pub fn fill(graph: &Graph, source: i32, now: bool) -> Result<()> {
    let rows = catalog::as_owner(|| totals::estimated_events(source))??;
    if now && rows <= guc::background_backfill() {
        compact::rebuild(graph.id, Some(source))?;
        return Ok(());
    }
    let owner = graph.sources.iter().find(|other| other.id == source).map(|other| other.owner);
    let pending = owner.map_or(Ok(false), |owner| state::has_rows(source, owner))?;
    if pending {
        catalog::as_owner(|| spi::write("UPDATE recommend.edge_state SET needs_rebuild = true WHERE feed = $1", &[Arg::of(source)]))??;
    }
    if now && pending {
        pgrx::ereport!(
            NOTICE,
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            format!("a background worker will read about {rows:.0} rows of the table after commit"),
            "Watch it in recommend.progress; recommend.graph_status says when it is done."
        );
        worker::start_after_commit(relation::database());
    }
    Ok(())
}

fn rebuild(call: &Call) -> Result<pg_sys::Datum> {
    let graph = owned(&call.required::<String>(0, "name")?)?;
    let events = compact::rebuild(graph.id, None)?;
    Ok(call.value(i64::try_from(events).ok()))
}

fn drop_edges(call: &Call) -> Result<pg_sys::Datum> {
    let graph = owned(&call.required::<String>(0, "graph")?)?;
    let table: pg_sys::Oid = call.required(1, "source_table")?;
    let edge_type: Option<String> = call.arg(2);
    let name = |place: usize| graph.edge_types[graph.schema.sources[place].edge_type as usize].as_str();
    let chosen: Vec<i32> = (graph.sources.iter().enumerate())
        .filter(|(place, source)| source.table == table && edge_type.as_deref().is_none_or(|wanted| wanted == name(*place)))
        .map(|(_, source)| source.id)
        .collect();
    if chosen.is_empty() {
        let existing = graph
            .sources
            .iter()
            .enumerate()
            .map(|(place, source)| format!("{} ({})", relation::qualified_name(source.table).unwrap_or_default(), name(place)));
        let table = relation::qualified_name(table).unwrap_or_default();
        return Err(DefineError::UnknownEdges { graph: graph.name.clone(), table, existing: existing.collect() });
    }
    compact::lock(graph.id, true)?;
    Relation::open(table, pg_sys::AccessExclusiveLock as i32);
    chosen.into_iter().try_for_each(forget_source)?;
    Ok(call.void())
}

fn drop(call: &Call) -> Result<pg_sys::Datum> {
    let name: String = call.required(0, "name")?;
    match owned(&name) {
        Ok(graph) => forget(graph.id)?,
        // What is left of one that has lost a part can still be dropped.
        Err(DefineError::Graph(GraphError::Damaged { .. })) => forget(owned_damaged(&name)?)?,
        Err(error) => return Err(error),
    }
    Ok(call.void())
}

/// [`owned`] for a graph that has lost a part: its number. Its owner is that of its view, else of all tables of its edges.
fn owned_damaged(name: &str) -> Result<i32> {
    let id = graphs::names()?.into_iter().find(|(_, other)| other == name).map(|(id, _)| id);
    let id = id.ok_or_else(|| GraphError::Unknown { name: name.to_owned(), existing: Vec::new() })?;
    let owners: Vec<pg_sys::Oid> = match graphs::owner(id) {
        Some(owner) => vec![owner],
        None => catalog::as_owner(|| graphs::source_definitions(id))??.iter().filter_map(|source| relation::owner(source.table)).collect(),
    };
    let user = owner::current_user();
    let owns = !owners.is_empty() && owners.into_iter().all(|owner| owner::has_privileges_of(user, owner));
    if owns || owner::is_superuser() { Ok(id) } else { Err(DefineError::NotOwner(name.to_owned())) }
}

/// Remove a graph: its sources, the catalog rows, the nodes.
pub fn forget(id: i32) -> Result<()> {
    compact::lock(id, true)?;
    let definitions = catalog::as_owner(|| graphs::source_definitions(id))??;
    for definition in definitions {
        Relation::try_open(definition.table, pg_sys::AccessExclusiveLock as i32);
        forget_source(definition.id)?;
    }
    catalog::as_owner(|| {
        for (table, column) in
            [("graphs", "id"), ("node_types", "graph"), ("graph_state", "graph"), ("graph_changes", "graph"), ("hot_subgraphs", "graph")]
        {
            spi::write(&format!("DELETE FROM recommend.{table} WHERE {column} = $1"), &[Arg::of(id)])?;
        }
        for (kind, stem) in [("VIEW", "graph"), ("TABLE", "nodes")] {
            if relation::state_relation(&format!("{stem}_{id}")).is_some() {
                ddl::unwatched(|| spi::write(&format!("DROP {kind} recommend.{stem}_{id}"), &[]))?;
            }
        }
        spi::forget_plans(|sql| sql.contains(&format!("recommend.nodes_{id}")));
        cache::forget(id);
        catalog::announce_change()?;
        Ok(())
    })?
}

/// Remove a source: the catalog rows, the state, the triggers.
pub fn forget_source(id: i32) -> Result<()> {
    catalog::as_owner(|| {
        for (table, column) in [("edge_sources", "id"), ("epochs", "feed"), ("edge_state", "feed")] {
            spi::write(&format!("DELETE FROM recommend.{table} WHERE {column} = $1"), &[Arg::of(id)])?;
        }
        ddl::unwatched(|| state::drop(id))?;
        catalog::announce_change()?;
        Ok(())
    })?
}

/// Hand a graph to `role`. The view says whose it is as no column can: it follows DROP OWNED, REASSIGN OWNED and dumps.
pub fn set_owner(graph: i32, role: pg_sys::Oid) -> Result<()> {
    let owner = quote_ident(&owner::role_name(role));
    spi::write(&format!("ALTER VIEW recommend.graph_{graph} OWNER TO {owner}"), &[])?;
    Ok(())
}

/// Fill a new source, and those whose nodes have got new numbers by it.
fn fill_all(graph: i32, source: i32, now: bool) -> Result<()> {
    let graph = graphs::by_id(graph)?;
    let sql =
        "SELECT s.id FROM recommend.edge_sources s JOIN recommend.edge_state e ON e.feed = s.id WHERE s.graph = $1 AND e.needs_rebuild";
    let stale = catalog::as_owner(|| snapshot::with_latest(|| spi::read(sql, &[Arg::of(graph.id)], |row| row.value::<i32>(1))))??;
    stale.into_iter().filter(|id| *id != source).try_for_each(|id| fill(&graph, id, now))?;
    fill(&graph, source, now)
}
