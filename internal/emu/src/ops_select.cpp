// Moves, selections, the packing of registers, and the logic of predicates.
#include "lane.h"
#include "operation.h"

namespace emu {
namespace {

template <class T> struct Same { static T f(T a) { return a; } };

// aux: the predicate is negated.
template <class T> void selectExec(Warp& w, const Inst& i, u32 m) {
    const Cell<T>*a = w.r<Cell<T>>(i.a), *b = w.r<Cell<T>>(i.b);
    Cell<T>* d = w.r<Cell<T>>(i.d);
    u32 p = i.aux ? ~w.pred(i.c) : w.pred(i.c);
    each(m, [&](u32 l) { d[l] = p >> l & 1 ? a[l] : b[l]; });
    taint(w, i.d, (w.poison[i.a] & p) | (w.poison[i.b] & ~p) | w.poison[i.c], m);
}

// aux: a subnormal c counts as zero.
template <class T, class C> void slctExec(Warp& w, const Inst& i, u32 m) {
    const Cell<T>*a = w.r<Cell<T>>(i.a), *b = w.r<Cell<T>>(i.b);
    const Cell<C>* c = w.r<Cell<C>>(i.c);
    Cell<T>* d = w.r<Cell<T>>(i.d);
    u32 p = 0;
    C least = std::is_same_v<C, float> && i.aux ? C(-0x1.fffffcp-127f) : C(0);
    for (u32 l = 0; l < kLanes; ++l) p |= u32(get<C>(c[l]) >= least) << l;
    each(m, [&](u32 l) { d[l] = p >> l & 1 ? a[l] : b[l]; });
    taint(w, i.d, (w.poison[i.a] & p) | (w.poison[i.b] & ~p) | w.poison[i.c], m);
}

void logicExec(Warp& w, const Inst& i, u32 m) {
    u32 a = w.pred(i.a), b = w.pred(i.b), r = 0;
    for (u32 k = 0; k < 4; ++k)
        if (i.aux >> k & 1) r |= (k & 2 ? a : ~a) & (k & 1 ? b : ~b);
    u32 poison = w.poison[i.a] | w.poison[i.b];
    setPred(w, i.d, r, m);
    taint(w, i.d, poison, m);
}

void unpackExec(Warp& w, const Inst& i, u32 m) {
    u64 keep = ~0ull >> (64 - 8 * i.mem.size);
    lanes(m, [&](u32 l) {
        u64 v = (i.mem.wideAddr ? w.r<u64>(i.a)[l] : w.r<u32>(i.a)[l]) >> i.aux;
        w.r<u32>(i.d)[l] = u32(v & keep);
    });
    taint(w, i.d, w.poison[i.a], m);
}

void packExec(Warp& w, const Inst& i, u32 m) {
    u64 keep = ~0ull >> (64 - 8 * i.mem.size);
    lanes(m, [&](u32 l) {
        u64 v = (w.r<u32>(i.a)[l] & keep) << i.aux;
        if (i.mem.wideAddr) w.r<u64>(i.d)[l] = (i.aux ? w.r<u64>(i.d)[l] : 0) | v;
        else w.r<u32>(i.d)[l] = (i.aux ? w.r<u32>(i.d)[l] : 0) | u32(v);
    });
    taint(w, i.d, w.poison[i.a] | (i.aux ? w.poison[i.d] : 0), m);
}

// aux is the space that is asked for: whether a generic address lies in its window.
void isSpaceExec(Warp& w, const Inst& i, u32 m) {
    u32 p = 0;
    lanes(m, [&](u32 l) { p |= u32(spaceOf(w.r<u64>(i.a)[l]) == Space(i.aux)) << l; });
    setPred(w, i.d, p, m);
    taint(w, i.d, w.poison[i.a], m);
}

template <class R, class A> struct Cast { static R f(A a) { return R(a); } };
struct Plus { static u64 f(u64 a, u64 b) { return a + b; } };

// clockExec counts reads, so that a run repeats; a wait for a time to pass ends.
template <class T> void clockExec(Warp& w, const Inst& i, u32 m) {
    constexpr u64 kTick = 64;
    u64 now = w.block->clock += kTick;
    each(m, [&](u32 l) { w.r<T>(i.d)[l] = T(now); });
    taint(w, i.d, 0, m);
}

}  // namespace

Exec clockOp(bool wide) { return wide ? clockExec<u64> : clockExec<u32>; }
Exec truncateOp() { return unary<u32, u64, Cast<u32, u64>>; }
Exec addressOp() { return binary<u64, u64, u64, Plus>; }
Exec extendOp(Type from, bool wide) {
    switch (from) {
    case Type::S8: return wide ? unary<u64, i8, Cast<i64, i8>> : unary<u32, i8, Cast<i32, i8>>;
    case Type::S16: return wide ? unary<u64, i16, Cast<i64, i16>> : unary<u32, i16, Cast<i32, i16>>;
    case Type::S32: return unary<u64, i32, Cast<i64, i32>>;
    default: return unary<u64, u32, Cast<u64, u32>>;
    }
}
Exec moveOf(Type t) {
    return sizeOf(t) == 8   ? form<1, u64, Same<u64>>()
           : sizeOf(t) == 2 ? form<1, u16, Same<u16>>()
                            : form<1, u32, Same<u32>>();
}
Exec unpackOp() { return unpackExec; }
Exec packOp() { return packExec; }
Exec logicOp() { return logicExec; }
Exec isSpaceOp() { return isSpaceExec; }

Operation selection(const std::string& op, Mods& m) {
    Operation o;
    o.aux = op == "slct" && m.take("ftz");
    o.dst = m.oneOf({Type::B16, Type::U16, Type::S16, Type::B32, Type::U32, Type::S32, Type::F32, Type::B64, Type::U64,
                     Type::S64, Type::F64});
    bool wide = sizeOf(o.dst) == 8;
    o.src[0] = o.src[1] = o.dst;
    o.args = 3;
    if (op == "selp") {
        o.src[2] = Type::Pred;
        o.fn = wide ? selectExec<u64> : selectExec<u32>;
        return o;
    }
    o.src[2] = m.oneOf({Type::S32, Type::F32});
    if (o.src[2] == Type::S32) o.fn = wide ? slctExec<u64, i32> : slctExec<u32, i32>;
    else o.fn = wide ? slctExec<u64, float> : slctExec<u32, float>;
    return o;
}

}  // namespace emu
