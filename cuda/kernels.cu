// The kernels of cudiffuse, in the order in which a run uses them. build/ holds what nvcc made of this file.
//
// A launch has blocks of kThreads (fused_step, row_average, start, fill_noise, casts) or 1024 threads (row_scalars),
// all in x. fused_step, row_average and start have a grid of (requests, parts), row_scalars one of (requests), the
// others any.
#include "average.cuh"
#include "network.cuh"
#include "scalars.cuh"
#include "start.cuh"
#include "update.cuh"

namespace cudiffuse {

constexpr uint32_t kPlain = 1 << kX | 1 << kD | 1 << kRaw;
constexpr uint32_t kNoise = kPlain | 1 << kN;
constexpr uint32_t kHistory = 1 << kX | 1 << kD | 3 << kH;
constexpr uint32_t kHistoryNoise = kHistory | 1 << kN;
constexpr uint32_t kPush = 1 << kX | 1 << kD;

#define STEP(name, type, ...)                                                                                    \
    extern "C" __global__ void __launch_bounds__(kThreads) fused_step_##name(                                     \
        const Entry* __restrict__ table, const Row* __restrict__ rows, const float* __restrict__ weights,         \
        State* state, float* arena, type* in, const type* out, float* t, const Scalars* __restrict__ scalars,     \
        uint64_t elems) {                                                                                         \
        fused_step<__VA_ARGS__, type>(table, rows, weights, state, arena, in, out, t, scalars, elems);            \
    }
#define STEPS(suffix, type)                                                       \
    STEP(plain1_##suffix, type, Variant<1, kPlain, 0>)                            \
    STEP(plain2_##suffix, type, Variant<2, kPlain, 0>)                            \
    STEP(noise1_##suffix, type, Variant<1, kNoise, 0>)                            \
    STEP(noise2_##suffix, type, Variant<2, kNoise, 0>)                            \
    STEP(history1_##suffix, type, Variant<1, kHistory, kPush>)                    \
    STEP(history2_##suffix, type, Variant<2, kHistory, kPush>)                    \
    STEP(history_noise1_##suffix, type, Variant<1, kHistoryNoise, 1 << kD>)    \
    STEP(history_noise2_##suffix, type, Variant<2, kHistoryNoise, 1 << kD>)    \
    STEP(general_##suffix, type, General<true>)                                   \
    STEP(general_any_##suffix, type, General<false>)

// One block to a multiprocessor: for two ptxas would take 32 registers and spill.
#define SCALARS(suffix, type)                                                                                     \
    extern "C" __global__ void __launch_bounds__(kScalarThreads, 1) row_scalars_##suffix(                          \
        const Entry* __restrict__ table, const Row* __restrict__ rows, const float* __restrict__ weights,         \
        const State* state, float* arena, const type* out, Scalars* scalars, uint64_t elems) {                    \
        row_scalars<type>(table, rows, weights, state, arena, out, scalars, elems);                               \
    }

#define AVERAGE(name, type, vec)                                                                                  \
    extern "C" __global__ void __launch_bounds__(kThreads) row_average_##name(                                     \
        const Entry* __restrict__ table, const Row* __restrict__ rows, const State* state, float* arena,          \
        const type* out, uint64_t elems) {                                                                        \
        row_average<vec, type>(table, rows, state, arena, out, elems);                                            \
    }

#define START(name, type, vec)                                                                                    \
    extern "C" __global__ void __launch_bounds__(kThreads) start_##name(                                           \
        const Row* __restrict__ rows, float* arena, type* in, float* t, uint64_t elems) {                         \
        start<vec, type>(rows, arena, in, t, elems);                                                              \
    }

#define CAST(name, to, from)                                                                                      \
    extern "C" __global__ void __launch_bounds__(kThreads) cast_##name(to* __restrict__ dst,                       \
                                                                     const from* __restrict__ src, uint64_t n) { \
        cast_all<to, from>(dst, src, n);                                                                          \
    }

#define KERNELS(suffix, type)          \
    START(suffix, type, true)          \
    START(any_##suffix, type, false)   \
    AVERAGE(suffix, type, true)        \
    AVERAGE(any_##suffix, type, false) \
    SCALARS(suffix, type)              \
    STEPS(suffix, type)

KERNELS(f32, float)
KERNELS(f16, f16)
KERNELS(bf16, bf16)

extern "C" __global__ void __launch_bounds__(kThreads)
    fill_noise(float* dst, uint64_t n, uint64_t seed, uint32_t draw, uint64_t first, float scale) {
    fill(dst, n, seed, draw, first, scale);
}

CAST(f32_to_f16, f16, float)
CAST(f32_to_bf16, bf16, float)
CAST(f16_to_f32, float, f16)
CAST(bf16_to_f32, float, bf16)

}  // namespace cudiffuse
