// Arithmetic on float32 and float64, exactly as the PTX manual says.
#include <cfenv>

#include "lane.h"
#include "number.h"
#include "operation.h"

namespace emu {

Operation halfOperation(const std::string& op, Type t, Mods& m);

namespace {

struct FAdd { template <class T> static T f(T a, T b) { return a + b; } };
struct FSub { template <class T> static T f(T a, T b) { return a - b; } };
struct FMul { template <class T> static T f(T a, T b) { return a * b; } };
struct FDiv { template <class T> static T f(T a, T b) { return a / b; } };
struct FFma { template <class T> static T f(T a, T b, T c) { return std::fma(a, b, c); } };
struct FSqrt { template <class T> static T f(T a) { return std::sqrt(a); } };
struct FRcp { template <class T> static T f(T a) { return T(1) / a; } };
// The .approx functions are the nearest number, which lies within the manual's error but has not the hardware's bits.
struct FRsqrt { template <class T> static T f(T a) { return T(1 / std::sqrt(double(a))); } };
struct FSin { static float f(float a) { return float(std::sin(double(a))); } };
struct FCos { static float f(float a) { return float(std::cos(double(a))); } };
struct FEx2 { static float f(float a) { return float(std::exp2(double(a))); } };
struct FLg2 { static float f(float a) { return float(std::log2(double(a))); } };
struct FTanh { static float f(float a) { return float(std::tanh(double(a))); } };
// The other number when one is NaN; -0 counts as less than +0.
struct FMin {
    template <class T> static T f(T a, T b) {
        T r = a < b || (a == b && std::signbit(a)) ? a : b;
        return a != a ? b : b != b ? a : r;
    }
};
struct FMax {
    template <class T> static T f(T a, T b) {
        T r = a > b || (a == b && !std::signbit(a)) ? a : b;
        return a != a ? b : b != b ? a : r;
    }
};
template <class Op>
struct OrNaN {
    template <class T>
    static T f(T a, T b) {
        return a != a ? a : b != b ? b : Op::f(a, b);
    }
};
// .xorsign.abs: of the absolute values, with the sign of the product.
template <class Op> struct XorSign {
    static float f(float a, float b) {
        u32 sign = (bits<u32>(a) ^ bits<u32>(b)) & 0x80000000u;
        return bits<float>(bits<u32>(Op::f(std::fabs(a), std::fabs(b))) | sign);
    }
};

enum Flag : u32 { kFtz = 1, kSat = 2 };

// Rounded wraps an operation: flush inputs and the result, saturate, one NaN.
template <class Op, u32 flags> struct Rounded {
    static float in(float v) { return flags & kFtz ? flush(v) : v; }
    static double in(double v) { return v; }
    static float out(float v) { return clean(in(flags & kSat ? saturate(v) : v)); }
    static double out(double v) { return clean(v); }
    template <class T, class... V> static T f(T a, V... v) { return out(Op::f(in(a), in(v)...)); }
};

template <u32 n, class Op> Exec nearest32(u32 flags) {
    switch (flags) {
    case kFtz: return form<n, float, Rounded<Op, kFtz>>();
    case kSat: return form<n, float, Rounded<Op, kSat>>();
    case kFtz | kSat: return form<n, float, Rounded<Op, kFtz | kSat>>();
    default: return form<n, float, Rounded<Op, 0>>();
    }
}

constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};

// directed rounds otherwise than to nearest: aux holds the flags, above them the rounding. The operands pass through
// volatile variables so that no operation moves out of the part with the other rounding.
template <u32 n, class T, class Op> void directed(Warp& w, const Inst& i, u32 m) {
    const u32 units[3] = {i.a, i.b, i.c};
    u32 poison = 0;
    for (u32 k = 0; k < n; ++k) poison |= w.poison[units[k]];
    bool ftz = i.aux & kFtz, sat = i.aux & kSat;
    fesetround(kModes[i.aux >> 2]);
    lanes(m, [&](u32 l) {
        volatile T v[3] = {};
        for (u32 k = 0; k < n; ++k) {
            T x = get<T>(w.r<Cell<T>>(units[k])[l]);
            if constexpr (sizeof(T) == 4) x = ftz ? flush(x) : x;
            v[k] = x;
        }
        volatile T r;
        if constexpr (n == 1) r = Op::f(T(v[0]));
        else if constexpr (n == 2) r = Op::f(T(v[0]), T(v[1]));
        else r = Op::f(T(v[0]), T(v[1]), T(v[2]));
        T out = r;
        if constexpr (sizeof(T) == 4) out = sat ? saturate(out) : out, out = ftz ? flush(out) : out;
        w.r<Cell<T>>(i.d)[l] = put<T>(clean(out));
    });
    fesetround(FE_TONEAREST);
    taint(w, i.d, poison, m);
}

Operation fill(Exec fn, Type t, u32 n, u32 aux = 0) { return {fn, t, {t, t, t, t}, n, aux}; }

u32 takeFlags(Mods& m, Type t, bool sat) {
    u32 flags = 0;
    if (t == Type::F32 && m.take("ftz")) flags |= kFtz;
    if (t == Type::F32 && sat && m.take("sat")) flags |= kSat;
    return flags;
}

// rounded takes the rounding modifier; where it may be left out the result is that of .rn, unfused.
template <u32 n, class Op> Operation rounded(Mods& m, Type t, bool needed) {
    std::string r = m.any({"rn", "rz", "rm", "rp"});
    u32 flags = takeFlags(m, t, n == 3 || !needed);
    if (r.empty() && needed) m.refuse();
    if (r.empty() || r == "rn")
        return fill(t == Type::F32 ? nearest32<n, Op>(flags) : form<n, double, Rounded<Op, 0>>(), t, n);
    u32 mode = r == "rz" ? 1 : r == "rm" ? 2 : 3;
    return fill(t == Type::F32 ? directed<n, float, Op> : directed<n, double, Op>, t, n, flags | mode << 2);
}

template <class Op> Operation approximate(Mods& m, Type t) {
    if (t != Type::F32 || !m.take("approx")) m.refuse();
    return fill(nearest32<1, Op>(takeFlags(m, t, false)), t, 1);
}

template <class Op> Operation extremum(Mods& m, Type t) {
    u32 flags = takeFlags(m, t, false);
    bool nan = m.take("NaN"), sign = m.take("xorsign");
    if (sign && !m.take("abs")) m.refuse();
    if (t == Type::F64 && !nan && !sign) return fill(form<2, double, Rounded<Op, 0>>(), t, 2);
    if (t != Type::F32) m.refuse();
    if (sign && nan) return fill(nearest32<2, XorSign<OrNaN<Op>>>(flags), t, 2);
    if (sign) return fill(nearest32<2, XorSign<Op>>(flags), t, 2);
    return fill(nan ? nearest32<2, OrNaN<Op>>(flags) : nearest32<2, Op>(flags), t, 2);
}

// Bits of the sign: abs and neg keep the payload of a NaN, but for ftz.
template <u32 keep, u32 flip, bool ftz> struct Sign32 {
    static u32 f(u32 a) { return (bits<u32>(ftz ? flush(bits<float>(a)) : bits<float>(a)) & keep) ^ flip; }
};
template <u64 keep, u64 flip> struct Sign64 { static u64 f(u64 a) { return (a & keep) ^ flip; } };
constexpr u32 kSign32 = 1u << 31;
constexpr u64 kSign64 = 1ull << 63;

Operation signs(bool negate, Mods& m, Type t) {
    if (t == Type::F64)
        return fill(negate ? unary<u64, u64, Sign64<~0ull, kSign64>> : unary<u64, u64, Sign64<~kSign64, 0>>, t, 1);
    if (m.take("ftz"))
        return fill(negate ? unary<u32, u32, Sign32<~0u, kSign32, true>> : unary<u32, u32, Sign32<~kSign32, 0, true>>,
                    t, 1);
    return fill(negate ? unary<u32, u32, Sign32<~0u, kSign32, false>> : unary<u32, u32, Sign32<~kSign32, 0, false>>, t,
                1);
}

template <class T> struct Copysign {
    static T f(T a, T b) {
        constexpr T s = T(T(1) << (8 * sizeof(T) - 1));
        return T((b & T(~s)) | (a & s));
    }
};

// testp asks what kind of number it is.
enum Kind : u32 { kFiniteKind, kInfiniteKind, kNumberKind, kNotNumberKind, kNormalKind, kSubnormalKind };
template <class T> void testp(Warp& w, const Inst& i, u32 m) {
    u32 p = 0;
    lanes(m, [&](u32 l) {
        int c = std::fpclassify(get<T>(w.r<Cell<T>>(i.a)[l]));
        bool yes[] = {c != FP_NAN && c != FP_INFINITE, c == FP_INFINITE, c != FP_NAN, c == FP_NAN, c == FP_NORMAL,
                      c == FP_SUBNORMAL};
        p |= u32(yes[i.aux]) << l;
    });
    setPred(w, i.d, p, m);
    taint(w, i.d, w.poison[i.a], m);
}

Operation kinds(Mods& m, Type t) {
    static const std::map<std::string, u32> all = {{"finite", kFiniteKind}, {"infinite", kInfiniteKind},
                                                   {"number", kNumberKind}, {"notanumber", kNotNumberKind},
                                                   {"normal", kNormalKind}, {"subnormal", kSubnormalKind}};
    auto it = all.find(m.any({"finite", "infinite", "number", "notanumber", "normal", "subnormal"}));
    if (it == all.end()) m.refuse();
    return {t == Type::F32 ? testp<float> : testp<double>, Type::Pred, {t}, 1, it->second};
}

// Gross is .approx.ftz on float64: of operand and result only the upper 32 bits count.
template <class Op> struct Gross {
    static double upper(double v) {
        double u = bits<double>(bits<u64>(v) >> 32 << 32);
        return v != v ? v : std::fabs(u) < 0x1p-1022 ? std::copysign(0.0, u) : u;
    }
    static double f(double a) { return clean(upper(Op::f(upper(a)))); }
};

template <class Op> Operation gross(Mods& m, Type t) {
    if (!m.take("ftz")) m.refuse();
    return fill(unary<double, double, Gross<Op>>, t, 1);
}

// roots are the functions that may be .approx or rounded.
Operation roots(const std::string& op, Mods& m, Type t) {
    bool approx = m.take("approx") || (op == "div" && m.take("full"));
    if (t == Type::F64 && approx) {
        if (op == "rcp") return gross<FRcp>(m, t);
        if (op != "rsqrt") m.refuse();
        bool plain = !m.take("ftz");
        return fill(plain ? form<1, double, Rounded<FRsqrt, 0>>() : unary<double, double, Gross<FRsqrt>>, t, 1);
    }
    if (!approx && op == "rsqrt") m.refuse();
    if (!approx) return op == "div" ? rounded<2, FDiv>(m, t, true) : op == "rcp" ? rounded<1, FRcp>(m, t, true)
                                                                              : rounded<1, FSqrt>(m, t, true);
    u32 flags = takeFlags(m, t, false);
    if (op == "div") return fill(nearest32<2, FDiv>(flags), t, 2);
    return fill(op == "rcp" ? nearest32<1, FRcp>(flags) : op == "sqrt" ? nearest32<1, FSqrt>(flags)
                                                                     : nearest32<1, FRsqrt>(flags), t, 1);
}

}  // namespace

Operation floatOperation(const std::string& op, Type t, Mods& m) {
    if (t != Type::F32 && t != Type::F64) return halfOperation(op, t, m);
    if (op == "add") return rounded<2, FAdd>(m, t, false);
    if (op == "sub") return rounded<2, FSub>(m, t, false);
    if (op == "mul") return rounded<2, FMul>(m, t, false);
    if (op == "fma" || op == "mad") return rounded<3, FFma>(m, t, true);
    if (op == "min") return extremum<FMin>(m, t);
    if (op == "max") return extremum<FMax>(m, t);
    if (op == "div" || op == "sqrt" || op == "rcp" || op == "rsqrt") return roots(op, m, t);
    if (op == "abs" || op == "neg") return signs(op == "neg", m, t);
    if (op == "copysign")
        return fill(t == Type::F64 ? binary<u64, u64, u64, Copysign<u64>> : binary<u32, u32, u32, Copysign<u32>>, t, 2);
    if (op == "testp") return kinds(m, t);
    if (op == "sin") return approximate<FSin>(m, t);
    if (op == "cos") return approximate<FCos>(m, t);
    if (op == "ex2") return approximate<FEx2>(m, t);
    if (op == "lg2") return approximate<FLg2>(m, t);
    if (op == "tanh") return approximate<FTanh>(m, t);
    return {};
}

}  // namespace emu
