// Arithmetic on f16 and bf16 and their pairs: computed in float32, which has more than twice the bits and two, so that
// rounding again to the narrow format gives what one rounding would.
#include "lane.h"
#include "number.h"
#include "operation.h"

namespace emu {
namespace {

enum Flag : u32 { kFtz = 1, kSat = 2, kRelu = 4, kNaN = 8 };

template <class T> T flushHalf(T v) {
    if constexpr (std::is_same_v<T, f16>) return v.bits & 0x7c00 ? v : T{u16(v.bits & 0x8000)};
    else return v;
}

// finish rounds a result and applies the flags.
template <class T, class V> T finish(V v, u32 flags) {
    T r = narrow<T>(v);
    if (flags & kFtz) r = flushHalf(r);
    float f = widen(r);
    if (flags & kSat) r = f > 0 ? (f < 1 ? r : narrow<T>(1.0f)) : T{0};
    if (flags & kRelu && f <= 0) r = T{0};
    return r;
}

struct HAdd { static float f(float a, float b) { return a + b; } };
struct HSub { static float f(float a, float b) { return a - b; } };
struct HMul { static float f(float a, float b) { return a * b; } };
struct HMin {
    static float f(float a, float b) { return a != a ? b : b != b ? a : a < b || (a == b && std::signbit(a)) ? a : b; }
};
struct HMax {
    static float f(float a, float b) { return a != a ? b : b != b ? a : a > b || (a == b && !std::signbit(a)) ? a : b; }
};
struct HEx2 { static float f(float a) { return float(std::exp2(double(a))); } };
struct HTanh { static float f(float a) { return float(std::tanh(double(a))); } };

// The product is exact in float64. The sum is rounded to odd, so that the last rounding sees that something was lost:
// bf16 has exponents far enough apart for it to matter.
struct HFma {
    static double f(float a, float b, float c) {
        double p = double(a) * double(b), s = p + double(c), back = s - p;
        double lost = (p - (s - back)) + (double(c) - back);
        u64 v = bits<u64>(s);
        if (lost == 0 || lost != lost || std::isinf(s) || v & 1) return s;
        return bits<double>((lost > 0) == (s > 0) ? v + 1 : v - 1);
    }
};

template <class T> float input(u32 cell, u32 flags) {
    T v{u16(cell)};
    return widen(flags & kFtz ? flushHalf(v) : v);
}

template <class T, class Op, u32 n> u16 single(u32 a, u32 b, u32 c, u32 flags) {
    if constexpr (n == 1) return finish<T>(Op::f(input<T>(a, flags)), flags).bits;
    else if constexpr (n == 3)
        return finish<T>(Op::f(input<T>(a, flags), input<T>(b, flags), input<T>(c, flags)), flags).bits;
    else {
        float x = input<T>(a, flags), y = input<T>(b, flags);
        u16 r = finish<T>(Op::f(x, y), flags).bits;
        return flags & kNaN && (x != x || y != y) ? u16(kNaN16) : r;
    }
}

// exec runs one operation; parts is 2 for pairs. aux holds the flags.
template <class T, class Op, u32 n, u32 parts> void exec(Warp& w, const Inst& i, u32 m) {
    const u32 *a = w.r<u32>(i.a), *b = w.r<u32>(n > 1 ? i.b : i.a), *c = w.r<u32>(n > 2 ? i.c : i.a);
    u32* d = w.r<u32>(i.d);
    u32 flags = i.aux;
    each(m, [&](u32 l) {
        u32 r = single<T, Op, n>(a[l], b[l], c[l], flags);
        if (parts == 2) r |= u32(single<T, Op, n>(a[l] >> 16, b[l] >> 16, c[l] >> 16, flags)) << 16;
        d[l] = r;
    });
    taint(w, i.d, w.poison[i.a] | (n > 1 ? w.poison[i.b] : 0) | (n > 2 ? w.poison[i.c] : 0), m);
}

template <class Op, u32 n> Operation half(Type t, u32 flags) {
    Exec fn = t == Type::F16 ? exec<f16, Op, n, 1> : t == Type::F16x2 ? exec<f16, Op, n, 2>
            : t == Type::BF16 ? exec<bf16, Op, n, 1> : exec<bf16, Op, n, 2>;
    return {fn, t, {t, t, t}, n, flags};
}

template <u32 keep, u32 flip> struct Sign { static u32 f(u32 a) { return (a & keep) ^ flip; } };

u32 takeFlags(Mods& m, Type t, bool sat, bool relu) {
    bool is16 = t == Type::F16 || t == Type::F16x2;
    u32 flags = 0;
    if (is16 && m.take("ftz")) flags |= kFtz;
    if (is16 && sat && m.take("sat")) flags |= kSat;
    if (relu && !(flags & kSat) && m.take("relu")) flags |= kRelu;
    return flags;
}

}  // namespace

Operation halfOperation(const std::string& op, Type t, Mods& m) {
    if (op == "add" || op == "sub" || op == "mul") {
        m.take("rn");
        u32 flags = takeFlags(m, t, true, false);
        return op == "add" ? half<HAdd, 2>(t, flags) : op == "sub" ? half<HSub, 2>(t, flags) : half<HMul, 2>(t, flags);
    }
    if (op == "fma") {
        if (!m.take("rn")) m.refuse();
        return half<HFma, 3>(t, takeFlags(m, t, true, true));
    }
    if (op == "min" || op == "max") {
        u32 flags = takeFlags(m, t, false, false) | (m.take("NaN") ? u32(kNaN) : 0);
        return op == "min" ? half<HMin, 2>(t, flags) : half<HMax, 2>(t, flags);
    }
    if (op == "ex2" || op == "tanh") {
        if (!m.take("approx")) m.refuse();
        if (op == "ex2" && (t == Type::BF16 || t == Type::BF16x2) && !m.take("ftz")) m.refuse();
        return op == "ex2" ? half<HEx2, 1>(t, 0) : half<HTanh, 1>(t, 0);
    }
    if (op == "abs" || op == "neg")
        return {op == "neg" ? unary<u32, u32, Sign<~0u, 0x80008000u>> : unary<u32, u32, Sign<0x7fff7fffu, 0>>,
                t,
                {t},
                1,
                0};
    return {};
}

}  // namespace emu
