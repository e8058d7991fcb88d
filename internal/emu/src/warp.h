// The state of running code: warps, their block, and the host thread's share of a launch.
#pragma once

#include <vector>

#include "counters.h"
#include "isa.h"
#include "memory.h"
#include "shadow.h"
#include "trap.h"

namespace emu {

// Launch is what every block of one launch shares.
struct Launch {
    const Program* prog = nullptr;
    Memory* memory = nullptr;
    Dim3 grid, block;
    u32 dynShared = 0;
    std::vector<u8> params;
    u32 epoch = 0;         // number of the launch, for ld.global.nc
    bool checkPoison = true;
    bool wantNaN = false;  // a fault script asked for a NaN in the output
    u64 nanAddr = 0;       // first and widest store, filled in by the blocks
    u32 nanSize = 0;
};

// Split is a set of lanes of a warp at one place. The split with the lowest pc runs first; splits that meet merge.
struct Split {
    u32 pc, mask;
    bool waiting = false;  // at a barrier, or for other lanes
};

struct Block;

struct Warp {
    u8* regs = nullptr;
    u32* poison = nullptr;
    Block* block = nullptr;
    u32 id = 0, lanes = 0;  // lanes: mask of the threads that exist
    u32 exited = 0;
    std::vector<Split> splits;
    const Inst* cur = nullptr;
    u32 curMask = 0;
    bool atBarrier = false;
    u32 barrierId = 0, barrierPc = 0;
    u32 redMask = 0;  // predicate of bar.red
    u8* local = nullptr;      // localBytes for each lane
    u8* localInit = nullptr;

    template <class T> T* r(u32 unit) { return reinterpret_cast<T*>(regs + size_t(unit) * 128); }
    u32& pred(u32 unit) { return *r<u32>(unit); }
    bool done() const { return splits.empty(); }
};

[[noreturn]] void trap(Result code, const char* kind, const std::string& detail, int lane = -1);
// needClean traps when lanes of mask hold poison in unit.
inline bool poisoned(const Warp& w, u32 unit, u32 mask) { return (w.poison[unit] & mask) != 0; }
void needClean(Warp& w, u32 unit, u32 mask, const char* use);

// Block runs blocks of a launch, one after the other, on one host thread.
struct Block {
    Launch& launch;
    const Program& prog;
    Dim3 ctaid;
    u64 linear = 0;
    std::vector<Warp> warps;
    std::vector<u8> regStore, shared, sharedInit, localStore, localInit;
    std::vector<u32> poisonStore;
    std::vector<Alloc*> cache;  // by memory instruction: the allocation it met last
    RaceTracker races;
    u64 loadBytes = 0, storeBytes = 0, steps = 0;

    explicit Block(Launch& l);
    // run executes block n of the grid and returns its first trap, code CUDA_SUCCESS when there is none.
    TrapReport run(u64 n);

private:
    struct Arrival { u32 lanes = 0, need = 0, pc = 0, red = kAllLanes, any = 0, popc = 0; };
    Arrival arrivals_[16];

    void reset(u64 n);
    void specials(Warp& w);
    bool runWarp(Warp& w, u64 budget);
    bool step(Warp& w, Split& s);
    void flow(Warp& w, Split& s, const Inst& i, u32 m);
    void branch(Warp& w, Split& s, u32 taken, u32 target);
    void call(Warp& w, Split& s, const Inst& i, u32 m);
    void ret(Warp& w, Split& s, const Inst& i, u32 m);
    void retire(Warp& w, Split& s, u32 m);
    void arrive(Warp& w, const Inst& i, u32 pc, u32 m);
    void release(u32 id);
    void stuck();
    std::string place(const Warp& w, const Trap& t) const;
};

// launchGrid runs the whole grid on a few host threads. The report is that of the lowest block that trapped.
TrapReport launchGrid(Launch& l);

// Executed by the block itself because they look at more than one lane's state.
u32 syncLanesNeeded(Warp& w, const Inst& i, u32 m);

}  // namespace emu
