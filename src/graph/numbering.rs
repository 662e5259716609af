//! Numbers of nodes and contexts while a source is compacted.

use engine::graph::NodeId;
use engine::graph::fold::EdgeEvent;
use engine::{ContextId, NO_CONTEXT};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use super::catalog::Graph;
use super::delta::KeyedEdge;
use super::nodes::{self, NewNodes, TypedKey};
use crate::numbers::{ContextValues, stored_context};

/// Numbers of nodes and contexts, found or given.
pub struct Numbers {
    pub nodes: FxHashMap<TypedKey, NodeId>,
    pub new_nodes: NewNodes,
    pub contexts: FxHashMap<ContextValues, ContextId>,
    pub new_contexts: Vec<ContextValues>,
    pub first_context: ContextId,
}

impl Numbers {
    /// New nodes and contexts get numbers from these on.
    pub fn starting(next_node: NodeId, first_context: ContextId) -> Self {
        let (nodes, contexts) = (FxHashMap::default(), FxHashMap::default());
        Self { nodes, new_nodes: NewNodes::starting(next_node), contexts, new_contexts: Vec::new(), first_context }
    }

    /// An event in terms of numbers; `lookup` finds stored nodes and contexts that are not known yet.
    pub fn event(&mut self, graph: &Graph, place: usize, edge: &KeyedEdge, lookup: &dyn Lookup) -> engine::Result<EdgeEvent> {
        let [from, to] = edge.ends(graph, place).map(|key| match self.nodes.get(&key) {
            Some(id) => Ok::<_, engine::Error>(*id),
            None => {
                let id = lookup.node(&key)?.unwrap_or_else(|| self.new_nodes.add(key.clone()));
                self.nodes.insert(key, id);
                Ok(id)
            }
        });
        let context = match &edge.context {
            None => NO_CONTEXT,
            Some(values) => *self.contexts.entry(values.clone()).or_insert_with_key(|values| {
                lookup.context(values).unwrap_or_else(|| {
                    self.new_contexts.push(values.clone());
                    self.first_context + self.new_contexts.len() as ContextId - 1
                })
            }),
        };
        Ok(EdgeEvent { from: from?, to: to?, at: edge.at, weight: edge.weight, context })
    }
}

/// Where stored numbers are found.
pub trait Lookup {
    /// The stored number of a node.
    fn node(&self, key: &TypedKey) -> engine::Result<Option<NodeId>>;
    /// The stored number of a context.
    fn context(&self, values: &ContextValues) -> Option<ContextId>;
}

/// In the tables; contexts only where the packed edges are not void.
pub struct Stored<'a> {
    pub graph: &'a Graph,
    pub contexts: Option<(pg_sys::Oid, pg_sys::Oid)>,
}

impl Lookup for Stored<'_> {
    fn node(&self, key: &TypedKey) -> engine::Result<Option<NodeId>> {
        Ok(nodes::stored_numbers(self.graph, [key].into_iter())?[0])
    }

    fn context(&self, values: &ContextValues) -> Option<ContextId> {
        stored_context(self.contexts?, values)
    }
}

/// All that is stored is known already.
pub struct Nothing;

impl Lookup for Nothing {
    fn node(&self, _key: &TypedKey) -> engine::Result<Option<NodeId>> {
        Ok(None)
    }

    fn context(&self, _values: &ContextValues) -> Option<ContextId> {
        None
    }
}

/// The keys and values of a batch's numbers.
pub struct Keys {
    pub nodes: FxHashMap<NodeId, TypedKey>,
    pub contexts: FxHashMap<ContextId, ContextValues>,
}

impl Keys {
    /// Turned around.
    pub fn of(numbers: &Numbers) -> Self {
        Self {
            nodes: numbers.nodes.iter().map(|(key, id)| (*id, key.clone())).collect(),
            contexts: numbers.contexts.iter().map(|(values, id)| (*id, values.clone())).collect(),
        }
    }
}
