// Comparisons: set and setp.
#include "lane.h"
#include "number.h"
#include "operation.h"

namespace emu {
namespace {

#define COMPARE(name, expr) \
    struct name { template <class T> static bool f(T a, T b) { return expr; } };
COMPARE(Eq, a == b)
COMPARE(NeInt, a != b)
COMPARE(Lt, a < b)
COMPARE(Le, a <= b)
COMPARE(Gt, a > b)
COMPARE(Ge, a >= b)
// Of floats: ne is false for NaN, those with a u are true.
COMPARE(Ne, a < b || a > b)
COMPARE(Equ, !(a < b || a > b))
COMPARE(Neu, !(a == b))
COMPARE(Ltu, !(a >= b))
COMPARE(Leu, !(a > b))
COMPARE(Gtu, !(a <= b))
COMPARE(Geu, !(a < b))
COMPARE(Num, a == a && b == b)
COMPARE(Nan, a != a || b != b)
#undef COMPARE

// Read turns a cell into what is compared.
template <class T> struct Plain { static T read(Cell<T> c, u32) { return get<T>(c); } };
template <class T> struct HalfOf { static float read(u32 c, u32 shift) { return widen(T{u16(c >> shift)}); } };
struct Flushed { static float read(u32 c, u32) { return flush(bits<float>(c)); } };
struct FlushedHalf {
    static float read(u32 c, u32 shift) {
        u32 v = c >> shift;
        return widen(f16{u16(v & 0x7c00 ? v : v & 0x8000)});
    }
};

template <class C, class Read, class Op> u32 test(Warp& w, const Inst& i, u32 shift) {
    const C *a = w.r<C>(i.a), *b = w.r<C>(i.b);
    u32 yes[kLanes], p = 0;
    for (u32 l = 0; l < kLanes; ++l) yes[l] = Op::f(Read::read(a[l], shift), Read::read(b[l], shift));
    for (u32 l = 0; l < kLanes; ++l) p |= yes[l] << l;
    return p;
}

template <class Op> Test floatTest(Type t, bool ftz) {
    switch (t) {
    case Type::F32: return ftz ? test<u32, Flushed, Op> : test<u32, Plain<float>, Op>;
    case Type::F64: return test<u64, Plain<double>, Op>;
    case Type::F16: case Type::F16x2: return ftz ? test<u32, FlushedHalf, Op> : test<u32, HalfOf<f16>, Op>;
    default: return test<u32, HalfOf<bf16>, Op>;
    }
}
template <class Op> Test integerTest(Type t) {
    switch (t) {
    case Type::B16: case Type::U16: return test<u32, Plain<u16>, Op>;
    case Type::S16: return test<u32, Plain<i16>, Op>;
    case Type::B32: case Type::U32: return test<u32, Plain<u32>, Op>;
    case Type::S32: return test<u32, Plain<i32>, Op>;
    case Type::B64: case Type::U64: return test<u64, Plain<u64>, Op>;
    case Type::S64: return test<u64, Plain<i64>, Op>;
    default: return nullptr;
    }
}

Test floatTestOf(const std::string& op, Type t, bool ftz) {
    static const std::map<std::string, Test (*)(Type, bool)> tests = {
        {"eq", floatTest<Eq>},   {"ne", floatTest<Ne>},   {"lt", floatTest<Lt>},   {"le", floatTest<Le>},
        {"gt", floatTest<Gt>},   {"ge", floatTest<Ge>},   {"equ", floatTest<Equ>}, {"neu", floatTest<Neu>},
        {"ltu", floatTest<Ltu>}, {"leu", floatTest<Leu>}, {"gtu", floatTest<Gtu>}, {"geu", floatTest<Geu>},
        {"num", floatTest<Num>}, {"nan", floatTest<Nan>}};
    auto it = tests.find(op);
    return it == tests.end() ? nullptr : it->second(t, ftz);
}

Test integerTestOf(const std::string& op, Type t) {
    bool unsignedOp = op == "lo" || op == "ls" || op == "hi" || op == "hs";
    if (unsignedOp && isSigned(t)) return nullptr;
    if (op == "eq") return integerTest<Eq>(t);
    if (op == "ne") return integerTest<NeInt>(t);
    if (op == "lt" || op == "lo") return integerTest<Lt>(t);
    if (op == "le" || op == "ls") return integerTest<Le>(t);
    if (op == "gt" || op == "hi") return integerTest<Gt>(t);
    if (op == "ge" || op == "hs") return integerTest<Ge>(t);
    return nullptr;
}

struct Truth { u32 p, q, poison; };

// combined applies the predicate c, if any; q is the same for the opposite comparison.
Truth combined(Warp& w, const Inst& i, u32 p, u32 q) {
    u32 poison = w.poison[i.a] | w.poison[i.b];
    if (u32 how = i.aux & (kCombineAnd | kCombineOr | kCombineXor)) {
        u32 c = i.aux & kCombineNegated ? ~w.pred(i.c) : w.pred(i.c);
        poison |= w.poison[i.c];
        p = how == kCombineAnd ? p & c : how == kCombineOr ? p | c : p ^ c;
        q = how == kCombineAnd ? q & c : how == kCombineOr ? q | c : q ^ c;
    }
    return {p, q, poison};
}

// setpExec writes p, and q when there is one: of pairs the upper halves' comparison, otherwise the opposite.
void setpExec(Warp& w, const Inst& i, u32 m) {
    u32 p = i.test(w, i, 0), q = i.aux & kCombinePair ? i.test(w, i, 16) : ~p;
    Truth r = combined(w, i, p, q);
    setPred(w, i.d, r.p, m);
    taint(w, i.d, r.poison, m);
    if (!i.e) return;
    setPred(w, i.e, r.q, m);
    taint(w, i.e, r.poison, m);
}

// setExec writes the value imm where the comparison holds, zero elsewhere.
void setExec(Warp& w, const Inst& i, u32 m) {
    bool pair = i.aux & kCombinePair;
    u32 p = i.test(w, i, 0), q = pair ? i.test(w, i, 16) : p, value = u32(i.imm);
    Truth r = combined(w, i, p, q);
    u32 low = pair ? value & 0xffff : value, high = pair ? value & 0xffff0000u : value;
    u32* d = w.r<u32>(i.d);
    each(m, [&](u32 l) { d[l] = (r.p >> l & 1 ? low : 0) | (r.q >> l & 1 ? high : 0); });
    taint(w, i.d, r.poison, m);
}

u32 valueOf(Type dst, bool pair) {
    switch (dst) {
    case Type::F32: return bits<u32>(1.0f);
    case Type::F16: return 0x3c00;
    case Type::BF16: return 0x3f80;
    case Type::F16x2: return 0x3c003c00;
    case Type::BF16x2: return 0x3f803f80;
    case Type::U16: case Type::S16: return pair ? 0 : 0xffff;
    case Type::U32: case Type::S32: return 0xffffffff;
    default: return 0;
    }
}

}  // namespace

Comparison comparison(Mods& m, bool set) {
    Comparison c;
    std::string op = m.any({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu",
                            "gtu", "geu", "num", "nan"});
    c.dst = set ? m.type() : Type::Pred;
    c.src = m.type();
    c.pair = c.src == Type::F16x2 || c.src == Type::BF16x2;
    bool ftz = isFloat(c.src) && c.src != Type::F64 && m.take("ftz");
    c.test = isFloat(c.src) ? floatTestOf(op, c.src, ftz) : integerTestOf(op, c.src);
    c.fn = set ? setExec : setpExec;
    c.value = set ? valueOf(c.dst, c.pair) : 0;
    bool pairDst = c.dst == Type::F16x2 || c.dst == Type::BF16x2;
    if (!c.test || (set && !c.value) || (pairDst && c.dst != c.src)) m.refuse();
    return c;
}

}  // namespace emu
