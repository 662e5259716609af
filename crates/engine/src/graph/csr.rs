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
    /// `nodes` nodes with the edges of `rows`: a node, and the nodes that it leads to with their weights. Nodes come in any order, each
    /// once, or not at all where they have no edges; the order of a node's edges is of no matter either. The error of a row is
    /// passed on; [`Error::Corrupt`] where a node is not below `nodes`.
    pub fn build<E>(nodes: usize, rows: impl IntoIterator<Item = Result<(usize, E)>>) -> Result<Self>
    where
        E: IntoIterator<Item = (usize, f64)>,
    {
        let mut csr = Self { rows: vec![0..0; nodes], strengths: vec![0.0; nodes], targets: Vec::new(), shares: Vec::new() };
        for row in rows {
            let (node, edges) = row?;
            csr.append(node, edges)?;
        }
        csr.arrange();
        Ok(csr)
    }

    /// Appends the edges of a node, by target.
    fn append(&mut self, node: usize, edges: impl IntoIterator<Item = (usize, f64)>) -> Result<()> {
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

    /// Puts the edges in the order of their nodes, so that they are read from end to end.
    fn arrange(&mut self) {
        let is_sorted = self.rows.iter().filter(|row| !row.is_empty()).is_sorted_by_key(|row| row.start);
        if is_sorted {
            return;
        }
        let mut targets = Vec::with_capacity(self.targets.len());
        let mut shares = Vec::with_capacity(self.shares.len());
        for row in &mut self.rows {
            let start = targets.len();
            targets.extend_from_slice(&self.targets[row.clone()]);
            shares.extend_from_slice(&self.shares[row.clone()]);
            *row = start..targets.len();
        }
        (self.targets, self.shares) = (targets, shares);
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
