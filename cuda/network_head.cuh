// Heads of queries and keys: root mean square norms, rotary positions, and their places in sequences that are joined.
#pragma once
#include "network_vec.cuh"

namespace cudiffuse {

// What head_norm does on its way, numbered as package netkernels does.
enum HeadWork { kHeadNorm = 1, kHeadTurn = 2 };

// head_norm moves tokens: token t of image n from row n*x_tokens + t of x to row n*y_tokens + t of y, so that x, y or both
// may be a part of longer sequences. Each head of `dim` channels is divided by its root mean square and multiplied by
// gamma (Zhang and Sennrich, 2019, arXiv:1910.07467) where work says kHeadNorm, and with kHeadTurn pairs of channels are
// turned (Su et al., 2021, arXiv:2104.09864) by cosines and sines that angles holds, [tokens - still, dim/2, 2]: the
// first `still` tokens stay. A power of two of lanes has a head of a token and reads it twice.
template <int V, typename T>
__device__ __forceinline__ void head_norm(const T* x, T* y, const float* gamma, const float* angles, uint64_t xs, uint64_t ys,
                                          uint64_t rows, uint64_t tokens, uint64_t x_tokens, uint64_t y_tokens,
                                          uint64_t still, int heads, int dim, int lanes, int work, float eps) {
    constexpr int W = V == 1 ? 2 : V;  // whole pairs
    const uint64_t item = first_item() / lanes, row = item / heads;
    const bool mine = row < rows;  // the lanes of a warp sum together
    const uint64_t token = mine ? row : 0, n = token / tokens, t = token % tokens;
    const int lane = threadIdx.x % lanes, head = mine ? int(item % heads) * dim : 0;
    const T* in = x + (n * x_tokens + t) * xs + head;
    T* out = y + (n * y_tokens + t) * ys + head;
    auto get = [&](float r[W], int c) {
        if constexpr (V == 1) {
            r[0] = to_float(in[c]), r[1] = c + 1 < dim ? to_float(in[c + 1]) : 0.0f;
        } else {
            load<V>(r, in + c);
        }
    };
    // get_params is a pair of float32 numbers, or a vector of them.
    auto get_params = [&](float r[W], const float* p, int c) {
        if constexpr (V == 1) {
            r[0] = p[c], r[1] = c + 1 < dim ? p[c + 1] : 0.0f;
        } else {
            load_params<V>(r, p + c);
        }
    };
    float r[W], rstd = 0.0f;
    if (work & kHeadNorm) {
        float q = 0.0f;
        for (int c = lane * W; c < dim; c += lanes * W) {
            get(r, c);
#pragma unroll
            for (int v = 0; v < W; ++v) q = __fmaf_rn(r[v], r[v], q);
        }
        for (int d = lanes / 2; d; d /= 2) q += __shfl_xor_sync(~0u, q, d);
        rstd = __fdiv_rn(1.0f, __fsqrt_rn(__fdiv_rn(q, float(dim)) + eps));
    }
    if (!mine) return;
    for (int c = lane * W; c < dim; c += lanes * W) {
        float a[W];
        get(r, c);
        if (work & kHeadNorm) {
            get_params(a, gamma, c);
#pragma unroll
            for (int v = 0; v < W; ++v) r[v] = r[v] * rstd * a[v];
        }
        if (work & kHeadTurn && t >= still) {
            get_params(a, angles + (t - still) * dim, c);
#pragma unroll
            for (int v = 0; v < W; v += 2) {
                const float r0 = r[v], r1 = r[v + 1];
                r[v] = __fsub_rn(__fmul_rn(r0, a[v]), __fmul_rn(r1, a[v + 1]));
                r[v + 1] = __fadd_rn(__fmul_rn(r1, a[v]), __fmul_rn(r0, a[v + 1]));
            }
        }
        if constexpr (V == 1) {
            out[c] = cast<T>(r[0]);
            if (c + 1 < dim) out[c + 1] = cast<T>(r[1]);
        } else {
            store<V>(out + c, r);
        }
    }
}

}  // namespace cudiffuse
