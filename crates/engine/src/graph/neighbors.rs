//! The direct neighbours of a node.

use super::{Edge, Lens, Node, interruptible};
use crate::error::Result;

/// The first `n` edges of a node by [`Edge::order`], those of weight zero or less too. An error is the graph's own, or the interrupt's.
pub fn neighbors(lens: &Lens<'_>, node: Node, n: usize) -> Result<Vec<Edge>> {
    let mut edges = lens.adjacent(node)?.edges;
    interruptible::keep_first(&mut edges, n, lens.checker(), Edge::order)?;
    Ok(edges)
}
