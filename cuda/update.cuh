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

// row_sum is one output of the fused update for four elements:
//
//   y = X*x + Base*base + D*d + Raw*raw + Unc*unc + H0*h0 + ... + N1*n1
//
// from +0, one rounding per operation, no fma. A zero coefficient skips its register, which may then hold
// anything, NaN included. k is uniform over the block. kMask holds the registers that the variant knows.
template <uint32_t kMask>
__device__ __forceinline__ void row_sum(float y[4], const float* __restrict__ k, const float r[kRegs][4]) {
    y[0] = y[1] = y[2] = y[3] = 0.0f;
#pragma unroll
    for (int j = 0; j < kRegs; ++j)
        if ((kMask >> j & 1) && k[j] != 0.0f) {
#pragma unroll
            for (int e = 0; e < 4; ++e) y[e] = __fadd_rn(y[e], __fmul_rn(k[j], r[j][e]));
        }
}

// sum2 is y = a*p + b*q by the rules of row_sum.
__device__ __forceinline__ void sum2(float y[4], float a, const float p[4], float b, const float q[4]) {
    y[0] = y[1] = y[2] = y[3] = 0.0f;
    if (a != 0.0f)
        for (int e = 0; e < 4; ++e) y[e] = __fadd_rn(y[e], __fmul_rn(a, p[e]));
    if (b != 0.0f)
        for (int e = 0; e < 4; ++e) y[e] = __fadd_rn(y[e], __fmul_rn(b, q[e]));
}

// clip limits v to [-c, c] in two comparisons, which leave NaN alone.
__device__ __forceinline__ float clip(float v, float c) {
    if (v > c) v = c;
    if (v < -c) v = -c;
    return v;
}

// Net is the network's side of one request.
template <typename T, int kConds> struct Net {
    const T* out;      // [conds, elems]
    T* in;             // [conds, elems]
    const float* w;    // [conds] weights
    uint64_t elems;
    uint32_t conds;
    float w0, w1;  // of variants with one and two conditions
    bool vec;      // rows start and end on whole vectors

    // guide makes m = sum_c w[c]*out[c], from +0 in order; a zero weight skips its condition. last is
    // out[conds-1]. With weights s and 1-s this is classifier-free guidance at scale s.
    __device__ __forceinline__ void guide(float m[4], float last[4], uint64_t i) const {
        if (kConds == 2) {
            float first[4];
            load_net(first, out, i, elems, vec);
            load_net(last, out + elems, i, elems, vec);
            sum2(m, w0, first, w1, last);
            return;
        }
        m[0] = m[1] = m[2] = m[3] = 0.0f;
        uint32_t n = kConds == 1 ? 1 : conds;
        for (uint32_t c = 0; c < n; ++c) {
            load_net(last, out + c * elems, i, elems, vec);
            float wc = kConds == 1 ? w0 : w[c];
            if (wc != 0.0f)
                for (int e = 0; e < 4; ++e) m[e] = __fadd_rn(m[e], __fmul_rn(wc, last[e]));
        }
    }

    // input writes the next network input of every condition: in = cast(c_in * x).
    __device__ __forceinline__ void input(float c_in, const float x[4], uint64_t i) const {
        float v[4];
        for (int e = 0; e < 4; ++e) v[e] = __fmul_rn(c_in, x[e]);
        auto packed = pack4(T{}, v);
        uint32_t n = kConds == 0 ? conds : kConds;
        for (uint32_t c = 0; c < n; ++c) store_net(in + c * elems, i, elems, vec, packed, v);
    }
};

// threshold is d = clip(raw, s)/s with the row's own limit s (Saharia et al. 2022, section 2.3).
__device__ __forceinline__ void threshold(float d[4], float s) {
    for (int e = 0; e < 4; ++e) d[e] = __fdiv_rn(clip(d[e], s), s);
}

// inpaint is d = mask*d + (1-mask)*known; a zero factor skips its term (Lugmayr et al. 2022).
__device__ __forceinline__ void inpaint(float d[4], const float mask[4], const float known[4]) {
    for (int e = 0; e < 4; ++e) {
        float y = 0.0f, rest = __fsub_rn(1.0f, mask[e]);
        if (mask[e] != 0.0f) y = __fadd_rn(y, __fmul_rn(mask[e], d[e]));
        if (rest != 0.0f) y = __fadd_rn(y, __fmul_rn(rest, known[e]));
        d[e] = y;
    }
}

// Variant is what one instance of the kernel can do. A launcher takes the first one that covers all requests
// of the batch (cuda.Pick); all of them give the same bits.
template <int kConds_, uint32_t kRowX_, uint32_t kRowBase_, uint32_t kRowPush_, bool kExtras_> struct Variant {
    static constexpr int kConds = kConds_;           // 1, 2, or 0 for any number
    static constexpr uint32_t kRowX = kRowX_;        // registers that the rows may use
    static constexpr uint32_t kBaseRow = kRowBase_;  // 0: base is neither read nor written
    static constexpr uint32_t kPushRow = kRowPush_;  // 0: no history is written
    static constexpr bool kExtras = kExtras_;        // threshold, rescaled guidance, in-painting
    static constexpr uint32_t kReads = kRowX_ | kRowBase_ | kRowPush_;
};

// Args are the kernel's arguments but for the types of pointers.
struct Batch {
    const Entry* __restrict__ table;
    const Row* __restrict__ rows;
    float* arena;
    const Scalars* __restrict__ scalars;
    uint64_t elems;
};

// predict makes raw, unc and d of elements i to i+3, see Stage in package sampler.
template <typename V, typename T>
__device__ __forceinline__ void predict(float r[kRegs][4], const Entry& e, const Row& row,
                                        const Net<T, V::kConds>& net, const Batch& b, const Scalars& scalars,
                                        uint64_t i) {
    float m[4], last[4];
    net.guide(m, last, i);
    if (V::kExtras && (row.flags & kRowRescale))
        for (int k = 0; k < 4; ++k) m[k] = __fmul_rn(m[k], scalars.factor);
    sum2(r[kRaw], e.skip, r[kX], e.out, m);
    if (V::kReads >> kUnc & 1) {
        if (V::kConds != 1 && net.conds > 1 && (e.reads >> kUnc & 1))
            sum2(r[kUnc], e.skip, r[kX], e.out, last);
        else
            for (int k = 0; k < 4; ++k) r[kUnc][k] = r[kRaw][k];
    }
    for (int k = 0; k < 4; ++k) r[kD][k] = r[kRaw][k];
    if (V::kExtras && (row.flags & kRowThreshold)) {
        threshold(r[kD], scalars.limit);
    } else if (e.clip > 0.0f) {
        for (int k = 0; k < 4; ++k) r[kD][k] = clip(r[kD][k], e.clip);
    }
    if (V::kExtras && (row.flags & kRowInpaint)) {
        float mask[4], known[4];
        load4(mask, b.arena + row.mask + i);
        load4(known, b.arena + row.known + i);
        inpaint(r[kD], mask, known);
    }
    store4(b.arena + row.d + i, r[kD]);
}

// update does one stage for elements i to i+3 = 4*block to 4*block+3.
template <typename V, typename T>
__device__ __forceinline__ void update(const Entry& e, const Row& row, const Net<T, V::kConds>& net,
                                       const Batch& b, const Scalars& scalars, uint64_t block) {
    uint64_t i = 4 * block;
    float r[kRegs][4] = {};
    load4(r[kX], b.arena + row.x + i);
    if ((V::kReads >> kBase & 1) && (e.reads >> kBase & 1)) load4(r[kBase], b.arena + row.base + i);
#pragma unroll
    for (int s = 0; s < kSlots; ++s)
        if ((V::kReads >> (kH + s) & 1) && (e.reads >> (kH + s) & 1)) load4(r[kH + s], b.arena + row.h[s] + i);
    if (e.flags & kFlagEval) predict<V>(r, e, row, net, b, scalars, i);
#pragma unroll
    for (int k = 0; k < 2; ++k)
        if ((V::kReads >> (kN + k) & 1) && (e.reads >> (kN + k) & 1))
            normals4(r[kN + k], row.seed, e.draw[k], block);
    float x[4];
    row_sum<V::kRowX>(x, e.x, r);
    float base[4], push[4];
    if (V::kBaseRow && (e.flags & kFlagBase)) {
        row_sum<V::kBaseRow>(base, e.base, r);
        store4(b.arena + row.base + i, base);
    }
    if (V::kPushRow && (e.flags & kFlagPush)) {
        row_sum<V::kPushRow>(push, e.push, r);
        store4(b.arena + row.h[e.slot] + i, push);
    }
    store4(b.arena + row.x + i, x);
    if (e.flags & kFlagNext) net.input(e.next_in, x, i);
}

// fused_step is the whole kernel. blocks_per_row blocks of any size share a request; request r has the blocks
// r*blocks_per_row and on.
template <typename V, typename T>
__device__ __forceinline__ void fused_step(const Batch& b, const float* __restrict__ weights, State* state,
                                           T* in, const T* out, float* t, uint32_t blocks_per_row) {
    uint32_t r = blockIdx.x / blocks_per_row;
    const Row& row = b.rows[r];
    uint32_t stage = state[r].stage;
    if (stage >= row.stages) return;  // the request is done; uniform over its blocks
    const Entry& e = b.table[row.table + stage];
    Net<T, V::kConds> net;
    net.elems = b.elems;
    net.conds = V::kConds == 0 ? (uint32_t)row.conds : V::kConds;
    net.out = out + row.first * b.elems;
    net.in = in + row.first * b.elems;
    net.w = weights + row.first;
    net.w0 = net.w[0];
    net.w1 = V::kConds == 2 ? net.w[1] : 0.0f;
    net.vec = b.elems % 4 == 0;
    Scalars scalars = {};
    if (V::kExtras) scalars = b.scalars[r];
    uint64_t blocks = (b.elems + 3) / 4;
    uint64_t stride = (uint64_t)blocks_per_row * blockDim.x;
    uint64_t first = (uint64_t)(blockIdx.x % blocks_per_row) * blockDim.x + threadIdx.x;
    for (uint64_t block = first; block < blocks; block += stride)
        update<V>(e, row, net, b, scalars, block);
    advance(state[r], stage, blocks_per_row, e, t + row.first, (uint32_t)row.conds);
}

}  // namespace cudiffuse
