//! Temporal graphs: packed rows, and each question against a naive answer from raw events.
mod packed_edges;
