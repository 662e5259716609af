//! The launches that answer a number of queries over a set, and the structures they are called with: those of `kernels/common.cuh`.
//!
//! A search looks at few tiles first, spread evenly over the set, and keeps all their rows as candidates; the k-th greatest lower bound
//! among them is the threshold for the next tiles, 2 to 64 times as many, and so on until all tiles were looked at.

use crate::bound::Method;
use crate::layout::{CHUNK, Dtype, Layout, TILE};
use crate::machine::{Kernel, Launch};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The most queries of a program.
pub const MAX_QUERIES: usize = 256;

/// From how many queries on tensor cores are used where there are any.
const BATCH_FROM: usize = 17;

/// How many queries a block of the batch kernel has.
const BATCH: usize = 128;

/// How many bytes of shared memory every device gives a block without being asked.
const SHARED: usize = 48 << 10;

/// The fewest rows of the first phase.
const FIRST: usize = 4096;

/// The threads of a block of all kernels but the merge.
const THREADS: u32 = 256;

/// The threads of a block of the merge.
const MERGE_THREADS: u32 = 512;

/// What a query is bounded by, and what it wants.
#[derive(Debug, Clone, Copy, PartialEq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Params {
    /// As [`crate::bound::Bound::scale`].
    pub scale: f32,
    /// As [`crate::bound::Bound::reach`].
    pub reach: f32,
    /// As [`crate::bound::Bound::slack`].
    pub slack: f32,
    /// How many rows; 0 for a place without a query.
    pub k: u32,
    /// Its bitmap, counted from 1; 0 for none.
    pub filter: u32,
    /// Zeros.
    pub unused: [u32; 3],
}

/// A row that may be among the best.
#[derive(Debug, Clone, Copy, PartialEq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Candidate {
    /// Its number.
    pub row: u32,
    /// Its score is at least that.
    pub least: f32,
    /// Its score is at most that.
    pub most: f32,
}

/// The beginning of a query's list.
#[derive(Debug, Clone, Copy, PartialEq, IntoBytes, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Head {
    /// How many candidates.
    pub count: u32,
    /// Not 0 if there were more than fit.
    pub overflow: u32,
    /// As many rows as wanted have this score or more.
    pub threshold: f32,
    /// Zero.
    pub unused: u32,
}

#[derive(Debug, Clone, Copy, IntoBytes, Immutable)]
#[repr(C)]
struct Phase {
    tiles: u32,
    stride: u32,
    ratio: u32,
    unused: u32,
}

#[derive(Debug, Clone, Copy, IntoBytes, Immutable)]
#[repr(C)]
struct Lists {
    heads: u64,
    candidates: u64,
    capacity: u32,
    queries: u32,
}

#[derive(Debug, IntoBytes, Immutable)]
#[repr(C)]
struct ScanArgs {
    data: u64,
    factors: u64,
    queries: u64,
    params: u64,
    filters: u64,
    lists: Lists,
    phase: Phase,
    rows: u32,
    chunks: u32,
    query_chunks: u32,
    filter_words: u32,
}

#[derive(Debug, IntoBytes, Immutable)]
#[repr(C)]
struct MergeArgs {
    lists: Lists,
    params: u64,
    heads_out: u64,
    candidates_out: u64,
    stride: u32,
    unused: u32,
}

#[derive(Debug, IntoBytes, Immutable)]
#[repr(C)]
struct RerankArgs {
    lists: Lists,
    units: u64,
    queries: u64,
    dimensions: u32,
    chunks: u32,
    query_stride: u32,
    unused: u32,
}

/// What a program is made for: queries that differ in nothing of this share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// How many queries it has places for.
    pub queries: usize,
    /// The most rows that any of them wants.
    pub k: usize,
    /// How many bitmaps it has places for.
    pub filters: usize,
    /// Which kernel compares.
    pub method: Method,
}

impl Shape {
    /// The one for so many queries of at most so many rows, of which some have filters.
    pub fn new(dtype: Dtype, tensor: bool, queries: usize, k: usize, filtered: bool) -> Self {
        let batch = tensor && dtype == Dtype::F16 && queries >= BATCH_FROM;
        let queries = match queries {
            1 => 1,
            2..=4 => 4,
            5..=16 => 16,
            _ if batch => queries.next_multiple_of(BATCH),
            _ => queries.next_multiple_of(64),
        };
        let method = if batch { Method::Batch } else { Method::Scan(dtype) };
        Self { queries, k: k.next_power_of_two().max(16), filters: if filtered { queries } else { 0 }, method }
    }

    /// How many candidates of a query there is room for.
    pub fn capacity(self) -> usize {
        match self.queries {
            1..=4 => 1 << 16,
            5..=16 => 1 << 15,
            _ => 1 << 14,
        }
    }

    /// How many candidates of a query come with the output.
    pub fn stride(self) -> usize {
        2 * self.k + 32
    }

    /// The bytes of the output.
    pub fn output_bytes(self) -> usize {
        self.queries * (size_of::<Head>() + self.stride() * size_of::<Candidate>())
    }

    /// The bytes of all lists.
    pub fn list_bytes(self) -> usize {
        self.queries * self.capacity() * size_of::<Candidate>()
    }
}

/// Where what belongs to the queries is in the input, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// By query: [`Params`].
    pub params: usize,
    /// By query: [`Head`].
    pub heads: usize,
    /// By query: the vector in f32.
    pub units: usize,
    /// Bytes of each.
    pub unit: usize,
    /// By query: the vector as the kernel takes it, where that is not f32.
    pub vectors: usize,
    /// Bytes of each.
    pub vector: usize,
    /// The bitmaps.
    pub filters: usize,
    /// Bytes of each.
    pub filter: usize,
    /// Bytes of all.
    pub end: usize,
}

impl Input {
    /// Of a shape over a set.
    pub fn new(shape: Shape, rows: usize, dimensions: usize) -> Self {
        // Whole chunks of f32 for as many elements as the longest row of f16 has.
        let unit = dimensions.next_multiple_of(16) * 4;
        let vector = match shape.method {
            Method::Scan(Dtype::F32 | Dtype::F16) => 0,
            Method::Scan(Dtype::I8) => Dtype::I8.chunks(dimensions) * CHUNK,
            Method::Batch => Dtype::F16.chunks(dimensions) * CHUNK,
        };
        let filter = rows.div_ceil(64) * 8;
        let heads = shape.queries * size_of::<Params>();
        let units = heads + shape.queries * size_of::<Head>();
        let vectors = units + shape.queries * unit;
        let filters = vectors + shape.queries * vector;
        Self { params: 0, heads, units, unit, vectors, vector, filters, filter, end: filters + shape.filters * filter }
    }
}

/// Where things are in the memory of the device.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The rows.
    pub data: u64,
    /// Their scales and residuals, or 0.
    pub factors: u64,
    /// The rows in f32, or 0.
    pub units: u64,
    /// The input.
    pub input: u64,
    /// The output.
    pub output: u64,
    /// The lists.
    pub lists: u64,
}

/// The phases over so many tiles, of which the first has about `first`, and each of the next ones at most `growth` times what was before.
fn phases(tiles: usize, first: usize, growth: usize) -> Vec<Phase> {
    let whole = tiles.div_ceil(first.max(1)).max(1);
    let mut count = 0;
    while growth.pow(count) < whole {
        count += 1;
    }
    // The least ratio that gets from all tiles to the first ones in so many steps.
    let ratio = if count == 0 { 1 } else { (2..=growth).find(|ratio| ratio.pow(count) >= whole).unwrap_or(growth) };
    let below = |stride: usize| tiles.div_ceil(stride);
    let mut stride = ratio.pow(count);
    let mut found = vec![Phase { tiles: below(stride) as u32, stride: stride as u32, ratio: 0, unused: 0 }];
    while stride > 1 {
        let next = stride / ratio;
        found.push(Phase { tiles: (below(next) - below(stride)) as u32, stride: next as u32, ratio: ratio as u32, unused: 0 });
        stride = next;
    }
    found
}

/// How long the structure is that a kernel is called with.
#[cfg(all(test, feature = "cuda"))]
pub(crate) fn args_bytes(kernel: Kernel) -> usize {
    match kernel {
        Kernel::Merge => size_of::<MergeArgs>(),
        Kernel::Rerank => size_of::<RerankArgs>(),
        _ => size_of::<ScanArgs>(),
    }
}

/// A structure whose size is a multiple of 8 bytes, as words.
fn words<T: IntoBytes + Immutable>(args: &T) -> Vec<u64> {
    args.as_bytes().as_chunks::<8>().0.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect()
}

/// The launches of a shape over a set.
pub fn launches(shape: Shape, layout: Layout, rows: usize, dimensions: usize, at: Addresses, multiprocessors: u32) -> Vec<Launch> {
    let input = Input::new(shape, rows, dimensions);
    let capacity = shape.capacity();
    let lists =
        Lists { heads: at.input + input.heads as u64, candidates: at.lists, capacity: capacity as u32, queries: shape.queries as u32 };
    let params = at.input + input.params as u64;
    let (kernel, by, vectors) = comparison(shape, dimensions, input);
    let query_bytes = if vectors == input.units { input.unit } else { input.vector };
    let chunks = layout.dtype.chunks(dimensions);
    let merge = |out: bool| Launch {
        kernel: Kernel::Merge,
        grid: [shape.queries as u32, 1],
        threads: MERGE_THREADS,
        shared: 0,
        args: words(&MergeArgs {
            lists,
            params,
            heads_out: if out { at.output } else { 0 },
            candidates_out: if out { at.output + (shape.queries * size_of::<Head>()) as u64 } else { 0 },
            stride: shape.stride() as u32,
            unused: 0,
        }),
    };
    let first = FIRST.max(4 * shape.k).min(capacity / 2) / TILE;
    let growth = (capacity / (16 * shape.k)).clamp(2, 64);
    let mut launches = Vec::new();
    for phase in phases(rows.div_ceil(TILE), first, growth) {
        if phase.tiles == 0 {
            continue;
        }
        // A warp has a tile, in a batch the block has four; a multiprocessor has up to eight blocks at a time.
        let blocks = phase.tiles.div_ceil(if kernel == Kernel::BatchF16 { 4 } else { THREADS / 32 });
        launches.push(Launch {
            kernel,
            grid: [(shape.queries / by) as u32, blocks.min(multiprocessors.max(1) * 8)],
            threads: THREADS,
            shared: if kernel == Kernel::BatchF16 { 0 } else { (by * query_bytes) as u32 },
            args: words(&ScanArgs {
                data: at.data,
                factors: at.factors,
                queries: at.input + vectors as u64,
                params,
                filters: at.input + input.filters as u64,
                lists,
                phase,
                rows: rows as u32,
                chunks: chunks as u32,
                query_chunks: (query_bytes / CHUNK) as u32,
                filter_words: (input.filter / 4) as u32,
            }),
        });
        launches.push(merge(false));
    }
    if layout.scores() {
        let units = Dtype::F32.chunks(dimensions) as u32;
        launches.push(Launch {
            kernel: Kernel::Rerank,
            grid: [if shape.queries == 1 { multiprocessors.max(1) } else { 8 }, shape.queries as u32],
            threads: THREADS,
            shared: 0,
            args: words(&RerankArgs {
                lists,
                units: at.units,
                queries: at.input + input.units as u64,
                dimensions: dimensions as u32,
                chunks: units,
                query_stride: (input.unit / 4) as u32,
                unused: 0,
            }),
        });
    } else {
        launches.pop();
    }
    launches.push(merge(true));
    launches
}

/// The kernel that compares, how many queries a block of it has, and where their vectors begin in the input.
fn comparison(shape: Shape, dimensions: usize, input: Input) -> (Kernel, usize, usize) {
    // Four queries of f32 fit the shared memory up to 3,072 dimensions.
    let four = shape.queries >= 4 && 4 * dimensions.next_multiple_of(16) * 4 <= SHARED;
    let by = if four { 4 } else { 1 };
    match shape.method {
        Method::Scan(Dtype::F32) => (if four { Kernel::ScanF32By4 } else { Kernel::ScanF32 }, by, input.units),
        Method::Scan(Dtype::F16) => (if four { Kernel::ScanF16By4 } else { Kernel::ScanF16 }, by, input.units),
        Method::Scan(Dtype::I8) if shape.queries >= 4 => (Kernel::ScanI8By4, 4, input.vectors),
        Method::Scan(Dtype::I8) => (Kernel::ScanI8, 1, input.vectors),
        Method::Batch => (Kernel::BatchF16, BATCH, input.vectors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `tile_of` of common.cuh.
    fn tile(phase: &Phase, i: u32) -> u32 {
        let place = if phase.ratio == 0 { i } else { i / (phase.ratio - 1) * phase.ratio + 1 + i % (phase.ratio - 1) };
        place * phase.stride
    }

    proptest! {
        #[test]
        fn phases_meet_each_tile_once(tiles in 0usize..5000, first in 1usize..300, growth in 2usize..70) {
            let phases = phases(tiles, first, growth);
            prop_assert!(phases[0].tiles as usize <= first);
            let mut seen = vec![0; tiles];
            for phase in &phases {
                for i in 0..phase.tiles {
                    seen[tile(phase, i) as usize] += 1;
                }
            }
            prop_assert!(seen.iter().all(|times| *times == 1));
        }
    }
}
