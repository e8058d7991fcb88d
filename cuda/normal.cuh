// Standard normal noise, the mirror of gpu/philox.go, gpu/mathf.go and gpu/normal.go: same names, same
// order, one rounding per operation. Four normals come from one Philox block, in registers: no memory.
#pragma once
#include <stdint.h>

namespace cudiffuse {

constexpr uint32_t kPhiloxM0 = 0xD2511F53, kPhiloxM1 = 0xCD9E8D57;
constexpr uint32_t kPhiloxW0 = 0x9E3779B9, kPhiloxW1 = 0xBB67AE85;

// Keys are the round keys k + round*W of a seed. They depend on the request alone, so a loop over elements makes
// them once; opaque keeps the compiler from making them again for every element.
struct Keys {
    uint32_t k0[10], k1[10];
    __device__ __forceinline__ explicit Keys(uint64_t seed) {
#pragma unroll
        for (uint32_t round = 0; round < 10; ++round) {
            k0[round] = (uint32_t)seed + round * kPhiloxW0;
            k1[round] = (uint32_t)(seed >> 32) + round * kPhiloxW1;
        }
    }
};

// wide is the product of two 32-bit numbers in one instruction.
__device__ __forceinline__ void wide(uint32_t a, uint32_t b, uint32_t* lo, uint32_t* hi) {
    asm("{\n\t.reg .b64 p;\n\tmul.wide.u32 p, %2, %3;\n\tmov.b64 {%0, %1}, p;\n\t}" : "=r"(*lo), "=r"(*hi) : "r"(a), "r"(b));
}

// philox is Philox 4x32-10 (Salmon et al., SC 2011).
__device__ __forceinline__ void philox(uint32_t c[4], const Keys& k) {
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        uint32_t h0, l0, h1, l1;
        wide(c[0], kPhiloxM0, &l0, &h0);
        wide(c[2], kPhiloxM1, &l1, &h1);
        c[0] = h1 ^ c[1] ^ k.k0[round];
        c[1] = l1;
        c[2] = h0 ^ c[3] ^ k.k1[round];
        c[3] = l0;
    }
}

// step is k*a + b in two roundings, the unit of every polynomial here.
__device__ __forceinline__ float step(float k, float a, float b) {
    return __fadd_rn(__fmul_rn(k, a), b);
}

// ln returns the natural logarithm of u = v/2^32 for a v of 1/2 to 2^32; see ln in gpu/mathf.go, which takes u
// itself: the exponent is corrected here, in the constant that is added to the bits.
__device__ __forceinline__ float ln(float v) {
    constexpr uint32_t kSqrtHalf = 0x3f3504f3, kOne = 0x3f800000, k32 = 32u << 23;
    uint32_t b = __float_as_uint(v) + (kOne - kSqrtHalf - k32);
    float e = __int2float_rn((int32_t)(b >> 23) - 127);
    float x = __fsub_rn(__uint_as_float((b & 0x7fffff) + kSqrtHalf), 1.0f);
    float z = __fmul_rn(x, x);
    float w = __fmul_rn(z, z);
    float p0 = step(-2.4999993993e-1f, x, 3.3333331174e-1f);
    float p2 = step(-1.6668057665e-1f, x, 2.0000714765e-1f);
    float p4 = step(-1.2420140846e-1f, x, 1.4249322787e-1f);
    float p6 = step(-1.1514610310e-1f, x, 1.1676998740e-1f);
    p0 = step(p2, z, p0);
    p4 = step(p6, z, p4);
    p4 = step(7.0376836292e-2f, w, p4);
    p0 = step(p4, w, p0);
    float y = __fmul_rn(p0, __fmul_rn(x, z));
    y = __fadd_rn(y, __fmul_rn(e, -2.12194440e-4f));
    y = __fsub_rn(y, __fmul_rn(0.5f, z));
    return __fadd_rn(__fadd_rn(x, y), __fmul_rn(e, 0.693359375f));
}

// exp returns e^x; see exp in gpu/learned.go.
__device__ __forceinline__ float exp(float x) {
    constexpr float kMagic = 0x1.8p23f;
    if (x > 88.0f) x = 88.0f;
    if (x < -86.0f) x = -86.0f;
    float t = step(x, 1.44269504088896341f, kMagic);
    float z = __fsub_rn(t, kMagic);
    float r = __fsub_rn(x, __fmul_rn(z, 0.693359375f));
    r = __fsub_rn(r, __fmul_rn(z, -2.12194440e-4f));
    float p = step(1.9875691500e-4f, r, 1.3981999507e-3f);
    p = step(p, r, 8.3334519073e-3f);
    p = step(p, r, 4.1665795894e-2f);
    p = step(p, r, 1.6666665459e-1f);
    p = step(p, r, 5.0000001201e-1f);
    float y = __fadd_rn(step(p, __fmul_rn(r, r), r), 1.0f);
    return __fmul_rn(y, __uint_as_float((__float_as_uint(t) << 23) + 0x3f800000));
}

// sincos: sine and cosine of t in [-pi/4, pi/4].
__device__ __forceinline__ void sincos(float t, float* s, float* c) {
    float z = __fmul_rn(t, t);
    float p = step(-1.9515295891e-4f, z, 8.3321608736e-3f);
    p = __fsub_rn(__fmul_rn(p, z), 1.6666654611e-1f);
    *s = step(__fmul_rn(p, z), t, t);
    float q = step(2.443315711809948e-5f, z, -1.388731625493765e-3f);
    q = step(q, z, 4.166664568298827e-2f);
    q = __fmul_rn(q, z);
    q = __fmul_rn(q, z);
    q = __fsub_rn(q, __fmul_rn(0.5f, z));
    *c = __fadd_rn(q, 1.0f);
}

// direction returns cos phi and sin phi of phi = 2 pi b / 2^32. As in gpu/normal.go, b = (quarter << 30) + f
// with f in [-2^29, 2^29); here f stays multiplied by 4, which is exact, and quarter stays where it is, in
// the upper two bits of q.
__device__ __forceinline__ void direction(uint32_t b, float* cos, float* sin) {
    constexpr float kTurn = 0x1.921fb6p-32f;  // a quarter of (pi/2)/2^30
    uint32_t q = b + (1u << 29);
    float s, c;
    sincos(__fmul_rn(__int2float_rn((int32_t)(b << 2)), kTurn), &s, &c);
    // Rotate by quarter: (c, s), (-s, c), (-c, -s), (s, -c), with signs flipped as bits.
    int32_t odd = (int32_t)(q << 1);  // negative when quarter is odd
    asm("" : "+r"(odd));              // which is one comparison, where testing the bit would be three operations
    bool swap = odd < 0;
    uint32_t cb = __float_as_uint(swap ? s : c), sb = __float_as_uint(swap ? c : s);
    *cos = __uint_as_float(cb ^ ((q + (1u << 30)) & 0x80000000u));
    *sin = __uint_as_float(sb ^ (q & 0x80000000u));
}

// uniform is u = (a + 1/2) / 2^32 in (0, 1], times 2^32: the rounding is the same.
__device__ __forceinline__ float uniform(uint32_t a) { return __fadd_rn(__uint2float_rn(a), 0.5f); }

// box_muller: r = sqrt(-2 ln u), even lane = r cos phi, odd lane = r sin phi (Box and Muller 1958).
__device__ __forceinline__ void box_muller(uint32_t a, uint32_t b, float* even, float* odd) {
    float r = __fsqrt_rn(__fmul_rn(-2.0f, ln(uniform(a))));
    float c, s;
    direction(b, &c, &s);
    *even = __fmul_rn(r, c);
    *odd = __fmul_rn(r, s);
}

// normals4 is the noise of elements 4*block to 4*block+3 of a draw, a pure function of its arguments:
// Normals of package gpu.
__device__ __forceinline__ void normals4(float n[4], const Keys& keys, uint32_t draw, uint64_t block) {
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), draw, 0};
    philox(c, keys);
    box_muller(c[0], c[1], &n[0], &n[1]);
    box_muller(c[2], c[3], &n[2], &n[3]);
}

}  // namespace cudiffuse
