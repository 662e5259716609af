// The same kernels on the host: blocks run one after the other, the threads of a block by turns, each until it waits for others.
// What only the hardware knows (ballots, shuffles, ldmatrix, mma, cp.async) is done here as the PTX manual describes it. host.cpp has
// the entry points.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <vector>

#define DEVICE static inline
#define KERNEL static void
#define BOUNDS(threads, blocks)
#define SHARED static thread_local
#define DYNAMIC_SHARED(type, name) type *name = static_cast<type *>(host::dynamic_shared())

struct float2 {
    float x, y;
};
struct float4 {
    float x, y, z, w;
};
struct uint4 {
    unsigned x, y, z, w;
};
struct dim3 {
    unsigned x, y, z;
};

namespace host {
// What a thread shows to the others of its warp.
union Shown {
    unsigned words[8];
    unsigned long long wide;
    double number;
    const void *address;
};

// A copy that was begun.
struct Copy {
    void *to;
    const void *from;
    bool there;
    unsigned group;
};

struct Thread {
    dim3 place;
    unsigned turn; // counts exchanges: two slots are enough, for nobody is two turns ahead
    unsigned group;
    std::vector<Copy> copies;
};

extern thread_local Thread *self;
extern thread_local dim3 block_place, block_size, grid_size;

void *dynamic_shared();
void wait_for_block();
// Waits until all of the warp have come, and gives what each shows.
const Shown *exchange(const Shown &own);
void wait_for_copies(unsigned left);
} // namespace host

#define threadIdx (host::self->place)
#define blockIdx (host::block_place)
#define blockDim (host::block_size)
#define gridDim (host::grid_size)

static inline void __syncthreads() { host::wait_for_block(); }
static inline unsigned __float_as_uint(float v) {
    unsigned bits;
    std::memcpy(&bits, &v, 4);
    return bits;
}
static inline float __uint_as_float(unsigned bits) {
    float v;
    std::memcpy(&v, &bits, 4);
    return v;
}
static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __ffs(unsigned v) { return __builtin_ffs(static_cast<int>(v)); }
static inline unsigned atomicAdd(unsigned *to, unsigned v) {
    unsigned before = *to;
    *to += v;
    return before;
}

DEVICE uint4 load_once(const uint4 *address) { return *address; }

DEVICE float half_to_float(unsigned bits) {
    unsigned exponent = bits >> 10 & 31u, fraction = bits & 1023u;
    float size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                               : std::ldexp(static_cast<float>(fraction | 1024u), static_cast<int>(exponent) - 25);
    return bits & 0x8000u ? -size : size;
}
DEVICE float2 halves(unsigned pair) { return {half_to_float(pair & 0xffffu), half_to_float(pair >> 16)}; }

DEVICE int dot4(unsigned a, unsigned b, int sum) {
    for (int i = 0; i < 32; i += 8)
        sum += static_cast<signed char>(a >> i) * static_cast<signed char>(b >> i);
    return sum;
}

DEVICE unsigned lane_of_self() { return host::self->place.x % 32; }

DEVICE unsigned warp_ballot(bool vote) {
    host::Shown own = {};
    own.words[0] = vote;
    const host::Shown *all = host::exchange(own);
    unsigned mask = 0;
    for (unsigned lane = 0; lane < 32; lane++)
        mask |= all[lane].words[0] << lane;
    return mask;
}
DEVICE unsigned warp_shuffle(unsigned value, unsigned lane) {
    host::Shown own = {};
    own.words[0] = value;
    return host::exchange(own)[lane % 32].words[0];
}
DEVICE unsigned warp_shuffle_up(unsigned value, unsigned by) {
    host::Shown own = {};
    own.words[0] = value;
    const host::Shown *all = host::exchange(own);
    return lane_of_self() < by ? value : all[lane_of_self() - by].words[0];
}
DEVICE double warp_shuffle_xor(double value, unsigned mask) {
    host::Shown own = {};
    own.number = value;
    return host::exchange(own)[lane_of_self() ^ mask].number;
}

// Copies come as late as they may, so that a wait that is missing shows.
DEVICE void copy_async(uint4 *to, const uint4 *from, bool there) { host::self->copies.push_back({to, from, there, host::self->group}); }
DEVICE void copy_commit() { host::self->group++; }
template <int LEFT> DEVICE void copy_wait() { host::wait_for_copies(LEFT); }

DEVICE void load_matrices(unsigned (&v)[4], const uint4 *row) {
    host::Shown own = {};
    own.address = row;
    const host::Shown *all = host::exchange(own);
    for (unsigned matrix = 0; matrix < 4; matrix++) {
        const char *line = static_cast<const char *>(all[matrix * 8 + lane_of_self() / 4].address);
        std::memcpy(&v[matrix], line + lane_of_self() % 4 * 4, 4);
    }
}

DEVICE void multiply(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    host::Shown own = {};
    std::memcpy(own.words, a, sizeof a);
    own.words[4] = b0;
    own.words[5] = b1;
    const host::Shown *all = host::exchange(own);
    for (unsigned e = 0; e < 4; e++) {
        unsigned row = lane_of_self() / 4 + e / 2 * 8, column = lane_of_self() % 4 * 2 + e % 2;
        for (unsigned k = 0; k < 16; k++) {
            unsigned of_a = all[row % 8 * 4 + k % 8 / 2].words[row / 8 + k / 8 * 2];
            unsigned of_b = all[column * 4 + k % 8 / 2].words[4 + k / 8];
            d[e] += half_to_float(of_a >> k % 2 * 16 & 0xffffu) * half_to_float(of_b >> k % 2 * 16 & 0xffffu);
        }
    }
}
