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
    u64 watchdog = 0;      // warp instructions of a block before it counts as hanging; 0: the environment's, or 2^32
    bool checkPoison = true;
    bool wantNaN = false;  // a fault script asked for a NaN in the output
    u64 nanAddr = 0;       // first and widest store, filled in by the blocks
    u32 nanSize = 0;
};

// Wait is why a split does not run: for lanes named by a member mask, for the rest of its warp before a barrier that
// all lanes must come to together, or at a barrier of the block.
enum class Wait : u8 { None, Lanes, Warp, Barrier };

// Split is a set of lanes of a warp at one place. The split with the lowest pc runs first; splits that meet merge.
struct Split {
    u32 pc, mask;
    Wait wait = Wait::None;
    u32 barrier = 0;  // its number, of a split that waits at one
};

struct Block;

struct Warp {
    u8* regs = nullptr;
    u32* poison = nullptr;
    Block* block = nullptr;
    u32 id = 0, lanes = 0;  // lanes: mask of the threads that exist
    u32 exited = 0;
    std::vector<Split> splits;
    u64 divergent = 0;  // instructions since every split had its turn
    const Inst* cur = nullptr;
    u32 curMask = 0;
    u8* local = nullptr;      // localBytes for each lane
    u8* localInit = nullptr;

    template <class T> T* r(u32 unit) { return reinterpret_cast<T*>(regs + size_t(unit) * 128); }
    u32& pred(u32 unit) { return *r<u32>(unit); }
    bool done() const { return splits.empty(); }
    u32 alive() const { return lanes & ~exited; }
    bool waits() const;  // every split stands at a barrier of the block or waits for one that does
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
    u64 loadBytes = 0, storeBytes = 0, steps = 0, clock = 0;

    explicit Block(Launch& l);
    // run executes block n of the grid and returns its first trap, code CUDA_SUCCESS when there is none.
    TrapReport run(u64 n);

private:
    // Arrival is the state of a barrier: who came, and the reduction over their predicates.
    struct Arrival { u32 came = 0, need = 0, pc = 0, popc = 0; bool all = true, any = false; };
    Arrival arrivals_[16];
    std::vector<u32> poison_;  // of the registers of a warp that starts

    void layOut();
    void reset(u64 n);
    void start(Warp& w);
    void special(Warp& w, const SpecialUse& s);
    void runAll(Warp*& now);
    void runWarp(Warp& w, u64 budget);
    Split* pick(Warp& w) const;
    bool merge(Warp& w, Split& s, u32& limit) const;
    u64 runSplit(Warp& w, Split& s, u32 limit, u64 budget);
    void resolve(Warp& w);
    bool syncWarp(Warp& w, u32 members);
    void warpSync(Warp& w, Split& s, const Inst& i, u32 m);
    void flow(Warp& w, Split& s, const Inst& i, u32 m);
    void branch(Warp& w, Split& s, u32 taken, u32 target);
    void branchTable(Warp& w, Split& s, const Inst& i, u32 m);
    void call(Warp& w, Split& s, const Inst& i, u32 m);
    void ret(Warp& w, Split& s, const Inst& i, u32 m);
    void retire(Warp& w, Split& s, u32 m);
    void barrier(Warp& w, Split& s, const Inst& i, u32 m);
    void arrive(Warp& w, Split& s, const Inst& i, u32 m);
    void release(u32 id);
    [[noreturn]] void stuck(Warp*& now);
    std::string place(const Warp& w, const Trap& t) const;
};

// launchGrid runs the whole grid on a few host threads. The report is that of the lowest block that trapped.
TrapReport launchGrid(Launch& l);

// Group is the lanes that come to an instruction with one member mask, and what of the mask has not come with them.
struct Group { u32 lanes, missing; };
// nextGroup takes the group of the first lane out of rest.
Group nextGroup(Warp& w, const Inst& i, u32& rest);

}  // namespace emu
