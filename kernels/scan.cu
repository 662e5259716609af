// The rows that may be among the best of each query, by one pass over the vectors; README.md has the shapes.
#include "common.cuh"

// Rows of f32, queries of f32.
struct Float {
    typedef float4 Sum;
    static const unsigned WORDS = 1; // chunks of the query for one of the row
    static const bool FACTORS = false;
    DEVICE void add(Sum &sum, uint4 row, const uint4 *query) {
        sum.x = fmaf(__uint_as_float(row.x), __uint_as_float(query->x), sum.x);
        sum.y = fmaf(__uint_as_float(row.y), __uint_as_float(query->y), sum.y);
        sum.z = fmaf(__uint_as_float(row.z), __uint_as_float(query->z), sum.z);
        sum.w = fmaf(__uint_as_float(row.w), __uint_as_float(query->w), sum.w);
    }
    DEVICE float total(const Sum &sum) { return (sum.x + sum.y) + (sum.z + sum.w); }
};

// Rows of f16, queries of f32.
struct Half {
    typedef float4 Sum;
    static const unsigned WORDS = 2;
    static const bool FACTORS = false;
    DEVICE void add(Sum &sum, uint4 row, const uint4 *query) {
        float2 a = halves(row.x), b = halves(row.y), c = halves(row.z), d = halves(row.w);
        uint4 low = query[0], high = query[1];
        sum.x = fmaf(a.x, __uint_as_float(low.x), sum.x);
        sum.y = fmaf(a.y, __uint_as_float(low.y), sum.y);
        sum.z = fmaf(b.x, __uint_as_float(low.z), sum.z);
        sum.w = fmaf(b.y, __uint_as_float(low.w), sum.w);
        sum.x = fmaf(c.x, __uint_as_float(high.x), sum.x);
        sum.y = fmaf(c.y, __uint_as_float(high.y), sum.y);
        sum.z = fmaf(d.x, __uint_as_float(high.z), sum.z);
        sum.w = fmaf(d.y, __uint_as_float(high.w), sum.w);
    }
    DEVICE float total(const Sum &sum) { return (sum.x + sum.y) + (sum.z + sum.w); }
};

// Rows and queries as int8 codes: the sum is an integer, and exact.
struct Byte {
    typedef int Sum;
    static const unsigned WORDS = 1;
    static const bool FACTORS = true;
    DEVICE void add(Sum &sum, uint4 row, const uint4 *query) {
        sum = dot4(row.x, query->x, sum);
        sum = dot4(row.y, query->y, sum);
        sum = dot4(row.z, query->z, sum);
        sum = dot4(row.w, query->w, sum);
    }
    DEVICE float total(const Sum &sum) { return (float)sum; }
};

// Adds to a query's list the rows of those threads of a warp that pass.
DEVICE void append(const Lists &lists, unsigned query, bool passes, Candidate candidate) {
    unsigned mask = warp_ballot(passes);
    if (mask == 0)
        return;
    unsigned lane = threadIdx.x % 32, first = __ffs(mask) - 1, base = 0;
    if (lane == first)
        base = atomicAdd(&lists.heads[query].count, __popc(mask));
    unsigned slot = warp_shuffle(base, first) + __popc(mask & ((1u << lane) - 1u));
    if (passes && slot < lists.capacity)
        lists.candidates[(size_t)query * lists.capacity + slot] = candidate;
}

// A warp takes a tile at a time, a thread a row, for Q queries. Blocks side by side have other queries and the same rows, so that those come
// from the cache.
template <class Type, int Q> DEVICE void scan(const ScanArgs &args) {
    DYNAMIC_SHARED(uint4, query);
    const unsigned first = blockIdx.x * Q, size = Q * args.query_chunks;
    for (unsigned i = threadIdx.x; i < size; i += blockDim.x)
        query[i] = args.queries[(size_t)blockIdx.x * size + i];
    __syncthreads();
    const Params *params = args.params + first;
    const Head *heads = args.lists.heads + first;
    const unsigned lane = threadIdx.x % 32, warps = gridDim.y * (blockDim.x / 32);
    for (unsigned i = blockIdx.y * (blockDim.x / 32) + threadIdx.x / 32; i < args.phase.tiles; i += warps) {
        const unsigned tile = tile_of(args.phase, i), row = tile * TILE + lane;
        unsigned allowed[Q], any = 0;
        for (int q = 0; q < Q; q++) {
            allowed[q] = params[q].k == 0 ? 0 : rows_allowed(args.filters, args.filter_words, params[q].filter, args.rows, tile);
            any |= allowed[q];
        }
        if (any == 0)
            continue;
        typename Type::Sum sum[Q] = {};
        const uint4 *data = args.data + (size_t)tile * args.chunks * TILE + lane;
#pragma unroll(Q == 1 ? 8 : 4)
        for (unsigned chunk = 0; chunk < args.chunks; chunk++) {
            uint4 part = load_once(data + (size_t)chunk * TILE);
            for (int q = 0; q < Q; q++)
                Type::add(sum[q], part, query + q * args.query_chunks + chunk * Type::WORDS);
        }
        float scale = 1.0f, residual = 0.0f;
        if (Type::FACTORS) {
            float2 factors = args.factors[row];
            scale = factors.x;
            residual = factors.y;
        }
        for (int q = 0; q < Q; q++) {
            float estimate = Type::total(sum[q]) * params[q].scale * scale;
            float width = params[q].reach * residual + params[q].slack;
            Candidate candidate = {row, estimate - width, estimate + width};
            bool passes = (allowed[q] >> lane & 1u) && !(candidate.most < heads[q].threshold);
            append(args.lists, first + q, passes, candidate);
        }
    }
}

#define SCAN(name, type, queries) \
    KERNEL BOUNDS(256, queries == 1 ? 4 : 3) name(const ScanArgs args) { scan<type, queries>(args); }

SCAN(scan_f32_1, Float, 1)
SCAN(scan_f32_4, Float, 4)
SCAN(scan_f16_1, Half, 1)
SCAN(scan_f16_4, Half, 4)
SCAN(scan_i8_1, Byte, 1)
SCAN(scan_i8_4, Byte, 4)
