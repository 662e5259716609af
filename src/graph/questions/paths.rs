//! graph_paths: the heaviest ways from a node.

use engine::graph::{self, Path};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum};

use super::neighborhood::start;
use super::{Names, float8, time};
use crate::graph::arguments::{Arguments, Places};
use crate::graph::error::Result;
use crate::pg::array;
use crate::pg::function::Call;
use crate::sql_function;

sql_function!(graph_all_paths, pg_finfo_graph_all_paths, paths);

/// The most edges of a path.
const MAX_HOPS: i32 = 3;

fn paths(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let min = arguments.integer(5, "min_hops", 1, 1, MAX_HOPS)?;
    let max = arguments.integer(6, "max_hops", MAX_HOPS, min as i32, MAX_HOPS)?;
    let n = arguments.count(11)?;
    let time_respecting = call.arg(12).unwrap_or(false);
    let reader = arguments.reader(&Places { direction: 7, as_of: 10, half_life: 13 })?;
    let mut rows = call.rows()?;
    let from = start(&arguments, &reader, 1, 3)?;
    let to = start(&arguments, &reader, 2, 4)?;
    // A node that the graph does not have is not reached.
    let reachable = call.datum(2).is_none() || to.is_some();
    if let Some(from) = from.filter(|_| reachable) {
        let found = reader.ask(|lens| graph::paths(lens, from, to, min..=max, time_respecting, n));
        let found = found.map_err(|source| arguments.failure(source))?;
        let element = array::element_type(rows.column_type(0));
        let names = Names::of(&arguments, &reader, found.iter().flat_map(|path| path.nodes.iter().map(|node| node.id)), element)?;
        for path in &found {
            rows.push(&row(path, &names, element));
        }
    }
    Ok(rows.finish(call))
}

fn row(path: &Path, names: &Names, element: pg_sys::Oid) -> [Option<Datum>; 6] {
    let mut keys: Vec<Datum> = path.nodes.iter().filter_map(|node| names.key(*node)).collect();
    let texts = |values: Vec<Option<Datum>>| {
        let mut values: Vec<Datum> = values.into_iter().flatten().collect();
        Some(array::of(pg_sys::TEXTOID, &mut values))
    };
    let times: Vec<Option<Datum>> = path.edges.iter().map(|edge| time(edge.last_at)).collect();
    let weights: Vec<f64> = path.edges.iter().map(|edge| edge.weight).collect();
    [
        Some(array::of(element, &mut keys)),
        texts(path.nodes.iter().map(|node| names.node_type(*node)).collect()),
        texts(path.edges.iter().map(|edge| names.edge_type(edge.edge_type)).collect()),
        Some(array::with_nulls(pg_sys::TIMESTAMPTZOID, &times)),
        weights.into_datum(),
        float8(path.weight),
    ]
}
