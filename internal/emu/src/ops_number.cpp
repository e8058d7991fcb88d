// Numbers: what the arithmetic operations compute, lane by lane, exactly as the PTX manual says.
#include <cfenv>

#include "lane.h"

namespace emu {

float widen(f16 v) {
    u32 sign = u32(v.bits & 0x8000) << 16, e = v.bits >> 10 & 31, f = v.bits & 0x3ff;
    if (e == 31) return bits<float>(sign | 0x7f800000 | f << 13);
    if (e) return bits<float>(sign | (e + 112) << 23 | f << 13);
    return bits<float>(sign | bits<u32>(float(f) * 0x1p-24f));
}

float widen(bf16 v) { return bits<float>(u32(v.bits) << 16); }

namespace {

// roundTo rounds a finite double to a format with p fraction bits, least exponent e0 and largest exponent e1.
double roundTo(double v, int p, int e0, int e1, int mode) {
    if (v == 0) return v;
    int e;
    frexp(v, &e);
    int ulp = std::max(e - 1, e0) - p;
    int before = fegetround();
    fesetround(mode);
    volatile double scaled = ldexp(v, -ulp);
    double r = ldexp(nearbyint(scaled), ulp);
    fesetround(before);
    double most = ldexp(2 - ldexp(1, -p), e1);
    if (std::fabs(r) > most) {
        bool away = mode == FE_TONEAREST || (mode == FE_UPWARD && v > 0) || (mode == FE_DOWNWARD && v < 0);
        return std::copysign(away ? HUGE_VAL : most, v);
    }
    return std::copysign(r, v);
}

}  // namespace

template <> f16 narrow<f16>(double v, int mode) {
    if (v != v) return {0x7fff};
    double r = std::isinf(v) ? v : roundTo(v, 10, -14, 15, mode);
    u16 sign = std::signbit(r) ? 0x8000 : 0;
    double a = std::fabs(r);
    if (std::isinf(a)) return {u16(sign | 0x7c00)};
    if (a < 0x1p-14) return {u16(sign | u16(a * 0x1p24))};
    int e;
    double f = frexp(a, &e);
    return {u16(sign | u16((e + 14) << 10) | (u16(f * 0x1p11) & 0x3ff))};
}

template <> bf16 narrow<bf16>(double v, int mode) {
    if (v != v) return {0x7fff};
    double r = std::isinf(v) ? v : roundTo(v, 7, -126, 127, mode);
    return {u16(bits<u32>(float(r)) >> 16)};
}

Type typeOf(const std::string& n) {
    static const std::map<std::string, Type> types = {
        {"pred", Type::Pred}, {"b8", Type::B8}, {"u8", Type::U8}, {"s8", Type::S8}, {"b16", Type::B16},
        {"u16", Type::U16}, {"s16", Type::S16}, {"f16", Type::F16}, {"bf16", Type::BF16}, {"b32", Type::B32},
        {"u32", Type::U32}, {"s32", Type::S32}, {"f32", Type::F32}, {"f16x2", Type::F16x2}, {"bf16x2", Type::BF16x2},
        {"b64", Type::B64}, {"u64", Type::U64}, {"s64", Type::S64}, {"f64", Type::F64}};
    auto it = types.find(n);
    return it == types.end() ? Type::None : it->second;
}

u32 sizeOf(Type t) {
    switch (t) {
    case Type::None: return 0;
    case Type::Pred: case Type::B8: case Type::U8: case Type::S8: return 1;
    case Type::B16: case Type::U16: case Type::S16: case Type::F16: case Type::BF16: return 2;
    case Type::B64: case Type::U64: case Type::S64: case Type::F64: return 8;
    default: return 4;
    }
}

namespace {

// clean gives every NaN the bits that the hardware makes.
inline float clean(float v) { return v == v ? v : bits<float>(0x7fffffffu); }
inline double clean(double v) { return v == v ? v : bits<double>(u64(0xfff8000000000000ull)); }
inline float flush(float v) { return std::fabs(v) < 0x1p-126f ? std::copysign(0.0f, v) : v; }
inline float saturate(float v) { return v > 0 ? (v < 1 ? v : 1.0f) : 0.0f; }  // NaN becomes +0
inline double saturate(double v) { return v > 0 ? (v < 1 ? v : 1.0) : 0.0; }

template <class T> T fmaOf(T a, T b, T c) { return std::fma(a, b, c); }

#define FLOAT(name, ...) \
    struct name { template <class T> static T f(__VA_ARGS__) 
FLOAT(FAdd, T a, T b) { return a + b; } };
FLOAT(FSub, T a, T b) { return a - b; } };
FLOAT(FMul, T a, T b) { return a * b; } };
FLOAT(FDiv, T a, T b) { return a / b; } };
FLOAT(FFma, T a, T b, T c) { return fmaOf(a, b, c); } };
FLOAT(FSqrt, T a) { return std::sqrt(a); } };
FLOAT(FRcp, T a) { return T(1) / a; } };
FLOAT(FRsqrt, T a) { return T(1 / std::sqrt(double(a))); } };
FLOAT(FSin, T a) { return T(std::sin(double(a))); } };
FLOAT(FCos, T a) { return T(std::cos(double(a))); } };
FLOAT(FEx2, T a) { return T(std::exp2(double(a))); } };
FLOAT(FLg2, T a) { return T(std::log2(double(a))); } };
FLOAT(FTanh, T a) { return T(std::tanh(double(a))); } };
// The other number when one is NaN; -0 counts as less than +0.
FLOAT(FMin, T a, T b) {
    if (a != a) return b;
    if (b != b) return a;
    if (a == 0 && b == 0) return std::signbit(a) ? a : b;
    return a < b ? a : b;
} };
FLOAT(FMax, T a, T b) {
    if (a != a) return b;
    if (b != b) return a;
    if (a == 0 && b == 0) return std::signbit(a) ? b : a;
    return a > b ? a : b;
} };
FLOAT(FMinNaN, T a, T b) { return a != a ? a : b != b ? b : FMin::f(a, b); } };
FLOAT(FMaxNaN, T a, T b) { return a != a ? a : b != b ? b : FMax::f(a, b); } };

// Rounded wraps an operation on float or double: flush inputs and the result, saturate, one NaN.
template <class Op, bool ftz, bool sat> struct Rounded {
    static float in(float v) { return ftz ? flush(v) : v; }
    static double in(double v) { return v; }
    template <class T> static T out(T v) { return clean(in(sat ? saturate(v) : v)); }
    template <class T> static T f(T a) { return out(Op::f(in(a))); }
    template <class T> static T f(T a, T b) { return out(Op::f(in(a), in(b))); }
    template <class T> static T f(T a, T b, T c) { return out(Op::f(in(a), in(b), in(c))); }
};

// Narrow wraps an operation for f16 and bf16: computed in double, which is wide enough to round only once.
template <class Op, bool sat> struct Narrow {
    template <class T> static T out(double v) { return narrow<T>(sat ? saturate(v) : v, FE_TONEAREST); }
    template <class T> static T f(T a) { return out<T>(Op::f(double(widen(a)))); }
    template <class T> static T f(T a, T b) { return out<T>(Op::f(double(widen(a)), double(widen(b)))); }
    template <class T> static T f(T a, T b, T c) {
        return out<T>(double(Op::f((long double)widen(a), (long double)widen(b), (long double)widen(c))));
    }
};
template <class Op> struct Pair {
    template <class T> static T f(T a) { return {Op::f(a.lo), Op::f(a.hi)}; }
    template <class T> static T f(T a, T b) { return {Op::f(a.lo, b.lo), Op::f(a.hi, b.hi)}; }
    template <class T> static T f(T a, T b, T c) { return {Op::f(a.lo, b.lo, c.lo), Op::f(a.hi, b.hi, c.hi)}; }
};

template <int n, class T, class Op> Exec form() {
    if constexpr (n == 1) return unary<T, T, Op>;
    else if constexpr (n == 2) return binary<T, T, T, Op>;
    else return ternary<T, T, T, T, Op>;
}

template <int n, class Op, bool ftz, bool sat> Exec floatType(Mods& m, Type t) {
    switch (t) {
    case Type::F32: return form<n, float, Rounded<Op, ftz, sat>>();
    case Type::F64: return form<n, double, Rounded<Op, false, false>>();
    case Type::F16: return form<n, f16, Narrow<Op, sat>>();
    case Type::BF16: return form<n, bf16, Narrow<Op, sat>>();
    case Type::F16x2: return form<n, f16x2, Pair<Narrow<Op, sat>>>();
    case Type::BF16x2: return form<n, bf16x2, Pair<Narrow<Op, sat>>>();
    default: m.refuse();
    }
}

template <int n, class Op> Exec floating(Mods& m, Type t) {
    bool ftz = m.take("ftz"), sat = m.take("sat");
    if (ftz && sat) return floatType<n, Op, true, true>(m, t);
    if (ftz) return floatType<n, Op, true, false>(m, t);
    if (sat) return floatType<n, Op, false, true>(m, t);
    return floatType<n, Op, false, false>(m, t);
}

// Directed is an operation with a rounding other than to nearest.
template <class Op, int mode> struct Directed {
    template <class T, class... V> static T f(T a, V... v) {
        fesetround(mode);
        volatile T x = a;
        volatile T r = Op::f(T(x), v...);
        fesetround(FE_TONEAREST);
        return r;
    }
};

// rounded takes the rounding modifier. Without one, add, sub and mul round to nearest, and may be fused by the real
// compiler, which is why the kernels never leave it out.
template <int n, class Op> Exec rounded(Mods& m, Type t) {
    std::string r = m.any({"rn", "rz", "rm", "rp"});
    if (r == "rz") return floating<n, Directed<Op, FE_TOWARDZERO>>(m, t);
    if (r == "rm") return floating<n, Directed<Op, FE_DOWNWARD>>(m, t);
    if (r == "rp") return floating<n, Directed<Op, FE_UPWARD>>(m, t);
    return floating<n, Op>(m, t);
}

#define INT(name, ...) \
    struct name { template <class T> static T f(__VA_ARGS__) 
template <class T> using U = std::make_unsigned_t<T>;
INT(Add, T a, T b) { return T(U<T>(a) + U<T>(b)); } };
INT(Sub, T a, T b) { return T(U<T>(a) - U<T>(b)); } };
INT(MulLo, T a, T b) { return T(u64(a) * u64(b)); } };
INT(MulHi, T a, T b) {
    using W = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
    return T(W(a) * W(b) >> (8 * sizeof(T)));
} };
INT(MadLo, T a, T b, T c) { return T(u64(a) * u64(b) + u64(c)); } };
INT(MadHi, T a, T b, T c) { return T(U<T>(MulHi::f(a, b)) + U<T>(c)); } };
INT(Div, T a, T b) { return b == 0 ? T(-1) : b == T(-1) && std::is_signed_v<T> ? T(0 - U<T>(a)) : T(a / b); } };
INT(Rem, T a, T b) { return b == 0 ? a : b == T(-1) && std::is_signed_v<T> ? T(0) : T(a % b); } };
INT(Min, T a, T b) { return a < b ? a : b; } };
INT(Max, T a, T b) { return a > b ? a : b; } };
INT(Abs, T a) { return a < 0 ? T(0 - U<T>(a)) : a; } };
INT(Neg, T a) { return T(0 - U<T>(a)); } };
INT(And, T a, T b) { return a & b; } };
INT(Or, T a, T b) { return a | b; } };
INT(Xor, T a, T b) { return a ^ b; } };
INT(Not, T a) { return T(~a); } };
INT(Cnot, T a) { return a == 0; } };
INT(Sad, T a, T b, T c) { return T(U<T>(c) + (a < b ? U<T>(b) - U<T>(a) : U<T>(a) - U<T>(b))); } };
struct Shl { template <class T> static T f(T a, u32 n) { return n >= 8 * sizeof(T) ? 0 : T(U<T>(a) << n); } };
struct Shr {
    template <class T> static T f(T a, u32 n) {
        if (n >= 8 * sizeof(T)) n = std::is_signed_v<T> ? 8 * sizeof(T) - 1 : 8 * sizeof(T);
        return n == 8 * sizeof(T) ? T(0) : T(a >> n);
    }
};
struct MulWide { template <class T, class W> static W mul(T a, T b) { return W(a) * W(b); } };
template <class T, class W> struct Wide {
    static W f(T a, T b) { return W(W(a) * W(b)); }
    static W f(T a, T b, W c) { return W(U<W>(W(a) * W(b)) + U<W>(c)); }
};
template <class T> struct Mul24 {
    static T cut(T a) { return std::is_signed_v<T> ? T(T(U<T>(a) << 8) >> 8) : T(a & 0xffffff); }
    static T f(T a, T b) { return T(u64(i64(cut(a)) * i64(cut(b)))); }
    static T f(T a, T b, T c) { return T(U<T>(f(a, b)) + U<T>(c)); }
};
struct AddSat { static i32 f(i32 a, i32 b) { i64 s = i64(a) + b; return s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : i32(s); } };
struct SubSat { static i32 f(i32 a, i32 b) { i64 s = i64(a) - b; return s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : i32(s); } };
struct Popc { static u32 f(u32 a) { return u32(__builtin_popcount(a)); } static u32 f(u64 a) { return u32(__builtin_popcountll(a)); } };
struct Clz { static u32 f(u32 a) { return a ? u32(__builtin_clz(a)) : 32; } static u32 f(u64 a) { return a ? u32(__builtin_clzll(a)) : 64; } };
struct Brev {
    template <class T> static T f(T a) {
        T r = 0;
        for (u32 k = 0; k < 8 * sizeof(T); ++k) r |= T(a >> k & 1) << (8 * sizeof(T) - 1 - k);
        return r;
    }
};
template <bool shift> struct Bfind {
    template <class T> static u32 f(T a) {
        U<T> v = U<T>(a < 0 ? ~a : a);
        if (v == 0) return 0xffffffff;
        u32 n = 63 - u32(__builtin_clzll(u64(v)));
        return shift ? u32(8 * sizeof(T)) - 1 - n : n;
    }
};
struct Bfe {
    template <class T> static T f(T a, u32 pos, u32 len) {
        constexpr u32 n = 8 * sizeof(T);
        pos &= 0xff, len &= 0xff;
        if (len == 0) return 0;
        u32 top = std::min(pos + len - 1, n - 1);
        bool sign = std::is_signed_v<T> && (a >> top & 1);
        U<T> v = pos >= n ? 0 : U<T>(U<T>(a) >> pos);
        if (len < n) {
            U<T> keep = U<T>((U<T>(1) << len) - 1);
            v &= keep;
            u32 have = pos >= n ? 0 : std::min(len, n - pos);  // bits that the operand has
            U<T> got = have >= n ? U<T>(-1) : U<T>((U<T>(1) << have) - 1);
            if (sign) v |= U<T>(~got);
        } else if (sign && pos) {
            v |= pos >= n ? U<T>(-1) : U<T>(~(U<T>(-1) >> pos));
        }
        return T(v);
    }
};
template <class T> T bfi(T a, T b, u32 pos, u32 len) {
    constexpr u32 n = 8 * sizeof(T);
    pos &= 0xff, len &= 0xff;
    for (u32 k = 0; k < len && pos + k < n; ++k) b = T((b & ~(T(1) << (pos + k))) | (T(a >> k & 1) << (pos + k)));
    return b;
}
template <class T> void bfiExec(Warp& w, const Inst& i, u32 m) {
    each(m, [&](u32 l) {
        w.r<T>(i.d)[l] = bfi<T>(w.r<T>(i.a)[l], w.r<T>(i.b)[l], w.r<u32>(i.c)[l], w.r<u32>(i.e)[l]);
    });
    taint(w, i.d, w.poison[i.a] | w.poison[i.b] | w.poison[i.c] | w.poison[i.e], m);
}
void lop3Exec(Warp& w, const Inst& i, u32 m) {
    const u32 *a = w.r<u32>(i.a), *b = w.r<u32>(i.b), *c = w.r<u32>(i.c);
    u32 table = w.r<u32>(i.e)[0];
    u32* d = w.r<u32>(i.d);
    each(m, [&](u32 l) {
        u32 r = 0;
        for (u32 k = 0; k < 8; ++k)
            if (table >> k & 1) r |= (k & 4 ? a[l] : ~a[l]) & (k & 2 ? b[l] : ~b[l]) & (k & 1 ? c[l] : ~c[l]);
        d[l] = r;
    });
    taint(w, i.d, w.poison[i.a] | w.poison[i.b] | w.poison[i.c], m);
}
template <bool left, bool wrap> struct Shf {
    static u32 f(u32 a, u32 b, u32 c) {
        u32 n = wrap ? c & 31 : std::min(c, 32u);
        u64 v = u64(b) << 32 | a;
        return left ? u32(v << n >> 32) : u32(v >> n);
    }
};
template <int mode> struct Prmt {
    static u32 f(u32 a, u32 b, u32 c) {
        u64 v = u64(b) << 32 | a;
        u32 r = 0;
        for (u32 k = 0; k < 4; ++k) {
            u32 s = mode == 0 ? c >> (4 * k) & 15 : pick(c & 3, k);
            u32 byte = u32(v >> (8 * (s & 7))) & 0xff;
            if (s & 8) byte = byte & 0x80 ? 0xff : 0;
            r |= byte << (8 * k);
        }
        return r;
    }
    static u32 pick(u32 n, u32 k) {
        switch (mode) {
        case 1: return n + k;                      // f4e
        case 2: return (n - k) & 7;                // b4e
        case 3: return n;                          // rc8
        case 4: return std::max(n, k);             // ecl
        case 5: return std::min(n, k);             // ecr
        default: return (n & 2) + (k & 1);         // rc16
        }
    }
};
template <bool sa, bool sb> struct Dp4a {
    static u32 f(u32 a, u32 b, u32 c) {
        for (u32 k = 0; k < 4; ++k) {
            i32 x = sa ? i32(i8(a >> 8 * k)) : i32(u8(a >> 8 * k)), y = sb ? i32(i8(b >> 8 * k)) : i32(u8(b >> 8 * k));
            c += u32(x * y);
        }
        return c;
    }
};

template <int n, class Op> Exec integer(Mods& m, Type t) {
    switch (t) {
    case Type::B16: case Type::U16: return form<n, u16, Op>();
    case Type::S16: return form<n, i16, Op>();
    case Type::B32: case Type::U32: return form<n, u32, Op>();
    case Type::S32: return form<n, i32, Op>();
    case Type::B64: case Type::U64: return form<n, u64, Op>();
    case Type::S64: return form<n, i64, Op>();
    default: m.refuse();
    }
}
template <class Op> Exec shifted(Mods& m, Type t) {
    switch (t) {
    case Type::B16: case Type::U16: return binary<u16, u16, u32, Op>;
    case Type::S16: return binary<i16, i16, u32, Op>;
    case Type::B32: case Type::U32: return binary<u32, u32, u32, Op>;
    case Type::S32: return binary<i32, i32, u32, Op>;
    case Type::B64: case Type::U64: return binary<u64, u64, u32, Op>;
    case Type::S64: return binary<i64, i64, u32, Op>;
    default: m.refuse();
    }
}
template <class Op> Exec bitsTo32(Mods& m, Type t) {
    switch (t) {
    case Type::B32: case Type::U32: return unary<u32, u32, Op>;
    case Type::S32: return unary<u32, i32, Op>;
    case Type::B64: case Type::U64: return unary<u32, u64, Op>;
    case Type::S64: return unary<u32, i64, Op>;
    default: m.refuse();
    }
}
bool isFloat(Type t) {
    return t == Type::F32 || t == Type::F64 || t == Type::F16 || t == Type::BF16 || t == Type::F16x2 || t == Type::BF16x2;
}

// Bits of the sign, for abs, neg and copysign: they keep NaN payloads but for ftz.
template <class T, int what> struct Sign {
    static T f(T a) {
        constexpr T s = T(T(1) << (8 * sizeof(T) - 1));
        return what ? a ^ s : a & T(~s);
    }
};
template <int what, bool ftz> struct SignF {
    static float f(float a) {
        u32 b = bits<u32>(ftz ? flush(a) : a);
        return bits<float>(what ? b ^ 0x80000000u : b & 0x7fffffffu);
    }
};
template <int what> struct SignPair {
    static u32 f(u32 a) { return what ? a ^ 0x80008000u : a & 0x7fff7fffu; }
};
template <int what> Exec signOp(Mods& m, Type t) {
    bool ftz = m.take("ftz");
    switch (t) {
    case Type::F32: return ftz ? unary<float, float, SignF<what, true>> : unary<u32, u32, Sign<u32, what>>;
    case Type::F64: return unary<u64, u64, Sign<u64, what>>;
    case Type::F16: case Type::BF16: return unary<u16, u16, Sign<u16, what>>;
    case Type::F16x2: case Type::BF16x2: return unary<u32, u32, SignPair<what>>;
    default: m.refuse();
    }
}
template <class T> struct Copysign {
    static T f(T a, T b) {
        constexpr T s = T(T(1) << (8 * sizeof(T) - 1));
        return T((b & T(~s)) | (a & s));
    }
};

// Multiplications with a wide result.
Exec wide(Mods& m, Type t, bool add, Type& dst) {
    switch (t) {
    case Type::U16: dst = Type::U32; return add ? ternary<u32, u16, u16, u32, Wide<u16, u32>> : binary<u32, u16, u16, Wide<u16, u32>>;
    case Type::S16: dst = Type::S32; return add ? ternary<i32, i16, i16, i32, Wide<i16, i32>> : binary<i32, i16, i16, Wide<i16, i32>>;
    case Type::U32: dst = Type::U64; return add ? ternary<u64, u32, u32, u64, Wide<u32, u64>> : binary<u64, u32, u32, Wide<u32, u64>>;
    case Type::S32: dst = Type::S64; return add ? ternary<i64, i32, i32, i64, Wide<i32, i64>> : binary<i64, i32, i32, Wide<i32, i64>>;
    default: m.refuse();
    }
}

Exec product(const std::string& op, Mods& m, Type t, Type& dst, Type src[3]) {
    bool add = op == "mad";
    if (isFloat(t)) return add ? rounded<3, FFma>(m, t) : rounded<2, FMul>(m, t);
    if (m.take("wide")) {
        Exec e = wide(m, t, add, dst);
        src[2] = dst;
        return e;
    }
    if (m.take("hi")) return add ? integer<3, MadHi>(m, t) : integer<2, MulHi>(m, t);
    if (!m.take("lo")) m.refuse();
    return add ? integer<3, MadLo>(m, t) : integer<2, MulLo>(m, t);
}

Exec extremum(bool least, Mods& m, Type t) {
    if (!isFloat(t)) return least ? integer<2, Min>(m, t) : integer<2, Max>(m, t);
    if (m.take("NaN")) return least ? floating<2, FMinNaN>(m, t) : floating<2, FMaxNaN>(m, t);
    return least ? floating<2, FMin>(m, t) : floating<2, FMax>(m, t);
}

Exec divisions(const std::string& op, Mods& m, Type t) {
    if (op == "rem") return integer<2, Rem>(m, t);
    if (!isFloat(t)) return integer<2, Div>(m, t);
    m.any({"full", "approx"});
    return rounded<2, FDiv>(m, t);
}

// roots are the functions of one float; .approx ones are within the manual's error, not the hardware's bits.
Exec roots(const std::string& op, Mods& m, Type t) {
    m.take("approx");
    if (op == "sqrt") return rounded<1, FSqrt>(m, t);
    if (op == "rcp") return rounded<1, FRcp>(m, t);
    if (op == "rsqrt") return floating<1, FRsqrt>(m, t);
    if (op == "sin") return floating<1, FSin>(m, t);
    if (op == "cos") return floating<1, FCos>(m, t);
    if (op == "ex2") return floating<1, FEx2>(m, t);
    if (op == "lg2") return floating<1, FLg2>(m, t);
    return floating<1, FTanh>(m, t);
}

Exec bitwise(const std::string& op, Mods& m, Type t, Type& dst, Type src[3]) {
    if (op == "shl" || op == "shr") {
        src[1] = Type::U32;
        return op == "shl" ? shifted<Shl>(m, t) : shifted<Shr>(m, t);
    }
    if (op == "and") return integer<2, And>(m, t);
    if (op == "or") return integer<2, Or>(m, t);
    if (op == "xor") return integer<2, Xor>(m, t);
    if (op == "not") return integer<1, Not>(m, t);
    if (op == "cnot") return integer<1, Cnot>(m, t);
    if (op == "brev") return t == Type::B64 ? unary<u64, u64, Brev> : unary<u32, u32, Brev>;
    if (op == "bfe") {
        src[1] = src[2] = Type::U32;
        switch (t) {
        case Type::U32: return ternary<u32, u32, u32, u32, Bfe>;
        case Type::S32: return ternary<i32, i32, u32, u32, Bfe>;
        case Type::U64: return ternary<u64, u64, u32, u32, Bfe>;
        case Type::S64: return ternary<i64, i64, u32, u32, Bfe>;
        default: m.refuse();
        }
    }
    dst = Type::U32;
    if (op == "popc") return t == Type::B64 ? unary<u32, u64, Popc> : unary<u32, u32, Popc>;
    if (op == "clz") return t == Type::B64 ? unary<u32, u64, Clz> : unary<u32, u32, Clz>;
    return m.take("shiftamt") ? bitsTo32<Bfind<true>>(m, t) : bitsTo32<Bfind<false>>(m, t);  // bfind
}

Exec permutation(const std::string& op, Mods& m) {
    if (op == "prmt") {
        std::string mode = m.any({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
        static const std::map<std::string, Exec> modes = {
            {"", ternary<u32, u32, u32, u32, Prmt<0>>}, {"f4e", ternary<u32, u32, u32, u32, Prmt<1>>},
            {"b4e", ternary<u32, u32, u32, u32, Prmt<2>>}, {"rc8", ternary<u32, u32, u32, u32, Prmt<3>>},
            {"ecl", ternary<u32, u32, u32, u32, Prmt<4>>}, {"ecr", ternary<u32, u32, u32, u32, Prmt<5>>},
            {"rc16", ternary<u32, u32, u32, u32, Prmt<6>>}};
        return modes.at(mode);
    }
    bool left = m.take("l"), right = m.take("r"), wrap = m.take("wrap"), clamp = m.take("clamp");
    if (left == right || wrap == clamp) m.refuse();
    if (left) return wrap ? ternary<u32, u32, u32, u32, Shf<true, true>> : ternary<u32, u32, u32, u32, Shf<true, false>>;
    return wrap ? ternary<u32, u32, u32, u32, Shf<false, true>> : ternary<u32, u32, u32, u32, Shf<false, false>>;
}

}  // namespace

Exec arithmetic(const std::string& op, Mods& m, Type& dst, Type src[3]) {
    Type t = m.type();
    if (t == Type::None) m.refuse();
    dst = src[0] = src[1] = src[2] = t;
    if (op == "add" && t == Type::S32 && m.take("sat")) return binary<i32, i32, i32, AddSat>;
    if (op == "sub" && t == Type::S32 && m.take("sat")) return binary<i32, i32, i32, SubSat>;
    if (op == "add") return isFloat(t) ? rounded<2, FAdd>(m, t) : integer<2, Add>(m, t);
    if (op == "sub") return isFloat(t) ? rounded<2, FSub>(m, t) : integer<2, Sub>(m, t);
    if (op == "mul" || op == "mad") return product(op, m, t, dst, src);
    if (op == "fma") return rounded<3, FFma>(m, t);
    if (op == "min" || op == "max") return extremum(op == "min", m, t);
    if (op == "div" || op == "rem") return divisions(op, m, t);
    if (op == "abs") return isFloat(t) ? signOp<0>(m, t) : integer<1, Abs>(m, t);
    if (op == "neg") return isFloat(t) ? signOp<1>(m, t) : integer<1, Neg>(m, t);
    if (op == "copysign") return t == Type::F64 ? binary<u64, u64, u64, Copysign<u64>> : binary<u32, u32, u32, Copysign<u32>>;
    if (op == "sad") return integer<3, Sad>(m, t);
    if (op == "mul24" || op == "mad24") {
        if (!m.take("lo")) m.refuse();
        if (op == "mul24") return t == Type::S32 ? binary<i32, i32, i32, Mul24<i32>> : binary<u32, u32, u32, Mul24<u32>>;
        return t == Type::S32 ? ternary<i32, i32, i32, i32, Mul24<i32>> : ternary<u32, u32, u32, u32, Mul24<u32>>;
    }
    if (op == "bfi") {
        src[2] = Type::U32;
        return t == Type::B64 ? bfiExec<u64> : bfiExec<u32>;
    }
    if (op == "lop3") return lop3Exec;
    if (op == "prmt" || op == "shf") return permutation(op, m);
    if (op == "dp4a") {
        Type u = m.type();
        dst = src[2] = Type::S32;
        if (t == Type::S32) return u == Type::S32 ? ternary<u32, u32, u32, u32, Dp4a<true, true>> : ternary<u32, u32, u32, u32, Dp4a<true, false>>;
        return u == Type::S32 ? ternary<u32, u32, u32, u32, Dp4a<false, true>> : ternary<u32, u32, u32, u32, Dp4a<false, false>>;
    }
    for (const char* n : {"sqrt", "rcp", "rsqrt", "sin", "cos", "ex2", "lg2", "tanh"})
        if (op == n) return roots(op, m, t);
    return bitwise(op, m, t, dst, src);
}

}  // namespace emu
