// Atomics: lane by lane.
#include "access.h"
#include "number.h"
#include "operation.h"

namespace emu {
namespace {

// What an operation sees: the old value, the operand b, and c, the second one of cas.
#define ATOMIC(name, expr) \
    struct name { template <class T> static T f(T old, T b, T c, bool) { (void)old, (void)b, (void)c; return expr; } };
ATOMIC(AtomAdd, T(old + b))
ATOMIC(AtomMin, old < b ? old : b)
ATOMIC(AtomMax, old > b ? old : b)
ATOMIC(AtomAnd, old & b)
ATOMIC(AtomOr, old | b)
ATOMIC(AtomXor, old ^ b)
ATOMIC(AtomExch, b)
ATOMIC(AtomCas, old == b ? c : old)
ATOMIC(AtomInc, old >= b ? 0 : old + 1)
ATOMIC(AtomDec, old == 0 || old > b ? b : old - 1)
#undef ATOMIC

// In global memory float32 is flushed, in shared memory it is not, whatever the modifiers say.
struct AtomAddFloat {
    static float f(float old, float b, float, bool shared) {
        return shared ? clean(old + b) : flush(clean(flush(old) + flush(b)));
    }
    static double f(double old, double b, double, bool) { return clean(old + b); }
    static f16 f(f16 old, f16 b, f16, bool) { return narrow<f16>(widen(old) + widen(b)); }
    static bf16 f(bf16 old, bf16 b, bf16, bool) { return narrow<bf16>(widen(old) + widen(b)); }
    template <class P>
    static P f(P old, P b, P, bool s) {
        return {f(old.lo, b.lo, b.lo, s), f(old.hi, b.hi, b.hi, s)};
    }
};

void needWritten(Warp& w, const Access& a, u32 m, u32 n) {
    if (!w.block->launch.checkPoison) return;
    lanes(m, [&](u32 l) {
        const u8* init = a.consecutive ? a.init[0] + size_t(l) * n : a.init[l];
        if (init && !written(init, n))
            trap(CUDA_ERROR_LAUNCH_FAILED, "uninitialised", "an atomic operation on memory that nobody wrote", int(l));
    });
}

template <class T, class Op> void atomicExec(Warp& w, const Inst& i, u32 m) {
    needClean(w, i.b, m, "an atomic operation");
    if (i.c) needClean(w, i.c, m, "an atomic operation");
    constexpr u32 n = sizeof(T);
    Access a;
    locate(w, i, m, n, true, a);
    checkRace(w, a, m, n, Touch::Atomic);
    if (w.block->prog.usesNc) readOnlyCache(w, a, m, n, true);
    needWritten(w, a, m, n);
    u32 global = 0;
    lanes(m, [&](u32 l) {
        u8* at0 = a.consecutive ? a.data[0] + size_t(l) * n : a.data[l];
        bool shared = !a.consecutive && a.space[l] == Space::Shared;
        global += a.consecutive || a.space[l] == Space::Global;
        T old, b = get<T>(w.r<Cell<T>>(i.b)[l]), c = i.c ? get<T>(w.r<Cell<T>>(i.c)[l]) : b;
        memcpy(&old, at0, n);
        T now = Op::f(old, b, c, shared);
        memcpy(at0, &now, n);
        if (i.d) w.r<Cell<T>>(i.d)[l] = put<T>(old);
    });
    if (i.d) taint(w, i.d, 0, m);
    w.block->loadBytes += u64(global) * n;
    w.block->storeBytes += u64(global) * n;
}

template <class Op> Exec whole(Mods& m, Type t, bool sign) {
    switch (t) {
    case Type::U32: return atomicExec<u32, Op>;
    case Type::U64: return atomicExec<u64, Op>;
    case Type::S32: return sign ? atomicExec<i32, Op> : atomicExec<u32, Op>;
    case Type::S64: return sign ? atomicExec<i64, Op> : atomicExec<u64, Op>;
    default: m.refuse();
    }
}
template <class Op> Exec plain(Mods& m, Type t) {
    if (t == Type::B32) return atomicExec<u32, Op>;
    if (t == Type::B64) return atomicExec<u64, Op>;
    m.refuse();
}

Exec add(Mods& m, Type t) {
    if (t == Type::F32) return atomicExec<float, AtomAddFloat>;
    if (t == Type::F64) return atomicExec<double, AtomAddFloat>;
    if (!isFloat(t)) return whole<AtomAdd>(m, t, false);
    if (!m.take("noftz")) m.refuse();
    if (t == Type::F16) return atomicExec<f16, AtomAddFloat>;
    if (t == Type::BF16) return atomicExec<bf16, AtomAddFloat>;
    return t == Type::F16x2 ? atomicExec<f16x2, AtomAddFloat> : atomicExec<bf16x2, AtomAddFloat>;
}

}  // namespace

Exec atomicOp(Mods& m, Type t) {
    std::string op = m.any({"add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec"});
    if (op == "add") return add(m, t);
    if (op == "min") return whole<AtomMin>(m, t, true);
    if (op == "max") return whole<AtomMax>(m, t, true);
    if (op == "and") return plain<AtomAnd>(m, t);
    if (op == "or") return plain<AtomOr>(m, t);
    if (op == "xor") return plain<AtomXor>(m, t);
    if (op == "exch") return plain<AtomExch>(m, t);
    if (op == "cas") return t == Type::B16 ? atomicExec<u16, AtomCas> : plain<AtomCas>(m, t);
    if (op == "inc" && t == Type::U32) return atomicExec<u32, AtomInc>;
    if (op == "dec" && t == Type::U32) return atomicExec<u32, AtomDec>;
    m.refuse();
}

}  // namespace emu
