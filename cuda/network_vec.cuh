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

__device__ __forceinline__ uint64_t first_item() { return (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ uint64_t all_threads() { return (uint64_t)gridDim.x * blockDim.x; }

// kVector is the elements of 16 bytes.
template <typename T> constexpr int kVector = 16 / sizeof(T);

// Raw is V elements as they lie in memory, for keeping in registers.
template <int V, typename T> struct Raw {
    uint4 w;
    __device__ __forceinline__ void load(const T* p) { w = *reinterpret_cast<const uint4*>(p); }
    __device__ __forceinline__ void get(float r[V]) const {
        const uint32_t words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            if constexpr (sizeof(T) == 4) {
                r[i] = __uint_as_float(words[i]);
            } else {
                r[2 * i] = to_float(T{(uint16_t)words[i]}), r[2 * i + 1] = to_float(T{(uint16_t)(words[i] >> 16)});
            }
        }
    }
};
template <typename T> struct Raw<1, T> {
    T w;
    __device__ __forceinline__ void load(const T* p) { w = *p; }
    __device__ __forceinline__ void get(float r[1]) const { r[0] = to_float(w); }
};

template <int V, typename T> __device__ __forceinline__ void load(float r[V], const T* p) {
    Raw<V, T> raw;
    raw.load(p);
    raw.get(r);
}

// load_params loads V float32 parameters. They are 16-byte aligned where tensors are.
template <int V> __device__ __forceinline__ void load_params(float r[V], const float* p) {
    if constexpr (V == 1) {
        r[0] = *p;
    } else {
#pragma unroll
        for (int v = 0; v < V; v += 4) load4(r + v, p + v);
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
enum Activation { kIdentity, kSiLU, kMish, kGELU, kReLU, kQuickGELU, kGELUTanh, kTanh };

__device__ __forceinline__ float sigmoid(float x) { return __fdiv_rn(1.0f, 1.0f + expf(-x)); }

__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

// silu, and Mish as x tanh(ln(1+e)), which is (e^2 + 2e) / (e^2 + 2e + 2) and in float32 x from 20 on.
__device__ __forceinline__ float silu(float x) { return __fdiv_rn(x, 1.0f + expf(-x)); }
__device__ __forceinline__ float mish(float x) {
    const float e = expf(fminf(x, 20.0f)), m = e * (e + 2.0f);
    return x * __fdiv_rn(m, m + 2.0f);
}

// gelu_tanh is the GELU with a tanh in place of the error function, as x s(2u) with the logistic function s.
__device__ __forceinline__ float gelu_tanh(float x) {
    return __fdiv_rn(x, 1.0f + expf(-1.59576912160573072f * x * (1.0f + 0.044715f * x * x)));
}

// activate_all applies an activation; all threads have the same one.
template <int V> __device__ __forceinline__ void activate_all(int act, float r[V]) {
    auto each = [&](auto f) {
#pragma unroll
        for (int v = 0; v < V; ++v) r[v] = f(r[v]);
    };
    switch (act) {
    case kSiLU: each([](float x) { return silu(x); }); break;
    case kMish: each([](float x) { return mish(x); }); break;
    case kGELU: each([](float x) { return gelu(x); }); break;
    case kReLU: each([](float x) { return x < 0.0f ? 0.0f : x; }); break;  // NaN stays
    case kQuickGELU: each([](float x) { return x * sigmoid(1.702f * x); }); break;
    case kGELUTanh: each([](float x) { return gelu_tanh(x); }); break;
    case kTanh: each([](float x) { return 1.0f - __fdiv_rn(2.0f, expf(2.0f * x) + 1.0f); }); break;
    }
}

}  // namespace cudiffuse
