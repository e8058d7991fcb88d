// The fused update: everything between two evaluations of the network, in one launch for all requests.
// Mirror of update, predict, rowSum and input in gpu/update.go: same order, same names.
//
// Looking for a DDPM step (ancestral mean + noise), a DDIM step, DPM-Solver, Euler, Heun, LCM or
// classifier-free guidance? They are all this kernel: a sampler is a table of 3 x 11 coefficients a stage
// (package sampler, one file a method), guidance is predict's weighted sum over the conditions, and the
// noise of DDPM is the register n0.
#pragma once
#include "layout.cuh"
#include "normal.cuh"
#include "state.cuh"
#include "vec.cuh"

namespace cudiffuse {

constexpr int kThreads = 256;  // of a block

// add_term is y += k*r for four elements in two roundings; a zero k skips r, whatever it holds.
__device__ __forceinline__ void add_term(float y[4], float k, const float r[4]) {
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
        if (kMask >> j & 1) add_term(y, k[j], r[j]);
}

// sum2 is y = a*p + b*q by the rules of row_sum.
__device__ __forceinline__ void sum2(float y[4], float a, const float p[4], float b, const float q[4]) {
    y[0] = y[1] = y[2] = y[3] = 0.0f;
    add_term(y, a, p);
    add_term(y, b, q);
}

// clip limits v to [-c, c] in two comparisons, which leave NaN alone.
__device__ __forceinline__ float clip(float v, float c) {
    if (v > c) v = c;
    if (v < -c) v = -c;
    return v;
}

// inpaint is d = mask*d + (1-mask)*known; a zero factor skips its term.
__device__ __forceinline__ float inpaint(float d, float mask, float known) {
    float y = 0.0f, rest = __fsub_rn(1.0f, mask);
    if (mask != 0.0f) y = __fadd_rn(y, __fmul_rn(mask, d));
    if (rest != 0.0f) y = __fadd_rn(y, __fmul_rn(rest, known));
    return y;
}

// Variant is what one instance of the kernel can do. The launcher takes the first one that covers all
// requests of the batch (gpu/variant.go); all of them give the same bits. A general one does everything; the
// others know a few registers, one or two conditions, a static clip, and keep their coefficients in registers.
//
// Bytes per element, with T the size of the network's type: read are 4 for x and each history slot that the
// variant knows, and T for each condition; written are 4 for x and d, 4 for h[slot] where the stage pushes, and T
// for each condition where the next stage evaluates. With guidance and float16 that is 20 for a DDIM step and 32 for
// one of SDE-DPM-Solver++(2M). A Go test compares it with what the emulated GPU counts.
template <int kConds_, uint32_t kRowX_, uint32_t kRowPush_> struct Variant {
    static constexpr bool kGeneral = false, kVec = true;
    static constexpr int kConds = kConds_;           // 1 or 2
    static constexpr uint32_t kRowX = kRowX_;        // registers that the rows may use
    static constexpr uint32_t kRowPush = kRowPush_;  // 0: no history is written
    static constexpr uint32_t kReads = kRowX_ | kRowPush_;
};
template <bool kVec_> struct General {
    static constexpr bool kGeneral = true, kVec = kVec_;  // kVec: elems is a multiple of 4
    static constexpr int kConds = 0;                      // any number
    static constexpr uint32_t kRowX = (1u << kRegs) - 1, kRowPush = kRowX, kReads = kRowX;
};

// opaque keeps the compiler from taking a pointer apart: an access then costs one address instruction, not four.
template <typename P> __device__ __forceinline__ P* opaque(P* p) {
    asm("" : "+l"(p));
    __builtin_assume(__isGlobal(p));
    return p;
}

// Work is what all threads of a block have in common. Its pointers are those of the request.
template <typename V, typename T> struct Work {
    const Entry& e;
    float *x, *d, *base, *h[kSlots], *push;  // [elems]
    const float *known, *mask, *average;     // [elems]
    const T* out;                            // [conds, elems]
    const T* variance;                       // [elems] the network's, of the first condition
    const Term* terms;                       // of the plan's draws
    T* in;                                   // [conds, elems]
    const float* w;                          // [conds] weights
    float w0, w1;                            // the first two of them
    uint64_t elems;
    Keys keys;
    uint32_t conds, flags;  // flags of the row
    Scalars scalars;

    __device__ __forceinline__ Work(const Entry& e, const Row& row, const float* weights, float* arena, T* in_,
                                    const T* out_, uint64_t elems)
        : e(e), elems(elems), keys(row.seed), conds(V::kConds ? V::kConds : (uint32_t)row.conds), flags(row.flags) {
        x = arena + row.x;
        d = arena + row.d;
        base = arena + row.base;
#pragma unroll
        for (int s = 0; s < kSlots; ++s) h[s] = arena + row.h[s];
        push = arena + row.h[e.slot];
        known = arena + row.known;
        mask = arena + row.mask;
        average = arena + row.average;
        variance = opaque(reinterpret_cast<const T*>(row.variance));
        terms = opaque(reinterpret_cast<const Term*>(row.terms));
        out = out_ + row.first * elems;
        in = in_ + row.first * elems;
        w = weights + row.first;
        w0 = w[0];
        w1 = V::kConds == 2 ? w[1] : 0.0f;
    }

    // reads tells whether register j has to be loaded. A special variant always loads what it knows: that
    // costs no branch, and a row that does not use it loads x once more, from the cache.
    __device__ __forceinline__ bool reads(int j) const {
        return V::kGeneral ? e.reads >> j & 1 : V::kReads >> j & 1;
    }

    // weight is that of a condition in this stage.
    __device__ __forceinline__ float weight(uint32_t c) const {
        if (e.flags & (kFlagFirst | kFlagNone)) return c == 0 && e.flags & kFlagFirst ? 1.0f : 0.0f;
        return !(flags & kRowProject) ? w[c] : c ? scalars.w[1] : scalars.w[0];
    }

    // guide makes m = sum_c w[c]*out[c], from +0 in order; a zero weight skips its condition. last is
    // out[conds-1]. With weights s and 1-s this is classifier-free guidance at scale s. With momentum the second
    // weight is for the average.
    __device__ __forceinline__ void guide(float m[4], float last[4], uint64_t i) const {
        m[0] = m[1] = m[2] = m[3] = 0.0f;
#pragma unroll 1
        for (uint32_t c = 0; c < conds; ++c) {
            load_net<V::kVec>(last, out + c * elems, i, elems);
            if (c == 1 && flags & kRowMomentum) {
                float second[4];
                load4(second, average + i);
                add_term(m, weight(c), second);
            } else {
                add_term(m, weight(c), last);
            }
        }
        if (flags & kRowRescale)
            for (int k = 0; k < 4; ++k) m[k] = __fmul_rn(m[k], scalars.factor);
    }

    // predict makes raw, unc and d of elements i to i+3, see Stage in package sampler.
    __device__ __forceinline__ void predict(float r[kRegs][4], uint64_t i) const {
        float m[4], last[4];
        guide(m, last, i);
        sum2(r[kRaw], e.skip, r[kX], e.out, m);
        for (int k = 0; k < 4; ++k) r[kUnc][k] = r[kD][k] = r[kRaw][k];
        if (conds > 1 && e.flags & kFlagUnc) sum2(r[kUnc], e.skip, r[kX], e.out, last);
        if (flags & kRowThreshold) {
            for (int k = 0; k < 4; ++k) r[kD][k] = __fdiv_rn(clip(r[kD][k], scalars.limit), scalars.limit);
        } else if (e.clip > 0.0f) {
            for (int k = 0; k < 4; ++k) r[kD][k] = clip(r[kD][k], e.clip);
        }
        if (flags & kRowInpaint) {
            float blend[4], clean[4];
            load4(blend, mask + i);
            load4(clean, known + i);
            for (int k = 0; k < 4; ++k) r[kD][k] = inpaint(r[kD][k], blend[k], clean[k]);
        }
        store4(d + i, r[kD]);
    }

    // input writes the next network input of every condition: in = cast(c_in * x).
    __device__ __forceinline__ void input(const float x[4], uint64_t i) const {
        float v[4];
        for (int k = 0; k < 4; ++k) v[k] = __fmul_rn(e.next_in, x[k]);
        Packed<T> packed(v);
        store_net<V::kVec>(in, i, elems, packed);
        if (V::kConds == 2) store_net<V::kVec>(in + elems, i, elems, packed);
        if (V::kConds == 0)
#pragma unroll 1
            for (uint32_t c = 1; c < conds; ++c) store_net<V::kVec>(in + c * elems, i, elems, packed);
    }

    // noise is register n0 or n1: a draw, or the sum of its terms, from +0 in their order.
    __device__ __forceinline__ void noise(float n[4], int k, uint32_t block) const {
        uint32_t count = e.counts >> (16 * k) & 0xffff;
        if (count == 0) {
            normals4(n, keys, e.draw[k], block);
            return;
        }
        n[0] = n[1] = n[2] = n[3] = 0.0f;
        const Term* sum = terms + e.terms[k];
#pragma unroll 1
        for (uint32_t j = 0; j < count; ++j) {
            float v[4];
            normals4(v, keys, sum[j].draw, block);
            add_term(n, sum[j].weight, v);
        }
    }

    // learned scales noise by what the network predicts.
    __device__ __forceinline__ void learned(float n[4], uint64_t i) const {
        float v[4];
        load_net<V::kVec>(v, variance, i, elems);
        for (int k = 0; k < 4; ++k) {
            float std;
            if (e.flags & kFlagRoot) std = __fsqrt_rn(v[k] < 0.0f ? 0.0f : v[k]);
            else std = exp(step(e.gain, v[k], e.bias));
            n[k] = __fmul_rn(std, n[k]);
        }
    }

    // update does one stage for elements i to i+3, i = 4*block, by a general variant.
    __device__ __forceinline__ void update(uint32_t block) const {
        uint64_t i = 4 * (uint64_t)block;
        float r[kRegs][4] = {};
        load4(r[kX], x + i);
        if (reads(kBase)) load4(r[kBase], base + i);
#pragma unroll
        for (int s = 0; s < kSlots; ++s)
            if (reads(kH + s)) load4(r[kH + s], h[s] + i);
        if (e.flags & kFlagEval) predict(r, i);
        if (e.flags & kFlagN0) noise(r[kN], 0, block);
        if (e.flags & (kFlagLearned | kFlagRoot)) learned(r[kN], i);
        if (e.flags & kFlagN1) noise(r[kN + 1], 1, block);
        float y[4], z[4];
        if (e.flags & kFlagBase) row_sum<V::kRowX>(z, e.base, r);
        if (e.flags & kFlagPush) {
            row_sum<V::kRowPush>(y, e.push, r);
            store4(push + i, y);
        }
        if (e.flags & kFlagBase) store4(base + i, z);
        row_sum<V::kRowX>(y, e.x, r);
        store4(x + i, y);
        if (e.flags & kFlagNext) input(y, i);
    }
};

// Special is Work for a special variant: the same operations in the same order, without those that it cannot
// have.
template <typename V, typename T> struct Special {
    const Entry& e;
    const Keys keys;
    float w0, w1;  // weights of the conditions
    float *x, *d, *push;
    const float *h0, *h1;
    const T *out0, *out1;
    T *in0, *in1;

    __device__ __forceinline__ Special(const Entry& e, const Row& row, const float* weights, float* arena, T* in,
                                       const T* out, uint64_t elems)
        : e(e), keys(row.seed) {
        // Blocks have one row of threads, so threadIdx.y is 0, but the compiler cannot know that it is the same for
        // all threads: the pointers stay in the threads' own registers, where an address is one multiply-add. From
        // the uniform ones, which it prefers, every access takes two or three instructions.
        arena += threadIdx.y, in += threadIdx.y, out += threadIdx.y;
        const float* w = weights + row.first;
        w0 = w[0], w1 = V::kConds == 2 ? w[1] : 0.0f;
        x = opaque(arena + row.x), d = opaque(arena + row.d), push = opaque(arena + row.h[e.slot]);
        h0 = opaque(arena + row.h[0]), h1 = opaque(arena + row.h[1]);
        uint64_t first = row.first * elems, second = first + (V::kConds - 1) * elems;
        in0 = opaque(in + first), in1 = opaque(in + second);
        out0 = opaque(out + first), out1 = opaque(out + second);
    }

    // first is y = k*r for a k that is not zero: the first term of a sum, which adds it to +0.
    static __device__ __forceinline__ void first(float y[4], float k, const float r[4]) {
        for (int j = 0; j < 4; ++j) y[j] = __fadd_rn(0.0f, __fmul_rn(k, r[j]));
    }
    static __device__ __forceinline__ void next(float y[4], float k, const float r[4]) {
        for (int j = 0; j < 4; ++j) y[j] = __fadd_rn(y[j], __fmul_rn(k, r[j]));
    }

    // update does one stage for elements i to i+3, i = 4*block.
    __device__ __forceinline__ void update(uint32_t block) const {
        uint64_t i = 4 * (uint64_t)block;
        float r[kRegs][4], c0[4], c1[4], m[4], y[4];
        load4(r[kX], x + i);
        load4(c0, out0 + i);
        if (V::kConds == 2) load4(c1, out1 + i);
        if (V::kReads >> kH & 1) load4(r[kH], h0 + i);
        if (V::kReads >> (kH + 1) & 1) load4(r[kH + 1], h1 + i);
        first(m, w0, c0);
        if (V::kConds == 2) next(m, w1, c1);
        first(r[kRaw], e.skip, r[kX]);
        next(r[kRaw], e.out, m);
        for (int k = 0; k < 4; ++k) r[kD][k] = r[kRaw][k];
        if (e.clip > 0.0f)
            for (int k = 0; k < 4; ++k) r[kD][k] = clip(r[kD][k], e.clip);
        store4(d + i, r[kD]);
        if (V::kRowPush && e.flags & kFlagPush) {
            row_sum<V::kRowPush>(y, e.push, r);
            store4(push + i, y);
        }
        if ((V::kRowX >> kN & 1) && e.flags & kFlagN0) normals4(r[kN], keys, e.draw[0], block);
        row_sum<V::kRowX>(y, e.x, r);
        store4(x + i, y);
        if (!(e.flags & kFlagNext)) return;
        for (int k = 0; k < 4; ++k) y[k] = __fmul_rn(e.next_in, y[k]);
        Packed<T> packed(y);
        packed.store(in0 + i);
        if (V::kConds == 2) packed.store(in1 + i);
    }
};

// fused_step is the whole kernel. Block (r, part) works on request r; all parts share its elements.
template <typename V, typename T>
__device__ __forceinline__ void fused_step(const Entry* __restrict__ table, const Row* __restrict__ rows,
                                           const float* __restrict__ weights, State* state, float* arena, T* in,
                                           const T* out, float* t, const Scalars* __restrict__ scalars,
                                           uint64_t elems) {
    const Row& row = rows[blockIdx.x];
    State& now = state[blockIdx.x];
    __shared__ uint32_t stage;
    if (threadIdx.x == 0) stage = now.stage;
    __syncthreads();
    if (stage >= row.stages) return;  // the request is done; uniform over its blocks
    const Entry* entry = table + row.table + stage;
    __shared__ Entry shared;
    Entry local;
    if (V::kGeneral) {
        constexpr uint32_t kWords = sizeof(Entry) / 4;
        for (uint32_t k = threadIdx.x; k < kWords; k += kThreads)
            reinterpret_cast<uint32_t*>(&shared)[k] = reinterpret_cast<const uint32_t*>(entry)[k];
        __syncthreads();
    } else {
        local = *entry;
    }
    uint32_t blocks = (uint32_t)((elems + 3) / 4), stride = gridDim.y * kThreads;
    uint32_t block = blockIdx.y * kThreads + threadIdx.x;
    if constexpr (V::kGeneral) {
        Work<V, T> work(shared, row, weights, arena, in, out, elems);
        work.scalars = scalars[blockIdx.x];
#pragma unroll 1
        for (; block < blocks; block += stride) work.update(block);
    } else {
        asm("" : "+r"(stride));  // computed once
        Special<V, T> work(local, row, weights, arena, in, out, elems);
#pragma unroll 1
        for (; block < blocks; block += stride) work.update(block);
    }
    if (threadIdx.x == 0) advance(now, stage, gridDim.y, *entry, t + row.first, (uint32_t)row.conds);
}

}  // namespace cudiffuse
