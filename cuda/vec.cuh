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

// load4 and store4 say the width of the access in PTX, because the compiler splits some of them otherwise.
// They are volatile so that none of them changes places with another: kernels read and write the same memory.
__device__ __forceinline__ void load4(float r[4], const float* p) {
    asm volatile("ld.global.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(r[0]), "=f"(r[1]), "=f"(r[2]), "=f"(r[3])
                 : "l"(__cvta_generic_to_global(p)));
}
__device__ __forceinline__ void store4(float* p, const float r[4]) {
    asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(p)), "f"(r[0]),
                 "f"(r[1]), "f"(r[2]), "f"(r[3]));
}
template <typename T> __device__ __forceinline__ void load4(float r[4], const T* p) {
    uint32_t a, b;
    asm volatile("ld.global.v2.u32 {%0, %1}, [%2];" : "=r"(a), "=r"(b) : "l"(__cvta_generic_to_global(p)));
    r[0] = to_float(T{(uint16_t)a}), r[1] = to_float(T{(uint16_t)(a >> 16)});
    r[2] = to_float(T{(uint16_t)b}), r[3] = to_float(T{(uint16_t)(b >> 16)});
}

// Packed is four elements rounded to the network's type, made once for all conditions.
template <typename T> struct Packed {
    uint32_t a, b;
    __device__ __forceinline__ explicit Packed(const float r[4]) {
        a = Cast<T>::from(r[0]).bits | (uint32_t)Cast<T>::from(r[1]).bits << 16;
        b = Cast<T>::from(r[2]).bits | (uint32_t)Cast<T>::from(r[3]).bits << 16;
    }
    __device__ __forceinline__ void store(T* p) const {
        asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(p)), "r"(a), "r"(b));
    }
    __device__ __forceinline__ T at(int e) const {
        return T{(uint16_t)((e < 2 ? a : b) >> (e % 2 * 16))};
    }
};
template <> struct Packed<float> {
    float r[4];
    __device__ __forceinline__ explicit Packed(const float v[4]) : r{v[0], v[1], v[2], v[3]} {}
    __device__ __forceinline__ void store(float* p) const { store4(p, r); }
    __device__ __forceinline__ float at(int e) const { return r[e]; }
};

// load_net and store_net move elements i to i+3 of a network row. Rows of the network's tensors follow one
// another without gaps, so when elems is no multiple of 4 neither their starts nor their ends fit a vector:
// variants for any size (kVec false) move elements one by one; those past the end are 0 and left alone.
template <bool kVec, typename T>
__device__ __forceinline__ void load_net(float r[4], const T* row, uint32_t i, uint64_t elems) {
    if (kVec) {
        load4(r, row + i);
        return;
    }
#pragma unroll
    for (int e = 0; e < 4; ++e) r[e] = (uint64_t)i + e < elems ? to_float(row[i + e]) : 0.0f;
}
template <bool kVec, typename T>
__device__ __forceinline__ void store_net(T* row, uint32_t i, uint64_t elems, const Packed<T>& v) {
    if (kVec) {
        v.store(row + i);
        return;
    }
#pragma unroll
    for (int e = 0; e < 4; ++e)
        if ((uint64_t)i + e < elems) row[i + e] = v.at(e);
}

}  // namespace cudiffuse
