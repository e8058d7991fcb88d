// How values lie in registers, and the loops over the lanes of a warp.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "warp.h"

namespace emu {

// f16 and bf16 are bare bits; their arithmetic is done wider and rounded once.
struct f16 { u16 bits; };
struct bf16 { u16 bits; };
struct f16x2 { f16 lo, hi; };
struct bf16x2 { bf16 lo, hi; };

float widen(f16 v);
float widen(bf16 v);
// narrow rounds to nearest even; mode is an fenv rounding mode. Every NaN becomes 0x7fff.
template <class T> T narrow(double v, int mode);
template <> f16 narrow<f16>(double v, int mode);
template <> bf16 narrow<bf16>(double v, int mode);

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

// each runs f for every lane of m; the loop over a whole warp has no branch and becomes vector code.
template <class F> inline void each(u32 m, F f) {
    if (m == kAllLanes) {
        for (u32 l = 0; l < kLanes; ++l) f(l);
        return;
    }
    for (u32 rest = m; rest; rest &= rest - 1) f(u32(__builtin_ctz(rest)));
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

// Type is a PTX type of an operand.
enum class Type : u8 { None, Pred, B8, U8, S8, B16, U16, S16, F16, BF16, B32, U32, S32, F32, F16x2, BF16x2, B64, U64, S64, F64 };
Type typeOf(const std::string& name);  // None when it is no type
u32 sizeOf(Type t);

// Mods are the modifiers of a statement; each is to be used exactly once, and what is left over is refused.
class Mods {
public:
    Mods(const Stmt& s) : stmt_(s), used_(s.mods.size()) {}
    bool take(const char* name) {
        for (size_t k = 0; k < used_.size(); ++k)
            if (!used_[k] && stmt_.mods[k] == name) return used_[k] = true;
        return false;
    }
    // type takes the next type among the modifiers.
    Type type() {
        for (size_t k = 0; k < used_.size(); ++k)
            if (!used_[k] && typeOf(stmt_.mods[k]) != Type::None) {
                used_[k] = true;
                return typeOf(stmt_.mods[k]);
            }
        return Type::None;
    }
    // any takes whichever of the names comes first, "" for none.
    std::string any(std::initializer_list<const char*> names) {
        for (size_t k = 0; k < used_.size(); ++k)
            for (const char* n : names)
                if (!used_[k] && stmt_.mods[k] == n) {
                    used_[k] = true;
                    return n;
                }
        return "";
    }
    void finish() const {
        for (size_t k = 0; k < used_.size(); ++k)
            if (!used_[k]) throw LoadError(stmt_.line, "unsupported modifier ." + stmt_.mods[k] + " of " + text());
    }
    std::string text() const {
        std::string t = stmt_.op;
        for (const std::string& m : stmt_.mods) t += "." + m;
        return t;
    }
    [[noreturn]] void refuse() const { throw LoadError(stmt_.line, "unsupported instruction " + text()); }

private:
    const Stmt& stmt_;
    std::vector<bool> used_;
};

// The functions that execute an operation, chosen by its modifiers. Each takes the modifiers that it knows and refuses
// what it does not.
Exec arithmetic(const std::string& op, Mods& m, Type& dst, Type src[3]);  // one result, one to three sources
Exec conversion(Mods& m, Type& dst, Type& src);                           // cvt
using Compare = bool (*)();
Exec comparison(Mods& m, Type src, bool set, Type dst);                   // setp and set
Exec atomicOp(Mods& m, Type t, bool result);                              // atom and red
Exec warpOp(const std::string& op, Mods& m);                              // shfl, vote, match, redux, activemask
void loadExec(Warp& w, const Inst& i, u32 m);
void storeExec(Warp& w, const Inst& i, u32 m);

}  // namespace emu
