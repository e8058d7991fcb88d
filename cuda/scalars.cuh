// The numbers that a stage may need of a whole sample before its update: the weights of a projection (projection.cuh), the
// limit of dynamic thresholding (Saharia et al. 2022, section 2.3) and the factor of guidance rescale (Lin et al. 2023,
// section 3.4). One
// launch before the update's, one block a request. Mirror of gpu/scalars.go, gpu/projection.go, gpu/rescale.go and
// gpu/quantile.go: thread l adds elements l, l+1024, l+2048, ... and a tree adds the threads, so that the sums
// have the same bits whatever else runs.
//
// Bytes per element: T for each condition (4 for the average of momentum in place of the second) a pass of the sums,
// three in all, x once; with thresholding 4 written to d, where |raw| is kept until the update overwrites it, and 4 read
// in each of five passes.
#pragma once
#include "layout.cuh"
#include "projection.cuh"
#include "vec.cuh"

namespace cudiffuse {

constexpr uint32_t kScalarThreads = 1024;

// Reduction is the shared memory of a block.
struct Reduction {
    float first[kScalarThreads], m[kScalarThreads];
    float w[2];  // weights of the stage, where they are not the row's
    uint32_t count[256];
    uint32_t stage, digit, rank, equal, hi;
};

// totals adds up the partial sums of all threads: for s = 512, 256, ..., 1: p[l] += p[l+s] for l < s.
__device__ __forceinline__ void totals(Reduction& s, float* first, float* m) {
    uint32_t l = threadIdx.x;
    s.first[l] = *first, s.m[l] = *m;
    for (uint32_t half = kScalarThreads / 2; half > 0; half /= 2) {
        __syncthreads();
        if (l < half) {
            s.first[l] = __fadd_rn(s.first[l], s.first[l + half]);
            s.m[l] = __fadd_rn(s.m[l], s.m[l + half]);
        }
    }
    __syncthreads();
    *first = s.first[0], *m = s.m[0];
    __syncthreads();  // before the next sums overwrite them
}

// Sample is a request's sample as the reductions see it.
template <typename T> struct Sample {
    const Entry& e;
    const Row& row;
    const T* out;    // [conds, elems]
    const float* w;  // [conds] weights of the stage
    uint32_t conds;  // those with one
    const float* x;  // [elems]
    float* d;        // [elems]
    const float* average;  // [elems] of momentum
    uint64_t elems;

    // guidance makes the weights of the stage in shared memory, where they are not those of the row.
    __device__ __forceinline__ void guidance(Reduction& s) {
        if (e.flags & (kFlagFirst | kFlagNone)) {
            if (threadIdx.x == 0) s.w[0] = 1.0f, s.w[1] = 0.0f;
            conds = e.flags & kFlagFirst ? 1 : 0;
        } else if (row.flags & kRowProject) {
            Weights own = projected(s);
            if (threadIdx.x == 0) s.w[0] = own.a, s.w[1] = own.b;
        } else {
            return;
        }
        w = s.w;
        __syncthreads();
    }

    // projected are the weights of the row's projection.
    __device__ __forceinline__ Weights projected(Reduction& s) const {
        Sums sums = {};
        for (uint64_t i = threadIdx.x; i < elems; i += kScalarThreads)
            project_add(sums, row.flags, to_float(out[i]), second(i));
        float none = 0.0f;
        totals(s, &sums.x, &sums.y);
        totals(s, &sums.z, &none);
        return project(row, w[0], w[1], sums);
    }

    // second is element i of what the second weight is for.
    __device__ __forceinline__ float second(uint64_t i) const {
        return row.flags & kRowMomentum ? average[i] : to_float(out[elems + i]);
    }

    // guided is m of element i: sum_c w[c]*out[c]; a zero weight skips its condition.
    __device__ __forceinline__ float guided(uint64_t i) const {
        float m = 0.0f;
#pragma unroll 1
        for (uint32_t c = 0; c < conds; ++c)
            if (w[c] != 0.0f)
                m = __fadd_rn(m, __fmul_rn(w[c], c == 1 ? second(i) : to_float(out[c * elems + i])));
        return m;
    }

    // factor is phi*(std(out[0])/std(m)) + (1-phi), with std = sqrt(sum((v-mean)^2)/(n-1)); 1 when there is
    // no deviation.
    __device__ __forceinline__ float factor(Reduction& s) const {
        if (elems == 1) return 1.0f;
        float n = __ull2float_rn(elems), less = __ull2float_rn(elems - 1);
        float a = 0.0f, b = 0.0f;
        for (uint64_t i = threadIdx.x; i < elems; i += kScalarThreads) {
            a = __fadd_rn(a, to_float(out[i]));
            b = __fadd_rn(b, guided(i));
        }
        totals(s, &a, &b);
        float mean_first = __fdiv_rn(a, n), mean_m = __fdiv_rn(b, n);
        a = b = 0.0f;
        for (uint64_t i = threadIdx.x; i < elems; i += kScalarThreads) {
            float p = __fsub_rn(to_float(out[i]), mean_first), q = __fsub_rn(guided(i), mean_m);
            a = __fadd_rn(a, __fmul_rn(p, p));
            b = __fadd_rn(b, __fmul_rn(q, q));
        }
        totals(s, &a, &b);
        float std_first = __fsqrt_rn(__fdiv_rn(a, less)), std_m = __fsqrt_rn(__fdiv_rn(b, less));
        if (std_m == 0.0f) return 1.0f;
        return __fadd_rn(__fmul_rn(row.phi, __fdiv_rn(std_first, std_m)), row.keep);
    }

    // magnitudes keeps the bits of |raw| in d. Each thread reads later what it wrote itself.
    __device__ __forceinline__ void magnitudes(float factor) const {
        for (uint64_t i = threadIdx.x; i < elems; i += kScalarThreads) {
            float m = guided(i), raw = 0.0f;
            if (row.flags & kRowRescale) m = __fmul_rn(m, factor);
            if (e.skip != 0.0f) raw = __fadd_rn(raw, __fmul_rn(e.skip, x[i]));
            if (e.out != 0.0f) raw = __fadd_rn(raw, __fmul_rn(e.out, m));
            d[i] = __uint_as_float(__float_as_uint(raw) & 0x7fffffff);
        }
    }

    // order finds the elements of rank and rank+1 in the order of the bits, byte by byte from the top; for the
    // last rank both are the same.
    __device__ __forceinline__ void order(Reduction& s, uint32_t* lo, uint32_t* hi) const {
        uint32_t value = 0, known = 0, l = threadIdx.x;
        if (l == 0) s.rank = (uint32_t)row.rank;
#pragma unroll 1
        for (int shift = 24; shift >= 0; shift -= 8) {
            if (l < 256) s.count[l] = 0;
            __syncthreads();
            for (uint64_t i = l; i < elems; i += kScalarThreads) {
                uint32_t b = __float_as_uint(d[i]);
                if ((b & known) == value) atomicAdd(&s.count[b >> shift & 0xff], 1u);
            }
            __syncthreads();
            if (l < 32) pick(s);
            __syncthreads();
            value |= s.digit << shift;
            known |= 0xffu << shift;
        }
        *lo = *hi = value;
        if (s.rank + 1 < s.equal || row.rank + 1 == elems) return;  // uniform over the block
        if (l == 0) s.hi = 0xffffffff;
        __syncthreads();
        uint32_t least = 0xffffffff;
        for (uint64_t i = l; i < elems; i += kScalarThreads) {
            uint32_t b = __float_as_uint(d[i]);
            if (b > value) least = min(least, b);
        }
        atomicMin(&s.hi, least);
        __syncthreads();
        *hi = s.hi;
    }

    // pick finds the digit whose elements hold s.rank, and makes the rank one among those. Each lane of the
    // warp has eight digits.
    static __device__ __forceinline__ void pick(Reduction& s) {
        uint32_t lane = threadIdx.x, own = 0, rank = s.rank;
        for (int k = 0; k < 8; ++k) own += s.count[8 * lane + k];
        uint32_t below = own;
        for (uint32_t k = 1; k < 32; k *= 2) {
            uint32_t n = __shfl_up_sync(0xffffffff, below, k);
            if (lane >= k) below += n;
        }
        below -= own;
        __syncwarp();  // all have read the rank
        if (rank < below || rank >= below + own) return;
        rank -= below;
        uint32_t digit = 8 * lane;
        while (rank >= s.count[digit]) rank -= s.count[digit++];
        s.digit = digit, s.rank = rank, s.equal = s.count[digit];
    }

    // limit is the quantile, interpolated as torch.lerp does, at least 1 and at most row.most; most for NaN.
    __device__ __forceinline__ float limit(Reduction& s) const {
        uint32_t lo, hi;
        order(s, &lo, &hi);
        if (row.lerp == 0.0f) hi = lo;
        float a = __uint_as_float(lo), b = __uint_as_float(hi), step = __fsub_rn(b, a);
        float v = row.lerp < 0.5f ? __fadd_rn(a, __fmul_rn(row.lerp, step)) : __fsub_rn(b, __fmul_rn(step, row.rest));
        if (!(v <= row.most)) return row.most;
        return v < 1.0f ? 1.0f : v;
    }
};

// row_scalars is the whole kernel; block r works on request r.
template <typename T>
__device__ __forceinline__ void row_scalars(const Entry* __restrict__ table, const Row* __restrict__ rows,
                                            const float* __restrict__ weights, const State* state, float* arena,
                                            const T* out, Scalars* scalars, uint64_t elems) {
    __shared__ Reduction s;
    const Row& row = rows[blockIdx.x];
    if (!(row.flags & (kRowThreshold | kRowRescale | kRowProject))) return;
    if (threadIdx.x == 0) s.stage = state[blockIdx.x].stage;
    __syncthreads();
    if (s.stage >= row.stages) return;
    const Entry& e = table[row.table + s.stage];
    if (!(e.flags & kFlagEval)) return;
    Sample<T> v{e, row, out + row.first * elems, weights + row.first, (uint32_t)row.conds, arena + row.x, arena + row.d,
                arena + row.average, elems};
    Scalars result = {1.0f, 1.0f, {0.0f, 0.0f}};
    v.guidance(s);
    if (row.flags & kRowProject) result.w[0] = s.w[0], result.w[1] = s.w[1];
    if (row.flags & kRowRescale) result.factor = v.factor(s);
    if (row.flags & kRowThreshold) {
        v.magnitudes(result.factor);
        result.limit = v.limit(s);
    }
    if (threadIdx.x == 0) scalars[blockIdx.x] = result;
}

}  // namespace cudiffuse
