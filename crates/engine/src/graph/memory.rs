//! A graph in memory: for tests, benches, and questions about the past.

use super::fold::{EdgeEvent, pack};
use super::{Direction, Graph, NodeId, Relation, Schema};
use crate::decay::HalfLife;
use crate::error::Result;
use crate::packed::{Edges, EdgesView};
use rustc_hash::FxHashMap;

/// Edge rows by relation and node.
#[derive(Debug, Clone, Default)]
pub struct MemoryGraph {
    rows: FxHashMap<(Relation, NodeId), Edges>,
}

impl MemoryGraph {
    /// Packs the events of each source, in the order of [`Schema::sources`].
    pub fn build(schema: &Schema, events: &[Vec<EdgeEvent>], half_life: HalfLife, max_edges: usize) -> Self {
        let mut graph = Self::default();
        for (source, events) in events.iter().enumerate().take(schema.sources.len()) {
            for direction in [Direction::Out, Direction::In] {
                let relation = Relation { source, direction };
                let mut events = events.clone();
                let packed = pack(&mut events, direction, half_life, max_edges, |node, edges| {
                    graph.rows.insert((relation, node), edges);
                    Ok::<_, std::convert::Infallible>(())
                });
                match packed {
                    Ok(()) => {}
                    Err(never) => match never {},
                }
            }
        }
        graph
    }

    /// The row of a node.
    pub fn row(&self, relation: Relation, node: NodeId) -> Option<&Edges> {
        self.rows.get(&(relation, node))
    }
}

impl Graph for MemoryGraph {
    fn edges(&self, relation: Relation, nodes: &[NodeId], each: &mut dyn FnMut(NodeId, EdgesView<'_>) -> Result<()>) -> Result<()> {
        for &node in nodes {
            if let Some(edges) = self.row(relation, node) {
                each(node, edges.view())?;
            }
        }
        Ok(())
    }
}
