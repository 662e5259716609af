//! How alike two nodes are by the neighbours that they share.

use super::{Adjacent, Lens, Node, interruptible};
use crate::Micros;
use crate::error::Result;
use rustc_hash::FxHashMap;

/// A neighbour of both of two nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Common {
    /// The neighbour.
    pub node: Node,
    /// The decayed weight of the first node's positive edges to it, of all edge types.
    pub weight_a: f64,
    /// The same of the second node.
    pub weight_b: f64,
    /// The newest event of all these edges; `None` where none has a time.
    pub last_at: Option<Micros>,
}

/// The nodes that both `a` and `b` have positive edges to, those of the greatest sum of both weights first, then by node. An error is
/// the graph's own, or the interrupt's.
pub fn common_neighbors(lens: &Lens<'_>, a: Node, b: Node) -> Result<Vec<Common>> {
    let found = lens.adjacents(&[a, b])?;
    let (of_a, of_b) = (sums(lens, found.get(&a))?, sums(lens, found.get(&b))?);
    let mut common: Vec<Common> = Vec::new();
    let mut pace = lens.pace();
    for (node, (weight_a, at)) in of_a {
        pace.step()?;
        if let Some(&(weight_b, other_at)) = of_b.get(&node) {
            common.push(Common { node, weight_a, weight_b, last_at: at.max(other_at) });
        }
    }
    let sum = |common: &Common| common.weight_a + common.weight_b;
    interruptible::sort_unstable_by(&mut common, lens.checker(), |x, y| sum(y).total_cmp(&sum(x)).then(x.node.cmp(&y.node)))?;
    Ok(common)
}

/// The positive edges to each neighbour as one: weight and newest event.
fn sums(lens: &Lens<'_>, adjacent: Option<&Adjacent>) -> Result<FxHashMap<Node, (f64, Option<Micros>)>> {
    let edges = adjacent.map_or(&[][..], |adjacent| &adjacent.edges);
    let mut sums: FxHashMap<Node, (f64, Option<Micros>)> = FxHashMap::default();
    sums.reserve(edges.len());
    let mut pace = lens.pace();
    for edge in edges.iter().filter(|edge| edge.weight > 0.0) {
        pace.step()?;
        let sum = sums.entry(edge.to).or_insert((0.0, None));
        *sum = (sum.0 + edge.weight, sum.1.max(edge.last_at));
    }
    Ok(sums)
}

/// The weighted Adamic-Adar index (Lü, Zhou: "Link prediction in weighted networks: The role of weak ties", EPL 89, 2010):
/// the sum over the common neighbours z of `(w(a, z) + w(b, z)) / ln(1 + s(z))`, where w is the decayed weight and
/// s(z) the decayed strength of z, [`Adjacent::total`]: of all its events, those of neighbours beyond the cut too, and negative ones.
/// A neighbour whose strength is not positive is left out. An error is the graph's own, or the interrupt's.
pub fn adamic_adar(lens: &Lens<'_>, a: Node, b: Node) -> Result<f64> {
    let common = common_neighbors(lens, a, b)?;
    let strengths = lens.totals(&common.iter().map(|common| common.node).collect::<Vec<_>>())?;
    let mut sum = 0.0;
    let mut pace = lens.pace();
    for common in common {
        pace.step()?;
        if let Some(strength) = strengths.get(&common.node).filter(|strength| **strength > 0.0) {
            sum += (common.weight_a + common.weight_b) / strength.ln_1p();
        }
    }
    Ok(sum)
}
