// GroupNorm (Wu and He, 2018, arXiv:1803.08494) and LayerNorm (Ba et al., 2016, arXiv:1607.06450).
//
//     y = act(((x - mean) / sqrt(var + eps) * gamma + beta) * (1 + s) + t)
//
// with the biased variance, and s and t of the image where they are given; x stands for x + r where a row r, a value for
// every channel of the image, is given: it moves a channel's mean and nothing else. Moments are those of x - k, where k is the
// first value of the group that a block meets, taken of a few pixels at a time in two passes over registers and merged
// by Chan, Golub and LeVeque (1979): neither a mean that is large beside the deviation nor a strange k loses digits.
#pragma once
#include "network_vec.cuh"

namespace cudiffuse {

// kBatch is the vectors that a thread has in flight, kHeld those that group_norm keeps in registers.
template <int V> constexpr int kBatch = V == 1 ? 8 : V == 4 ? 4 : 2;
constexpr int kHeld = 12;

// Lanes says which vector of a row of pixels is a thread's, and which pixels: row, row + rows, ... Where a row has more
// vectors than the block has threads, a block takes it in parts that begin at vector `first`.
struct Lanes {
    int column, row, rows;
    bool mine;
    __device__ __forceinline__ Lanes(int columns, int first) {
        rows = max(1, kNetThreads / columns), row = rows > 1 ? threadIdx.x / columns : 0;
        column = first + (rows > 1 ? threadIdx.x % columns : threadIdx.x);
        mine = column < columns && row < rows;
    }
};

// Moments of n values of each of V channels: means, and sums of squared differences from them.
template <int V> struct Moments {
    float n, mean[V], m2[V];
    __device__ __forceinline__ Moments() : n(0.0f) {
#pragma unroll
        for (int v = 0; v < V; ++v) mean[v] = m2[v] = 0.0f;
    }
    // add merges n2 values of every channel; weight and share are the same for all.
    template <typename Other> __device__ __forceinline__ void add(float n2, Other other) {
        if (n2 == 0.0f) return;
        const float total = n + n2, share = __fdiv_rn(n2, total), weight = n * share;
#pragma unroll
        for (int v = 0; v < V; ++v) {
            float mean2, m22;
            other(v, &mean2, &m22);
            const float d = mean2 - mean[v];
            mean[v] += d * share;
            m2[v] += m22 + d * d * weight;
        }
        n = total;
    }
    // batch merges the first `count` of r, which are differences from k.
    template <int B> __device__ __forceinline__ void batch(const float r[B][V], int count) {
        const float each = __fdiv_rn(1.0f, float(count));
        add(float(count), [&](int v, float* mean2, float* m22) {
            float s = 0.0f, q = 0.0f;
#pragma unroll
            for (int b = 0; b < B; ++b) s += b < count ? r[b][v] : 0.0f;
            s *= each;
#pragma unroll
            for (int b = 0; b < B; ++b) {
                const float d = b < count ? r[b][v] - s : 0.0f;
                q = __fmaf_rn(d, d, q);
            }
            *mean2 = s, *m22 = q;
        });
    }
};

// first_values are k of the V channels from c on: the first channel's value of the group of each.
template <int V, typename T> __device__ __forceinline__ void first_values(float k[V], const T* x, int c, int per_group) {
#pragma unroll
    for (int v = 0; v < V; ++v) k[v] = to_float(x[(c + v) / per_group * per_group]);
}

// merge_rows merges the moments of a column's threads in a tree, into those of row 0. part has 2V + 1 floats a thread.
template <int V> __device__ __forceinline__ void merge_rows(Moments<V>& m, const Lanes& at, int columns, float* part) {
    if (at.rows == 1) return;
    int top = 1;
    while (top < at.rows) top *= 2;
    for (int half = top / 2; half; half /= 2) {
        if (at.mine && at.row >= half && at.row < 2 * half) {
            part[threadIdx.x] = m.n;
#pragma unroll
            for (int v = 0; v < V; ++v) {
                part[(2 * v + 1) * kNetThreads + threadIdx.x] = m.mean[v];
                part[(2 * v + 2) * kNetThreads + threadIdx.x] = m.m2[v];
            }
        }
        __syncthreads();
        if (at.mine && at.row < half && at.row + half < at.rows) {
            const int from = threadIdx.x + half * columns;
            m.add(part[from], [&](int v, float* mean, float* m2) {
                *mean = part[(2 * v + 1) * kNetThreads + from], *m2 = part[(2 * v + 2) * kNetThreads + from];
            });
        }
    }
}

// Group is mean and variance of a group; the mean is k + d in two parts, so that it has more digits than a float.
struct Group {
    float mean, rest, var;
    __device__ __forceinline__ Group() {}
    __device__ __forceinline__ Group(float k, float d, float v) {
        mean = k + d, var = v;
        const float b = mean - k;  // the sum's error (Knuth, The Art of Computer Programming 2, 4.2.2)
        rest = (k - (mean - b)) + (d - b);
    }
    __device__ __forceinline__ float rstd(float eps) const { return __fdiv_rn(1.0f, __fsqrt_rn(var + eps)); }
};

// eight is the sum over a team of eight threads, the same in each of them.
__device__ __forceinline__ float eight(float v) {
    for (int d = 4; d; d /= 2) v += __shfl_xor_sync(~0u, v, d);
    return v;
}

// merge_channels gives mean and variance of a group from those of its channels, of n values each. All threads call it,
// a team of eight for a group.
__device__ __forceinline__ void merge_channels(const float* mean, const float* m2, int channels, float n, float* d, float* var) {
    const int part = threadIdx.x % 8;
    float s = 0.0f, q = 0.0f, between = 0.0f;
    for (int c = part; c < channels; c += 8) s += mean[c];
    s = __fdiv_rn(eight(s), float(channels));
    for (int c = part; c < channels; c += 8) {
        q += m2[c];
        between = __fmaf_rn(mean[c] - s, mean[c] - s, between);
    }
    *d = s, *var = __fdiv_rn(eight(q + n * between), n * float(channels));
}

// Factors of V channels from c on: y = (x - mean) * scale + shift.
template <int V> struct Factors {
    float mean[V], scale[V], shift[V];
    template <typename T>
    __device__ __forceinline__ Factors(const Group* groups, int first_group, int c, int per_group, const float* gamma,
                                       const float* beta, const T* scale_shift, const T* row, int channels, float eps) {
        float s[V], t[V];
        load_params<V>(scale, gamma + c);
        load_params<V>(shift, beta + c);
        if (scale_shift) {
#pragma unroll
            for (int v = 0; v < V; ++v) s[v] = to_float(scale_shift[c + v]), t[v] = to_float(scale_shift[channels + c + v]);
        }
#pragma unroll
        for (int v = 0; v < V; ++v) {
            const Group g = groups[(c + v) / per_group - first_group];
            mean[v] = g.mean, scale[v] *= g.rstd(eps);
            if (scale_shift) scale[v] *= 1.0f + s[v], shift[v] = shift[v] * (1.0f + s[v]) + t[v];
            shift[v] -= g.rest * scale[v];
        }
        if (row) {
#pragma unroll
            for (int v = 0; v < V; ++v) mean[v] -= to_float(row[c + v]);
        }
    }
    __device__ __forceinline__ void apply(float r[V], int act) const {
#pragma unroll
        for (int v = 0; v < V; ++v) r[v] = __fmaf_rn(r[v] - mean[v], scale[v], shift[v]);
        activate_all<V>(act, r);
    }
};

// group_norm does whole groups of an image in one block, reading every value once: a grid of (chunks of groups,
// images). A chunk has at most as many vectors as the block has threads, kHeld pixels a thread. Shared memory: 2V + 1
// floats a thread, two a channel, and the groups.
template <int V, typename T>
__device__ __forceinline__ void group_norm(const T* x, T* y, const float* gamma, const float* beta, const T* scale_shift,
                                           const T* row, uint64_t xs, uint64_t ys, uint64_t ss, uint64_t rs, int pixels, int channels, int per_group,
                                           int chunk, float eps, int act) {
    extern __shared__ float shared[];
    float *mean = shared, *m2 = mean + chunk, *part = m2 + chunk;
    Group* groups = reinterpret_cast<Group*>(part + (2 * V + 1) * kNetThreads);
    const int c0 = blockIdx.x * chunk, columns = chunk / V;
    const Lanes at(columns, 0);
    if (row) row += blockIdx.y * rs;
    const T* in = x + (uint64_t)blockIdx.y * pixels * xs + c0;
    T* out = y + (uint64_t)blockIdx.y * pixels * ys + c0;
    const int c = at.column * V;
    Raw<V, T> held[kHeld];
    Moments<V> m;
    if (at.mine) {
#pragma unroll
        for (int j = 0; j < kHeld; ++j)
            if (at.row + j * at.rows < pixels) held[j].load(in + (at.row + j * at.rows) * xs + c);
        float k[V];
        first_values<V>(k, in, c, per_group);
        constexpr int B = V == 4 ? 4 : 2;
#pragma unroll
        for (int j = 0; j < kHeld; j += B) {
            const int count = min(B, (pixels - at.row + at.rows - 1) / at.rows - j);
            if (count <= 0) continue;
            float r[B][V];
#pragma unroll
            for (int b = 0; b < B; ++b) {
                held[j + b].get(r[b]);
#pragma unroll
                for (int v = 0; v < V; ++v) r[b][v] -= k[v];
            }
            m.template batch<B>(r, count);
        }
    }
    merge_rows<V>(m, at, columns, part);
    if (at.mine && at.row == 0) {
#pragma unroll
        for (int v = 0; v < V; ++v) mean[c + v] = m.mean[v] + (row ? to_float(row[c0 + c + v]) : 0.0f), m2[c + v] = m.m2[v];
    }
    __syncthreads();
    const int teams = kNetThreads / 8, count = chunk / per_group;
    for (int first = 0; first < count; first += teams) {  // the same for a whole block: all lanes shuffle
        const int group = first + threadIdx.x / 8, c = min(group, count - 1) * per_group;
        float d, var;
        merge_channels(mean + c, m2 + c, per_group, float(pixels), &d, &var);
        if (group < count && threadIdx.x % 8 == 0) groups[group] = Group(to_float(in[c]), d, var);
    }
    __syncthreads();
    if (!at.mine) return;
    const Factors<V> f(groups, c0 / per_group, c0 + c, per_group, gamma, beta,
                       scale_shift ? scale_shift + blockIdx.y * ss : nullptr, row, channels, eps);
#pragma unroll
    for (int j = 0; j < kHeld; ++j)
        if (at.row + j * at.rows < pixels) {
            float r[V];
            held[j].get(r);
            f.apply(r, act);
            store<V>(out + (at.row + j * at.rows) * ys + c, r);
        }
}

// group_norm_stats writes the moments of every group in a slab of pixels: a grid of (slabs, images). work holds
// [images, slabs, groups]. Shared memory: two floats a channel, 2V + 1 a thread.
template <int V, typename T>
__device__ __forceinline__ void group_norm_stats(const T* x, const T* row, Group* work, uint64_t xs, uint64_t rs, int pixels,
                                                 int channels, int groups, int slab) {
    extern __shared__ float shared[];
    float *mean = shared, *m2 = mean + channels, *part = m2 + channels;
    const int p0 = blockIdx.x * slab, p1 = min(pixels, p0 + slab), per_group = channels / groups, columns = channels / V;
    const T* in = x + (uint64_t)blockIdx.y * pixels * xs;
    if (row) row += blockIdx.y * rs;
    for (int first = 0; first < columns; first += kNetThreads) {
        const Lanes at(columns, first);
        const int c = at.column * V;
        Moments<V> m;
        if (at.mine) {
            float k[V];
            first_values<V>(k, in + p0 * xs, c, per_group);
            constexpr int B = kBatch<V>;
#pragma unroll 1
            for (int p = p0 + at.row; p < p1; p += B * at.rows) {
                Raw<V, T> raw[B];
#pragma unroll
                for (int b = 0; b < B; ++b)
                    if (p + b * at.rows < p1) raw[b].load(in + (p + b * at.rows) * xs + c);
                float r[B][V];
#pragma unroll
                for (int b = 0; b < B; ++b) {
                    raw[b].get(r[b]);
#pragma unroll
                    for (int v = 0; v < V; ++v) r[b][v] -= k[v];
                }
                m.template batch<B>(r, min(B, (p1 - p + at.rows - 1) / at.rows));
            }
        }
        merge_rows<V>(m, at, columns, part);
        if (at.mine && at.row == 0) {
#pragma unroll
            for (int v = 0; v < V; ++v) mean[c + v] = m.mean[v] + (row ? to_float(row[c + v]) : 0.0f), m2[c + v] = m.m2[v];
        }
    }
    __syncthreads();
    for (int first = 0; first < groups; first += kNetThreads / 8) {
        const int g = first + threadIdx.x / 8, c = min(g, groups - 1) * per_group;
        const float n = float(p1 - p0);
        float d, var;
        merge_channels(mean + c, m2 + c, per_group, n, &d, &var);
        if (g < groups && threadIdx.x % 8 == 0)
            work[((uint64_t)blockIdx.y * gridDim.x + blockIdx.x) * groups + g] = Group(to_float(in[p0 * xs + c]), d, var);
    }
}

// group_norm_apply merges the slabs, eight threads a group, and normalises a tile of pixels: a grid of (tiles, images).
template <int V, typename T>
__device__ __forceinline__ void group_norm_apply(const T* x, T* y, const float* gamma, const float* beta,
                                                 const T* scale_shift, const T* row, const Group* work, uint64_t xs,
                                                 uint64_t ys, uint64_t ss, uint64_t rs, int pixels, int channels, int groups, int slab, int tile,
                                                 float eps, int act) {
    extern __shared__ float shared[];
    Group* merged = reinterpret_cast<Group*>(shared);
    const int per_group = channels / groups, slabs = (pixels + slab - 1) / slab, part = threadIdx.x % 8;
    work += (uint64_t)blockIdx.y * slabs * groups;
    for (int first = 0; first < groups; first += kNetThreads / 8) {
        const int g = first + threadIdx.x / 8, column = min(g, groups - 1);
        const float k = work[column].mean;
        auto pixels_of = [&](int i) { return float(min(slab, pixels - i * slab)); };
        float s = 0.0f, q = 0.0f;
        for (int i = part; i < slabs; i += 8) {
            const Group& w = work[i * groups + column];
            s = __fmaf_rn((w.mean - k) + w.rest, pixels_of(i), s);
        }
        const float d = __fdiv_rn(eight(s), float(pixels));
        for (int i = part; i < slabs; i += 8) {
            const Group& w = work[i * groups + column];
            const float e = ((w.mean - k) + w.rest) - d;
            q = __fmaf_rn(__fmaf_rn(e, e, w.var), pixels_of(i), q);
        }
        q = __fdiv_rn(eight(q), float(pixels));
        if (g < groups && part == 0) merged[g] = Group(k, d, q);
    }
    __syncthreads();
    const int p0 = blockIdx.x * tile, p1 = min(pixels, p0 + tile), columns = channels / V;
    x += (uint64_t)blockIdx.y * pixels * xs, y += (uint64_t)blockIdx.y * pixels * ys;
    for (int first = 0; first < columns; first += kNetThreads) {
        const Lanes at(columns, first);
        if (!at.mine) continue;
        const int c = at.column * V;
        const Factors<V> f(merged, 0, c, per_group, gamma, beta, scale_shift ? scale_shift + blockIdx.y * ss : nullptr,
                           row ? row + blockIdx.y * rs : nullptr, channels, eps);
        constexpr int B = kBatch<V>;
#pragma unroll 1
        for (int p = p0 + at.row; p < p1; p += B * at.rows) {
            Raw<V, T> raw[B];
#pragma unroll
            for (int b = 0; b < B; ++b)
                if (p + b * at.rows < p1) raw[b].load(x + (p + b * at.rows) * xs + c);
#pragma unroll
            for (int b = 0; b < B; ++b)
                if (p + b * at.rows < p1) {
                    float r[V];
                    raw[b].get(r);
                    f.apply(r, act);
                    store<V>(y + (p + b * at.rows) * ys + c, r);
                }
        }
    }
}

// TokenMoments are the mean of a token's channels, by how much it is off, and the inverse deviation. A warp has a token,
// whose values are read twice; the second pass also says by how much the mean of the first is off.
struct TokenMoments {
    float mean, rest, rstd;
    template <int V, typename T> __device__ __forceinline__ void of(const T* in, int channels, float eps) {
        const int lane = threadIdx.x % 32;
        auto sum = [](float v) {
            for (int d = 16; d; d /= 2) v += __shfl_xor_sync(~0u, v, d);
            return v;
        };
        float r[V], s = 0.0f, e = 0.0f, q = 0.0f;
        for (int c = lane * V; c < channels; c += 32 * V) {
            load<V>(r, in + c);
#pragma unroll
            for (int v = 0; v < V; ++v) s += r[v];
        }
        mean = __fdiv_rn(sum(s), float(channels));
        for (int c = lane * V; c < channels; c += 32 * V) {
            load<V>(r, in + c);
#pragma unroll
            for (int v = 0; v < V; ++v) {
                const float d = r[v] - mean;
                e += d;
                q = __fmaf_rn(d, d, q);
            }
        }
        rest = __fdiv_rn(sum(e), float(channels));
        const float var = __fdiv_rn(sum(q), float(channels)) - rest * rest;
        rstd = __fdiv_rn(1.0f, __fsqrt_rn((var < 0.0f ? 0.0f : var) + eps));  // NaN stays
    }
};

// layer_norm does a token in a warp. Its values are read three times, of which the cache serves two.
template <int V, typename T>
__device__ __forceinline__ void layer_norm(const T* x, T* y, const float* gamma, const float* beta, uint64_t xs, uint64_t ys,
                                           uint64_t tokens, int channels, float eps) {
    const uint64_t token = (uint64_t)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (token >= tokens) return;
    const T* in = x + token * xs;
    TokenMoments m;
    m.of<V>(in, channels, eps);
    for (int c = threadIdx.x % 32 * V; c < channels; c += 32 * V) {
        float r[V], a[V], b[V];
        load<V>(r, in + c);
        load_params<V>(a, gamma + c);
        load_params<V>(b, beta + c);
#pragma unroll
        for (int v = 0; v < V; ++v) r[v] = __fmaf_rn((r[v] - m.mean) - m.rest, m.rstd * a[v], b[v]);
        store<V>(y + token * ys + c, r);
    }
}

// ada_layer_norm is layer_norm with factors 1 + scale and shifts of the image, whose vectors lie vs elements apart
// (Peebles and Xie, 2022, arXiv:2212.09748). An image has `pixels` tokens.
template <int V, typename T>
__device__ __forceinline__ void ada_layer_norm(const T* x, T* y, const T* scale, const T* shift, uint64_t xs, uint64_t ys,
                                               uint64_t vs, uint64_t tokens, uint64_t pixels, int channels, float eps) {
    const uint64_t token = (uint64_t)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (token >= tokens) return;
    const T* in = x + token * xs;
    const uint64_t row = token / pixels * vs;
    TokenMoments m;
    m.of<V>(in, channels, eps);
    for (int c = threadIdx.x % 32 * V; c < channels; c += 32 * V) {
        float r[V], a[V], b[V];
        load<V>(r, in + c);
        load<V>(a, scale + row + c);
        load<V>(b, shift + row + c);
#pragma unroll
        for (int v = 0; v < V; ++v) r[v] = __fmaf_rn((r[v] - m.mean) - m.rest, m.rstd * (1.0f + a[v]), b[v]);
        store<V>(y + token * ys + c, r);
    }
}

}  // namespace cudiffuse
