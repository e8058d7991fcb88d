// Loads and stores.
#include "access.h"
#include "operation.h"

namespace emu {
namespace {

// extend makes a register value of the bytes of an element.
template <class T> void loadLane(Warp& w, u32 unit, bool wide, u32 l, const u8* from) {
    T v;
    memcpy(&v, from, sizeof v);
    if (wide) w.r<u64>(unit)[l] = u64(v);
    else w.r<u32>(unit)[l] = u32(v);
}

template <class T> void loadLanes(Warp& w, const Inst& i, u32 m, const Access& a) {
    u32 n = u32(sizeof(T)) * i.mem.count;
    for (u32 k = 0; k < i.mem.count; ++k) {
        u32 unit = i.mem.regs[k];
        bool wide = i.mem.wide >> k & 1;
        if (!a.consecutive) {
            lanes(m, [&](u32 l) { loadLane<T>(w, unit, wide, l, a.data[l] + k * sizeof(T)); });
            continue;
        }
        const u8* from = a.data[0] + k * sizeof(T);
        if (i.mem.count == 1 && sizeof(T) >= 4 && wide == (sizeof(T) == 8)) memcpy(w.r<u8>(unit), from, n * kLanes);
        else for (u32 l = 0; l < kLanes; ++l) loadLane<T>(w, unit, wide, l, from + size_t(l) * n);
    }
}

void loadElements(Warp& w, const Inst& i, u32 m, const Access& a) {
    switch (i.mem.size) {
    case 1: return i.mem.sext ? loadLanes<i8>(w, i, m, a) : loadLanes<u8>(w, i, m, a);
    case 2: return i.mem.sext ? loadLanes<i16>(w, i, m, a) : loadLanes<u16>(w, i, m, a);
    case 4: return i.mem.sext ? loadLanes<i32>(w, i, m, a) : loadLanes<u32>(w, i, m, a);
    default: return loadLanes<u64>(w, i, m, a);
    }
}

// unwritten are the lanes that read at least one byte that nobody wrote.
u32 unwritten(const Access& a, u32 m, u32 n) {
    u32 poison = 0;
    if (a.consecutive) {
        u64 all = ~0ull;
        for (u32 k = 0; k < n * kLanes; k += 8) {
            u64 v;
            memcpy(&v, a.init[0] + k, 8);
            all &= v;
        }
        if (all == 0x0101010101010101ull) return 0;
        for (u32 l = 0; l < kLanes; ++l) poison |= u32(!written(a.init[0] + size_t(l) * n, n)) << l;
        return poison;
    }
    lanes(m, [&](u32 l) { poison |= u32(a.init[l] && !written(a.init[l], n)) << l; });
    return poison;
}

u32 globalLanes(const Access& a, u32 m) {
    if (a.consecutive) return kLanes;
    u32 count = 0;
    lanes(m, [&](u32 l) { count += a.space[l] == Space::Global; });
    return count;
}

// loadParam is a load of a parameter by its name: one place for all lanes, always written.
bool loadParam(Warp& w, const Inst& i, u32 m, u32 n) {
    const std::vector<u8>& p = w.block->launch.params;
    u64 addr = w.r<u64>(i.a)[0] + u64(i.imm);
    if (!i.mem.fixed || addr % n || addr > p.size() || n > p.size() - addr) return false;
    for (u32 k = 0; k < i.mem.count; ++k) {
        u64 v = 0;
        memcpy(&v, p.data() + addr + k * i.mem.size, i.mem.size);
        u32 drop = 64 - 8 * i.mem.size;
        if (i.mem.sext) v = u64(i64(v << drop) >> drop);
        u32 unit = i.mem.regs[k];
        if (i.mem.wide >> k & 1) each(m, [&](u32 l) { w.r<u64>(unit)[l] = v; });
        else each(m, [&](u32 l) { w.r<u32>(unit)[l] = u32(v); });
        taint(w, unit, 0, m);
    }
    return true;
}

}  // namespace

namespace {

// sameAddress is whether the lanes of m read one place, and not in shared memory, where each reader counts by itself.
bool sameAddress(Warp& w, const Inst& i, u32 m) {
    if (!i.mem.wideAddr || (i.mem.space != Space::Global && i.mem.space != Space::Generic)) return false;
    const u64* addr = w.r<u64>(i.a);
    u64 first = addr[__builtin_ctz(m)], other = 0;
    for (u32 l = 0; l < kLanes; ++l) other |= m >> l & 1 ? addr[l] ^ first : 0;
    return other == 0 && spaceOf(first + u64(i.imm)) == Space::Global && !(w.poison[i.a] & m);
}

// spread copies what one lane has loaded to all of m.
void spread(Warp& w, const Inst& i, u32 m, u32 from) {
    for (u32 k = 0; k < i.mem.count; ++k) {
        u32 unit = i.mem.regs[k], poison = w.poison[unit] >> from & 1 ? kAllLanes : 0;
        if (i.mem.wide >> k & 1) {
            u64 v = w.r<u64>(unit)[from];
            each(m, [&](u32 l) { w.r<u64>(unit)[l] = v; });
        } else {
            u32 v = w.r<u32>(unit)[from];
            each(m, [&](u32 l) { w.r<u32>(unit)[l] = v; });
        }
        taint(w, unit, poison, m);
    }
}

}  // namespace

void loadExec(Warp& w, const Inst& i, u32 m) {
    u32 n = i.mem.size * i.mem.count;
    if (i.mem.space == Space::Param && loadParam(w, i, m, n)) return;
    bool same = sameAddress(w, i, m);
    u32 who = same ? m & (0 - m) : m;  // one lane reads for all
    Access a;
    locate(w, i, who, n, false, a);
    checkRace(w, a, who, n, Touch::Read);
    if (i.mem.readOnly) readOnlyCache(w, a, who, n, false);
    u32 poison = unwritten(a, who, n);
    loadElements(w, i, who, a);
    for (u32 k = 0; k < i.mem.count; ++k) taint(w, i.mem.regs[k], poison, who);
    if (same) spread(w, i, m, u32(__builtin_ctz(m)));
    w.block->loadBytes += u64(same ? u32(__builtin_popcount(m)) : globalLanes(a, m)) * n;
}

namespace {

template <class T> void storeLanes(Warp& w, const Inst& i, u32 m, const Access& a) {
    constexpr u32 size = sizeof(T);
    u32 n = size * i.mem.count;
    for (u32 k = 0; k < i.mem.count; ++k) {
        u32 unit = i.mem.regs[k], bad = w.poison[unit] & m;
        bool wide = i.mem.wide >> k & 1;
        if (!a.consecutive) {
            lanes(m, [&](u32 l) {
                T v = T(wide ? w.r<u64>(unit)[l] : w.r<u32>(unit)[l]);
                memcpy(a.data[l] + k * size, &v, size);
                memset(a.init[l] + k * size, !(bad >> l & 1), size);
            });
            continue;
        }
        u8* to = a.data[0] + k * size;
        if (i.mem.count == 1 && size >= 4 && wide == (size == 8)) memcpy(to, w.r<u8>(unit), n * kLanes);
        else for (u32 l = 0; l < kLanes; ++l) {
            T v = T(wide ? w.r<u64>(unit)[l] : w.r<u32>(unit)[l]);
            memcpy(to + size_t(l) * n, &v, size);
        }
    }
}

void checkStore(Warp& w, const Inst& i, u32 m, const Access& a) {
    u32 bad = 0;
    for (u32 k = 0; k < i.mem.count; ++k) bad |= w.poison[i.mem.regs[k]] & m;
    if (!bad || !w.block->launch.checkPoison) return;
    lanes(bad, [&](u32 l) {
        if (a.consecutive || a.space[l] == Space::Global)
            trap(CUDA_ERROR_LAUNCH_FAILED, "uninitialised", "value never written reaches a global store", int(l));
    });
}

// noteWidest remembers the first store of the widest kind, where a fault script may put a NaN.
void noteWidest(Launch& launch, const Access& a, u32 m, u32 n, u32 size) {
    u32 l = a.consecutive ? 0 : u32(__builtin_ctz(m));
    if (!launch.wantNaN || n <= launch.nanSize || size < 2 || (!a.consecutive && a.space[l] != Space::Global)) return;
    launch.nanAddr = a.alloc[l]->base + a.offset[l];
    launch.nanSize = n;
}

}  // namespace

void storeExec(Warp& w, const Inst& i, u32 m) {
    u32 size = i.mem.size, n = size * i.mem.count;
    Access a;
    locate(w, i, m, n, true, a);
    checkRace(w, a, m, n, Touch::Write);
    if (w.block->prog.usesNc) readOnlyCache(w, a, m, n, true);
    checkStore(w, i, m, a);
    noteWidest(w.block->launch, a, m, n, size);
    if (a.consecutive) {
        u32 bad = 0;
        for (u32 k = 0; k < i.mem.count; ++k) bad |= w.poison[i.mem.regs[k]];
        memset(a.init[0], 1, size_t(n) * kLanes);
        if (bad)
            for (u32 l = 0; l < kLanes; ++l)
                for (u32 k = 0; k < i.mem.count; ++k)
                    memset(a.init[0] + size_t(l) * n + k * size, !(w.poison[i.mem.regs[k]] >> l & 1), size);
    }
    switch (size) {
    case 1: storeLanes<u8>(w, i, m, a); break;
    case 2: storeLanes<u16>(w, i, m, a); break;
    case 4: storeLanes<u32>(w, i, m, a); break;
    default: storeLanes<u64>(w, i, m, a);
    }
    w.block->storeBytes += u64(globalLanes(a, m)) * n;
}

}  // namespace emu
