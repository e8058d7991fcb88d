// The running average of adaptive projected guidance with momentum (Sadat et al. 2024, arXiv:2410.02416, section on reverse
// momentum; MomentumBuffer in diffusers). One launch before the one of the scalars, for all requests. Mirror of
// gpu/average.go: same order.
//
// Bytes per element: T for each of two conditions, 4 read and 4 written.
#pragma once
#include "layout.cuh"
#include "vec.cuh"

namespace cudiffuse {

// row_average is average = (c-u) + momentum*average, each operation rounded. It is zero where the run starts, and a stage
// without guidance leaves it alone. Block (r, part) works on request r; fused_step counts the stage, later.
template <bool kVec, typename T>
__device__ __forceinline__ void row_average(const Entry* __restrict__ table, const Row* __restrict__ rows,
                                            const State* state, float* arena, const T* out, uint64_t elems) {
    const Row& row = rows[blockIdx.x];
    if (!(row.flags & kRowMomentum)) return;
    uint32_t stage = state[blockIdx.x].stage;
    if (stage >= row.stages) return;
    uint32_t kind = table[row.table + stage].flags & (kFlagEval | kFlagFirst | kFlagNone);
    if (kind != kFlagEval) return;
    float* average = arena + row.average;
    const T* first = out + row.first * elems;
    uint32_t blocks = (uint32_t)((elems + 3) / 4);
#pragma unroll 1
    for (uint32_t block = blockIdx.y * blockDim.x + threadIdx.x; block < blocks; block += gridDim.y * blockDim.x) {
        uint64_t i = 4 * (uint64_t)block;
        float c[4], u[4], v[4];
        load_net<kVec>(c, first, i, elems);
        load_net<kVec>(u, first + elems, i, elems);
        load4(v, average + i);
        for (int k = 0; k < 4; ++k) v[k] = __fadd_rn(__fsub_rn(c[k], u[k]), __fmul_rn(row.momentum, v[k]));
        store4(average + i, v);
    }
}

}  // namespace cudiffuse
