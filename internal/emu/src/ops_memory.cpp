// Loads, stores and atomics, with every check that an access gets.
#include "lane.h"

namespace emu {
namespace {

// Place is where one lane's access goes.
struct Place {
    u8* data = nullptr;
    u8* init = nullptr;
    Alloc* alloc = nullptr;  // global memory only
    u64 offset = 0;          // in its space
    Space space = Space::Global;
};

u64 addressOf(Warp& w, const Inst& i, u32 l) {
    u64 base = i.mem.wideAddr ? w.r<u64>(i.a)[l] : w.r<u32>(i.a)[l];
    return base + u64(i.imm);
}

const char* spaceName(Space s) {
    switch (s) {
    case Space::Shared: return "shared";
    case Space::Local: return "local";
    case Space::Param: return "parameter";
    default: return "global";
    }
}

[[noreturn]] void outOfBounds(Space s, u64 addr, u32 n, u64 size, u32 l) {
    trap(CUDA_ERROR_ILLEGAL_ADDRESS, "out-of-bounds", std::to_string(n) + " bytes at " + hex(addr) + " of " +
         std::to_string(size) + " bytes of " + spaceName(s) + " memory", int(l));
}

// global finds the allocation that holds a lane's access; the instruction remembers the last one.
Alloc* global(Warp& w, const Inst& i, u64 addr, u32 n, u32 l) {
    Alloc*& last = w.block->cache[i.aux];
    if (last && last->contains(addr, n)) return last;
    Memory& memory = *w.block->launch.memory;
    Alloc* a = memory.find(addr);
    if (!a) a = memory.nearest(addr);
    if (a && a->freed && addr - a->base <= a->size)
        trap(CUDA_ERROR_ILLEGAL_ADDRESS, "use-after-free", memory.describe(addr), int(l));
    if (!a || !a->contains(addr, n))
        trap(CUDA_ERROR_ILLEGAL_ADDRESS, "out-of-bounds", std::to_string(n) + " bytes: " + memory.describe(addr), int(l));
    return last = a;
}

Place locate(Warp& w, const Inst& i, u64 addr, u32 n, u32 l) {
    Space s = i.mem.space;
    if (s == Space::Generic) {
        s = Space::Global;
        for (auto [base, space] : {std::pair(kSharedBase, Space::Shared), {kLocalBase, Space::Local}})
            if (addr - base < kWindow) {
                s = space;
                addr -= base;
            }
    }
    if (addr % n)
        trap(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned", std::to_string(n) + " bytes at " + spaceName(s) + " address " +
             hex(addr), int(l));
    Block& b = *w.block;
    if (s == Space::Shared) {
        if (addr > b.shared.size() || n > b.shared.size() - addr) outOfBounds(s, addr, n, b.shared.size(), l);
        return {b.shared.data() + addr, b.sharedInit.data() + addr, nullptr, addr, s};
    }
    if (s == Space::Local) {
        u64 size = b.prog.localBytes;
        if (addr > size || n > size - addr) outOfBounds(s, addr, n, size, l);
        return {w.local + l * size + addr, w.localInit + l * size + addr, nullptr, addr, s};
    }
    if (s == Space::Param) {
        std::vector<u8>& p = b.launch.params;
        if (addr > p.size() || n > p.size() - addr) outOfBounds(s, addr, n, p.size(), l);
        return {p.data() + addr, nullptr, nullptr, addr, s};
    }
    Alloc* a = global(w, i, addr, n, l);
    u64 at = addr - a->base;
    return {a->data + at, a->init + at, a, at, s};
}

[[noreturn]] void race(Warp& w, const Place& p, int other, u32 l, const char* what) {
    trap(CUDA_ERROR_LAUNCH_FAILED, "shared-race", std::string(what) + " of byte " + std::to_string(p.offset) +
         " of shared memory without a barrier after thread " + at(w.block->launch.block.at(u64(other))) + " accessed it",
         int(l));
}

u32 threadOf(const Warp& w, u32 l) { return w.id * kLanes + l; }

// readOnlyCache checks ld.global.nc, whose cache does not see what the same launch writes.
void readOnlyCache(Warp& w, const Place& p, u32 n, bool reads, bool nc, u32 l) {
    if (!w.block->prog.usesNc || !p.alloc || !p.alloc->wroteBy) return;
    u32 epoch = w.block->launch.epoch;
    for (u64 k = p.offset / 4; k <= (p.offset + n - 1) / 4; ++k) {
        bool clash = reads ? nc && p.alloc->wroteBy[k] == epoch : p.alloc->ncReadBy[k] == epoch;
        if (clash)
            trap(CUDA_ERROR_LAUNCH_FAILED, "stale-read", std::string(reads ? "ld.global.nc of memory that this launch wrote: "
                 : "memory that this launch read with ld.global.nc is written: ") +
                 w.block->launch.memory->describe(p.alloc->base + p.offset), int(l));
        if (!reads) p.alloc->wroteBy[k] = epoch;
        else if (nc) p.alloc->ncReadBy[k] = epoch;
    }
}

// extend makes a register value of the bytes of an element.
u64 extend(const u8* p, u32 size, bool sext) {
    u64 v = 0;
    memcpy(&v, p, size);
    if (sext && size < 8 && v >> (8 * size - 1) & 1) v |= ~0ull << (8 * size);
    return v;
}

}  // namespace

void loadExec(Warp& w, const Inst& i, u32 m) {
    needClean(w, i.a, m, "an address");
    u32 size = i.mem.size, n = size * i.mem.count;
    u32 poison = 0, global = 0;
    for (u32 rest = m; rest; rest &= rest - 1) {
        u32 l = u32(__builtin_ctz(rest));
        Place p = locate(w, i, addressOf(w, i, l), n, l);
        if (p.space == Space::Shared) {
            int other = w.block->races.read(u32(p.offset), n, threadOf(w, l));
            if (other >= 0) race(w, p, other, l, "read");
        } else if (p.alloc) {
            ++global;
            readOnlyCache(w, p, n, true, i.mem.readOnly, l);
        }
        if (p.init && memchr(p.init, 0, n)) poison |= 1u << l;
        for (u32 k = 0; k < i.mem.count; ++k) {
            u64 v = extend(p.data + k * size, size, i.mem.sext);
            if (i.mem.wide >> k & 1) w.r<u64>(i.mem.regs[k])[l] = v;
            else w.r<u32>(i.mem.regs[k])[l] = u32(v);
        }
    }
    for (u32 k = 0; k < i.mem.count; ++k) taint(w, i.mem.regs[k], poison, m);
    w.block->loadBytes += u64(global) * n;
}

void storeExec(Warp& w, const Inst& i, u32 m) {
    needClean(w, i.a, m, "an address");
    u32 size = i.mem.size, n = size * i.mem.count, global = 0;
    Launch& launch = w.block->launch;
    for (u32 rest = m; rest; rest &= rest - 1) {
        u32 l = u32(__builtin_ctz(rest));
        Place p = locate(w, i, addressOf(w, i, l), n, l);
        if (p.space == Space::Param)
            trap(CUDA_ERROR_ILLEGAL_ADDRESS, "read-only", "a store to the kernel's parameters", int(l));
        if (p.space == Space::Shared) {
            int other = w.block->races.write(u32(p.offset), n, threadOf(w, l));
            if (other >= 0) race(w, p, other, l, "write");
        } else if (p.alloc) {
            if (p.alloc->readOnly)
                trap(CUDA_ERROR_ILLEGAL_ADDRESS, "read-only", "a store to constant " + p.alloc->label, int(l));
            ++global;
            readOnlyCache(w, p, n, false, false, l);
            if (launch.wantNaN && n > launch.nanSize && size >= 2) {
                launch.nanAddr = p.alloc->base + p.offset;
                launch.nanSize = n;
            }
        }
        for (u32 k = 0; k < i.mem.count; ++k) {
            bool clean = !(w.poison[i.mem.regs[k]] >> l & 1);
            if (!clean && p.alloc && launch.checkPoison)
                trap(CUDA_ERROR_LAUNCH_FAILED, "uninitialised", "value never written reaches a global store", int(l));
            u64 v = i.mem.wide >> k & 1 ? w.r<u64>(i.mem.regs[k])[l] : w.r<u32>(i.mem.regs[k])[l];
            memcpy(p.data + k * size, &v, size);
            memset(p.init + k * size, clean, size);
        }
    }
    w.block->storeBytes += u64(global) * n;
}

namespace {

// Atomics run lane by lane. b is the operand, c the second one of cas; d is 0 for red.
template <class T, class Op> void atomicExec(Warp& w, const Inst& i, u32 m) {
    needClean(w, i.a, m, "an address");
    needClean(w, i.b, m, "an atomic operation");
    if (i.c) needClean(w, i.c, m, "an atomic operation");
    u32 poison = 0, n = sizeof(T), global = 0;
    for (u32 rest = m; rest; rest &= rest - 1) {
        u32 l = u32(__builtin_ctz(rest));
        Place p = locate(w, i, addressOf(w, i, l), n, l);
        if (p.space == Space::Shared) {
            int other = w.block->races.atomic(u32(p.offset), n, threadOf(w, l));
            if (other >= 0) race(w, p, other, l, "atomic operation");
        } else if (p.alloc) {
            ++global;
            readOnlyCache(w, p, n, false, false, l);
        }
        if (memchr(p.init, 0, n)) {
            poison |= 1u << l;
            if (w.block->launch.checkPoison)
                trap(CUDA_ERROR_LAUNCH_FAILED, "uninitialised", "an atomic operation on memory that nobody wrote", int(l));
        }
        T old, b = get<T>(w.r<Cell<T>>(i.b)[l]), c = i.c ? get<T>(w.r<Cell<T>>(i.c)[l]) : b;
        memcpy(&old, p.data, n);
        T now = Op::f(old, b, c);
        memcpy(p.data, &now, n);
        memset(p.init, 1, n);
        if (i.d) w.r<Cell<T>>(i.d)[l] = put<T>(old);
    }
    if (i.d) taint(w, i.d, poison, m);
    w.block->loadBytes += u64(global) * n;
    w.block->storeBytes += u64(global) * n;
}

#define ATOMIC(name, expr) \
    struct name { template <class T> static T f(T old, T b, T c) { (void)old, (void)b, (void)c; return expr; } };
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

template <class Op> Exec atomicInt(Mods& m, Type t) {
    switch (t) {
    case Type::B32: case Type::U32: return atomicExec<u32, Op>;
    case Type::S32: return atomicExec<i32, Op>;
    case Type::B64: case Type::U64: return atomicExec<u64, Op>;
    case Type::S64: return atomicExec<i64, Op>;
    default: m.refuse();
    }
}

}  // namespace

Exec atomicOp(Mods& m, Type t, bool) {
    std::string op = m.any({"add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec"});
    if (op == "add" && t == Type::F32) return atomicExec<float, AtomAdd>;
    if (op == "add" && t == Type::F64) return atomicExec<double, AtomAdd>;
    if (op == "add") return atomicInt<AtomAdd>(m, t);
    if (op == "min") return atomicInt<AtomMin>(m, t);
    if (op == "max") return atomicInt<AtomMax>(m, t);
    if (op == "and") return atomicInt<AtomAnd>(m, t);
    if (op == "or") return atomicInt<AtomOr>(m, t);
    if (op == "xor") return atomicInt<AtomXor>(m, t);
    if (op == "exch") return atomicInt<AtomExch>(m, t);
    if (op == "cas") return atomicInt<AtomCas>(m, t);
    if (op == "inc" && t == Type::U32) return atomicExec<u32, AtomInc>;
    if (op == "dec" && t == Type::U32) return atomicExec<u32, AtomDec>;
    m.refuse();
}

}  // namespace emu
