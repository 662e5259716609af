//! The direct neighbours of a node.

use super::{Edge, Lens, Node};
use crate::error::Result;

/// The first `n` edges of a node by [`Edge::order`], those of weight zero or less too. An error is the graph's own, or the interrupt's.
pub fn neighbors(lens: &Lens<'_>, node: Node, n: usize) -> Result<Vec<Edge>> {
    let mut edges = lens.adjacent(node)?.edges;
    if n < edges.len() {
        edges.select_nth_unstable_by(n, Edge::order);
        edges.truncate(n);
    }
    edges.sort_unstable_by(Edge::order);
    Ok(edges)
}
