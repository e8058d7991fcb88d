// Conversions. The common ones have vector code; all others pass through an exact number, rounded once.
#include <limits>

#include "lane.h"
#include "number.h"
#include "operation.h"

namespace emu {
namespace {

enum Flag : u32 { kWhole = 1, kFtz = 2, kSat = 4, kRelu = 8 };

// Plan is a conversion packed into Inst::aux.
struct Plan {
    Type dst, src;
    Rounding rounding;
    u32 flags;
    explicit Plan(u32 aux)
        : dst(Type(aux & 31)), src(Type(aux >> 5 & 31)), rounding(Rounding(aux >> 10 & 3)), flags(aux >> 12) {}
    Plan(Type d, Type s, Rounding r, u32 f) : dst(d), src(s), rounding(r), flags(f) {}
    u32 aux() const { return u32(dst) | u32(src) << 5 | u32(rounding) << 10 | flags << 12; }
};

Format formatOf(Type t) {
    return t == Type::F16 ? kHalf : t == Type::BF16 ? kBrain : t == Type::F32 ? kSingle : kDouble;
}

u64 extend(u64 v, u32 size, bool sign) {
    u32 drop = 64 - 8 * size;
    return sign ? u64(i64(v << drop) >> drop) : v << drop >> drop;
}

Real flushed(Real v) {
    if (v.kind == Real::Finite && v.m && v.e + 63 - __builtin_clzll(v.m) < kSingle.leastExponent) v.m = 0;
    return v;
}

// clampUnit is .sat: to [0, 1], NaN to +0. clampLow is .relu: negative numbers to 0.
Real clampUnit(Real v) {
    bool past = v.kind == Real::Infinite || (v.m && v.e + 63 - __builtin_clzll(v.m) >= 0);
    if (v.kind == Real::NaN || v.negative) return Real();
    return past ? realOf(1, false) : v;
}
Real clampLow(Real v) { return v.kind != Real::NaN && v.negative ? Real() : v; }

u64 convert(const Plan& p, u64 cell) {
    u32 size = sizeOf(p.src);
    u64 raw = extend(cell, size, isSigned(p.src));
    Real v = isFloat(p.src) ? unpack(raw, formatOf(p.src)) : realOf(raw, isSigned(p.src));
    if (p.flags & kFtz && p.src == Type::F32) v = flushed(v);
    if (!isFloat(p.dst)) {
        u32 width = 8 * sizeOf(p.dst);
        if (!isFloat(p.src)) return p.flags & kSat ? toInteger(v, width, isSigned(p.dst), p.rounding) : raw;
        // NaN is zero, but where one of the two has 64 bits.
        if (v.kind == Real::NaN && (p.src == Type::F64 || width == 64)) return 1ull << (width - 1);
        return toInteger(v, width, isSigned(p.dst), p.rounding);
    }
    if (p.flags & kWhole) v = whole(v, p.rounding);
    if (p.flags & kSat) v = clampUnit(v);
    if (p.flags & kRelu) v = clampLow(v);
    Format f = formatOf(p.dst);
    u64 r = pack(v, f, p.rounding);
    if (p.flags & kFtz && p.dst == Type::F32) r = pack(flushed(unpack(r, f)), f, p.rounding);
    return r;
}

void convertExec(Warp& w, const Inst& i, u32 m) {
    Plan p(i.aux);
    bool from64 = sizeOf(p.src) == 8, to64 = sizeOf(p.dst) == 8;
    u64 keep = ~0ull >> (64 - 8 * sizeOf(p.dst));
    lanes(m, [&](u32 l) {
        u64 r = convert(p, from64 ? w.r<u64>(i.a)[l] : w.r<u32>(i.a)[l]) & keep;
        if (to64) w.r<u64>(i.d)[l] = r;
        else w.r<u32>(i.d)[l] = u32(r);
    });
    taint(w, i.d, w.poison[i.a], m);
}

// convertPair makes a pair of two floats: the first source is the upper half.
void convertPair(Warp& w, const Inst& i, u32 m) {
    Plan p(i.aux);
    lanes(m, [&](u32 l) { w.r<u32>(i.d)[l] = u32(convert(p, w.r<u32>(i.a)[l]) << 16 | convert(p, w.r<u32>(i.b)[l])); });
    taint(w, i.d, w.poison[i.a] | w.poison[i.b], m);
}

template <class R> struct FromInteger { template <class A> static R f(A a) { return R(a); } };
struct Widen { template <class T> static float f(T a) { return clean(widen(a)); } };
template <class T> struct Narrow { static T f(float a) { return narrow<T>(a); } };
struct ToSingle { static float f(double a) { return clean(float(a)); } };
struct ToDouble { static double f(float a) { return clean(double(a)); } };
template <class P, class T> struct Pack { static P f(float a, float b) { return {narrow<T>(b), narrow<T>(a)}; } };
// Truncation of what lies in the range; the rest is clamped first.
struct ToS32 {
    static i32 f(float a) {
        bool high = a >= 0x1p31f, low = a < -0x1p31f;
        i32 r = i32(high || low || a != a ? 0.0f : a);
        return high ? std::numeric_limits<i32>::max() : low ? std::numeric_limits<i32>::min() : r;
    }
};

// fast is the vector code of a common conversion, null where there is none.
Exec fast(const Plan& p) {
    using T = Type;
    bool near = p.rounding == Rounding::Nearest;
    if (p.flags == kWhole && p.rounding == Rounding::Zero && p.src == T::F32 && p.dst == T::S32)
        return unary<i32, float, ToS32>;
    if (p.flags || !near) return nullptr;
    if (p.dst == T::F32) {
        switch (p.src) {
        case T::F16: return unary<float, f16, Widen>;
        case T::BF16: return unary<float, bf16, Widen>;
        case T::F64: return unary<float, double, ToSingle>;
        case T::U16: return unary<float, u16, FromInteger<float>>;
        case T::S16: return unary<float, i16, FromInteger<float>>;
        case T::U32: return unary<float, u32, FromInteger<float>>;
        case T::S32: return unary<float, i32, FromInteger<float>>;
        case T::U64: return unary<float, u64, FromInteger<float>>;
        case T::S64: return unary<float, i64, FromInteger<float>>;
        default: return nullptr;
        }
    }
    if (p.dst == T::F64 && p.src == T::F32) return unary<double, float, ToDouble>;
    if (p.dst == T::F64 && p.src == T::S32) return unary<double, i32, FromInteger<double>>;
    if (p.dst == T::F64 && p.src == T::U32) return unary<double, u32, FromInteger<double>>;
    if (p.src == T::F32 && p.dst == T::F16) return unary<f16, float, Narrow<f16>>;
    if (p.src == T::F32 && p.dst == T::BF16) return unary<bf16, float, Narrow<bf16>>;
    return nullptr;
}

template <class R> Exec integersTo(Type src) {
    switch (src) {
    case Type::U8: return unary<R, u8, FromInteger<R>>;
    case Type::S8: return unary<R, i8, FromInteger<R>>;
    case Type::U16: return unary<R, u16, FromInteger<R>>;
    case Type::S16: return unary<R, i16, FromInteger<R>>;
    case Type::U32: return unary<R, u32, FromInteger<R>>;
    case Type::S32: return unary<R, i32, FromInteger<R>>;
    default: return unary<R, u64, FromInteger<R>>;
    }
}
Exec integers(Type dst, Type src) {
    switch (sizeOf(dst)) {
    case 1: return integersTo<u8>(src);
    case 2: return integersTo<u16>(src);
    case 4: return integersTo<u32>(src);
    default: return integersTo<u64>(src);
    }
}

// legal applies the manual's rules on rounding modifiers, since a wrong one changes the result.
bool legal(Type dst, Type src, const std::string& r, bool whole) {
    if (dst == Type::Pred || src == Type::Pred || dst == Type::None || src == Type::None) return false;
    bool toFloat = isFloat(dst), fromFloat = isFloat(src);
    if (!toFloat && !fromFloat) return r.empty();
    if (!toFloat) return whole;
    if (!fromFloat) return !r.empty() && !whole;
    bool wider = sizeOf(dst) > sizeOf(src);
    if (dst == src) return whole || r.empty();
    if (wider) return r.empty() || whole || src == Type::BF16 || src == Type::F16;
    return !r.empty() && !whole;
}

Rounding roundingOf(const std::string& r) {
    if (r.empty() || r[1] == 'n') return Rounding::Nearest;
    return r[1] == 'z' ? Rounding::Zero : r[1] == 'm' ? Rounding::Down : Rounding::Up;
}

}  // namespace

Operation conversion(Mods& m) {
    std::string r = m.any({"rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi"});
    bool whole = r.size() == 3;
    u32 flags = (m.take("ftz") ? kFtz : 0u) | (m.take("sat") ? kSat : 0u) | (m.take("relu") ? kRelu : 0u) |
                (whole ? kWhole : 0u);
    Type dst = m.type(), src = m.type();
    if (dst == Type::F16x2 || dst == Type::BF16x2) {
        if (src != Type::F32 || flags & ~kRelu || (r != "rn" && r != "rz")) m.refuse();
        bool isHalf = dst == Type::F16x2;
        Plan p(isHalf ? Type::F16 : Type::BF16, src, roundingOf(r), flags);
        Exec quick =
            isHalf ? binary<f16x2, float, float, Pack<f16x2, f16>> : binary<bf16x2, float, float, Pack<bf16x2, bf16>>;
        return {flags || r == "rz" ? convertPair : quick, dst, {src, src}, 2, p.aux()};
    }
    if (dst == Type::B8 || dst == Type::B16 || dst == Type::B32 || dst == Type::B64 || src == Type::F16x2 ||
        src == Type::BF16x2 || !legal(dst, src, r, whole))
        m.refuse();
    Plan p(dst, src, roundingOf(r), flags);
    if (!isFloat(dst) && !isFloat(src) && !(flags & kSat)) return {integers(dst, src), dst, {src}, 1, p.aux()};
    Exec quick = fast(p);
    return {quick ? quick : convertExec, dst, {src}, 1, p.aux()};
}

}  // namespace emu
