// Where the lanes of a memory instruction go, with every check that an access gets.
#pragma once

#include "lane.h"

namespace emu {

// Access is an access of n bytes a lane. The entries of the lanes that do not take part are not set.
struct Access {
    u8* data[kLanes];
    u8* init[kLanes];     // null for parameters, which are always written
    u64 offset[kLanes];   // in the space, of global memory in the allocation
    Alloc* alloc[kLanes]; // global memory only
    Space space[kLanes];
    bool consecutive = false;  // all lanes, in one allocation of global memory, each behind the one before
};

// locate finds the place of each lane of m and traps what lies outside, is freed, misaligned or not to be written.
void locate(Warp& w, const Inst& i, u32 m, u32 n, bool writes, Access& a);
// checkRace traps a shared-memory race of the lanes of m.
enum class Touch : u8 { Read, Write, Atomic };
void checkRace(Warp& w, const Access& a, u32 m, u32 n, Touch touch);
// readOnlyCache checks ld.global.nc, whose cache does not see what the same launch writes.
void readOnlyCache(Warp& w, const Access& a, u32 m, u32 n, bool writes);

inline bool written(const u8* init, u32 n) {
    u64 v = 0x0101010101010101ull;
    if (n <= 8) {
        memcpy(&v, init, n);
        return v == 0x0101010101010101ull;
    }
    u64 x;
    memcpy(&v, init, 8);
    memcpy(&x, init + n - 8, 8);
    return (v & x) == 0x0101010101010101ull;
}

}  // namespace emu
