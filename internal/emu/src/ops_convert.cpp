// Conversions and comparisons.
#include <cfenv>

#include "lane.h"

namespace emu {
namespace {

template <class T> constexpr bool isNarrow = std::is_same_v<T, f16> || std::is_same_v<T, bf16>;
template <class T> constexpr bool isReal = std::is_floating_point_v<T> || isNarrow<T>;

template <class T> double real(T v) {
    if constexpr (isNarrow<T>) return widen(v);
    else return double(v);
}

// flushed applies .ftz, which concerns float32 only.
template <bool ftz, class T> T flushed(T v) {
    if constexpr (ftz && std::is_same_v<T, float>) return std::fabs(v) < 0x1p-126f ? std::copysign(0.0f, v) : v;
    else return v;
}

// integral rounds to a whole number in an fenv mode.
double integral(double v, int mode) {
    fesetround(mode);
    volatile double x = v;
    double r = nearbyint(x);
    fesetround(FE_TONEAREST);
    return r;
}

template <class R> R toInteger(double v) {
    if (v != v) return 0;
    constexpr double least = double(std::numeric_limits<R>::min());
    const double past = std::ldexp(1.0, int(8 * sizeof(R)) - (std::is_signed_v<R> ? 1 : 0));
    if (v < least) return std::numeric_limits<R>::min();
    if (v >= past) return std::numeric_limits<R>::max();
    return R(v);
}

template <class R, class A> R fromInteger(A a, int mode) {
    fesetround(mode);
    volatile A x = a;
    if constexpr (std::is_same_v<R, float>) {
        volatile float r = float(A(x));
        fesetround(FE_TONEAREST);
        return r;
    } else {
        volatile double r = double(A(x));
        fesetround(FE_TONEAREST);
        if constexpr (isNarrow<R>) return narrow<R>(r, mode);
        else return r;
    }
}

template <class R> R fromReal(double v, int mode) {
    if constexpr (isNarrow<R>) {
        return narrow<R>(v, mode);
    } else if constexpr (std::is_same_v<R, float>) {
        if (v != v) return bits<float>(0x7fffffffu);
        fesetround(mode);
        volatile double x = v;
        volatile float r = float(double(x));
        fesetround(FE_TONEAREST);
        return r;
    } else {
        return v != v ? bits<double>(u64(0xfff8000000000000ull)) : v;
    }
}

// Convert is cvt from A to R; whole: a .rni-like modifier, round to a whole number first.
template <class R, class A, int mode, bool whole, bool ftz, bool sat> struct Convert {
    static R f(A a) {
        if constexpr (!isReal<A> && !isReal<R>) {
            if constexpr (!sat) return R(a);
            __int128 v = a, lo = std::numeric_limits<R>::min(), hi = std::numeric_limits<R>::max();
            return R(v < lo ? lo : v > hi ? hi : v);
        } else if constexpr (!isReal<A>) {
            R r = fromInteger<R>(a, mode);
            if constexpr (sat) return fromReal<R>(std::min(1.0, std::max(0.0, real(r))), FE_TONEAREST);
            return r;
        } else {
            double v = real(flushed<ftz>(a));
            if constexpr (!isReal<R>) return toInteger<R>(integral(v, mode));
            if (whole && v == v) v = integral(v, mode);
            if (sat) v = v > 0 ? (v < 1 ? v : 1.0) : 0.0;
            if constexpr (isReal<R>) return flushed<ftz>(fromReal<R>(v, whole ? FE_TONEAREST : mode));
        }
    }
};

template <class R, class A, int mode, bool whole> Exec convertFlags(bool ftz, bool sat) {
    if (ftz && sat) return unary<R, A, Convert<R, A, mode, whole, true, true>>;
    if (ftz) return unary<R, A, Convert<R, A, mode, whole, true, false>>;
    if (sat) return unary<R, A, Convert<R, A, mode, whole, false, true>>;
    return unary<R, A, Convert<R, A, mode, whole, false, false>>;
}

template <class R, class A> Exec convertMode(char mode, bool whole, bool ftz, bool sat) {
    switch (mode) {
    case 'z': return whole ? convertFlags<R, A, FE_TOWARDZERO, true>(ftz, sat) : convertFlags<R, A, FE_TOWARDZERO, false>(ftz, sat);
    case 'm': return whole ? convertFlags<R, A, FE_DOWNWARD, true>(ftz, sat) : convertFlags<R, A, FE_DOWNWARD, false>(ftz, sat);
    case 'p': return whole ? convertFlags<R, A, FE_UPWARD, true>(ftz, sat) : convertFlags<R, A, FE_UPWARD, false>(ftz, sat);
    default: return whole ? convertFlags<R, A, FE_TONEAREST, true>(ftz, sat) : convertFlags<R, A, FE_TONEAREST, false>(ftz, sat);
    }
}

template <class R> Exec convertFrom(Mods& m, Type a, char mode, bool whole, bool ftz, bool sat) {
    switch (a) {
    case Type::U8: return convertMode<R, u8>(mode, whole, ftz, sat);
    case Type::S8: return convertMode<R, i8>(mode, whole, ftz, sat);
    case Type::U16: return convertMode<R, u16>(mode, whole, ftz, sat);
    case Type::S16: return convertMode<R, i16>(mode, whole, ftz, sat);
    case Type::U32: return convertMode<R, u32>(mode, whole, ftz, sat);
    case Type::S32: return convertMode<R, i32>(mode, whole, ftz, sat);
    case Type::U64: return convertMode<R, u64>(mode, whole, ftz, sat);
    case Type::S64: return convertMode<R, i64>(mode, whole, ftz, sat);
    case Type::F16: return convertMode<R, f16>(mode, whole, ftz, sat);
    case Type::BF16: return convertMode<R, bf16>(mode, whole, ftz, sat);
    case Type::F32: return convertMode<R, float>(mode, whole, ftz, sat);
    case Type::F64: return convertMode<R, double>(mode, whole, ftz, sat);
    default: m.refuse();
    }
}

// Two floats to a pair: the first source is the upper half.
template <class H, class P, int mode> struct Pack {
    static P f(float a, float b) { return {narrow<H>(b, mode), narrow<H>(a, mode)}; }
};

}  // namespace

Exec conversion(Mods& m, Type& dst, Type& src) {
    std::string r = m.any({"rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi"});
    bool ftz = m.take("ftz"), sat = m.take("sat");
    dst = m.type(), src = m.type();
    char mode = r.empty() ? 'n' : r[1];
    bool whole = r.size() == 3;
    if (dst == Type::F16x2 && src == Type::F32 && !sat && (mode == 'n' || mode == 'z'))
        return mode == 'n' ? binary<f16x2, float, float, Pack<f16, f16x2, FE_TONEAREST>>
                           : binary<f16x2, float, float, Pack<f16, f16x2, FE_TOWARDZERO>>;
    if (dst == Type::BF16x2 && src == Type::F32 && !sat && (mode == 'n' || mode == 'z'))
        return mode == 'n' ? binary<bf16x2, float, float, Pack<bf16, bf16x2, FE_TONEAREST>>
                           : binary<bf16x2, float, float, Pack<bf16, bf16x2, FE_TOWARDZERO>>;
    switch (dst) {
    case Type::U8: return convertFrom<u8>(m, src, mode, whole, ftz, sat);
    case Type::S8: return convertFrom<i8>(m, src, mode, whole, ftz, sat);
    case Type::U16: return convertFrom<u16>(m, src, mode, whole, ftz, sat);
    case Type::S16: return convertFrom<i16>(m, src, mode, whole, ftz, sat);
    case Type::U32: return convertFrom<u32>(m, src, mode, whole, ftz, sat);
    case Type::S32: return convertFrom<i32>(m, src, mode, whole, ftz, sat);
    case Type::U64: return convertFrom<u64>(m, src, mode, whole, ftz, sat);
    case Type::S64: return convertFrom<i64>(m, src, mode, whole, ftz, sat);
    case Type::F16: return convertFrom<f16>(m, src, mode, whole, ftz, sat);
    case Type::BF16: return convertFrom<bf16>(m, src, mode, whole, ftz, sat);
    case Type::F32: return convertFrom<float>(m, src, mode, whole, ftz, sat);
    case Type::F64: return convertFrom<double>(m, src, mode, whole, ftz, sat);
    default: m.refuse();
    }
}

namespace {

// A comparison is p = (a op b) combined with a predicate c: aux bit 0 and, 1 or, 2 xor, 3 c is negated. e is the unit
// of a second result, the comparison's opposite, 0 for none.
enum Combine : u32 { kAnd = 1, kOr = 2, kXor = 4, kNegated = 8 };

template <class A, class Op, bool set, class R> void compareExec(Warp& w, const Inst& i, u32 m) {
    const Cell<A>* a = w.r<Cell<A>>(i.a);
    const Cell<A>* b = w.r<Cell<A>>(i.b);
    u32 p = 0;
    for (u32 l = 0; l < kLanes; ++l) p |= u32(Op::f(get<A>(a[l]), get<A>(b[l]))) << l;
    u32 q = ~p, poison = w.poison[i.a] | w.poison[i.b];
    if (u32 how = i.aux & 7) {
        u32 c = i.aux & kNegated ? ~w.pred(i.c) : w.pred(i.c);
        poison |= w.poison[i.c];
        p = how == kAnd ? p & c : how == kOr ? p | c : p ^ c;
        q = how == kAnd ? q & c : how == kOr ? q | c : q ^ c;
    }
    if constexpr (set) {
        Cell<R>* d = w.r<Cell<R>>(i.d);
        each(m, [&](u32 l) { d[l] = p >> l & 1 ? put<R>(std::is_same_v<R, float> ? R(1) : R(-1)) : 0; });
    } else {
        w.pred(i.d) = (w.pred(i.d) & ~m) | (p & m);
        if (i.e) {
            w.pred(i.e) = (w.pred(i.e) & ~m) | (q & m);
            taint(w, i.e, poison, m);
        }
    }
    taint(w, i.d, poison, m);
}

#define COMPARE(name, expr) \
    struct name { template <class T> static bool f(T a, T b) { return expr; } };
COMPARE(Eq, a == b)
COMPARE(Ne, a != b && !(a != a || b != b))
COMPARE(NeInt, a != b)
COMPARE(Lt, a < b)
COMPARE(Le, a <= b)
COMPARE(Gt, a > b)
COMPARE(Ge, a >= b)
COMPARE(Equ, !(a < b || a > b))
COMPARE(Neu, !(a == b))
COMPARE(Ltu, !(a >= b))
COMPARE(Leu, !(a > b))
COMPARE(Gtu, !(a <= b))
COMPARE(Geu, !(a < b))
COMPARE(Num, a == a && b == b)
COMPARE(Nan, a != a || b != b)

// Widened compares f16 and bf16 as floats, and float32 with .ftz.
template <class Op, bool ftz> struct Widened {
    static float in(float v) { return ftz && std::fabs(v) < 0x1p-126f ? std::copysign(0.0f, v) : v; }
    static float in(f16 v) { return widen(v); }
    static float in(bf16 v) { return widen(v); }
    template <class T> static bool f(T a, T b) { return Op::f(in(a), in(b)); }
};

template <class A, class Op> Exec result(bool set, Type dst, Mods& m) {
    if (!set) return compareExec<A, Op, false, u32>;
    if (dst == Type::F32) return compareExec<A, Op, true, float>;
    if (sizeOf(dst) == 4) return compareExec<A, Op, true, i32>;
    m.refuse();
}

template <class Op, class IntOp> Exec compareType(Mods& m, Type t, bool ftz, bool set, Type dst) {
    switch (t) {
    case Type::B16: case Type::U16: return result<u16, IntOp>(set, dst, m);
    case Type::S16: return result<i16, IntOp>(set, dst, m);
    case Type::B32: case Type::U32: return result<u32, IntOp>(set, dst, m);
    case Type::S32: return result<i32, IntOp>(set, dst, m);
    case Type::B64: case Type::U64: return result<u64, IntOp>(set, dst, m);
    case Type::S64: return result<i64, IntOp>(set, dst, m);
    case Type::F32: return ftz ? result<float, Widened<Op, true>>(set, dst, m) : result<float, Op>(set, dst, m);
    case Type::F64: return result<double, Op>(set, dst, m);
    case Type::F16: return result<f16, Widened<Op, false>>(set, dst, m);
    case Type::BF16: return result<bf16, Widened<Op, false>>(set, dst, m);
    default: m.refuse();
    }
}

}  // namespace

Exec comparison(Mods& m, Type t, bool set, Type dst) {
    bool ftz = m.take("ftz");
    std::string op = m.any({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu",
                            "geu", "num", "nan"});
    if (op == "eq") return compareType<Eq, Eq>(m, t, ftz, set, dst);
    if (op == "ne") return compareType<Ne, NeInt>(m, t, ftz, set, dst);
    if (op == "lt" || op == "lo") return compareType<Lt, Lt>(m, t, ftz, set, dst);
    if (op == "le" || op == "ls") return compareType<Le, Le>(m, t, ftz, set, dst);
    if (op == "gt" || op == "hi") return compareType<Gt, Gt>(m, t, ftz, set, dst);
    if (op == "ge" || op == "hs") return compareType<Ge, Ge>(m, t, ftz, set, dst);
    if (op == "equ") return compareType<Equ, Equ>(m, t, ftz, set, dst);
    if (op == "neu") return compareType<Neu, NeInt>(m, t, ftz, set, dst);
    if (op == "ltu") return compareType<Ltu, Lt>(m, t, ftz, set, dst);
    if (op == "leu") return compareType<Leu, Le>(m, t, ftz, set, dst);
    if (op == "gtu") return compareType<Gtu, Gt>(m, t, ftz, set, dst);
    if (op == "geu") return compareType<Geu, Ge>(m, t, ftz, set, dst);
    if (op == "num") return compareType<Num, Eq>(m, t, ftz, set, dst);
    if (op == "nan") return compareType<Nan, NeInt>(m, t, ftz, set, dst);
    m.refuse();
}

}  // namespace emu
