#include "access.h"

#include <atomic>

namespace emu {
namespace {

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
        trap(CUDA_ERROR_ILLEGAL_ADDRESS, "out-of-bounds", std::to_string(n) + " bytes: " + memory.describe(addr),
             int(l));
    return last = a;
}

// place is locate for one lane.
void place(Warp& w, const Inst& i, u64 addr, u32 n, bool writes, Access& r, u32 l) {
    Space s = i.mem.space;
    if (s == Space::Generic) {
        s = spaceOf(addr);
        if (s != Space::Global) addr &= kWindow - 1;
    }
    if (addr % n)
        trap(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned",
             std::to_string(n) + " bytes at " + spaceName(s) + " address " + hex(addr), int(l));
    Block& b = *w.block;
    r.space[l] = s;
    r.alloc[l] = nullptr;
    r.offset[l] = addr;
    u64 size = s == Space::Shared ? b.shared.size() : s == Space::Local ? b.prog.localBytes : b.launch.params.size();
    if (s != Space::Global && (addr > size || n > size - addr)) outOfBounds(s, addr, n, size, l);
    if (s == Space::Shared) {
        r.data[l] = b.shared.data() + addr;
        r.init[l] = b.sharedInit.data() + addr;
    } else if (s == Space::Local) {
        r.data[l] = w.local + l * size + addr;
        r.init[l] = w.localInit + l * size + addr;
    } else if (s == Space::Param) {
        if (writes) trap(CUDA_ERROR_ILLEGAL_ADDRESS, "read-only", "a store to the kernel's parameters", int(l));
        r.data[l] = b.launch.params.data() + addr;
        r.init[l] = nullptr;
    } else {
        Alloc* a = r.alloc[l] = global(w, i, addr, n, l);
        if (writes && a->readOnly)
            trap(CUDA_ERROR_ILLEGAL_ADDRESS, "read-only", "a store to constant " + a->label, int(l));
        r.offset[l] = addr - a->base;
        r.data[l] = a->data + r.offset[l];
        r.init[l] = a->init + r.offset[l];
    }
}

// consecutive handles what nearly every access of a good kernel is: all lanes, one behind the other, in the allocation
// that the instruction met last.
bool consecutive(Warp& w, const Inst& i, const u64* addr, u32 n, bool writes, Access& r) {
    Alloc* a = w.block->cache[i.aux];
    u64 first = addr[0], other = 0;
    if (!a || first % n || !a->contains(first, u64(n) * kLanes) || (writes && a->readOnly)) return false;
    for (u32 l = 0; l < kLanes; ++l) other |= addr[l] ^ (first + u64(l) * n);
    if (other) return false;
    u64 offset = first - a->base;
    r.consecutive = true;
    r.data[0] = a->data + offset;
    r.init[0] = a->init + offset;
    r.offset[0] = offset;
    r.alloc[0] = a;
    r.space[0] = Space::Global;
    return true;
}

}  // namespace

void locate(Warp& w, const Inst& i, u32 m, u32 n, bool writes, Access& r) {
    needClean(w, i.a, m, "an address");
    u64 addr[kLanes];
    if (i.mem.wideAddr) {
        for (u32 l = 0; l < kLanes; ++l) addr[l] = w.r<u64>(i.a)[l] + u64(i.imm);
    } else {
        for (u32 l = 0; l < kLanes; ++l) addr[l] = w.r<u32>(i.a)[l] + u64(i.imm);
    }
    bool maybeGlobal = i.mem.space == Space::Global || i.mem.space == Space::Generic;
    if (m == kAllLanes && maybeGlobal && consecutive(w, i, addr, n, writes, r)) return;
    lanes(m, [&](u32 l) { place(w, i, addr[l], n, writes, r, l); });
}

void checkRace(Warp& w, const Access& a, u32 m, u32 n, Touch touch) {
    if (a.consecutive) return;
    RaceTracker& races = w.block->races;
    lanes(m, [&](u32 l) {
        if (a.space[l] != Space::Shared) return;
        u32 at0 = u32(a.offset[l]), thread = w.id * kLanes + l;
        int other = touch == Touch::Read    ? races.read(at0, n, thread)
                    : touch == Touch::Write ? races.write(at0, n, thread)
                                            : races.atomic(at0, n, thread);
        if (other < 0) return;
        const char* what = touch == Touch::Read ? "read" : touch == Touch::Write ? "write" : "atomic operation";
        trap(CUDA_ERROR_LAUNCH_FAILED, "shared-race", std::string(what) + " of byte " + std::to_string(at0) +
             " of shared memory without a barrier after thread " + at(w.block->launch.block.at(u64(other))) +
             " accessed it", int(l));
    });
}

void readOnlyCache(Warp& w, const Access& a, u32 m, u32 n, bool writes) {
    u32 epoch = w.block->launch.epoch, span = a.consecutive ? n * kLanes : n;
    auto mine = [&](u32 l) { return writes ? a.alloc[l]->wroteBy.get() : a.alloc[l]->ncReadBy.get(); };
    auto theirs = [&](u32 l) { return writes ? a.alloc[l]->ncReadBy.get() : a.alloc[l]->wroteBy.get(); };
    auto words = [&](u32 l, auto f) {
        if (a.space[l] != Space::Global || !a.alloc[l]->wroteBy) return;
        for (u64 k = a.offset[l] / 4; k <= (a.offset[l] + span - 1) / 4; ++k) f(k);
    };
    u32 first = a.consecutive ? 1 : m;
    // Marked first, looked at second, with a fence between: of two host threads at least one sees the other's mark.
    lanes(first, [&](u32 l) { words(l, [&](u64 k) { __atomic_store_n(mine(l) + k, epoch, __ATOMIC_RELAXED); }); });
    std::atomic_thread_fence(std::memory_order_seq_cst);
    lanes(first, [&](u32 l) {
        words(l, [&](u64 k) {
            if (__atomic_load_n(theirs(l) + k, __ATOMIC_RELAXED) != epoch) return;
            u64 at0 = std::max(a.offset[l], k * 4);
            trap(CUDA_ERROR_LAUNCH_FAILED, "stale-read",
                 std::string(writes ? "memory that this launch read with ld.global.nc is written: "
                                    : "ld.global.nc of memory that this launch wrote: ") +
                     w.block->launch.memory->describe(a.alloc[l]->base + at0),
                 int(a.consecutive ? (at0 - a.offset[l]) / n : l));
        });
    });
}

}  // namespace emu
