// The instructions that kernels use beyond plain C++, on a device. host.h has the same for the host.
#pragma once

#define DEVICE static __device__ __forceinline__
#define KERNEL extern "C" __global__ void
#define BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)
#define DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#define SHARED __shared__

#define FULL_WARP 0xffffffffu

// Reads what is read once.
DEVICE uint4 load_once(const uint4 *address) {
    uint4 v;
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(address));
    return v;
}

// Two halves as floats.
DEVICE float2 halves(unsigned pair) {
    float2 v;
    asm("{ .reg .b16 lo, hi; mov.b32 {lo, hi}, %2; cvt.f32.f16 %0, lo; cvt.f32.f16 %1, hi; }" : "=f"(v.x), "=f"(v.y) : "r"(pair));
    return v;
}

// sum + the dot product of four signed bytes each. NVRTC 12.0 leaves __dp4a unresolved.
DEVICE int dot4(unsigned a, unsigned b, int sum) {
    int v;
    asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(v) : "r"(a), "r"(b), "r"(sum));
    return v;
}

DEVICE unsigned warp_ballot(bool vote) { return __ballot_sync(FULL_WARP, vote); }
DEVICE unsigned warp_shuffle(unsigned value, unsigned lane) { return __shfl_sync(FULL_WARP, value, lane); }
DEVICE unsigned warp_shuffle_up(unsigned value, unsigned by) { return __shfl_up_sync(FULL_WARP, value, by); }
DEVICE double warp_shuffle_xor(double value, unsigned mask) { return __shfl_xor_sync(FULL_WARP, value, mask); }

#if __CUDA_ARCH__ >= 800
DEVICE unsigned shared_address(const void *pointer) { return (unsigned)__cvta_generic_to_shared(pointer); }

// Copies 16 bytes to shared memory without waiting; zeros unless `there`.
DEVICE void copy_async(uint4 *to, const uint4 *from, bool there) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(there ? 16 : 0) : "memory");
}
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until all but the newest `LEFT` groups of copies are there.
template <int LEFT> DEVICE void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory"); }

// Four matrices of 8 x 8 halves; lane l gives the address of row l % 8 of matrix l / 8.
DEVICE void load_matrices(unsigned (&v)[4], const uint4 *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// d += a * b, 16 x 16 halves times 16 x 8.
DEVICE void multiply(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#endif
