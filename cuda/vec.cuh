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

__device__ __forceinline__ f16 to_f16(float v) {
    f16 h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(v));
    return h;
}
// to_bf16 leaves the result in the upper half of the word, as the value itself has it.
__device__ __forceinline__ uint32_t to_bf16(float v) {
    uint32_t b = __float_as_uint(v);
    return v != v ? 0x7fffffff : b + 0x7fff + (b >> 16 & 1);
}
// computed_to_bf16 is to_bf16 of a value that an arithmetic operation has made. Its only NaN is 0x7fffffff (PTX
// manual, floating-point instructions), the one number whose sum wraps around, and the maximum undoes that.
__device__ __forceinline__ uint32_t computed_to_bf16(float v) {
    int32_t b = __float_as_int(v);
    return max((int32_t)((uint32_t)b + 0x7fff + ((uint32_t)b >> 16 & 1)), b);
}

template <typename T> __device__ __forceinline__ T cast(float v);
template <> __device__ __forceinline__ float cast<float>(float v) { return v; }
template <> __device__ __forceinline__ f16 cast<f16>(float v) { return to_f16(v); }
template <> __device__ __forceinline__ bf16 cast<bf16>(float v) { return bf16{(uint16_t)(to_bf16(v) >> 16)}; }

// pack is cast of two computed elements in one word, the first in the lower half.
template <typename T> __device__ __forceinline__ uint32_t pack(float a, float b);
template <> __device__ __forceinline__ uint32_t pack<f16>(float a, float b) {
    return to_f16(a).bits | (uint32_t)to_f16(b).bits << 16;
}
template <> __device__ __forceinline__ uint32_t pack<bf16>(float a, float b) {
    return __byte_perm(computed_to_bf16(a), computed_to_bf16(b), 0x7632);
}

__device__ __forceinline__ void load4(float r[4], const float* p) {
    float4 v = *reinterpret_cast<const float4*>(p);
    r[0] = v.x, r[1] = v.y, r[2] = v.z, r[3] = v.w;
}
template <typename T> __device__ __forceinline__ void load4(float r[4], const T* p) {
    uint2 v = *reinterpret_cast<const uint2*>(p);
    r[0] = to_float(T{(uint16_t)v.x}), r[1] = to_float(T{(uint16_t)(v.x >> 16)});
    r[2] = to_float(T{(uint16_t)v.y}), r[3] = to_float(T{(uint16_t)(v.y >> 16)});
}
// Stores name their width, because the compiler splits a vector store behind an opaque pointer into four.
__device__ __forceinline__ void store4(float* p, const float r[4]) {
    asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(p)), "f"(r[0]),
                 "f"(r[1]), "f"(r[2]), "f"(r[3])
                 : "memory");
}

// Packed is four elements rounded to the network's type, made once for all conditions.
template <typename T> struct Packed {
    uint2 v;
    __device__ __forceinline__ explicit Packed(const float r[4]) {
        v.x = pack<T>(r[0], r[1]), v.y = pack<T>(r[2], r[3]);
    }
    __device__ __forceinline__ void store(T* p) const {
        asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(p)), "r"(v.x), "r"(v.y)
                     : "memory");
    }
    __device__ __forceinline__ T at(int e) const { return T{(uint16_t)((e < 2 ? v.x : v.y) >> (e % 2 * 16))}; }
};
template <> struct Packed<float> {
    float r[4];
    __device__ __forceinline__ explicit Packed(const float v[4]) : r{v[0], v[1], v[2], v[3]} {}
    __device__ __forceinline__ void store(float* p) const { store4(p, r); }
    __device__ __forceinline__ float at(int e) const { return r[e]; }
};

// load_net and store_net move elements i to i+3 of a network row. Rows of the network's tensors follow one
// another without gaps, so when elems is no multiple of 4 neither their starts nor their ends fit a vector:
// variants for any size (kVec false) move elements one by one; those past the end read as 0 and are left alone.
template <bool kVec, typename T>
__device__ __forceinline__ void load_net(float r[4], const T* row, uint64_t i, uint64_t elems) {
    if constexpr (kVec) {
        load4(r, row + i);
    } else {
#pragma unroll
        for (int e = 0; e < 4; ++e) r[e] = i + e < elems ? to_float(row[i + e]) : 0.0f;
    }
}
template <bool kVec, typename T>
__device__ __forceinline__ void store_net(T* row, uint64_t i, uint64_t elems, const Packed<T>& v) {
    if constexpr (kVec) {
        v.store(row + i);
    } else {
#pragma unroll
        for (int e = 0; e < 4; ++e)
            if (i + e < elems) row[i + e] = v.at(e);
    }
}

}  // namespace cudiffuse
