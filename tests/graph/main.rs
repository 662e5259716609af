//! Temporal graphs: packed rows, and each question against a naive answer from raw events.
mod embedding;
mod fastrp;
mod interrupt;
mod k_hop;
mod neighbors;
mod packed_edges;
mod pagerank;
mod paths;
mod prune;
mod random_walk;
mod similarity;
mod world;
