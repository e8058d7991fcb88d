// The fused update: everything between two evaluations of the network, in one launch for all requests.
// Mirror of update, predict, rowSum and input in gpu/update.go: same order, same names.
//
// Looking for a DDPM step (ancestral mean + noise), a DDIM step, DPM-Solver, Euler, Heun, LCM or
// classifier-free guidance? They are all this kernel: a sampler is a table of 3 x 11 coefficients a stage
// (package sampler, one file a method), guidance is guide's weighted sum over the conditions, and the
// noise of DDPM is the register n0.
#pragma once
#include "layout.cuh"
#include "normal.cuh"
#include "state.cuh"
#include "vec.cuh"

namespace cudiffuse {

// fma4 is y += k*r for four elements in two roundings; a zero k skips r, whatever it holds.
__device__ __forceinline__ void fma4(float y[4], float k, const float r[4]) {
    if (k == 0.0f) return;
#pragma unroll
    for (int e = 0; e < 4; ++e) y[e] = __fadd_rn(y[e], __fmul_rn(k, r[e]));
}

// row_sum is one output of the fused update for four elements:
//
//   y = X*x + Base*base + D*d + Raw*raw + Unc*unc + H0*h0 + ... + N1*n1
//
// from +0, in this order. k is uniform over the block. kMask holds the registers that the variant knows.
template <uint32_t kMask>
__device__ __forceinline__ void row_sum(float y[4], const float* k, const float r[kRegs][4]) {
    y[0] = y[1] = y[2] = y[3] = 0.0f;
#pragma unroll
    for (int j = 0; j < kRegs; ++j)
        if (kMask >> j & 1) fma4(y, k[j], r[j]);
}

// sum2 is y = a*p + b*q by the rules of row_sum.
__device__ __forceinline__ void sum2(float y[4], float a, const float p[4], float b, const float q[4]) {
    y[0] = y[1] = y[2] = y[3] = 0.0f;
    fma4(y, a, p);
    fma4(y, b, q);
}

// clip limits v to [-c, c] in two comparisons, which leave NaN alone.
__device__ __forceinline__ float clip(float v, float c) {
    if (v > c) v = c;
    if (v < -c) v = -c;
    return v;
}

// threshold is d = clip(d, s)/s with the row's own limit s (Saharia et al. 2022, section 2.3).
__device__ __forceinline__ void threshold(float d[4], float s) {
#pragma unroll
    for (int e = 0; e < 4; ++e) d[e] = __fdiv_rn(clip(d[e], s), s);
}

// inpaint is d = mask*d + (1-mask)*known; a zero factor skips its term (Lugmayr et al. 2022).
__device__ __forceinline__ void inpaint(float d[4], const float mask[4], const float known[4]) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
        float y = 0.0f, rest = __fsub_rn(1.0f, mask[e]);
        if (mask[e] != 0.0f) y = __fadd_rn(y, __fmul_rn(mask[e], d[e]));
        if (rest != 0.0f) y = __fadd_rn(y, __fmul_rn(rest, known[e]));
        d[e] = y;
    }
}

// Variant is what one instance of the kernel can do. A launcher takes the first one that covers all requests
// of the batch (cuda.Pick); all of them give the same bits. A variant that is not general keeps its
// coefficients in registers, the general ones keep them in shared memory.
template <int kConds_, uint32_t kRowX_, uint32_t kRowBase_, uint32_t kRowPush_, bool kGeneral_, bool kVec_>
struct Variant {
    static constexpr int kConds = kConds_;           // 1, 2, or 0 for any number
    static constexpr uint32_t kRowX = kRowX_;        // registers that the rows may use
    static constexpr uint32_t kRowBase = kRowBase_;  // 0: base is neither read nor written
    static constexpr uint32_t kRowPush = kRowPush_;  // 0: no history is written
    static constexpr uint32_t kReads = kRowX_ | kRowBase_ | kRowPush_;
    static constexpr bool kGeneral = kGeneral_;  // threshold, rescaled guidance, in-painting
    static constexpr bool kVec = kVec_;          // elems is a multiple of 4
};

// Work is what all threads of a block have in common. Its pointers are those of the request.
template <typename V, typename T> struct Work {
    const Entry& e;
    float *x, *d, *base, *h[kSlots], *push;  // [elems]
    const float *known, *mask;               // [elems]
    const T* out;                            // [conds, elems]
    T* in;                                   // [conds, elems]
    const float* w;                          // [conds] weights
    float w0, w1;                            // the first two of them
    uint64_t seed, elems;
    uint32_t conds, flags;
    Scalars scalars;

    __device__ __forceinline__ Work(const Entry& e, const Row& row, const float* weights, float* arena, T* in_,
                                    const T* out_, uint64_t elems)
        : e(e), seed(row.seed), elems(elems), conds(V::kConds ? V::kConds : row.conds), flags(row.flags) {
        x = arena + row.x;
        d = arena + row.d;
        base = arena + row.base;
#pragma unroll
        for (int s = 0; s < kSlots; ++s) h[s] = arena + row.h[s];
        push = arena + row.h[e.slot];
        known = arena + row.known;
        mask = arena + row.mask;
        out = out_ + row.first * elems;
        in = in_ + row.first * elems;
        w = weights + row.first;
        w0 = w[0];
        w1 = V::kConds == 2 ? w[1] : 0.0f;
    }

    __device__ __forceinline__ bool reads(int j) const { return (V::kReads >> j & 1) && (e.reads >> j & 1); }

    // guide makes m = sum_c w[c]*out[c], from +0 in order; a zero weight skips its condition. last is
    // out[conds-1]. With weights s and 1-s this is classifier-free guidance at scale s.
    __device__ __forceinline__ void guide(float m[4], float last[4], uint32_t i) const {
        if (V::kConds == 2) {
            float cond[4];
            load_net<V::kVec>(cond, out, i, elems);
            load_net<V::kVec>(last, out + elems, i, elems);
            sum2(m, w0, cond, w1, last);
            return;
        }
        m[0] = m[1] = m[2] = m[3] = 0.0f;
#pragma unroll 1
        for (uint32_t c = 0; c < conds; ++c) {
            load_net<V::kVec>(last, out + c * elems, i, elems);
            fma4(m, V::kConds == 1 ? w0 : w[c], last);
        }
    }

    // predict makes raw, unc and d of elements i to i+3, see Stage in package sampler.
    __device__ __forceinline__ void predict(float r[kRegs][4], uint32_t i) const {
        float m[4], last[4];
        guide(m, last, i);
        if (V::kGeneral && (flags & kRowRescale))
            for (int k = 0; k < 4; ++k) m[k] = __fmul_rn(m[k], scalars.factor);
        sum2(r[kRaw], e.skip, r[kX], e.out, m);
        for (int k = 0; k < 4; ++k) r[kUnc][k] = r[kD][k] = r[kRaw][k];
        if (V::kConds != 1 && conds > 1 && reads(kUnc)) sum2(r[kUnc], e.skip, r[kX], e.out, last);
        if (V::kGeneral && (flags & kRowThreshold)) {
            threshold(r[kD], scalars.limit);
        } else if (e.clip > 0.0f) {
            for (int k = 0; k < 4; ++k) r[kD][k] = clip(r[kD][k], e.clip);
        }
        if (V::kGeneral && (flags & kRowInpaint)) {
            float blend[4], clean[4];
            load4(blend, mask + i);
            load4(clean, known + i);
            inpaint(r[kD], blend, clean);
        }
        store4(d + i, r[kD]);
    }

    // input writes the next network input of every condition: in = cast(c_in * x).
    __device__ __forceinline__ void input(const float x[4], uint32_t i) const {
        float v[4];
        for (int k = 0; k < 4; ++k) v[k] = __fmul_rn(e.next_in, x[k]);
        Packed<T> packed(v);
        store_net<V::kVec>(in, i, elems, packed);
        if (V::kConds == 2) store_net<V::kVec>(in + elems, i, elems, packed);
        if (V::kConds == 0)
#pragma unroll 1
            for (uint32_t c = 1; c < conds; ++c) store_net<V::kVec>(in + c * elems, i, elems, packed);
    }

    // update does one stage for elements i to i+3, i = 4*block.
    __device__ __forceinline__ void update(uint32_t block) const {
        uint32_t i = 4 * block;
        float r[kRegs][4] = {};
        load4(r[kX], x + i);
        if (reads(kBase)) load4(r[kBase], base + i);
#pragma unroll
        for (int s = 0; s < kSlots; ++s)
            if (reads(kH + s)) load4(r[kH + s], h[s] + i);
        if (e.flags & kFlagEval) predict(r, i);
#pragma unroll
        for (int n = 0; n < 2; ++n)
            if (reads(kN + n)) normals4(r[kN + n], seed, e.draw[n], block);
        float y[4];
        if (V::kRowBase && (e.flags & kFlagBase)) {
            row_sum<V::kRowBase>(y, e.base, r);
            store4(base + i, y);
        }
        if (V::kRowPush && (e.flags & kFlagPush)) {
            row_sum<V::kRowPush>(y, e.push, r);
            store4(push + i, y);
        }
        row_sum<V::kRowX>(y, e.x, r);
        store4(x + i, y);
        if (e.flags & kFlagNext) input(y, i);
    }
};

// fused_step is the whole kernel. Request r has the blocks r*blocks_per_row and on; they share its elements.
template <typename V, typename T>
__device__ __forceinline__ void fused_step(const Entry* __restrict__ table, const Row* __restrict__ rows,
                                           const float* __restrict__ weights, State* state, float* arena, T* in,
                                           const T* out, float* t, const Scalars* __restrict__ scalars,
                                           uint64_t elems, uint32_t blocks_per_row) {
    uint32_t r = blockIdx.x / blocks_per_row;
    const Row& row = rows[r];
    uint32_t stage = state[r].stage;
    if (stage >= row.stages) return;  // the request is done; uniform over its blocks
    const Entry* entry = table + row.table + stage;
    __shared__ Entry shared;
    Entry local;
    if (V::kGeneral) {
        constexpr uint32_t kWords = sizeof(Entry) / 4;
        for (uint32_t k = threadIdx.x; k < kWords; k += blockDim.x)
            reinterpret_cast<uint32_t*>(&shared)[k] = reinterpret_cast<const uint32_t*>(entry)[k];
        __syncthreads();
    } else {
        local = *entry;
    }
    Work<V, T> work(V::kGeneral ? shared : local, row, weights, arena, in, out, elems);
    if (V::kGeneral) work.scalars = scalars[r];
    uint32_t blocks = (uint32_t)((elems + 3) / 4), stride = blocks_per_row * blockDim.x;
    uint32_t first = blockIdx.x % blocks_per_row * blockDim.x + threadIdx.x;
#pragma unroll 1
    for (uint32_t block = first; block < blocks; block += stride) work.update(block);
    advance(state[r], stage, blocks_per_row, work.e, t + row.first, (uint32_t)row.conds);
}

}  // namespace cudiffuse
