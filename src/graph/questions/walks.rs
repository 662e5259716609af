//! Where walks lead: personalized_pagerank and random_walk.

use engine::graph::{self, Node, Walk};
use pgrx::pg_sys::Datum;

use super::neighborhood::start;
use super::{Names, bigint, float8};
use crate::graph::arguments::{Arguments, Places};
use crate::graph::error::{QuestionError, Result};
use crate::pg::function::Call;
use crate::sql_function;

sql_function!(graph_pagerank, pg_finfo_graph_pagerank, personalized_pagerank);
sql_function!(graph_random_walk, pg_finfo_graph_random_walk, random_walk);

/// The most nodes whose probability is pushed on: bounds time and memory; what is left is in the error bound.
const MAX_PUSHES: usize = 1_000_000;

fn personalized_pagerank(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let alpha = arguments.fraction(3, "alpha", 0.15)?;
    let epsilon = arguments.fraction(4, "epsilon", 1e-4)?;
    let n = arguments.count(9)?;
    let target = arguments.optional_type(10)?;
    let reader = arguments.reader(&Places { direction: 5, as_of: 8, half_life: 11 })?;
    let mut rows = call.rows()?;
    if let Some(node) = start(&arguments, &reader, 1, 2)? {
        let ranks = reader.ask(|lens| graph::personalized_pagerank(lens, &[(node, 1.0)], alpha, epsilon, MAX_PUSHES));
        let ranks = ranks.map_err(|source| arguments.failure(source))?;
        let wanted = |(node, _): &&(Node, f64)| target.is_none_or(|kind| node.node_type == kind);
        let shown: Vec<(Node, f64)> = ranks.scores.iter().filter(wanted).take(n).copied().collect();
        let names = Names::of(&arguments, &reader, shown.iter().map(|(node, _)| node.id), rows.column_type(0))?;
        for (node, score) in shown {
            rows.push(&[names.key(node), names.node_type(node), float8(score), float8(ranks.residual)]);
        }
    }
    Ok(rows.finish(call))
}

fn random_walk(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call)?;
    let restart = call.arg::<f64>(4).unwrap_or(0.5);
    if !(0.0..1.0).contains(&restart) {
        let (allowed, given) = ("at least 0 and less than 1".into(), restart.to_string());
        return Err(QuestionError::Range { argument: "restart", allowed, given });
    }
    let walk = Walk {
        steps: arguments.integer(3, "steps", 10_000, 1, 100_000_000)?,
        restart,
        target_type: arguments.optional_type(11)?,
        seed: call.arg::<i64>(5).unwrap_or(42) as u64,
    };
    let n = arguments.count(10)?;
    let keys = arguments.nodes(1, arguments.node_type(2)?)?;
    let reader = arguments.reader(&Places { direction: 6, as_of: 9, half_life: 12 })?;
    let mut rows = call.rows()?;
    let mut seeds = Vec::with_capacity(keys.len());
    for key in &keys {
        seeds.extend(reader.node(key).map_err(|source| arguments.failure(source))?.map(|node| (node, 1.0)));
    }
    let mut visited = reader.ask(|lens| graph::random_walk(lens, &seeds, &walk)).map_err(|source| arguments.failure(source))?;
    visited.truncate(n);
    let names = Names::of(&arguments, &reader, visited.iter().map(|row| row.node.id), rows.column_type(0))?;
    for row in visited {
        rows.push(&[names.key(row.node), names.node_type(row.node), bigint(row.visits), float8(row.score)]);
    }
    Ok(rows.finish(call))
}
