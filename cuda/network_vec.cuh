// What the kernels of networks share: vectors of 16 bytes, activations, exact exponentials.
//
// Activations are NHWC in T. A tensor's pixels lie `stride` elements apart, which is more than its channels where it
// is a slice of a wider one. V is the elements of an access: 16 bytes, or 1 where channels, strides or addresses do
// not allow that. Sums are float32, each in an order that depends on the shape alone: no atomics, so that results
// repeat, and images never meet, so that they do not depend on the batch.
#pragma once
#include "vec.cuh"

namespace cudiffuse {

constexpr int kNetThreads = 256;

// kVector is the elements of 16 bytes.
template <typename T> constexpr int kVector = 16 / sizeof(T);

template <int V, typename T> __device__ __forceinline__ void load(float r[V], const T* p) {
    if constexpr (V == 1) {
        r[0] = to_float(*p);
    } else if constexpr (sizeof(T) == 4) {
        load4(r, p);
    } else {
        uint4 v = *reinterpret_cast<const uint4*>(p);
        const uint32_t w[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            r[2 * i] = to_float(T{(uint16_t)w[i]});
            r[2 * i + 1] = to_float(T{(uint16_t)(w[i] >> 16)});
        }
    }
}

template <int V, typename T> __device__ __forceinline__ void store(T* p, const float r[V]) {
    if constexpr (V == 1) {
        *p = cast<T>(r[0]);
    } else if constexpr (sizeof(T) == 4) {
        store4(p, r);
    } else {
        asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(p)),
                     "r"(pack<T>(r[0], r[1])), "r"(pack<T>(r[2], r[3])), "r"(pack<T>(r[4], r[5])),
                     "r"(pack<T>(r[6], r[7]))
                     : "memory");
    }
}

// The activations, numbered as package netkernels does.
enum Activation { kIdentity, kSiLU, kMish, kGELU, kReLU, kQuickGELU };

__device__ __forceinline__ float sigmoid(float x) { return __fdiv_rn(1.0f, 1.0f + expf(-x)); }

__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

// activate is uniform in `act`: no thread diverges.
__device__ __forceinline__ float activate(int act, float x) {
    switch (act) {
    case kSiLU: return __fdiv_rn(x, 1.0f + expf(-x));
    case kMish: {  // tanh(ln(1+e)) = (e^2 + 2e) / (e^2 + 2e + 2); above 20 it is 1 in float32
        float e = expf(fminf(x, 20.0f)), m = e * (e + 2.0f);
        return x * __fdiv_rn(m, m + 2.0f);
    }
    case kGELU: return gelu(x);
    case kReLU: return x < 0.0f ? 0.0f : x;  // NaN stays
    case kQuickGELU: return x * sigmoid(1.702f * x);
    }
    return x;
}

}  // namespace cudiffuse
