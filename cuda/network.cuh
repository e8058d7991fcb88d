// The kernels of networks by name: NAME_TYPE with any number of channels, NAME_TYPE_v with accesses of 16 bytes.
// Package netkernels describes their launches.
#pragma once
#include "network_attention.cuh"
#include "network_head.cuh"
#include "network_map.cuh"
#include "network_norm.cuh"

namespace cudiffuse {

#define NETWORK_VECTOR(suffix, type, V)                                                                                  \
    extern "C" __global__ void __launch_bounds__(kNetThreads) group_norm_##suffix(                                       \
        const type* x, type* y, const float* gamma, const float* beta, const type* scale_shift, const type* row,         \
        uint64_t xs, uint64_t ys, uint64_t ss, uint64_t rs, int pixels, int channels, int per_group, int chunk,          \
        float eps, int act) {                                                                                            \
        group_norm<V>(x, y, gamma, beta, scale_shift, row, xs, ys, ss, rs, pixels, channels, per_group, chunk, eps,      \
                      act);                                                                                              \
    }                                                                                                                    \
    extern "C" __global__ void __launch_bounds__(kNetThreads) group_norm_stats_##suffix(                                 \
        const type* x, const type* row, Group* work, uint64_t xs, uint64_t rs, int pixels, int channels, int groups,     \
        int slab) {                                                                                                      \
        group_norm_stats<V>(x, row, work, xs, rs, pixels, channels, groups, slab);                                       \
    }                                                                                                                    \
    extern "C" __global__ void __launch_bounds__(kNetThreads) group_norm_apply_##suffix(                                 \
        const type* x, type* y, const float* gamma, const float* beta, const type* scale_shift, const type* row,         \
        const Group* work, uint64_t xs, uint64_t ys, uint64_t ss, uint64_t rs, int pixels, int channels, int groups,     \
        int slab, int tile, float eps, int act) {                                                                        \
        group_norm_apply<V>(x, y, gamma, beta, scale_shift, row, work, xs, ys, ss, rs, pixels, channels, groups, slab,   \
                            tile, eps, act);                                                                             \
    }                                                                                                                    \
    extern "C" __global__ void __launch_bounds__(kNetThreads) layer_norm_##suffix(                                        \
        const type* x, type* y, const float* gamma, const float* beta, uint64_t xs, uint64_t ys, uint64_t tokens,         \
        int channels, float eps) {                                                                                        \
        layer_norm<V>(x, y, gamma, beta, xs, ys, tokens, channels, eps);                                                  \
    }                                                                                                                     \
    extern "C" __global__ void __launch_bounds__(kNetThreads) ada_layer_norm_##suffix(                                    \
        const type* x, type* y, const type* scale, const type* shift, uint64_t xs, uint64_t ys, uint64_t vs,              \
        uint64_t tokens, uint64_t pixels, int channels, float eps) {                                                      \
        ada_layer_norm<V>(x, y, scale, shift, xs, ys, vs, tokens, pixels, channels, eps);                                 \
    }                                                                                                                     \
    extern "C" __global__ void __launch_bounds__(kNetThreads) head_norm_##suffix(                                         \
        const type* x, type* y, const float* gamma, const float* angles, uint64_t xs, uint64_t ys, uint64_t rows,         \
        uint64_t tokens, uint64_t x_tokens, uint64_t y_tokens, uint64_t still, int heads, int dim, int lanes, int work,   \
        float eps) {                                                                                                      \
        head_norm<V>(x, y, gamma, angles, xs, ys, rows, tokens, x_tokens, y_tokens, still, heads, dim, lanes, work, eps); \
    }                                                                                                                     \
    extern "C" __global__ void __launch_bounds__(kNetThreads) geglu_##suffix(                                             \
        const type* x, type* y, uint64_t xs, uint64_t ys, uint64_t rows, int channels) {                                  \
        geglu<V>(x, y, xs, ys, rows, channels);                                                                           \
    }                                                                                                                     \
    extern "C" __global__ void __launch_bounds__(kNetThreads) resize_##suffix(                                            \
        const type* x, type* y, uint64_t xs, uint64_t ys, int n, int h, int w, int oh, int ow, int channels, int mode) {  \
        resize<V>(x, y, xs, ys, n, h, w, oh, ow, channels, mode);                                                         \
    }                                                                                                                     \
    extern "C" __global__ void __launch_bounds__(kNetThreads) pointwise_##suffix(                                         \
        const type* x, const type* b, type* y, const float* t, uint64_t xs, uint64_t bs, uint64_t ys, uint64_t rows,      \
        uint64_t pixels, int channels, int op, int act, float mul, float add, const type* g, uint64_t gs) {               \
        pointwise<V>(x, b, y, t, xs, bs, ys, rows, pixels, channels, op, act, mul, add, g, gs);                           \
    }

#define LAYOUT(name, type, function, To)                                                                                 \
    extern "C" __global__ void __launch_bounds__(kNetThreads) name(void* image, type* rows, const int* index,            \
                                                                   uint64_t stride, uint64_t images, uint64_t pixels,    \
                                                                   int channels, int image_type) {                       \
        function<To>(image, rows, index, stride, images, pixels, channels, image_type);                                  \
    }

#define SHUFFLE(name, type, To)                                                                                          \
    extern "C" __global__ void __launch_bounds__(kNetThreads) name(                                                      \
        const type* x, type* y, uint64_t xs, uint64_t ys, uint64_t images, int h, int w, int side, int channels,         \
        int channels_first) {                                                                                            \
        shuffle<To>(x, y, xs, ys, images, h, w, side, channels, channels_first);                                         \
    }

#define NETWORK(suffix, type)                                                                                            \
    NETWORK_VECTOR(suffix, type, 1)                                                                                      \
    NETWORK_VECTOR(suffix##_v, type, kVector<type>)                                                                      \
    SHUFFLE(shuffle_##suffix, type, true)                                                                                \
    SHUFFLE(unshuffle_##suffix, type, false)                                                                             \
    LAYOUT(to_nhwc_##suffix, type, layout, true)                                                                         \
    LAYOUT(from_nhwc_##suffix, type, layout, false)                                                                      \
    LAYOUT(to_nhwc_tiled_##suffix, type, layout_tiled, true)                                                             \
    LAYOUT(from_nhwc_tiled_##suffix, type, layout_tiled, false)                                                          \
    extern "C" __global__ void __launch_bounds__(kNetThreads) embed_time_##suffix(                                       \
        const float* t, const float* f, type* y, uint64_t ys, uint64_t rows, int dim, int flip, int log) {               \
        embed_time(t, f, y, ys, rows, dim, flip, log);                                                                   \
    }                                                                                                                    \
    extern "C" __global__ void __launch_bounds__(kNetThreads) lookup_##suffix(                                           \
        const int* index, const float* table, type* y, uint64_t ys, uint64_t rows, int dim) {                            \
        lookup(index, table, y, ys, rows, dim);                                                                          \
    }                                                                                                                    \
    extern "C" __global__ void __launch_bounds__(kNetThreads) select_##suffix(                                           \
        const type* x, const int* index, type* y, uint64_t xs, uint64_t ys, uint64_t images, uint64_t pixels, int channels) { \
        select_pixel(x, index, y, xs, ys, images, pixels, channels);                                                     \
    }

#define ATTENTION(suffix, type, D, R)                                                                             \
    extern "C" __global__ void __launch_bounds__(kNetThreads, 2) attention_##suffix##_d##D(                       \
        const type* q, const type* k, const type* v, type* o, uint64_t qs, uint64_t ks, uint64_t vs,              \
        uint64_t os, int queries, int keys, int dim, float scale, int causal) {                                   \
        attention<D, R>(q, k, v, o, qs, ks, vs, os, queries, keys, dim, scale, causal);                           \
    }

NETWORK(f32, float)
NETWORK(f16, f16)
NETWORK(bf16, bf16)
ATTENTION(f32, float, 64, 4)
ATTENTION(f32, float, 128, 4)
ATTENTION(f32, float, 256, 4)
ATTENTION(f32, float, 512, 2)
ATTENTION(f16, f16, 64, 4)
ATTENTION(bf16, bf16, 64, 4)

}  // namespace cudiffuse
