// Shared-memory races: who touched each byte since the last barrier.
#pragma once

#include <vector>

#include "types.h"

namespace emu {

// RaceTracker keeps, for every byte of shared memory, the last writer and the readers and the synchronisation count at
// that time. Two threads of different warps race when they touch one byte, at least one writing, without a block
// barrier between them; two threads of one warp when there is no bar.warp.sync between them either (since Volta the
// lanes of a warp need not run in step). A shuffle orders registers, not memory, so it does not count.
class RaceTracker {
public:
    void reset(size_t bytes, u32 warps);
    void blockSync() { block_ = ++clock_; }
    void warpSync(u32 warp) { warp_[warp] = ++clock_; }

    // Each returns the other thread of a race, or -1.
    int read(u32 offset, u32 size, u32 thread);
    int write(u32 offset, u32 size, u32 thread);
    int atomic(u32 offset, u32 size, u32 thread);

private:
    // Of several readers the last is kept, and whether the others were lanes of its warp or of any.
    enum class Readers : u8 { One, OneWarp, Many };
    struct Cell {
        u32 wrote = 0, read = 0;  // clock of the last access, 0 for none
        u16 writer = 0, reader = 0;
        bool atomic = false;      // the write was one
        Readers readers = Readers::One;
    };
    std::vector<Cell> cells_;
    std::vector<u32> warp_;
    u32 clock_ = 1, block_ = 1;

    bool unordered(u32 when, u32 other, u32 thread) const;
    int reader(const Cell& c, u32 thread) const;
};

}  // namespace emu
