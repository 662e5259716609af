//! A whole graph in compressed rows, for what looks at all of it.

use crate::error::{Error, Result};
use std::ops::Range;

/// The weighted edges of nodes 0..n. Only positive edges are kept; a row's weights are kept as shares of their sum.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Csr {
    /// By node: where its edges are.
    rows: Vec<Range<usize>>,
    /// By node: the sum of its weights.
    strengths: Vec<f64>,
    targets: Vec<u32>,
    shares: Vec<f32>,
}

impl Csr {
    /// `nodes` nodes without edges.
    pub fn new(nodes: usize) -> Self {
        Self { rows: vec![0..0; nodes], strengths: vec![0.0; nodes], targets: Vec::new(), shares: Vec::new() }
    }

    /// `nodes` nodes with the edges of `rows`: a node, and the nodes that it leads to with their weights. Nodes come in any order, each
    /// once, or not at all where they have no edges; [`Error::Corrupt`] where one is not below `nodes`.
    pub fn build<E>(nodes: usize, rows: impl IntoIterator<Item = (usize, E)>) -> Result<Self>
    where
        E: IntoIterator<Item = (usize, f64)>,
    {
        let mut csr = Self::new(nodes);
        for (node, edges) in rows {
            csr.set(node, edges)?;
        }
        Ok(csr)
    }

    /// Sets the edges of a node that has none yet; the same as [`Csr::build`] for one row. The order of the edges is of no matter.
    pub fn set(&mut self, node: usize, edges: impl IntoIterator<Item = (usize, f64)>) -> Result<()> {
        let nodes = self.len();
        let mut positive: Vec<(usize, f64)> = edges.into_iter().filter(|(_, weight)| *weight > 0.0).collect();
        positive.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        if let Some(stray) = positive.iter().map(|(to, _)| *to).chain([node]).find(|&place| place >= nodes || place > u32::MAX as usize) {
            return Err(Error::Corrupt(format!("node {stray} of {nodes} nodes")));
        }
        let sum: f64 = positive.iter().map(|(_, weight)| weight).sum();
        let start = self.targets.len();
        self.targets.extend(positive.iter().map(|(to, _)| *to as u32));
        self.shares.extend(positive.iter().map(|(_, weight)| (weight / sum) as f32));
        self.rows[node] = start..self.targets.len();
        self.strengths[node] = sum;
        Ok(())
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when there is no node.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of edges.
    pub fn edges(&self) -> usize {
        self.targets.len()
    }

    /// The sum of a node's weights.
    pub fn strength(&self, node: usize) -> f64 {
        self.strengths[node]
    }

    /// Where a node's edges lead, in order, and their shares of its strength.
    pub fn row(&self, node: usize) -> (&[u32], &[f32]) {
        let row = self.rows[node].clone();
        (&self.targets[row.clone()], &self.shares[row])
    }
}
