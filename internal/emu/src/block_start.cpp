// The layout of a block's memory, and what its warps start with.
#include <algorithm>

#include "warp.h"

namespace emu {

constexpr u32 kMultiprocessors = 108;  // of an A100

Block::Block(Launch& l) : launch(l), prog(*l.prog) {
    layOut();
    poison_.assign(prog.units, kAllLanes);
    poison_[0] = 0;
    for (const ConstUnit& c : prog.consts) poison_[c.unit] = 0;
    for (const SpecialUse& s : prog.specials) poison_[s.unit] = 0;
    for (Warp& w : warps)
        for (const ConstUnit& c : prog.consts)
            for (u32 i = 0; i < kLanes; ++i) {
                if (c.wide) w.r<u64>(c.unit)[i] = c.value;
                else w.r<u32>(c.unit)[i] = u32(c.value);
            }
    shared.resize(prog.sharedBytes + l.dynShared);
    sharedInit.resize(shared.size() + 16);
    cache.assign(prog.memSlots, nullptr);
}

// layOut gives each warp its registers and local memory. Warps that never wait for one another run to their end one by
// one and share one set, which then stays in the cache.
void Block::layOut() {
    u32 threads = u32(launch.block.count());
    u32 n = (threads + kLanes - 1) / kLanes, sets = prog.usesBarrier ? n : 1;
    size_t unitBytes = size_t(prog.units) * 128, local = size_t(prog.localBytes) * kLanes;
    regStore.resize(unitBytes * sets + 64);
    poisonStore.resize(size_t(prog.units) * sets);
    localStore.resize(local * sets);
    localInit.resize(local * sets + 16);
    warps.resize(n);
    u8* aligned = regStore.data() + (64 - reinterpret_cast<uintptr_t>(regStore.data()) % 64) % 64;
    for (u32 k = 0; k < n; ++k) {
        Warp& w = warps[k];
        u32 set = prog.usesBarrier ? k : 0, left = threads - k * kLanes;
        w.block = this;
        w.id = k;
        w.regs = aligned + unitBytes * set;
        w.poison = poisonStore.data() + size_t(prog.units) * set;
        w.local = localStore.data() + local * set;
        w.localInit = localInit.data() + local * set;
        w.lanes = left >= kLanes ? kAllLanes : (1u << left) - 1;
    }
}

void Block::reset(u64 n) {
    linear = n;
    ctaid = launch.grid.at(n);
    races.reset(shared.size(), u32(warps.size()));
    std::fill(sharedInit.begin(), sharedInit.end(), 0);
    for (Arrival& a : arrivals_) a = Arrival();
    steps = clock = 0;
    for (Warp& w : warps) {
        w.splits.assign(1, Split{0, w.lanes});
        w.exited = 0;
        w.divergent = 0;
        w.cur = nullptr;
        w.curMask = w.lanes;
    }
}

// start prepares the registers of a warp. All but constants are poison: reading one before writing it is a fault of the
// kernel.
void Block::start(Warp& w) {
    std::copy(poison_.begin(), poison_.end(), w.poison);
    if (prog.localBytes) std::fill_n(w.localInit, size_t(prog.localBytes) * kLanes, 0);
    for (const SpecialUse& s : prog.specials) special(w, s);
}

void Block::special(Warp& w, const SpecialUse& s) {
    const Dim3 &b = launch.block, &g = launch.grid;
    u32* d = w.r<u32>(s.unit);
    auto all = [&](u32 v) { std::fill_n(d, kLanes, v); };
    auto lane = [&](auto f) {
        for (u32 l = 0; l < kLanes; ++l) d[l] = f(l);
    };
    auto tid = [&](u32 l) { return b.at(u64(w.id) * kLanes + l); };
    switch (s.what) {
    case Special::TidX:
        return b.y == 1 && b.z == 1 ? lane([&](u32 l) { return w.id * kLanes + l; })
                                    : lane([&](u32 l) { return tid(l).x; });
    case Special::TidY: return lane([&](u32 l) { return tid(l).y; });
    case Special::TidZ: return lane([&](u32 l) { return tid(l).z; });
    case Special::NtidX: return all(b.x);
    case Special::NtidY: return all(b.y);
    case Special::NtidZ: return all(b.z);
    case Special::CtaX: return all(ctaid.x);
    case Special::CtaY: return all(ctaid.y);
    case Special::CtaZ: return all(ctaid.z);
    case Special::NctaX: return all(g.x);
    case Special::NctaY: return all(g.y);
    case Special::NctaZ: return all(g.z);
    case Special::LaneId: return lane([](u32 l) { return l; });
    case Special::WarpId: return all(w.id);
    case Special::NWarpId: return all(u32(warps.size()));
    case Special::SmId: return all(u32(linear % kMultiprocessors));
    case Special::NSmId: return all(kMultiprocessors);
    case Special::LaneEq: return lane([](u32 l) { return 1u << l; });
    case Special::LaneLt: return lane([](u32 l) { return (1u << l) - 1; });
    case Special::LaneLe: return lane([](u32 l) { return kAllLanes >> (31 - l); });
    case Special::LaneGt: return lane([](u32 l) { return ~(kAllLanes >> (31 - l)); });
    case Special::LaneGe: return lane([](u32 l) { return kAllLanes << l; });
    case Special::DynSmem: return all(launch.dynShared);
    case Special::TotalSmem: return all(u32(shared.size()));
    }
}

}  // namespace emu
