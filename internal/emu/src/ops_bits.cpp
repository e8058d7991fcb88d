// Operations on bits, selections, and the packing of registers.
#include <limits>

#include "lane.h"
#include "number.h"
#include "operation.h"

namespace emu {
namespace {

template <class T> using U = std::make_unsigned_t<T>;

struct And { template <class T> static T f(T a, T b) { return a & b; } };
struct Or { template <class T> static T f(T a, T b) { return a | b; } };
struct Xor { template <class T> static T f(T a, T b) { return a ^ b; } };
struct Not { template <class T> static T f(T a) { return T(~a); } };
struct Cnot { template <class T> static T f(T a) { return a == 0; } };
// Shifts past the width give zero, or the sign.
struct Shl { template <class T> static T f(T a, u32 n) { return n < 8 * sizeof(T) ? T(u64(a) << (n & 63)) : T(0); } };
struct Shr {
    template <class T> static T f(T a, u32 n) {
        constexpr u32 width = 8 * sizeof(T);
        if constexpr (std::is_signed_v<T>) return T(a >> (n < width ? n : width - 1));
        else return n < width ? T(a >> (n & (width - 1))) : T(0);
    }
};
struct Popc { template <class T> static u32 f(T a) { return u32(__builtin_popcountll(a)); } };
struct Clz {
    template <class T>
    static u32 f(T a) {
        return a ? u32(__builtin_clzll(a)) - (64 - 8 * u32(sizeof(T))) : 8 * u32(sizeof(T));
    }
};
struct Brev {
    template <class T> static T f(T a) {
        T r = 0;
        for (u32 k = 0; k < 8 * sizeof(T); ++k) r |= T(a >> k & 1) << (8 * sizeof(T) - 1 - k);
        return r;
    }
};
// Bfind is the place of the highest bit that differs from the sign, ~0 for none; shift: how far to shift it to the top.
template <bool shift> struct Bfind {
    template <class T> static u32 f(T a) {
        U<T> v = U<T>(a < 0 ? ~a : a);
        if (v == 0) return ~0u;
        u32 n = 63 - u32(__builtin_clzll(u64(v)));
        return shift ? u32(8 * sizeof(T)) - 1 - n : n;
    }
};
// Bfe takes len bits from pos on; bits past the top are the sign of the field.
struct Bfe {
    template <class T> static T f(T a, u32 pos, u32 len) {
        constexpr u32 n = 8 * sizeof(T);
        pos &= 0xff, len &= 0xff;
        if (len == 0) return 0;
        u32 top = std::min(pos + len - 1, n - 1);
        bool sign = std::is_signed_v<T> && (a >> top & 1);
        U<T> v = pos >= n ? 0 : U<T>(U<T>(a) >> pos);
        u32 have = pos >= n ? 0 : std::min(len, n - pos);  // bits that the operand has
        U<T> field = have >= n ? U<T>(~U<T>(0)) : U<T>((U<T>(1) << have) - 1);
        return T(sign ? v | U<T>(~field) : v & field);
    }
};
template <class T> struct Bfi {
    static T f(T a, T b, u32 pos, u32 len) {
        constexpr u32 n = 8 * sizeof(T);
        pos &= 0xff, len &= 0xff;
        if (pos >= n || len == 0) return b;
        T field = T(len >= n ? ~T(0) : (T(1) << len) - 1) << pos;
        return (b & ~field) | (a << pos & field);
    }
};
template <class T> void bfiExec(Warp& w, const Inst& i, u32 m) {
    each(m, [&](u32 l) {
        w.r<T>(i.d)[l] = Bfi<T>::f(w.r<T>(i.a)[l], w.r<T>(i.b)[l], w.r<u32>(i.c)[l], w.r<u32>(i.e)[l]);
    });
    taint(w, i.d, w.poison[i.a] | w.poison[i.b] | w.poison[i.c] | w.poison[i.e], m);
}

// bmsk makes a field of ones; szext extends the sign, or zeros, from a bit width.
template <bool clampIt> struct Bmsk {
    static u32 f(u32 a, u32 b) {
        u64 pos = clampIt ? std::min(a, 32u) : a & 31, len = clampIt ? std::min(b, 32u) : b & 31;
        return u32(((1ull << len) - 1) << pos);
    }
};
template <bool clampIt, class T> struct Szext {
    static T f(T a, u32 b) {
        u32 n = clampIt ? std::min(b, 32u) : b & 31;
        if (n == 0) return 0;
        return n >= 32 ? a : T(T(u32(a) << (32 - n)) >> (32 - n));
    }
};

void lop3Exec(Warp& w, const Inst& i, u32 m) {
    const u32 *a = w.r<u32>(i.a), *b = w.r<u32>(i.b), *c = w.r<u32>(i.c);
    u32 table = w.r<u32>(i.e)[0], on[8];
    for (u32 k = 0; k < 8; ++k) on[k] = 0 - (table >> k & 1);
    u32* d = w.r<u32>(i.d);
    each(m, [&](u32 l) {
        u32 x = a[l], y = b[l], z = c[l];
        d[l] = (on[0] & ~x & ~y & ~z) | (on[1] & ~x & ~y & z) | (on[2] & ~x & y & ~z) | (on[3] & ~x & y & z) |
               (on[4] & x & ~y & ~z) | (on[5] & x & ~y & z) | (on[6] & x & y & ~z) | (on[7] & x & y & z);
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

enum PrmtMode { kIndex, kF4e, kB4e, kRc8, kEcl, kEcr, kRc16 };
template <int mode> struct Prmt {
    static u32 pick(u32 n, u32 k) {
        switch (mode) {
        case kF4e: return n + k;
        case kB4e: return (n - k) & 7;
        case kRc8: return n;
        case kEcl: return std::max(n, k);
        case kEcr: return std::min(n, k);
        default: return (n & 1) * 2 + (k & 1);
        }
    }
    static u32 f(u32 a, u32 b, u32 c) {
        u64 v = u64(b) << 32 | a;
        u32 r = 0;
        for (u32 k = 0; k < 4; ++k) {
            u32 s = mode == kIndex ? c >> (4 * k) & 15 : pick(c & 3, k);
            u32 byte = u32(v >> (8 * (s & 7))) & 0xff;
            if (s & 8) byte = byte & 0x80 ? 0xff : 0;  // the sign of the byte
            r |= byte << (8 * k);
        }
        return r;
    }
};

Operation fill(Exec fn, Type t, u32 n) { return {fn, t, {t, t, t, t}, n, 0}; }

template <u32 n, class Op> Operation everyWidth(Type t) {
    switch (sizeOf(t)) {
    case 2: return fill(form<n, u16, Op>(), t, n);
    case 4: return fill(form<n, u32, Op>(), t, n);
    case 8: return fill(form<n, u64, Op>(), t, n);
    default: return {};
    }
}

Operation shift(bool left, Type t) {
    Exec fn = nullptr;
    switch (sizeOf(t)) {
    case 2:
        fn = left             ? binary<u16, u16, u32, Shl>
             : t == Type::S16 ? binary<i16, i16, u32, Shr>
                              : binary<u16, u16, u32, Shr>;
        break;
    case 4:
        fn = left             ? binary<u32, u32, u32, Shl>
             : t == Type::S32 ? binary<i32, i32, u32, Shr>
                              : binary<u32, u32, u32, Shr>;
        break;
    case 8:
        fn = left             ? binary<u64, u64, u32, Shl>
             : t == Type::S64 ? binary<i64, i64, u32, Shr>
                              : binary<u64, u64, u32, Shr>;
        break;
    }
    return {fn, t, {t, Type::U32}, 2, 0};
}

template <class Op> Exec countOf(Type t) {
    switch (t) {
    case Type::U32: return unary<u32, u32, Op>;
    case Type::S32: return unary<u32, i32, Op>;
    case Type::U64: return unary<u32, u64, Op>;
    case Type::S64: return unary<u32, i64, Op>;
    default: return nullptr;
    }
}

Operation count(const std::string& op, Type t, Mods& m) {
    if (op == "bfind") {
        Exec fn = m.take("shiftamt") ? countOf<Bfind<true>>(t) : countOf<Bfind<false>>(t);
        return {fn, Type::U32, {t}, 1, 0};
    }
    if (t != Type::B32 && t != Type::B64) return {};
    bool wide = t == Type::B64;
    if (op == "popc") return {wide ? unary<u32, u64, Popc> : unary<u32, u32, Popc>, Type::U32, {t}, 1, 0};
    return {wide ? unary<u32, u64, Clz> : unary<u32, u32, Clz>, Type::U32, {t}, 1, 0};
}

Operation field(bool insert, Type t) {
    if (insert) {
        if (t != Type::B32 && t != Type::B64) return {};
        return {t == Type::B64 ? bfiExec<u64> : bfiExec<u32>, t, {t, t, Type::U32, Type::U32}, 4, 0};
    }
    Exec fn = nullptr;
    switch (t) {
    case Type::U32: fn = ternary<u32, u32, u32, u32, Bfe>; break;
    case Type::S32: fn = ternary<i32, i32, u32, u32, Bfe>; break;
    case Type::U64: fn = ternary<u64, u64, u32, u32, Bfe>; break;
    case Type::S64: fn = ternary<i64, i64, u32, u32, Bfe>; break;
    default: break;
    }
    return {fn, t, {t, Type::U32, Type::U32}, 3, 0};
}

Operation permutation(Mods& m) {
    static const std::map<std::string, Exec> modes = {
        {"", form<3, u32, Prmt<kIndex>>()}, {"f4e", form<3, u32, Prmt<kF4e>>()}, {"b4e", form<3, u32, Prmt<kB4e>>()},
        {"rc8", form<3, u32, Prmt<kRc8>>()}, {"ecl", form<3, u32, Prmt<kEcl>>()}, {"ecr", form<3, u32, Prmt<kEcr>>()},
        {"rc16", form<3, u32, Prmt<kRc16>>()}};
    return fill(modes.at(m.any({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"})), Type::B32, 3);
}

Operation funnel(Mods& m) {
    bool left = m.take("l"), right = m.take("r"), wrap = m.take("wrap"), clamp = m.take("clamp");
    if (left == right || wrap == clamp) m.refuse();
    if (left) return fill(wrap ? form<3, u32, Shf<true, true>>() : form<3, u32, Shf<true, false>>(), Type::B32, 3);
    return fill(wrap ? form<3, u32, Shf<false, true>>() : form<3, u32, Shf<false, false>>(), Type::B32, 3);
}

Operation mask(const std::string& op, Type t, Mods& m) {
    bool clamp = m.take("clamp");
    if (clamp == m.take("wrap")) m.refuse();
    if (op == "bmsk") return fill(clamp ? form<2, u32, Bmsk<true>>() : form<2, u32, Bmsk<false>>(), Type::B32, 2);
    Exec fn = t == Type::S32
                  ? (clamp ? binary<i32, i32, u32, Szext<true, i32>> : binary<i32, i32, u32, Szext<false, i32>>)
                  : (clamp ? binary<u32, u32, u32, Szext<true, u32>> : binary<u32, u32, u32, Szext<false, u32>>);
    return {fn, t, {t, Type::U32}, 2, 0};
}

}  // namespace

Operation bitOperation(const std::string& op, Type t, Mods& m) {
    if (op == "and") return everyWidth<2, And>(t);
    if (op == "or") return everyWidth<2, Or>(t);
    if (op == "xor") return everyWidth<2, Xor>(t);
    if (op == "not") return everyWidth<1, Not>(t);
    if (op == "cnot") return everyWidth<1, Cnot>(t);
    if (op == "shl" || op == "shr") return shift(op == "shl", t);
    if (op == "popc" || op == "clz" || op == "bfind") return count(op, t, m);
    if (op == "bfe" || op == "bfi") return field(op == "bfi", t);
    if (op == "brev" && (t == Type::B32 || t == Type::B64))
        return fill(t == Type::B64 ? form<1, u64, Brev>() : form<1, u32, Brev>(), t, 1);
    if (op == "bmsk" && t == Type::B32) return mask(op, t, m);
    if (op == "szext" && (t == Type::U32 || t == Type::S32)) return mask(op, t, m);
    if (t != Type::B32) return {};
    if (op == "lop3") return fill(lop3Exec, t, 4);
    if (op == "prmt") return permutation(m);
    if (op == "shf") return funnel(m);
    return {};
}

}  // namespace emu
