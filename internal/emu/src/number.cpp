#include "number.h"

namespace emu {
namespace {

// shifted is m >> n rounded, for n > 0; sign matters to the directed roundings.
u64 shifted(u64 m, u32 n, bool negative, Rounding r) {
    if (n > 64) {  // less than half of the last place
        bool up = m != 0 && (negative ? r == Rounding::Down : r == Rounding::Up);
        return up ? 1 : 0;
    }
    u64 q = n == 64 ? 0 : m >> n, half = 1ull << (n - 1), rest = n == 64 ? m : m & ((1ull << n) - 1);
    bool up = false;
    switch (r) {
    case Rounding::Nearest: up = rest > half || (rest == half && (q & 1)); break;
    case Rounding::Up: up = rest && !negative; break;
    case Rounding::Down: up = rest && negative; break;
    case Rounding::Zero: break;
    }
    return q + up;
}

}  // namespace

Real unpack(u64 b, Format f) {
    Real v;
    u64 fraction = b & ((1ull << f.fraction) - 1), most = (1ull << (f.size - 1 - f.fraction)) - 1;
    u64 exponent = b >> f.fraction & most;
    v.negative = b >> (f.size - 1) & 1;
    if (exponent == most) {
        v.kind = fraction ? Real::NaN : Real::Infinite;
        return v;
    }
    v.m = exponent ? fraction | 1ull << f.fraction : fraction;
    v.e = int(exponent ? exponent - 1 : 0) + f.leastExponent - f.fraction;
    return v;
}

u64 pack(Real v, Format f, Rounding r) {
    u64 sign = u64(v.negative) << (f.size - 1);
    u64 infinite = ((1ull << (f.size - 1 - f.fraction)) - 1) << f.fraction;
    if (v.kind == Real::NaN) return f.size == 16 ? kNaN16 : f.size == 32 ? kNaN32 : kNaN64;
    if (v.kind == Real::Infinite) return sign | infinite;
    if (v.m == 0) return sign;
    int top = v.e + 63 - __builtin_clzll(v.m);
    int last = std::max(top, f.leastExponent) - f.fraction;  // exponent of the last place
    int drop = last - v.e;
    u64 q = drop > 0 ? shifted(v.m, u32(drop), v.negative, r) : v.m << -drop;
    // A carry out of the fraction runs into the exponent, as it should.
    u64 b = top < f.leastExponent ? q : (u64(top - f.leastExponent) << f.fraction) + q;
    if (b < infinite) return sign | b;
    bool away = r == Rounding::Nearest || (v.negative ? r == Rounding::Down : r == Rounding::Up);
    return sign | (away ? infinite : infinite - 1);
}

Real realOf(u64 value, bool isSigned) {
    Real v;
    v.negative = isSigned && i64(value) < 0;
    v.m = v.negative ? 0 - value : value;
    return v;
}

Real whole(Real v, Rounding r) {
    if (v.kind != Real::Finite || v.e >= 0) return v;
    v.m = shifted(v.m, u32(-v.e), v.negative, r);
    v.e = 0;
    return v;
}

u64 toInteger(Real v, u32 size, bool isSigned, Rounding r) {
    u64 most = ~0ull >> (64 - size + isSigned), least = isSigned ? 0 - most - 1 : 0;
    if (v.kind == Real::NaN) return 0;
    if (v.kind == Real::Infinite) return v.negative ? least : most;
    v = whole(v, r);
    bool big = v.m != 0 && v.e > __builtin_clzll(v.m);
    u64 m = big ? ~0ull : v.m << (v.m ? v.e : 0);
    if (v.negative) return m > 0 - least || big ? least : 0 - m;
    return m > most || big ? most : m;
}

}  // namespace emu
