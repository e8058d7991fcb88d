// Four neighbouring elements: one 128-bit access in float32, one 64-bit access in float16 and bfloat16.
#pragma once
#include <stdint.h>

namespace cudiffuse {

// The network's 16-bit types are bare bits here, so that no header of the toolkit is needed and every
// architecture rounds in the same way: to nearest even, any NaN to 0x7fff.
struct f16 {
    uint16_t bits;
};
struct bf16 {
    uint16_t bits;
};

__device__ __forceinline__ float to_float(float v) { return v; }
__device__ __forceinline__ float to_float(f16 v) {
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(v.bits));
    return f;
}
__device__ __forceinline__ float to_float(bf16 v) { return __uint_as_float((uint32_t)v.bits << 16); }

template <typename T> struct Cast;
template <> struct Cast<float> {
    static __device__ __forceinline__ float from(float v) { return v; }
};
template <> struct Cast<f16> {
    static __device__ __forceinline__ f16 from(float v) {
        f16 h;
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(v));
        return h;
    }
};
template <> struct Cast<bf16> {
    static __device__ __forceinline__ bf16 from(float v) {
        uint32_t b = __float_as_uint(v);
        uint32_t r = (b + 0x7fff + (b >> 16 & 1)) >> 16;
        return bf16{(uint16_t)(v != v ? 0x7fff : r)};
    }
};

template <typename T> struct alignas(4 * sizeof(T)) Vec {
    T v[4];
};

__device__ __forceinline__ void load4(float r[4], const float* p) {
    float4 v = *reinterpret_cast<const float4*>(p);
    r[0] = v.x, r[1] = v.y, r[2] = v.z, r[3] = v.w;
}
__device__ __forceinline__ void store4(float* p, const float r[4]) {
    *reinterpret_cast<float4*>(p) = make_float4(r[0], r[1], r[2], r[3]);
}
template <typename T> __device__ __forceinline__ void load4(float r[4], const T* p) {
    uint2 b = *reinterpret_cast<const uint2*>(p);
    r[0] = to_float(T{(uint16_t)b.x}), r[1] = to_float(T{(uint16_t)(b.x >> 16)});
    r[2] = to_float(T{(uint16_t)b.y}), r[3] = to_float(T{(uint16_t)(b.y >> 16)});
}

// pack4 rounds to the network's type. It is apart from store_net, since every condition gets the same input.
__device__ __forceinline__ float4 pack4(float, const float r[4]) {
    return make_float4(r[0], r[1], r[2], r[3]);
}
template <typename T> __device__ __forceinline__ uint2 pack4(T, const float r[4]) {
    uint32_t a = Cast<T>::from(r[0]).bits, b = Cast<T>::from(r[1]).bits;
    uint32_t c = Cast<T>::from(r[2]).bits, d = Cast<T>::from(r[3]).bits;
    return make_uint2(a | b << 16, c | d << 16);
}

// load_net and store_net move elements i to i+3 of a network row. Rows of the network's tensors follow one
// another without gaps, so when elems is no multiple of 4 neither their starts nor their ends fit a vector:
// then (vec false, uniform) elements are moved one by one, and those past the end are 0 and left alone.
template <typename T>
__device__ __forceinline__ void load_net(float r[4], const T* row, uint64_t i, uint64_t elems, bool vec) {
    if (vec) {
        load4(r, row + i);
        return;
    }
#pragma unroll
    for (int e = 0; e < 4; ++e) r[e] = i + e < elems ? to_float(row[i + e]) : 0.0f;
}

template <typename T, typename P>
__device__ __forceinline__ void store_net(T* row, uint64_t i, uint64_t elems, bool vec, const P& packed,
                                          const float r[4]) {
    if (vec) {
        *reinterpret_cast<P*>(row + i) = packed;
        return;
    }
#pragma unroll
    for (int e = 0; e < 4; ++e)
        if (i + e < elems) row[i + e] = Cast<T>::from(r[e]);
}

}  // namespace cudiffuse
