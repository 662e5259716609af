//! A part of a graph, cut out to be kept.

use super::{Edge, Node, NodeId};
use crate::Micros;
use crate::decay::HalfLife;
use crate::error::{Error, Result};
use crate::packed::STATIC;
use rustc_hash::FxHashMap;
use zerocopy::byteorder::little_endian::{F64, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The version of the bytes that this code writes, and the only one that it reads.
const VERSION: u8 = 1;

/// Nodes and edges around a start.
#[derive(Debug, Clone, PartialEq)]
pub struct Subgraph {
    /// The nodes in the order in which they were reached; the first is the start.
    pub nodes: Vec<Node>,
    /// The edges in the order in which they were kept: the hop that following it makes, the node where it starts, and the edge.
    pub edges: Vec<(usize, Node, Edge)>,
    /// The part of the weight of the expanded nodes' edges that was kept, in 0..=1.
    pub kept_share: f64,
    /// The nodes whose edges were looked at, in that order.
    pub expanded: Vec<Node>,
    /// The time that the weights are decayed to.
    pub at: Micros,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    version: u8,
    reserved: [u8; 3],
    nodes: U32,
    edges: U32,
    expanded: U32,
    at: I64,
    kept_share: F64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct PackedNode {
    id: U32,
    node_type: U32,
}

/// Ends are places among the nodes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct PackedEdge {
    from: U32,
    to: U32,
    edge_type: U32,
    hop: U32,
    count: U64,
    last_at: I64,
    weight: F64,
}

/// How many bytes [`Subgraph::to_bytes`] makes of so many nodes, edges and expanded nodes.
pub(super) fn packed_size(nodes: usize, edges: usize, expanded: usize) -> usize {
    size_of::<Header>() + nodes * size_of::<PackedNode>() + edges * size_of::<PackedEdge>() + expanded * size_of::<U32>()
}

impl Subgraph {
    /// Decays the weights to `now` instead, by the half-life that they were decayed by before. Edges without time stay as they are; one that
    /// sums up sources with and without time decays as a whole. The kept share stays that of the cutting.
    pub fn decay_to(&mut self, now: Micros, half_life: HalfLife) {
        let factor = (-half_life.between(self.at, now)).exp2();
        for (_, _, edge) in self.edges.iter_mut().filter(|(_, _, edge)| edge.last_at.is_some()) {
            edge.weight *= factor;
        }
        self.at = now;
    }

    /// The subgraph as bytes: a header of 32, 8 for each node, 40 for each edge and 4 for each expanded node, little-endian. The weights
    /// are those at the time that is kept with them, so that [`Subgraph::decay_to`] makes them right at any other time.
    ///
    /// Ends of edges and expanded nodes that are not among the nodes are an [`Error::Corrupt`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let places: FxHashMap<NodeId, u32> = self.nodes.iter().zip(0..).map(|(node, place)| (node.id, place)).collect();
        let place = |node: &Node| {
            let place = places.get(&node.id).copied();
            place.map(U32::new).ok_or_else(|| Error::Corrupt(format!("node {} is not one of the subgraph's", node.id)))
        };
        let header = Header {
            version: VERSION,
            reserved: [0; 3],
            nodes: (self.nodes.len() as u32).into(),
            edges: (self.edges.len() as u32).into(),
            expanded: (self.expanded.len() as u32).into(),
            at: self.at.into(),
            kept_share: self.kept_share.into(),
        };
        let mut bytes = Vec::with_capacity(packed_size(self.nodes.len(), self.edges.len(), self.expanded.len()));
        bytes.extend_from_slice(header.as_bytes());
        for node in &self.nodes {
            bytes.extend_from_slice(PackedNode { id: node.id.into(), node_type: node.node_type.into() }.as_bytes());
        }
        for (hop, from, edge) in &self.edges {
            let edge = PackedEdge {
                from: place(from)?,
                to: place(&edge.to)?,
                edge_type: edge.edge_type.into(),
                hop: (*hop as u32).into(),
                count: edge.count.into(),
                last_at: edge.last_at.unwrap_or(STATIC).into(),
                weight: edge.weight.into(),
            };
            bytes.extend_from_slice(edge.as_bytes());
        }
        for node in &self.expanded {
            bytes.extend_from_slice(place(node)?.as_bytes());
        }
        Ok(bytes)
    }

    /// Reads what [`Subgraph::to_bytes`] wrote; [`Error::Corrupt`] unless all of it is well-formed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let short = || Error::Corrupt(format!("{} bytes are too few for a subgraph", bytes.len()));
        let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| short())?;
        if header.version != VERSION {
            return Err(Error::Corrupt(format!("version {}, expected {VERSION}", header.version)));
        }
        let count = |count: U32| count.get() as usize;
        let (packed_nodes, rest) = <[PackedNode]>::ref_from_prefix_with_elems(rest, count(header.nodes)).map_err(|_| short())?;
        let (packed_edges, rest) = <[PackedEdge]>::ref_from_prefix_with_elems(rest, count(header.edges)).map_err(|_| short())?;
        let expanded = <[U32]>::ref_from_bytes_with_elems(rest, count(header.expanded));
        let expanded = expanded.map_err(|_| Error::Corrupt(format!("{} bytes at the end of a subgraph", rest.len())))?;
        let nodes: Vec<Node> = packed_nodes.iter().map(|node| Node { id: node.id.get(), node_type: node.node_type.get() }).collect();
        let node = |place: U32| {
            let node = nodes.get(place.get() as usize).copied();
            node.ok_or_else(|| Error::Corrupt(format!("node {place} of {} nodes", nodes.len())))
        };
        let edge = |edge: &PackedEdge| {
            let (weight, at) = (edge.weight.get(), edge.last_at.get());
            if !weight.is_finite() {
                return Err(Error::Corrupt(format!("an edge of weight {weight}")));
            }
            let last_at = (at != STATIC).then_some(at);
            let read = Edge { to: node(edge.to)?, edge_type: edge.edge_type.get(), weight, count: edge.count.get(), last_at };
            Ok((edge.hop.get() as usize, node(edge.from)?, read))
        };
        let kept_share = header.kept_share.get();
        if !(0.0..=1.0).contains(&kept_share) {
            return Err(Error::Corrupt(format!("a kept share of {kept_share}")));
        }
        let edges = packed_edges.iter().map(edge).collect::<Result<_>>()?;
        let expanded = expanded.iter().map(|place| node(*place)).collect::<Result<_>>()?;
        Ok(Self { edges, expanded, nodes, kept_share, at: header.at.get() })
    }
}
