// Conversions in every rounding, against the host's with its rounding switched, and comparisons.
#include <cfenv>

#include "interp_test.h"

namespace {

struct Mode { const char* name; int host; };
const Mode kModes[] = {{"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};

struct Int { const char* name; u32 width; bool isSigned; };
const Int kInts[] = {{"u8", 8, false}, {"s8", 8, true}, {"u16", 16, false}, {"s16", 16, true}, {"u32", 32, false},
                     {"s32", 32, true}, {"u64", 64, false}, {"s64", 64, true}};
u32 regWidth(const Int& t) { return t.width == 8 ? 16 : t.width; }
__int128 value(const Int& t, u64 v) {
    u64 m = v << (64 - t.width);
    return t.isSigned ? __int128(i64(m) >> (64 - t.width)) : __int128(m >> (64 - t.width));
}
u64 mask(u32 width) { return ~0ull >> (64 - width); }
__int128 least(const Int& t) { return t.isSigned ? -(__int128(1) << (t.width - 1)) : 0; }
__int128 most(const Int& t) { return (__int128(1) << (t.isSigned ? t.width - 1 : t.width)) - 1; }

template <class T, class F> T rounded(int mode, F f) {
    fesetround(mode);
    volatile T r = f();
    fesetround(FE_TONEAREST);
    return r;
}

// integer is a whole number as an integer of type t: clamped, NaN as the manual says.
u64 integer(const Int& t, double v, bool anyWide) {
    if (v != v) return anyWide || t.width == 64 ? 1ull << (t.width - 1) : 0;
    if (v >= std::ldexp(1.0, int(t.width) - t.isSigned)) return u64(most(t));
    if (v <= double(least(t))) return u64(least(t)) & mask(t.width);
    return u64(__int128(v)) & mask(t.width);
}

// registers of a narrow result are wider: it is extended as its type says.
u64 extended(const Int& t, u64 v) { return t.isSigned ? u64(value(t, v)) & mask(regWidth(t)) : v; }

}  // namespace

TEST(IntegersToIntegers) {
    for (const Int& from : kInts)
        for (const Int& to : kInts) {
            std::string types = std::string(to.name) + "." + from.name + " %x, %a;";
            auto in = mix(specials(regWidth(from)), 1, regWidth(from), 300);
            check({"cvt." + types, regWidth(to), {regWidth(from)}}, in,
                  [&](const Inputs& i) { return extended(to, u64(value(from, i[0])) & mask(to.width)); });
            check({"cvt.sat." + types, regWidth(to), {regWidth(from)}}, in, [&](const Inputs& i) {
                __int128 v = value(from, i[0]);
                v = v < least(to) ? least(to) : v > most(to) ? most(to) : v;
                return extended(to, u64(v) & mask(to.width));
            });
        }
    check({"cvt.u8.u32 %x, %a;", 64, {64}}, mix(specials(64), 1, 64), [](const Inputs& i) { return i[0] & 0xff; });
    check({"cvt.s16.s32 %x, %a;", 64, {64}}, mix(specials(64), 1, 64),
          [](const Inputs& i) { return u64(i64(i16(i[0]))); });
}

TEST(FloatsToIntegers) {
    for (const Int& to : kInts)
        for (const Mode& mode : kModes) {
            std::string types = std::string("cvt.") + mode.name + "i.";
            auto whole = [&](double v) { return rounded<double>(mode.host, [v] { return std::nearbyint(v); }); };
            std::string t = to.name;
            check({types + t + ".f32 %x, %a;", regWidth(to), {32}}, mix(floats(), 1, 32),
                  [&](const Inputs& i) { return extended(to, integer(to, whole(f32(i[0])), false)); });
            check({types + "ftz." + t + ".f32 %x, %a;", regWidth(to), {32}}, mix(floats(), 1, 32),
                  [&](const Inputs& i) {
                      float v = std::fabs(f32(i[0])) < 0x1p-126f ? 0 : f32(i[0]);
                      return extended(to, integer(to, whole(v), false));
                  });
            check({types + t + ".f64 %x, %a;", regWidth(to), {64}}, mix(doubles(), 1, 64),
                  [&](const Inputs& i) { return extended(to, integer(to, whole(f64(i[0])), true)); });
        }
}

TEST(IntegersToFloats) {
    for (const Int& from : kInts)
        for (const Mode& mode : kModes) {
            auto in = mix(specials(regWidth(from)), 1, regWidth(from));
            auto convert = [&](u64 bitsOf, auto zero) {
                using T = decltype(zero);
                if (from.isSigned) {
                    volatile i64 v = i64(value(from, bitsOf));
                    return rounded<T>(mode.host, [&] { return T(i64(v)); });
                }
                volatile u64 v = u64(value(from, bitsOf));
                // The host has no conversion of 64 bits without a sign: the last bit is folded into one that still
                // counts.
                bool big = v >> 63;
                volatile i64 half = i64(big ? (v >> 1) | (v & 1) : u64(v));
                return rounded<T>(mode.host, [&] { return big ? T(i64(half)) * 2 : T(i64(half)); });
            };
            std::string op = std::string("cvt.") + mode.name;
            check({op + ".f32." + from.name + " %x, %a;", 32, {regWidth(from)}}, in,
                  [&](const Inputs& i) { return raw(convert(i[0], 0.0f)); });
            check({op + ".f64." + from.name + " %x, %a;", 64, {regWidth(from)}}, in,
                  [&](const Inputs& i) { return raw(convert(i[0], 0.0)); });
        }
    check({"cvt.rn.f16.s32 %x, %a;", 16, {32}},
          {{2049, 0, 0, 0}, {2051, 0, 0, 0}, {65519, 0, 0, 0}, {65520, 0, 0, 0}, {0xffffffff, 0, 0, 0}},
          [](const Inputs& i) -> u64 {
              return i[0] == 2049    ? 0x6800
                     : i[0] == 2051  ? 0x6802
                     : i[0] == 65519 ? 0x7bff
                     : i[0] == 65520 ? 0x7c00
                                     : 0xbc00;
          });
    // 2^63 + 2^55 + 1 is just above the middle of two bf16: rounding through float64 would lose that.
    check({"cvt.rn.bf16.u64 %x, %a;", 16, {64}}, {{0x8080000000000001, 0, 0, 0}, {0x8080000000000000, 0, 0, 0}},
          [](const Inputs& i) -> u64 { return i[0] & 1 ? 0x5f01 : 0x5f00; });
}

TEST(FloatsToFloats) {
    for (const Mode& mode : kModes) {
        std::string m = mode.name;
        check({"cvt." + m + ".f32.f64 %x, %a;", 32, {64}}, mix(doubles(), 1, 64), [&](const Inputs& i) {
            volatile double v = f64(i[0]);
            return raw(rounded<float>(mode.host, [&] { return float(v); }));
        });
        check({"cvt." + m + ".ftz.sat.f32.f64 %x, %a;", 32, {64}}, mix(doubles(), 1, 64), [&](const Inputs& i) {
            volatile double v = f64(i[0]) > 0 ? std::fmin(f64(i[0]), 1.0) : 0.0;
            float r = rounded<float>(mode.host, [&] { return float(v); });
            return raw(std::fabs(r) < 0x1p-126f ? 0.0f : r);
        });
        check({"cvt." + m + "i.f32.f32 %x, %a;", 32, {32}}, mix(floats(), 1, 32), [&](const Inputs& i) {
            volatile float v = f32(i[0]);
            return raw(rounded<float>(mode.host, [&] { return std::nearbyint(float(v)); }));
        });
        check({"cvt." + m + "i.f64.f64 %x, %a;", 64, {64}}, mix(doubles(), 1, 64), [&](const Inputs& i) {
            volatile double v = f64(i[0]);
            return raw(rounded<double>(mode.host, [&] { return std::nearbyint(double(v)); }));
        });
    }
    check({"cvt.f64.f32 %x, %a;", 64, {32}}, mix(floats(), 1, 32),
          [](const Inputs& i) { return raw(double(f32(i[0]))); });
    check({"cvt.sat.f32.f32 %x, %a;", 32, {32}}, mix(floats(), 1, 32),
          [](const Inputs& i) { return raw(f32(i[0]) > 0 ? std::fmin(f32(i[0]), 1.0f) : 0.0f); });
}

namespace {

// narrowed rounds a float to a format of 16 bits by looking at its two neighbours, found by counting from zero.
u64 narrowed(float v, bool brain, char mode) {
    if (v != v) return 0x7fff;
    u32 infinite = brain ? 0x7f80 : 0x7c00, sign = std::signbit(v) ? 0x8000 : 0;
    int fraction = brain ? 7 : 10, smallest = brain ? -133 : -24;
    auto real = [&](u32 b) {
        u32 e = b >> fraction, f = b & ((1u << fraction) - 1);
        return std::ldexp(e ? f + (1u << fraction) : f, int(e ? e - 1 : 0) + smallest);
    };
    double a = std::fabs(double(v));
    u32 lo = 0, hi = infinite;
    if (std::isinf(v)) return sign | infinite;
    while (hi - lo > 1) (real((lo + hi) / 2) <= a ? lo : hi) = (lo + hi) / 2;
    if (real(lo) == a) return sign | lo;
    if (mode == 'z' || (mode == 'm' && !sign) || (mode == 'p' && sign)) return sign | lo;
    if (mode != 'n') return sign | hi;
    double below = a - real(lo), above = real(hi) - a;
    return sign | (below < above || (below == above && !(lo & 1)) ? lo : hi);
}

std::vector<Inputs> manyFloats() {
    auto in = mix(floats(), 1, 32, 3000);
    for (u32 k = 0; k < 3000; ++k)
        in.push_back({(0x33000000 + random64() % 0x15000000) | (random64() & 1) << 31, random64() & 0xffffffff, 0, 0});
    return in;
}

}  // namespace

TEST(HalfConversions) {
    for (bool brain : {false, true}) {
        std::string type = brain ? "bf16" : "f16";
        for (const Mode& mode : kModes)
            check({std::string("cvt.") + mode.name + "." + type + ".f32 %x, %a;", 16, {32}}, manyFloats(),
                  [&](const Inputs& i) { return narrowed(f32(i[0]), brain, mode.name[1]); });
        std::vector<Inputs> all;
        for (u32 b = 0; b < 65536; ++b) all.push_back({b, 0, 0, 0});
        check({"cvt.f32." + type + " %x, %a;", 32, {16}}, all, [&](const Inputs& i) {
            u32 infinite = brain ? 0x7f80 : 0x7c00, a = u32(i[0]) & 0x7fff;
            if (a > infinite) return u64(0x7fffffff);
            int fraction = brain ? 7 : 10, e = int(a >> fraction);
            double m = a & ((1u << fraction) - 1),
                   v = std::ldexp(e ? m + (1 << fraction) : m, (e ? e - 1 : 0) + (brain ? -133 : -24));
            return raw(float(std::copysign(a == infinite ? INFINITY : v, i[0] & 0x8000 ? -1.0 : 1.0)));
        });
        for (char mode : {'n', 'z'})
            check({std::string("cvt.r") + mode + "." + type + "x2.f32 %x, %a, %b;", 32, {32, 32}}, manyFloats(),
                  [&](const Inputs& i) {
                      return narrowed(f32(i[0]), brain, mode) << 16 | narrowed(f32(i[1]), brain, mode);
                  });
        check({"cvt.rn.relu." + type + "x2.f32 %x, %a, %b;", 32, {32, 32}}, manyFloats(), [&](const Inputs& i) {
            auto low = [](float v) { return v <= 0 ? 0.0f : v; };
            return narrowed(low(f32(i[0])), brain, 'n') << 16 | narrowed(low(f32(i[1])), brain, 'n');
        });
    }
    check({"cvt.rn.f16.f64 %x, %a;", 16, {64}},
          {{bits<u64>(1 + 0x1p-11), 0, 0, 0},
           {bits<u64>(1 + 0x1p-11 + 0x1p-52), 0, 0, 0},
           {bits<u64>(-0x1p-25), 0, 0, 0}},
          [](const Inputs& i) -> u64 {
              return i[0] == bits<u64>(1 + 0x1p-11) ? 0x3c00 : i[0] >> 63 ? 0x8000 : 0x3c01;
          });
}
