// Attention in float32, O = softmax(scale Q K^T) V a head, for which cuDNN has no engine. The softmax is online
// (Milakov and Gimelshein, 2018, arXiv:1805.02867): no matrix of scores is stored.
#pragma once
#include "network_vec.cuh"

namespace cudiffuse {

constexpr int kQueries = 16, kKeys = 32, kDims = 64, kAttentionThreads = 128;

// A block has 16 queries of a head of an image: a grid of (query tiles, heads, images). Eight threads share a query;
// each has every eighth key of a tile, and every eighth dimension of the result. D bounds the dimensions of a head.
template <int D>
__device__ __forceinline__ void attention(const float* q, const float* k, const float* v, float* o, uint64_t qs, uint64_t ks,
                                          uint64_t vs, uint64_t os, int queries, int keys, int dim, float scale) {
    __shared__ float tile[kKeys][kDims + 1], qt[kQueries][D], p[kQueries][kKeys + 1];
    const int mine = threadIdx.x / 8, part = threadIdx.x % 8, q0 = blockIdx.x * kQueries;
    const uint64_t head = (uint64_t)blockIdx.y * dim, image = blockIdx.z;
    q += image * queries * qs + head, o += image * queries * os + head;
    k += image * keys * ks + head, v += image * keys * vs + head;
    for (int i = threadIdx.x; i < kQueries * dim; i += kAttentionThreads) {
        const int r = i / dim, c = i % dim;
        qt[r][c] = q0 + r < queries ? q[(uint64_t)(q0 + r) * qs + c] : 0.0f;
    }
    float sums[D / 8], most = -INFINITY, total = 0.0f;
#pragma unroll
    for (int c = 0; c < D / 8; ++c) sums[c] = 0.0f;

    // fill brings dimensions d0.. of a tile of keys or values in.
    auto fill = [&](const float* x, uint64_t stride, int k0, int d0) {
        __syncthreads();
#pragma unroll 4
        for (int i = threadIdx.x; i < kKeys * kDims; i += kAttentionThreads) {
            const int r = i / kDims, c = i % kDims;
            tile[r][c] = k0 + r < keys && d0 + c < dim ? x[(uint64_t)(k0 + r) * stride + d0 + c] : 0.0f;
        }
        __syncthreads();
    };
    for (int k0 = 0; k0 < keys; k0 += kKeys) {
        float s[kKeys / 8] = {};
        for (int d0 = 0; d0 < dim; d0 += kDims) {
            fill(k, ks, k0, d0);
            const int n = min(kDims, dim - d0);
#pragma unroll 4
            for (int c = 0; c < n; ++c) {
                const float a = qt[mine][d0 + c];
#pragma unroll
                for (int j = 0; j < kKeys / 8; ++j) s[j] = __fmaf_rn(a, tile[part + 8 * j][c], s[j]);
            }
        }
        float top = most;
#pragma unroll
        for (int j = 0; j < kKeys / 8; ++j) {
            s[j] = k0 + part + 8 * j < keys ? s[j] * scale : -INFINITY;
            top = s[j] > top || s[j] != s[j] ? s[j] : top;  // NaN wins and spreads
        }
        for (int d = 4; d; d /= 2) {
            const float other = __shfl_xor_sync(~0u, top, d);
            top = other > top || other != other ? other : top;
        }
        const float fade = most == -INFINITY ? 0.0f : expf(most - top);
        float sum = 0.0f;
#pragma unroll
        for (int j = 0; j < kKeys / 8; ++j) {
            const float e = k0 + part + 8 * j < keys ? expf(s[j] - top) : 0.0f;
            p[mine][part + 8 * j] = e;
            sum += e;
        }
        for (int d = 4; d; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
        total = total * fade + sum, most = top;
#pragma unroll
        for (int c = 0; c < D / 8; ++c) sums[c] *= fade;
#pragma unroll
        for (int b = 0; b < (D + kDims - 1) / kDims; ++b) {
            if (b * kDims >= dim) continue;
            fill(v, vs, k0, b * kDims);
#pragma unroll
            for (int c = 0; c < kDims / 8; ++c) {
                if (b * (kDims / 8) + c >= D / 8) continue;
                float a = sums[b * (kDims / 8) + c];
#pragma unroll 4
                for (int j = 0; j < kKeys; ++j) a = __fmaf_rn(p[mine][j], tile[j][part + 8 * c], a);
                sums[b * (kDims / 8) + c] = a;
            }
        }
    }
    if (q0 + mine >= queries) return;
#pragma unroll
    for (int c = 0; c < D / 8; ++c) {
        const int at = c / 8 * kDims + part + c % 8 * 8;
        if (at < dim) o[(uint64_t)(q0 + mine) * os + at] = __fdiv_rn(sums[c], total);
    }
}

}  // namespace cudiffuse
