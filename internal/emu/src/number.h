// Number formats, and their conversion with one rounding.
#pragma once

#include <cmath>

#include "types.h"

namespace emu {

// f16 and bf16 are bare bits; their arithmetic is done wider and rounded once.
struct f16 { u16 bits; };
struct bf16 { u16 bits; };
struct f16x2 { f16 lo, hi; };
struct bf16x2 { bf16 lo, hi; };

constexpr u32 kNaN16 = 0x7fff, kNaN32 = 0x7fffffff;
constexpr u64 kNaN64 = 0xfff8000000000000ull;

// clean gives every NaN the bits that the hardware makes.
inline float clean(float v) { return v == v ? v : bits<float>(kNaN32); }
inline double clean(double v) { return v == v ? v : bits<double>(kNaN64); }
// flush makes subnormal numbers zeros of their sign.
inline float flush(float v) { return std::fabs(v) < 0x1p-126f ? std::copysign(0.0f, v) : v; }
// saturate clamps to [0, 1]; NaN becomes +0.
inline float saturate(float v) { return v > 0 ? (v < 1 ? v : 1.0f) : 0.0f; }

inline float widen(f16 v) {
    u32 sign = u32(v.bits & 0x8000) << 16, rest = u32(v.bits & 0x7fff) << 13;
    u32 normal = rest + (112u << 23), special = rest + (224u << 23);
    u32 subnormal = bits<u32>(bits<float>(rest + (113u << 23)) - bits<float>(113u << 23));
    return bits<float>(sign | (rest >= (31u << 23) ? special : rest < (1u << 23) ? subnormal : normal));
}
inline float widen(bf16 v) { return bits<float>(u32(v.bits) << 16); }

// narrow rounds to nearest even. Every NaN becomes 0x7fff.
template <class T> T narrow(float v);
template <> inline f16 narrow<f16>(float v) {
    u32 b = bits<u32>(v), sign = b >> 16 & 0x8000, a = b & 0x7fffffff;
    u32 normal = (a - (112u << 23) + 0xfff + (a >> 13 & 1)) >> 13;
    // Adding one half aligns a subnormal result's bits at the end of the sum, rounded by the addition itself.
    u32 subnormal = bits<u32>(bits<float>(a) + 0.5f) - bits<u32>(0.5f);
    u32 r = a < 0x38800000 ? subnormal : a < 0x477ff000 ? normal : a <= 0x7f800000 ? 0x7c00 : kNaN16;
    return {u16(a <= 0x7f800000 ? sign | r : kNaN16)};
}
template <> inline bf16 narrow<bf16>(float v) {
    u32 b = bits<u32>(v);
    return {u16((b & 0x7fffffff) <= 0x7f800000 ? (b + 0x7fff + (b >> 16 & 1)) >> 16 : kNaN16)};
}

// roundToOdd makes a float of a double such that rounding it again, to fewer bits, gives what one rounding would.
inline float roundToOdd(double v) {
    float f = float(v);
    if (double(f) == v || v != v) return f;
    if (std::isinf(f)) return std::copysign(0x1.fffffep127f, f);
    u32 b = bits<u32>(f);
    if (b & 1) return f;
    return bits<float>(std::fabs(double(f)) < std::fabs(v) ? b + 1 : b - 1);
}
template <class T> T narrow(double v) { return narrow<T>(roundToOdd(v)); }

enum class Rounding : u8 { Nearest, Zero, Down, Up };

// Format is a binary floating-point format of IEEE 754.
struct Format { int fraction, leastExponent, size; };
constexpr Format kHalf{10, -14, 16}, kBrain{7, -126, 16}, kSingle{23, -126, 32}, kDouble{52, -1022, 64};

// Real is an exact number, m * 2^e, or none.
struct Real {
    enum Kind : u8 { Finite, Infinite, NaN } kind = Finite;
    bool negative = false;
    u64 m = 0;
    int e = 0;
};

Real unpack(u64 bits, Format f);
u64 pack(Real v, Format f, Rounding r);
Real realOf(u64 value, bool isSigned);
// whole rounds to a whole number.
Real whole(Real v, Rounding r);
// toInteger rounds and clamps to an integer of size bits; NaN becomes zero.
u64 toInteger(Real v, u32 size, bool isSigned, Rounding r);

}  // namespace emu
