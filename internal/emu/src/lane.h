// How values lie in registers, and the loops over the lanes of a warp.
#pragma once

#include <type_traits>

#include "warp.h"

namespace emu {

// Cell is the storage of a lane: 32 bits, or 64 for what is wider. Narrower values fill the lower bits.
template <class T> using Cell = std::conditional_t<sizeof(T) == 8, u64, u32>;

template <class T> inline T get(Cell<T> c) {
    T v;
    memcpy(&v, &c, sizeof v);
    return v;
}
template <class T> inline Cell<T> put(T v) {
    Cell<T> c = 0;
    memcpy(&c, &v, sizeof v);
    return c;
}

inline void taint(Warp& w, u32 d, u32 poison, u32 m) { w.poison[d] = (w.poison[d] & ~m) | (poison & m); }
inline void setPred(Warp& w, u32 d, u32 value, u32 m) { w.pred(d) = (w.pred(d) & ~m) | (value & m); }

// lanes runs f for every lane of m, one by one: for what may trap or depends on order.
template <class F> inline void lanes(u32 m, F f) {
    for (u32 rest = m; rest; rest &= rest - 1) f(u32(__builtin_ctz(rest)));
}

// each runs f for every lane of m. The loop over a whole warp has no branch and becomes vector code: registers either
// are the same or do not overlap, so that lanes never depend on one another.
template <class F> inline __attribute__((always_inline)) void each(u32 m, F f) {
    if (m == kAllLanes) {
#pragma GCC ivdep
        for (u32 l = 0; l < kLanes; ++l) f(l);
        return;
    }
    lanes(m, f);
}

// unary, binary and ternary apply Op::f to the operands of an instruction: R f(A, B, C).
template <class R, class A, class Op> void unary(Warp& w, const Inst& i, u32 m) {
    const Cell<A>* a = w.r<Cell<A>>(i.a);
    Cell<R>* d = w.r<Cell<R>>(i.d);
    each(m, [&](u32 l) { d[l] = put<R>(Op::f(get<A>(a[l]))); });
    taint(w, i.d, w.poison[i.a], m);
}
template <class R, class A, class B, class Op> void binary(Warp& w, const Inst& i, u32 m) {
    const Cell<A>* a = w.r<Cell<A>>(i.a);
    const Cell<B>* b = w.r<Cell<B>>(i.b);
    Cell<R>* d = w.r<Cell<R>>(i.d);
    each(m, [&](u32 l) { d[l] = put<R>(Op::f(get<A>(a[l]), get<B>(b[l]))); });
    taint(w, i.d, w.poison[i.a] | w.poison[i.b], m);
}
template <class R, class A, class B, class C, class Op> void ternary(Warp& w, const Inst& i, u32 m) {
    const Cell<A>* a = w.r<Cell<A>>(i.a);
    const Cell<B>* b = w.r<Cell<B>>(i.b);
    const Cell<C>* c = w.r<Cell<C>>(i.c);
    Cell<R>* d = w.r<Cell<R>>(i.d);
    each(m, [&](u32 l) { d[l] = put<R>(Op::f(get<A>(a[l]), get<B>(b[l]), get<C>(c[l]))); });
    taint(w, i.d, w.poison[i.a] | w.poison[i.b] | w.poison[i.c], m);
}

// form is the one of the three for an operation whose operands all have one type.
template <u32 n, class T, class Op> constexpr Exec form() {
    if constexpr (n == 1) return unary<T, T, Op>;
    else if constexpr (n == 2) return binary<T, T, T, Op>;
    else return ternary<T, T, T, T, Op>;
}

}  // namespace emu
