// The rows that may be among the best of each of many queries, by tensor cores: f16 rows times f16 queries. From sm_80 on.
#include "common.cuh"

#define BLOCK_ROWS 128u    // four tiles
#define BLOCK_QUERIES 128u
#define SLICE 4u           // chunks of a row at a time: 32 dimensions

// What a block multiplies at a time: chunk by chunk, so that ldmatrix finds 8 rows side by side.
struct Slice {
    uint4 rows[SLICE][BLOCK_ROWS];
    uint4 queries[SLICE][BLOCK_QUERIES];
};

// Begins to copy a slice of four tiles and of the block's queries, which lie in tiles like the rows.
DEVICE void copy_slice(const ScanArgs &args, Slice &slice, unsigned block, unsigned first_chunk) {
    for (unsigned i = threadIdx.x; i < SLICE * BLOCK_ROWS; i += blockDim.x) {
        unsigned place = i % BLOCK_ROWS, part = i / BLOCK_ROWS, chunk = first_chunk + part;
        unsigned number = block * (BLOCK_ROWS / TILE) + place / TILE;
        bool there = chunk < args.chunks && number < args.phase.tiles;
        size_t from = there ? ((size_t)tile_of(args.phase, number) * args.chunks + chunk) * TILE + place % TILE : 0;
        copy_async(&slice.rows[part][place], args.data + from, there);
    }
    for (unsigned i = threadIdx.x; i < SLICE * BLOCK_QUERIES; i += blockDim.x) {
        unsigned place = i % BLOCK_QUERIES, part = i / BLOCK_QUERIES, chunk = first_chunk + part;
        unsigned tile = blockIdx.x * (BLOCK_QUERIES / TILE) + place / TILE;
        bool there = chunk < args.chunks;
        size_t from = there ? ((size_t)tile * args.chunks + chunk) * TILE + place % TILE : 0;
        copy_async(&slice.queries[part][place], args.queries + from, there);
    }
    copy_commit();
}

// Eight warps: warp w has the rows of tile w % 4 and the queries from w / 4 * 64 on.
KERNEL BOUNDS(256, 2) batch_f16(const ScanArgs args) {
    SHARED Slice slices[2];
    SHARED float thresholds[BLOCK_QUERIES];
    SHARED Params params[BLOCK_QUERIES];
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned tile_in_block = warp % 4, first_row = tile_in_block * TILE, first_query = warp / 4 * 64;
    const unsigned slice_count = (args.chunks + SLICE - 1) / SLICE;
    for (unsigned i = threadIdx.x; i < BLOCK_QUERIES; i += blockDim.x) {
        thresholds[i] = args.lists.heads[blockIdx.x * BLOCK_QUERIES + i].threshold;
        params[i] = args.params[blockIdx.x * BLOCK_QUERIES + i];
    }
    __syncthreads();
    for (unsigned block = blockIdx.y; block * (BLOCK_ROWS / TILE) < args.phase.tiles; block += gridDim.y) {
        float sums[2][8][4] = {};
        copy_slice(args, slices[0], block, 0);
        for (unsigned number = 0; number < slice_count; number++) {
            if (number + 1 < slice_count) {
                copy_slice(args, slices[(number + 1) % 2], block, (number + 1) * SLICE);
                copy_wait<1>();
            } else {
                copy_wait<0>();
            }
            __syncthreads();
            const Slice &slice = slices[number % 2];
            for (unsigned chunk = 0; chunk < SLICE; chunk += 2) {
                unsigned a[2][4];
                for (unsigned m = 0; m < 2; m++)
                    load_matrices(a[m], &slice.rows[chunk + lane / 16][first_row + m * 16 + lane % 16]);
                for (unsigned n = 0; n < 8; n += 2) {
                    unsigned b[4];
                    load_matrices(b, &slice.queries[chunk + lane / 8 % 2][first_query + n * 8 + lane / 16 * 8 + lane % 8]);
                    for (unsigned m = 0; m < 2; m++) {
                        multiply(sums[m][n], a[m], b[0], b[1]);
                        multiply(sums[m][n + 1], a[m], b[2], b[3]);
                    }
                }
            }
            __syncthreads();
        }
        const unsigned number = block * (BLOCK_ROWS / TILE) + tile_in_block;
        if (number >= args.phase.tiles)
            continue;
        const unsigned tile = tile_of(args.phase, number);
        for (unsigned m = 0; m < 2; m++) {
            for (unsigned n = 0; n < 8; n++) {
                for (unsigned e = 0; e < 4; e++) {
                    const unsigned place = m * 16 + e / 2 * 8 + lane / 4, query = first_query + n * 8 + lane % 4 * 2 + e % 2;
                    const Params &param = params[query];
                    const float estimate = sums[m][n][e];
                    if (param.k == 0 || estimate + param.slack < thresholds[query])
                        continue;
                    if (!(rows_allowed(args.filters, args.filter_words, param.filter, args.rows, tile) >> place & 1u))
                        continue;
                    const unsigned asked = blockIdx.x * BLOCK_QUERIES + query;
                    const unsigned slot = atomicAdd(&args.lists.heads[asked].count, 1u);
                    if (slot < args.lists.capacity) {
                        Candidate candidate = {tile * TILE + place, estimate - param.slack, estimate + param.slack};
                        args.lists.candidates[(size_t)asked * args.lists.capacity + slot] = candidate;
                    }
                }
            }
        }
    }
}
