// The weights of a guidance that depends on the outputs c and u of two conditions: adaptive projected guidance (Sadat et
// al. 2024, arXiv:2410.02416), CFG-Zero* (Fan et al. 2025, arXiv:2503.18886) and tangential damping (Kwon et al. 2025,
// arXiv:2503.18137), each as m = a*c + b*u. With momentum u is the running average (average.cuh) and not an output.
// Mirror of gpu/projection.go: same order, same names.
#pragma once
#include "layout.cuh"

namespace cudiffuse {

// Weights are a and b; Sums are those that the kind is made of.
struct Weights {
    float a, b;
};
struct Sums {
    float x, y, z;
};

// project_add adds one element: APG |d|^2, <d,c>, |c|^2 with d = c-u, or u with momentum; ZeroStar <c,u>, |u|^2; Tangential |c|^2, <c,u>, |u|^2.
__device__ __forceinline__ void project_add(Sums& s, uint32_t flags, float c, float u) {
    float p = __fmul_rn(c, u), q = __fmul_rn(u, u), r = 0.0f;  // ZeroStar
    if (flags & kRowTangential) {
        r = q, q = p, p = __fmul_rn(c, c);
    } else if (flags & kRowAPG) {
        const float d = flags & kRowMomentum ? u : __fsub_rn(c, u);
        p = __fmul_rn(d, d), q = __fmul_rn(d, c), r = __fmul_rn(c, c);
    }
    s.x = __fadd_rn(s.x, p), s.y = __fadd_rn(s.y, q), s.z = __fadd_rn(s.z, r);
}

// apg is k = min(1, norm/|d|), q = (1-eta)*(k*<d,c>/|c|^2), m = (1 + (s-1)*(k-q))*c - (s-1)*k*u, and with momentum
// m = (1 - (s-1)*q)*c + (s-1)*k*u.
__device__ __forceinline__ Weights apg(const Row& row, float rest, const Sums& s) {
    const float length = __fsqrt_rn(s.x), gain = -rest;
    float k = 1.0f, q = 0.0f;
    if (row.norm > 0.0f && length > row.norm) k = __fdiv_rn(row.norm, length);
    if (s.z != 0.0f) q = __fmul_rn(row.less, __fdiv_rn(__fmul_rn(k, s.y), s.z));
    if (row.flags & kRowMomentum) return {__fsub_rn(1.0f, __fmul_rn(gain, q)), __fmul_rn(gain, k)};
    return {__fadd_rn(1.0f, __fmul_rn(gain, __fsub_rn(k, q))), -__fmul_rn(gain, k)};
}

// tangential projects u on v = e0*c + e1*u, with e the first eigenvector of [cc cu; cu uu]: <u,v>/<v,v> = e1/(e0^2 + e1^2).
__device__ __forceinline__ Weights tangential(float w, float rest, const Sums& s) {
    const float h = __fdiv_rn(__fsub_rn(s.x, s.z), 2.0f);
    const float r = __fsqrt_rn(__fadd_rn(__fmul_rn(h, h), __fmul_rn(s.y, s.y)));
    float e0 = __fadd_rn(h, r), e1 = s.y;
    if (h < 0.0f) e0 = s.y, e1 = __fsub_rn(r, h);
    const float p = fabsf(e0), q = fabsf(e1), most = p != p || q != q ? __fadd_rn(p, q) : p > q ? p : q;
    if (!(most > 0.0f) || most > 3.402823466e38f) return {w, rest};
    e0 = __fdiv_rn(e0, most), e1 = __fdiv_rn(e1, most);
    const float t = __fmul_rn(rest, __fdiv_rn(e1, __fadd_rn(__fmul_rn(e0, e0), __fmul_rn(e1, e1))));
    return {__fadd_rn(w, __fmul_rn(t, e0)), __fmul_rn(t, e1)};
}

// project makes the weights of the row's kind; w and rest are what they were, s and 1-s.
__device__ __forceinline__ Weights project(const Row& row, float w, float rest, const Sums& s) {
    if (row.flags & kRowAPG) return apg(row, rest, s);
    if (row.flags & kRowZeroStar) return {w, __fmul_rn(rest, __fdiv_rn(s.x, __fadd_rn(s.y, 1e-8f)))};
    return tangential(w, rest, s);
}

}  // namespace cudiffuse
