// What all kernels share: the layout of vectors, the structures that they are called with, and lists of candidates.
//
// Vectors lie in tiles of 32 rows and chunks of 16 bytes. Chunk c of row r is element (r / 32 * chunks + c) * 32 + r % 32, so that the
// threads of a warp, one row each, read 512 bytes side by side, and that 8 rows of a chunk are what ldmatrix takes. Elements and rows
// that do not come are zeros. crates/gpu/src/args.rs has the same structures.
#pragma once
#ifdef KERNELS_ON_HOST
#include "host.h"
#else
#include "device.cuh"
#endif

#define TILE 32u

// A query: how to bound the cosine of a row by its estimate, and what is wanted.
struct Params {
    float scale;     // what a product of codes is multiplied by
    float reach;     // what a row's residual is multiplied by
    float slack;     // what every estimate may be wrong by
    unsigned k;      // how many rows are wanted; 0 for a place without a query
    unsigned filter; // which bitmap of rows applies, counted from 1; 0 for none
    unsigned unused[3];
};

// A row that may be among the best: its score is at least and at most so much.
struct Candidate {
    unsigned row;
    float least;
    float most;
};

// A query's list of candidates.
struct Head {
    unsigned count;     // how many rows came; beyond the capacity of the list they are not kept
    unsigned overflow;  // whether more came than could be kept, at any time
    float threshold;    // k rows have this score or more
    unsigned unused;
};

// Which tiles a launch looks at: those whose number is a multiple of stride, but of stride * ratio only with ratio 0.
struct Phase {
    unsigned tiles; // how many they are
    unsigned stride;
    unsigned ratio;
    unsigned unused;
};

struct Lists {
    Head *heads;
    Candidate *candidates; // a list of `capacity` for each query
    unsigned capacity;
    unsigned queries;
};

struct ScanArgs {
    const uint4 *data;        // the rows
    const float2 *factors;    // by row: scale and residual of int8 codes
    const uint4 *queries;     // one after the other: f32 for rows of f32 and f16, int8 for int8, filled up to whole chunks
    const Params *params;     // by query
    const unsigned *filters;  // bitmaps of filter_words words of 32 rows
    Lists lists;
    Phase phase;
    unsigned rows;
    unsigned chunks;          // of a row
    unsigned query_chunks;    // of a query
    unsigned filter_words;
};

struct MergeArgs {
    Lists lists;
    const Params *params;
    Head *heads_out;           // where not null: the heads,
    Candidate *candidates_out; // and up to `stride` candidates of each query
    unsigned stride;
    unsigned unused;
};

struct RerankArgs {
    Lists lists;
    const float *units;   // the rows in f32
    const float *queries; // one after the other
    unsigned dimensions;
    unsigned chunks;      // of a row
    unsigned query_stride;
    unsigned unused;
};

// The i-th tile of a phase.
DEVICE unsigned tile_of(const Phase &phase, unsigned i) {
    unsigned place = phase.ratio == 0 ? i : i / (phase.ratio - 1) * phase.ratio + 1 + i % (phase.ratio - 1);
    return place * phase.stride;
}

// Which rows of a tile a query may find, one bit each.
DEVICE unsigned rows_allowed(const unsigned *filters, unsigned filter_words, unsigned filter, unsigned rows, unsigned tile) {
    unsigned left = rows - tile * TILE;
    unsigned existing = left >= TILE ? 0xffffffffu : (1u << left) - 1u;
    return filter == 0 ? existing : existing & filters[(size_t)(filter - 1) * filter_words + tile];
}

// Unsigned integers in the order of floats.
DEVICE unsigned ordered(float value) {
    unsigned bits = __float_as_uint(value);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

DEVICE float unordered(unsigned key) { return __uint_as_float(key >> 31 ? key & 0x7fffffffu : ~key); }
