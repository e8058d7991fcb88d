// Attention, O = softmax(scale Q K^T) V a head, for which cuDNN has no engine: in float32, and that of text encoders, in
// which a token sees those before it and itself (causal), in all types. The softmax is online (Milakov and Gimelshein,
// 2018, arXiv:1805.02867): no matrix of scores is stored. All sums are float32.
#pragma once
#include "network_vec.cuh"

namespace cudiffuse {

constexpr int kKeys = 64, kDims = 64, kDepth = 16, kPad = 4;

// shared2 and shared4 read shared memory.
__device__ __forceinline__ float2 shared2(const float* p) { return *reinterpret_cast<const float2*>(p); }
__device__ __forceinline__ float4 shared4(const float* p) { return *reinterpret_cast<const float4*>(p); }

// A block has 16 R queries of a head of an image: a grid of (query tiles, heads, images), of 16 x 16 threads. A thread
// has R queries, and of those four keys of a tile of 64 in the first product, four of every 64 dimensions in the second:
// each pair of 16-byte reads from shared memory gives 4 R multiply-adds. D bounds the dimensions of a head.
template <int D, int R, typename T>
__device__ __forceinline__ void attention(const T* q, const T* k, const T* v, T* o, uint64_t qs, uint64_t ks, uint64_t vs,
                                          uint64_t os, int queries, int keys, int dim, float scale, int causal) {
    constexpr int kQueries = 16 * R, kBlocks = D / kDims;
    // Q and K by dimension, kDepth of them at a time; the values, in the same place afterwards; probabilities by key.
    __shared__ __align__(16) float tile[kKeys * (kDims + kPad)], p[kKeys * kQueries];
    float(*qt)[kQueries + kPad] = reinterpret_cast<float(*)[kQueries + kPad]>(tile);
    float(*kt)[kKeys + kPad] = reinterpret_cast<float(*)[kKeys + kPad]>(tile + kDepth * (kQueries + kPad));
    float(*vt)[kDims + kPad] = reinterpret_cast<float(*)[kDims + kPad]>(tile);
    const int tx = threadIdx.x % 16, ty = threadIdx.x / 16, q0 = blockIdx.x * kQueries;
    const uint64_t head = (uint64_t)blockIdx.y * dim, image = blockIdx.z;
    q += image * queries * qs + head, o += image * queries * os + head;
    k += image * keys * ks + head, v += image * keys * vs + head;

    const int end = causal ? min(keys, q0 + kQueries) : keys;  // of the tiles that a query of the block may see

    float sums[kBlocks][R][4] = {}, most[R], total[R] = {};
#pragma unroll
    for (int i = 0; i < R; ++i) most[i] = -INFINITY;

    // get and put move a thread's queries at one dimension or key.
    auto get = [&](const float* at, float a[R]) {
        if constexpr (R == 4) {
            const float4 w = shared4(at);
            a[0] = w.x, a[1] = w.y, a[2] = w.z, a[3] = w.w;
        } else {
            const float2 w = shared2(at);
            a[0] = w.x, a[1] = w.y;
        }
    };
    // Probabilities of a key lie in an order of their own, so that threads with different keys meet different banks.
    auto probabilities = [&](int key) { return p + key * kQueries + (ty ^ (key / 4 & 15)) * R; };
    // multiply adds R x 4 products to s.
    auto multiply = [&](float s[R][4], const float a[R], float4 b) {
#pragma unroll
        for (int i = 0; i < R; ++i) {
            s[i][0] = __fmaf_rn(a[i], b.x, s[i][0]), s[i][1] = __fmaf_rn(a[i], b.y, s[i][1]);
            s[i][2] = __fmaf_rn(a[i], b.z, s[i][2]), s[i][3] = __fmaf_rn(a[i], b.w, s[i][3]);
        }
    };

#pragma unroll 1
    for (int k0 = 0; k0 < end; k0 += kKeys) {
        float s[R][4] = {};
#pragma unroll 1
        for (int d0 = 0; d0 < dim; d0 += kDepth) {
            __syncthreads();
            const bool there = d0 + tx < dim;
#pragma unroll
            for (int i = 0; i < R; ++i) {
                const int r = ty + 16 * i;
                qt[tx][r] = there && q0 + r < queries ? to_float(q[(q0 + r) * qs + d0 + tx]) : 0.0f;
            }
#pragma unroll
            for (int i = 0; i < kKeys / 16; ++i) {
                const int r = ty + 16 * i;
                kt[tx][r] = there && k0 + r < keys ? to_float(k[(k0 + r) * ks + d0 + tx]) : 0.0f;
            }
            __syncthreads();
            // Zeros behind the last dimension would spoil an infinite score: 0 times infinity.
            const int n = min(kDepth, dim - d0);
#pragma unroll 4
            for (int c = 0; c < n; ++c) {
                float a[R];
                get(qt[c] + R * ty, a);
                multiply(s, a, shared4(kt[c] + 4 * tx));
            }
        }
#pragma unroll
        for (int i = 0; i < R; ++i) {
            const int seen = causal ? min(keys, q0 + R * ty + i + 1) : keys;
            float top = most[i], sum = 0.0f;
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                s[i][j] = k0 + 4 * tx + j < seen ? s[i][j] * scale : -INFINITY;
                top = fmaxf(top, s[i][j]);
            }
            for (int d = 8; d; d /= 2) top = fmaxf(top, __shfl_xor_sync(~0u, top, d));
#pragma unroll
            for (int j = 0; j < 4; ++j) {  // a key at -infinity weighs nothing, even while all are; NaN spreads
                s[i][j] = s[i][j] == -INFINITY ? 0.0f : expf(s[i][j] - top);
                sum += s[i][j];
            }
            for (int d = 8; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
            const float fade = most[i] == -INFINITY ? 0.0f : expf(most[i] - top);
            total[i] = total[i] * fade + sum, most[i] = top;
#pragma unroll
            for (int b = 0; b < kBlocks; ++b)
#pragma unroll
                for (int e = 0; e < 4; ++e) sums[b][i][e] *= fade;
        }
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            float* at = probabilities(4 * tx + j);
            if constexpr (R == 4) {
                *reinterpret_cast<float4*>(at) = make_float4(s[0][j], s[1][j], s[2][j], s[3][j]);
            } else {
                *reinterpret_cast<float2*>(at) = make_float2(s[0][j], s[1][j]);
            }
        }
        const int n = min(kKeys, keys - k0);
#pragma unroll
        for (int b = 0; b < kBlocks; ++b) {
            if (b * kDims >= dim) continue;
            __syncthreads();
#pragma unroll 4
            for (int i = threadIdx.x; i < kKeys * kDims; i += kNetThreads) {
                const int r = i / kDims, c = b * kDims + i % kDims;
                vt[r][i % kDims] = r < n && c < dim ? to_float(v[(k0 + r) * vs + c]) : 0.0f;
            }
            __syncthreads();
#pragma unroll 4
            for (int j = 0; j < n; ++j) {
                float a[R];
                get(probabilities(j), a);
                multiply(sums[b], a, shared4(vt[j] + 4 * tx));
            }
        }
    }
#pragma unroll
    for (int i = 0; i < R; ++i) {
        const int r = q0 + R * ty + i;
        if (r >= queries) continue;
#pragma unroll
        for (int b = 0; b < kBlocks; ++b)
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const int c = b * kDims + 4 * tx + e;
                if (c < dim) o[r * os + c] = cast<T>(__fdiv_rn(sums[b][i][e], total[i]));
            }
    }
}

}  // namespace cudiffuse
