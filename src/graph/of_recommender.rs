//! The graphs that recommenders make: of the same name, and in line with what the recommenders become.

use pgrx::pg_sys;

use super::catalog as graphs;
use super::define::{Ends, Result, fill, forget_source, insert, insert_source, refuse_taken, set_owner};
use crate::catalog::{self, CatalogError};
use crate::definition::Definition;
use crate::pg::relation::{self, quote_ident};
use crate::pg::snapshot;
use crate::pg::spi::{self, Arg};

/// The node and edge types of a recommender's own graph.
pub const USER: &str = "user";
/// ...
pub const ITEM: &str = "item";
/// ...
pub const EVENT: &str = "event";

/// Make the graph of a recommender, or bring it in line with what the recommender has become. The caller has put on the catalog
/// owner's role and holds the event table. Gives the graph where its edges have to be filled.
pub fn follow(definition: &Definition, before: Option<&Definition>) -> Result<Option<(i32, i32)>> {
    let role = relation::owner(definition.events).ok_or(CatalogError::UnknownId(definition.id))?;
    let Some(before) = before else {
        let args = [
            Arg::of(definition.name.clone()),
            Arg::of(None::<String>),
            Arg::of(None::<String>),
            Arg::of(None::<i32>),
            Arg::of(definition.id),
        ];
        let graph = insert(&definition.name, &args, role)?;
        copy_rules(graph, definition.id)?;
        return Ok(Some((graph, insert_events(graph, definition)?)));
    };
    let Some(graph) = graphs::of_recommender(definition.id)? else { return Ok(None) };
    if before.name != definition.name {
        refuse_taken(&definition.name)?;
        spi::write("UPDATE recommend.graphs SET name = $2 WHERE id = $1", &[Arg::of(graph), Arg::of(definition.name.clone())])?;
    }
    copy_rules(graph, definition.id)?;
    catalog::announce_change()?;
    let source = events_of(graph, definition)?;
    let feed = |definition: &Definition| crate::feed::Feed { session: None, ..definition.feed() };
    match source {
        Some(source) if feed(before) != feed(definition) => {
            forget_source(source)?;
            Ok(Some((graph, insert_events(graph, definition)?)))
        }
        Some(source) if before.half_life_us != definition.half_life_us || before.max_edges != definition.max_edges => {
            Ok(Some((graph, source)))
        }
        _ => Ok(None),
    }
}

/// The graph of a recommender goes to the new owner of its events.
pub fn follow_owner(recommender: i32, role: pg_sys::Oid) -> Result<()> {
    if let Some(graph) = graphs::of_recommender(recommender)? {
        set_owner(graph, role)?;
    }
    Ok(())
}

/// Fill the edges that [`follow`] has named.
pub fn fill_edges((graph, source): (i32, i32), now: bool) -> Result<()> {
    let all = graphs::by_id(graph)?;
    for other in all.sources.iter().filter(|other| other.id != source) {
        // Their half-life may have changed too.
        fill(&all, other.id, now)?;
    }
    fill(&all, source, now)
}

fn copy_rules(graph: i32, recommender: i32) -> Result<()> {
    spi::write(
        "UPDATE recommend.graphs g SET half_life = coalesce(r.half_life, '7 days'), time_window = r.time_window, max_edges_per_node = r.max_edges_per_node \
           FROM recommend.recommenders r WHERE g.id = $1 AND r.id = $2",
        &[Arg::of(graph), Arg::of(recommender)],
    )?;
    Ok(())
}

fn insert_events(graph: i32, definition: &Definition) -> Result<i32> {
    let graph = graphs::by_id(graph)?;
    let ends = Ends { from: (&definition.user_column, USER), to: (&definition.item_column, ITEM) };
    let weights = definition.event_weights.as_ref().map(|weights| serde_json::json!(weights).to_string());
    let context: Vec<String> = definition.context_columns.iter().map(|column| quote_ident(column)).collect();
    let options = [
        Arg::of(definition.time_column.clone()),
        Arg::of(None::<String>),
        Arg::of(definition.event_column.clone()),
        Arg::of(weights),
        Arg::of(format!("{{{}}}", context.join(","))),
    ];
    insert_source(&graph, definition.events, &ends, EVENT, options)
}

/// The source of a recommender's own events.
fn events_of(graph: i32, definition: &Definition) -> Result<Option<i32>> {
    let sql = "SELECT id FROM recommend.edge_sources WHERE graph = $1 AND source_table = $2::oid::regclass AND edge_type = $3";
    let args = [Arg::of(graph), Arg::of(definition.events), Arg::of(EVENT)];
    Ok(snapshot::with_latest(|| spi::read(sql, &args, |row| row.value::<i32>(1)))?.first().copied())
}
