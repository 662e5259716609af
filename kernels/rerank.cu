// Puts the score of each candidate in the place of its bounds, bit by bit the score that crates/gpu/src/exact.rs gives: products are exact
// in double, element i goes to sum i % 16, and the sums are added by halves.
#include "common.cuh"

// Half a warp takes a candidate at a time; blockIdx.y is the query.
KERNEL BOUNDS(256, 4) rerank(const RerankArgs args) {
    const unsigned query = blockIdx.y, lane = threadIdx.x % 16;
    const unsigned all = args.lists.heads[query].count;
    const unsigned count = all < args.lists.capacity ? all : args.lists.capacity;
    Candidate *candidates = args.lists.candidates + (size_t)query * args.lists.capacity;
    const float *unit = args.queries + (size_t)query * args.query_stride;
    const unsigned warps = gridDim.x * (blockDim.x / 32);
    for (unsigned pair = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; pair * 2 < count; pair += warps) {
        const unsigned i = pair * 2 + threadIdx.x % 32 / 16;
        const unsigned row = candidates[i < count ? i : count - 1].row;
        const float *vector = args.units + ((size_t)(row / TILE) * args.chunks * TILE + row % TILE) * 4;
        double sum = 0.0;
        for (unsigned d = lane; d < args.dimensions; d += 16)
            sum += (double)unit[d] * (double)vector[(size_t)(d / 4) * TILE * 4 + d % 4];
        for (unsigned mask = 8; mask > 0; mask /= 2)
            sum += warp_shuffle_xor(sum, mask);
        // Adding 0 makes a negative zero positive.
        float score = fminf(fmaxf((float)sum, -1.0f), 1.0f) + 0.0f;
        if (lane == 0 && i < count) {
            candidates[i].least = score;
            candidates[i].most = score;
        }
    }
}
