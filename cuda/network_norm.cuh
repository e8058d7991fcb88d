// GroupNorm (Wu and He, 2018, arXiv:1803.08494) and LayerNorm (Ba et al., 2016, arXiv:1607.06450).
//
//     y = act(((x - mean) / sqrt(var + eps) * gamma + beta) * (1 + s) + t)
//
// with the biased variance, and s and t of the image where they are given. Sums are taken of x - k, where k is the
// first value of each channel, and merged by Chan et al. (1979): a mean that is large beside the deviation loses
// nothing.
#pragma once
#include "network_vec.cuh"

namespace cudiffuse {

// Moments of some values: their number, mean, and sum of squared differences from it.
struct Moments {
    float n, mean, m2;
    __device__ __forceinline__ void add(float n2, float mean2, float m22) {
        if (n2 == 0.0f) return;
        float total = n + n2, d = mean2 - mean, share = __fdiv_rn(n2, total);
        mean += d * share;
        m2 += m22 + d * d * n * share;
        n = total;
    }
};

// channel_moments leaves the moments of channels c0 .. c0+cn of pixels p0 .. p1 of an image in mean[] and m2[], in
// shared memory; part[] there holds two floats a thread and element of its vectors.
template <int V, typename T>
__device__ __forceinline__ void channel_moments(const T* x, uint64_t stride, int c0, int cn, int p0, int p1, float* mean,
                                                float* m2, float* part) {
    const int columns = cn / V, threads = blockDim.x;
    const int rows = max(1, threads / columns);  // pixels at a time
    const int row = threadIdx.x / columns;
    for (int first = 0; first < columns; first += threads) {
        const int column = first + (rows > 1 ? threadIdx.x % columns : threadIdx.x);
        const bool mine = column < columns && (rows == 1 || row < rows);
        float s[V], q[V], k[V];
        if (mine) {
            const T* at = x + c0 + column * V;
            load<V>(k, at + p0 * stride);
#pragma unroll
            for (int v = 0; v < V; ++v) s[v] = q[v] = 0.0f;
            for (int p = p0 + (rows > 1 ? row : 0); p < p1; p += rows) {
                float r[V];
                load<V>(r, at + p * stride);
#pragma unroll
                for (int v = 0; v < V; ++v) {
                    float d = r[v] - k[v];
                    s[v] += d;
                    q[v] = __fmaf_rn(d, d, q[v]);
                }
            }
#pragma unroll
            for (int v = 0; v < V; ++v) {
                part[(threadIdx.x * V + v) * 2] = s[v];
                part[(threadIdx.x * V + v) * 2 + 1] = q[v];
            }
        }
        __syncthreads();
        if (mine && (rows == 1 || row == 0)) {  // the rows of a channel, in order
            const float n = float(p1 - p0);
#pragma unroll
            for (int v = 0; v < V; ++v) {
                for (int j = 1; j < rows; ++j) {
                    s[v] += part[((threadIdx.x + j * columns) * V + v) * 2];
                    q[v] += part[((threadIdx.x + j * columns) * V + v) * 2 + 1];
                }
                const float m = __fdiv_rn(s[v], n);
                mean[column * V + v] = k[v] + m;
                const float left = q[v] - s[v] * m;
                m2[column * V + v] = left < 0.0f ? 0.0f : left;  // NaN stays
            }
        }
        __syncthreads();
    }
}

// group_moments merges the channels of one group.
__device__ __forceinline__ Moments group_moments(const float* mean, const float* m2, int first, int channels, float n) {
    Moments g = {n, mean[first], m2[first]};
    for (int c = 1; c < channels; ++c) g.add(n, mean[first + c], m2[first + c]);
    return g;
}

// scales turns moments into factors: y = (x - mean[c]) * scale[c] + shift[c].
template <typename T>
__device__ __forceinline__ void scale_channel(const float* gamma, const float* beta, const T* scale_shift, int channels,
                                              int c, float rstd, float* scale, float* shift) {
    float a = rstd * gamma[c], b = beta[c];
    if (scale_shift) {
        const float s = 1.0f + to_float(scale_shift[c]);
        a *= s;
        b = b * s + to_float(scale_shift[channels + c]);
    }
    *scale = a, *shift = b;
}

template <int V, typename T>
__device__ __forceinline__ void normalise(const T* x, T* y, uint64_t xs, uint64_t ys, int c0, int cn, int p0, int p1,
                                          int act, const float* mean, const float* scale, const float* shift) {
    const int columns = cn / V;
    for (int i = threadIdx.x; i < columns * (p1 - p0); i += blockDim.x) {
        const int p = p0 + i / columns, c = i % columns * V;
        float r[V];
        load<V>(r, x + p * xs + c0 + c);
#pragma unroll
        for (int v = 0; v < V; ++v) r[v] = activate(act, (r[v] - mean[c + v]) * scale[c + v] + shift[c + v]);
        store<V>(y + p * ys + c0 + c, r);
    }
}

// group_norm does whole groups of an image in one block: a grid of (chunks of groups, images). Shared memory: three
// floats a channel of the chunk, two a thread and element.
template <int V, typename T>
__device__ __forceinline__ void group_norm(const T* x, T* y, const float* gamma, const float* beta, const T* scale_shift,
                                           uint64_t xs, uint64_t ys, uint64_t ss, int pixels, int channels, int per_group,
                                           int chunk, float eps, int act) {
    extern __shared__ float shared[];
    float *mean = shared, *scale = mean + chunk, *shift = scale + chunk, *part = shift + chunk;
    const int c0 = blockIdx.x * chunk, cn = min(chunk, channels - c0);
    const uint64_t image = (uint64_t)blockIdx.y * pixels;
    const T* in = x + image * xs;
    channel_moments<V>(in, xs, c0, cn, 0, pixels, mean, scale, part);
    const int group = threadIdx.x;
    Moments g;
    const bool mine = group * per_group < cn;
    if (mine) g = group_moments(mean, scale, group * per_group, per_group, float(pixels));
    __syncthreads();
    if (mine) {
        const float rstd = __fdiv_rn(1.0f, __fsqrt_rn(__fdiv_rn(g.m2, g.n) + eps));
        for (int c = group * per_group; c < (group + 1) * per_group; ++c) {
            mean[c] = g.mean;
            scale_channel(gamma, beta, scale_shift ? scale_shift + blockIdx.y * ss : nullptr, channels, c0 + c, rstd,
                          &scale[c], &shift[c]);
        }
    }
    __syncthreads();
    normalise<V>(in, y + image * ys, xs, ys, c0, cn, 0, pixels, act, mean, scale, shift);
}

// group_norm_stats writes the moments of every group in a slab of pixels: a grid of (slabs, images). work holds
// [images, slabs, groups] of mean and m2.
template <int V, typename T>
__device__ __forceinline__ void group_norm_stats(const T* x, float2* work, uint64_t xs, int pixels, int channels, int groups,
                                                 int slab) {
    extern __shared__ float shared[];
    float *mean = shared, *m2 = mean + channels, *part = m2 + channels;
    const int p0 = blockIdx.x * slab, p1 = min(pixels, p0 + slab), per_group = channels / groups;
    channel_moments<V>(x + (uint64_t)blockIdx.y * pixels * xs, xs, 0, channels, p0, p1, mean, m2, part);
    for (int g = threadIdx.x; g < groups; g += blockDim.x) {
        Moments m = group_moments(mean, m2, g * per_group, per_group, float(p1 - p0));
        work[((uint64_t)blockIdx.y * gridDim.x + blockIdx.x) * groups + g] = make_float2(m.mean, m.m2);
    }
}

// group_norm_apply merges the slabs and normalises a tile of pixels: a grid of (tiles, images).
template <int V, typename T>
__device__ __forceinline__ void group_norm_apply(const T* x, T* y, const float* gamma, const float* beta,
                                                 const T* scale_shift, const float2* work, uint64_t xs, uint64_t ys,
                                                 uint64_t ss, int pixels, int channels, int groups, int slab, int tile,
                                                 float eps, int act) {
    extern __shared__ float shared[];
    float *mean = shared, *scale = mean + channels, *shift = scale + channels;
    const int per_group = channels / groups, slabs = (pixels + slab - 1) / slab;
    for (int g = threadIdx.x; g < groups; g += blockDim.x) {
        const float2* w = work + (uint64_t)blockIdx.y * slabs * groups + g;
        Moments m = {float(min(slab, pixels) * per_group), w->x, w->y};
        for (int s = 1; s < slabs; ++s) {
            const float2 v = w[(uint64_t)s * groups];
            m.add(float(min(slab, pixels - s * slab) * per_group), v.x, v.y);
        }
        const float rstd = __fdiv_rn(1.0f, __fsqrt_rn(__fdiv_rn(m.m2, m.n) + eps));
        for (int c = g * per_group; c < (g + 1) * per_group; ++c) mean[c] = m.mean, scale[c] = rstd;
    }
    __syncthreads();
    for (int c = threadIdx.x; c < channels; c += blockDim.x)
        scale_channel(gamma, beta, scale_shift ? scale_shift + blockIdx.y * ss : nullptr, channels, c, scale[c],
                      &scale[c], &shift[c]);
    __syncthreads();
    const uint64_t image = (uint64_t)blockIdx.y * pixels;
    const int p0 = blockIdx.x * tile;
    normalise<V>(x + image * xs, y + image * ys, xs, ys, 0, channels, p0, min(pixels, p0 + tile), act, mean, scale, shift);
}

// layer_norm does a token in a warp. Its values are read three times, of which the cache serves two.
template <int V, typename T>
__device__ __forceinline__ void layer_norm(const T* x, T* y, const float* gamma, const float* beta, uint64_t xs, uint64_t ys,
                                           uint64_t tokens, int channels, float eps) {
    const int lane = threadIdx.x % 32;
    const uint64_t token = (uint64_t)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (token >= tokens) return;
    const T* in = x + token * xs;
    auto sum = [](float v) {
        for (int d = 16; d; d /= 2) v += __shfl_xor_sync(~0u, v, d);
        return v;
    };
    float r[V], s = 0.0f, q = 0.0f;
    for (int c = lane * V; c < channels; c += 32 * V) {
        load<V>(r, in + c);
#pragma unroll
        for (int v = 0; v < V; ++v) s += r[v];
    }
    const float mean = __fdiv_rn(sum(s), float(channels));
    for (int c = lane * V; c < channels; c += 32 * V) {
        load<V>(r, in + c);
#pragma unroll
        for (int v = 0; v < V; ++v) q = __fmaf_rn(r[v] - mean, r[v] - mean, q);
    }
    const float rstd = __fdiv_rn(1.0f, __fsqrt_rn(__fdiv_rn(sum(q), float(channels)) + eps));
    for (int c = lane * V; c < channels; c += 32 * V) {
        load<V>(r, in + c);
#pragma unroll
        for (int v = 0; v < V; ++v) r[v] = (r[v] - mean) * rstd * gamma[c + v] + beta[c + v];
        store<V>(y + token * ys + c, r);
    }
}

}  // namespace cudiffuse
