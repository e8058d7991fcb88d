// Integer arithmetic. What does not depend on the sign runs on unsigned numbers.
#include <limits>

#include "lane.h"
#include "operation.h"

namespace emu {
namespace {

template <class T> using U = std::make_unsigned_t<T>;

struct Add { template <class T> static T f(T a, T b) { return T(a + b); } };
struct Sub { template <class T> static T f(T a, T b) { return T(a - b); } };
struct MulLo { template <class T> static T f(T a, T b) { return T(u64(a) * u64(b)); } };
struct MadLo { template <class T> static T f(T a, T b, T c) { return T(u64(a) * u64(b) + u64(c)); } };
struct MulHi {
    template <class T> static T f(T a, T b) {
        using W = std::conditional_t<std::is_signed_v<T>, i64, u64>;
        if constexpr (sizeof(T) < 8) return T(W(a) * W(b) >> (8 * sizeof(T)));
        else if constexpr (std::is_signed_v<T>) return T(__int128(a) * b >> 64);
        else return T((unsigned __int128)a * b >> 64);
    }
};
struct MadHi { template <class T> static T f(T a, T b, T c) { return T(U<T>(MulHi::f(a, b)) + U<T>(c)); } };
// The manual leaves division by zero open; the hardware gives all ones, and the dividend as the remainder.
struct Div {
    template <class T> static T f(T a, T b) {
        if (b == 0) return T(-1);
        return std::is_signed_v<T> && b == T(-1) ? T(0 - U<T>(a)) : T(a / b);
    }
};
struct Rem {
    template <class T> static T f(T a, T b) { return b == 0 ? a : std::is_signed_v<T> && b == T(-1) ? T(0) : T(a % b); }
};
struct Min { template <class T> static T f(T a, T b) { return a < b ? a : b; } };
struct Max { template <class T> static T f(T a, T b) { return a > b ? a : b; } };
struct Abs { template <class T> static T f(T a) { return a < 0 ? T(0 - U<T>(a)) : a; } };
struct Neg { template <class T> static T f(T a) { return T(0 - a); } };
struct Sad {
    template <class T>
    static T f(T a, T b, T c) {
        return T(U<T>(c) + (a < b ? U<T>(b) - U<T>(a) : U<T>(a) - U<T>(b)));
    }
};
template <class T, class W> struct Wide {
    static W f(T a, T b) { return W(W(a) * W(b)); }
    static W f(T a, T b, W c) { return W(U<W>(W(a) * W(b)) + U<W>(c)); }
};

// The 24 lower bits of each operand, and the lower or upper 32 of the 48 of the product.
template <class T, bool hi> struct Mul24 {
    static i64 cut(T a) { return std::is_signed_v<T> ? i64(i32(u32(a) << 8) >> 8) : i64(u32(a) & 0xffffff); }
    static T f(T a, T b) { return T(u64(cut(a) * cut(b)) >> (hi ? 16 : 0)); }
    static T f(T a, T b, T c) { return T(U<T>(f(a, b)) + U<T>(c)); }
};

i32 clamp32(i64 v) {
    constexpr i64 least = std::numeric_limits<i32>::min(), most = std::numeric_limits<i32>::max();
    return i32(v < least ? least : v > most ? most : v);
}
struct AddSat { static i32 f(i32 a, i32 b) { return clamp32(i64(a) + b); } };
struct SubSat { static i32 f(i32 a, i32 b) { return clamp32(i64(a) - b); } };
struct MadHiSat { static i32 f(i32 a, i32 b, i32 c) { return clamp32(i64(MulHi::f(a, b)) + c); } };

// Dp is dp4a and dp2a: products of bytes, or of halves with two bytes of b, summed onto c.
template <bool sa, bool sb, u32 width, u32 from> struct Dp {
    static i32 part(u32 v, bool isSigned, u32 size, u32 k) {
        u32 x = v << (32 - size * (k + 1));
        return isSigned ? i32(x) >> (32 - size) : i32(x >> (32 - size));
    }
    static u32 f(u32 a, u32 b, u32 c) {
        for (u32 k = 0; k < 32 / width; ++k) c += u32(part(a, sa, width, k) * part(b, sb, 8, k + from));
        return c;
    }
};

template <u32 n, class Op> Exec unsignedOnly(Type t) {
    switch (sizeOf(t)) {
    case 2: return form<n, u16, Op>();
    case 4: return form<n, u32, Op>();
    case 8: return form<n, u64, Op>();
    default: return nullptr;
    }
}
template <u32 n, class Op> Exec withSign(Type t) {
    switch (t) {
    case Type::U16: return form<n, u16, Op>();
    case Type::S16: return form<n, i16, Op>();
    case Type::U32: return form<n, u32, Op>();
    case Type::S32: return form<n, i32, Op>();
    case Type::U64: return form<n, u64, Op>();
    case Type::S64: return form<n, i64, Op>();
    default: return nullptr;
    }
}

Operation fill(Exec fn, Type t, u32 n) { return {fn, t, {t, t, t, t}, n, 0}; }

Operation wide(Mods& m, Type t, bool add) {
    Exec fn = nullptr;
    Type dst = Type::None;
    switch (t) {
    case Type::U16:
        dst = Type::U32;
        fn = add ? ternary<u32, u16, u16, u32, Wide<u16, u32>> : binary<u32, u16, u16, Wide<u16, u32>>;
        break;
    case Type::S16:
        dst = Type::S32;
        fn = add ? ternary<i32, i16, i16, i32, Wide<i16, i32>> : binary<i32, i16, i16, Wide<i16, i32>>;
        break;
    case Type::U32:
        dst = Type::U64;
        fn = add ? ternary<u64, u32, u32, u64, Wide<u32, u64>> : binary<u64, u32, u32, Wide<u32, u64>>;
        break;
    case Type::S32:
        dst = Type::S64;
        fn = add ? ternary<i64, i32, i32, i64, Wide<i32, i64>> : binary<i64, i32, i32, Wide<i32, i64>>;
        break;
    default: m.refuse();
    }
    return {fn, dst, {t, t, dst}, add ? 3u : 2u, 0};
}

Operation product(const std::string& op, Mods& m, Type t) {
    bool add = op == "mad";
    if (m.take("wide")) return wide(m, t, add);
    if (m.take("hi")) {
        if (add && t == Type::S32 && m.take("sat")) return fill(form<3, i32, MadHiSat>(), t, 3);
        return add ? fill(withSign<3, MadHi>(t), t, 3) : fill(withSign<2, MulHi>(t), t, 2);
    }
    if (!m.take("lo")) m.refuse();
    return add ? fill(unsignedOnly<3, MadLo>(t), t, 3) : fill(unsignedOnly<2, MulLo>(t), t, 2);
}

template <bool hi> Operation product24(bool add, Mods& m, Type t) {
    if (t == Type::S32)
        return add ? fill(form<3, i32, Mul24<i32, hi>>(), t, 3) : fill(form<2, i32, Mul24<i32, hi>>(), t, 2);
    if (t == Type::U32)
        return add ? fill(form<3, u32, Mul24<u32, hi>>(), t, 3) : fill(form<2, u32, Mul24<u32, hi>>(), t, 2);
    m.refuse();
}

template <u32 width, u32 from> Operation dotProduct(Type t, Mods& m) {
    Type u = m.oneOf({Type::U32, Type::S32});
    if (t != Type::U32 && t != Type::S32) m.refuse();
    bool sa = t == Type::S32, sb = u == Type::S32;
    Exec fn = sa ? (sb ? form<3, u32, Dp<true, true, width, from>>() : form<3, u32, Dp<true, false, width, from>>())
                 : (sb ? form<3, u32, Dp<false, true, width, from>>() : form<3, u32, Dp<false, false, width, from>>());
    Type sum = sa || sb ? Type::S32 : Type::U32;
    return {fn, sum, {t, u, sum}, 3, 0};
}

}  // namespace

Operation integerOperation(const std::string& op, Type t, Mods& m) {
    if (op == "add" || op == "sub") {
        bool add = op == "add";
        if (t == Type::S32 && m.take("sat")) return fill(add ? form<2, i32, AddSat>() : form<2, i32, SubSat>(), t, 2);
        return fill(add ? unsignedOnly<2, Add>(t) : unsignedOnly<2, Sub>(t), t, 2);
    }
    if (op == "mul" || op == "mad") return product(op, m, t);
    if (op == "mul24" || op == "mad24") {
        if (m.take("hi")) return product24<true>(op == "mad24", m, t);
        if (!m.take("lo")) m.refuse();
        return product24<false>(op == "mad24", m, t);
    }
    if (op == "div") return fill(withSign<2, Div>(t), t, 2);
    if (op == "rem") return fill(withSign<2, Rem>(t), t, 2);
    if (op == "min") return fill(withSign<2, Min>(t), t, 2);
    if (op == "max") return fill(withSign<2, Max>(t), t, 2);
    if (op == "sad") return fill(withSign<3, Sad>(t), t, 3);
    if ((op == "abs" || op == "neg") && !isSigned(t)) return {};
    if (op == "abs") return fill(withSign<1, Abs>(t), t, 1);
    if (op == "neg") return fill(unsignedOnly<1, Neg>(t), t, 1);
    if (op == "dp4a") return dotProduct<8, 0>(t, m);
    if (op == "dp2a") {
        if (m.take("hi")) return dotProduct<16, 2>(t, m);
        if (!m.take("lo")) m.refuse();
        return dotProduct<16, 0>(t, m);
    }
    return {};
}

namespace {

// Chains of additions: the carry of each lane lies in a predicate unit, Inst::e, and aux says what is done with it.
enum CarryUse : u32 { kSubtract = 1, kCarryIn = 2, kCarryOut = 4, kProduct = 8, kUpper = 16 };

template <class T> void carryExec(Warp& w, const Inst& i, u32 m) {
    using Twice = std::conditional_t<sizeof(T) == 8, unsigned __int128, u64>;
    bool product = i.aux & kProduct, in = i.aux & kCarryIn;
    u32 poison = w.poison[i.a] | w.poison[i.b] | (product ? w.poison[i.c] : 0) | (in ? w.poison[i.e] : 0);
    u32 carry = w.pred(i.e);
    lanes(m, [&](u32 l) {
        T a = w.r<T>(i.a)[l], b = w.r<T>(i.b)[l];
        if (product) {
            bool isSigned = i.mem.sext;
            Twice p =
                isSigned ? Twice(MulHi::f(std::make_signed_t<T>(a), std::make_signed_t<T>(b))) : Twice(MulHi::f(a, b));
            a = i.aux & kUpper ? T(p) : T(a * b);
            b = w.r<T>(i.c)[l];
        }
        Twice c = in ? carry >> l & 1 : 0, s = i.aux & kSubtract ? Twice(a) - b - c : Twice(a) + b + c;
        w.r<T>(i.d)[l] = T(s);
        if (i.aux & kCarryOut) carry = (carry & ~(1u << l)) | u32(s >> (8 * sizeof(T)) & 1) << l;
    });
    taint(w, i.d, poison, m);
    if (i.aux & kCarryOut) {
        w.pred(i.e) = carry;
        taint(w, i.e, poison, m);
    }
}

}  // namespace

Operation carryOperation(const std::string& op, Mods& m) {
    Operation o;
    if (op == "addc" || op == "subc" || op == "madc") o.aux |= kCarryIn;
    if (op[0] == 's') o.aux |= kSubtract;
    if (m.take("cc")) o.aux |= kCarryOut;
    if (op[0] == 'm') {
        o.aux |= kProduct;
        if (m.take("hi")) o.aux |= kUpper;
        else if (!m.take("lo")) m.refuse();
    }
    o.dst = m.oneOf({Type::U32, Type::S32, Type::B32, Type::U64, Type::S64});
    o.fn = sizeOf(o.dst) == 8 ? carryExec<u64> : carryExec<u32>;
    o.args = op[0] == 'm' ? 3 : 2;
    for (Type& t : o.src) t = o.dst;
    return o;
}

}  // namespace emu
