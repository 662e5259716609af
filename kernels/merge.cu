// Raises a query's threshold to the k-th greatest lower bound of its candidates, and drops those that do not reach it.
#include "common.cuh"

// By the first warp: the digit at which `wanted` entries, counted from the greatest digit, are reached; `above` are the entries beyond it.
DEVICE void find_digit(const unsigned *histogram, unsigned wanted, unsigned *digit, unsigned *above) {
    // Lane l has the 8 digits from 255 - 8 l downwards.
    const unsigned lane = threadIdx.x, top = 255 - 8 * lane;
    unsigned own = 0;
    for (unsigned i = 0; i < 8; i++)
        own += histogram[top - i];
    unsigned through = own;
    for (unsigned by = 1; by < 32; by *= 2) {
        unsigned before = warp_shuffle_up(through, by);
        if (lane >= by)
            through += before;
    }
    unsigned seen = through - own;
    if (seen < wanted && wanted <= through) {
        unsigned i = 0;
        while (seen + histogram[top - i] < wanted) {
            seen += histogram[top - i];
            i++;
        }
        *digit = top - i;
        *above = seen;
    }
}

// One block for each query.
KERNEL BOUNDS(512, 1) merge(const MergeArgs args) {
    SHARED unsigned histogram[256];
    SHARED unsigned digit, above, kept;
    const unsigned query = blockIdx.x, k = args.params[query].k;
    const Head head = args.lists.heads[query];
    Candidate *candidates = args.lists.candidates + (size_t)query * args.lists.capacity;
    const unsigned count = head.count < args.lists.capacity ? head.count : args.lists.capacity;
    float threshold = head.threshold;
    if (k > 0 && count >= k) {
        unsigned prefix = 0, known = 0, wanted = k;
        for (int shift = 24; shift >= 0; shift -= 8) {
            for (unsigned i = threadIdx.x; i < 256; i += blockDim.x)
                histogram[i] = 0;
            __syncthreads();
            for (unsigned i = threadIdx.x; i < count; i += blockDim.x) {
                unsigned key = ordered(candidates[i].least);
                if (((key ^ prefix) & known) == 0)
                    atomicAdd(&histogram[key >> shift & 255u], 1u);
            }
            __syncthreads();
            if (threadIdx.x < 32)
                find_digit(histogram, wanted, &digit, &above);
            __syncthreads();
            prefix |= digit << shift;
            known |= 255u << shift;
            wanted -= above;
        }
        float least = unordered(prefix);
        threshold = least > threshold ? least : threshold;
    }
    if (threadIdx.x == 0)
        kept = 0;
    __syncthreads();
    // What is kept moves to places that were read before.
    for (unsigned base = 0; base < count; base += blockDim.x) {
        const unsigned i = base + threadIdx.x;
        Candidate candidate = {0, 0.0f, 0.0f};
        if (i < count)
            candidate = candidates[i];
        __syncthreads();
        if (i < count && !(candidate.most < threshold))
            candidates[atomicAdd(&kept, 1u)] = candidate;
    }
    __syncthreads();
    const Head result = {kept, head.overflow | (head.count > args.lists.capacity ? 1u : 0u), threshold, 0};
    if (threadIdx.x == 0) {
        args.lists.heads[query] = result;
        if (args.heads_out)
            args.heads_out[query] = result;
    }
    if (args.candidates_out) {
        for (unsigned i = threadIdx.x; i < kept && i < args.stride; i += blockDim.x)
            args.candidates_out[(size_t)query * args.stride + i] = candidates[i];
    }
}
