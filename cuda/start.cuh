// What happens once: the initial samples, noise by itself, and the casts of tensors that come from or go to the
// host in float32.
#pragma once
#include "layout.cuh"
#include "normal.cuh"
#include "vec.cuh"

namespace cudiffuse {

// start writes the initial samples and the first network inputs. Mirror of startTask in gpu/program.go:
//
//   x = init * (given noise or draw 0),  base = x,  in = cast(c_in*x),  t = the first timestep
template <bool kVec, typename T>
__device__ __forceinline__ void start(const Row* __restrict__ rows, float* arena, T* in, float* t, uint64_t elems) {
    const Row& row = rows[blockIdx.x];
    Keys keys(row.seed);
    uint32_t blocks = (uint32_t)((elems + 3) / 4);
#pragma unroll 1
    for (uint32_t block = blockIdx.y * blockDim.x + threadIdx.x; block < blocks; block += gridDim.y * blockDim.x) {
        uint64_t i = 4 * (uint64_t)block;
        float x[4];
        if (row.flags & kRowInit) load4(x, arena + row.x + i);
        else normals4(x, keys, 0, block);
        for (int k = 0; k < 4; ++k) x[k] = __fmul_rn(row.init, x[k]);
        store4(arena + row.x + i, x);
        if (row.flags & kRowBase) store4(arena + row.base + i, x);
        if (!(row.flags & kRowEval)) continue;
        for (int k = 0; k < 4; ++k) x[k] = __fmul_rn(row.first_in, x[k]);
        Packed<T> packed(x);
#pragma unroll 1
        for (uint64_t c = 0; c < row.conds; ++c) store_net<kVec>(in + (row.first + c) * elems, i, elems, packed);
    }
    if (blockIdx.y == 0)
        for (uint64_t c = threadIdx.x; c < row.conds; c += blockDim.x) t[row.first + c] = row.first_t;
}

// fill writes scale times the noise of elements first to first+n-1 of a draw: Normals of package gpu.
__device__ __forceinline__ void fill(float* dst, uint64_t n, uint64_t seed, uint32_t draw, uint64_t first,
                                     float scale) {
    Keys keys(seed);
    uint64_t blocks = (first + n + 3) / 4 - first / 4;
#pragma unroll 1
    for (uint64_t b = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; b < blocks; b += (uint64_t)gridDim.x * blockDim.x) {
        uint64_t block = first / 4 + b;
        float v[4];
        normals4(v, keys, draw, block);
        for (int k = 0; k < 4; ++k) {
            uint64_t i = 4 * block + k - first;  // wraps around below first
            if (i < n) dst[i] = __fmul_rn(scale, v[k]);
        }
    }
}

__device__ __forceinline__ void convert(float* to, float v) { *to = v; }
__device__ __forceinline__ void convert(f16* to, float v) { *to = cast<f16>(v); }
__device__ __forceinline__ void convert(bf16* to, float v) { *to = cast<bf16>(v); }

// cast_all rounds n elements to another type, to nearest even.
template <typename To, typename From>
__device__ __forceinline__ void cast_all(To* __restrict__ dst, const From* __restrict__ src, uint64_t n) {
    uint64_t stride = (uint64_t)gridDim.x * blockDim.x;
#pragma unroll 1
    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
        convert(dst + i, to_float(src[i]));
}

}  // namespace cudiffuse
