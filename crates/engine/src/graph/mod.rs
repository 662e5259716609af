//! Temporal graphs: typed nodes, edges that sum up events and decay, and the questions asked of them.
//!
//! A graph has *sources*, each a table of edges of one type from one node type to another. In each source a node has up to two rows of
//! packed edges ([`crate::packed::Edges`]): those that go out and those that come in. Functions see them through a [`Lens`],
//! which picks relations, contexts and the time, merges what belongs together and decays it.

mod csr;
mod embedding;
mod fastrp;
pub mod fold;
pub(crate) mod interruptible;
mod k_hop;
pub mod lens;
pub mod memory;
mod neighbors;
mod pagerank;
mod paths;
mod prune;
mod random_walk;
mod similarity;
mod subgraph;

pub use csr::Csr;
pub use embedding::{Aggregation, IdentityOf, node_embedding};
pub use fastrp::{Projection, fast_rp};
pub use k_hop::{Reached, Wanted, k_hop};
pub use lens::{Adjacent, Edge, Filter, Lens};
pub use neighbors::neighbors;
pub use pagerank::{Ranks, personalized_pagerank};
pub use paths::{Path, paths};
pub use prune::{Budget, prune};
pub use random_walk::{Visited, WALKERS, Walk, random_walk};
pub use similarity::{Common, adamic_adar, common_neighbors};
pub use subgraph::{Kinds, Subgraph};

use crate::error::Result;
use crate::packed::EdgesView;

/// A dense number of a node, unique in its graph.
pub type NodeId = u32;

/// A node and its type, an index into the graph's node types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// Its type.
    pub node_type: u32,
}

/// Which end of an edge a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The edges that start at the node.
    Out,
    /// The edges that end at the node.
    In,
}

/// The edges of one source in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Relation {
    /// An index into [`Schema::sources`].
    pub source: usize,
    /// The direction.
    pub direction: Direction,
}

/// A source of edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The type of its edges, an index into the graph's edge types; sources may share one.
    pub edge_type: u32,
    /// The type of the nodes where its edges start.
    pub from_type: u32,
    /// The type of the nodes where they end.
    pub to_type: u32,
}

/// What a graph is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// The sources.
    pub sources: Vec<Source>,
}

impl Schema {
    /// The types at both ends of a relation: that of the rows' nodes, and that of their neighbours.
    pub fn ends(&self, relation: Relation) -> (u32, u32) {
        let source = &self.sources[relation.source];
        match relation.direction {
            Direction::Out => (source.from_type, source.to_type),
            Direction::In => (source.to_type, source.from_type),
        }
    }
}

/// The packed edges of one graph as one snapshot sees them.
pub trait Graph {
    /// Calls back once for each of `nodes` that has edges in `relation`, in any order. No node is named twice.
    fn edges(&self, relation: Relation, nodes: &[NodeId], each: &mut dyn FnMut(NodeId, EdgesView<'_>) -> Result<()>) -> Result<()>;
}
