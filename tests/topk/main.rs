//! Exact top-k by cosine: the answer is that of scoring every row, on hostile vectors, with every kernel, and hostile bytes are refused.
mod answers;
mod scores;
mod segments;
mod vectors;
