// Device memory of one device: allocations with a shadow byte for every byte.
#pragma once

#include <map>
#include <memory>

#include "result.h"
#include "types.h"

namespace emu {

// Alloc is one allocation. A freed one stays as a tombstone without data, and its addresses are never handed out again,
// so that a use after free is told apart from a wild pointer.
struct Alloc {
    u64 base = 0, size = 0;
    u8* data = nullptr;
    u8* init = nullptr;  // 1 where the byte was written
    u32 id = 0;
    const void* owner = nullptr;  // context
    bool freed = false, readOnly = false;
    std::string label;  // of a module variable
    // Last launch that wrote, and that read with ld.global.nc, each 4-byte word; made on first use.
    std::unique_ptr<u32[]> wroteBy, ncReadBy;

    bool contains(u64 addr, u64 n) const { return addr >= base && n <= size && addr - base <= size - n; }
    void mark(u64 offset, u64 n, bool value) { memset(init + offset, value, n); }
    bool allInit(u64 offset, u64 n) const { return memchr(init + offset, 0, n) == nullptr; }
    void trackNc();
    ~Alloc();
};

class Memory {
public:
    Memory(u64 base, u64 capacity) : next_(base), capacity_(capacity) {}

    // alloc returns null when the cap would be passed. Alignment is 512 bytes, as on hardware.
    Alloc* alloc(u64 size, const void* owner);
    enum FreeResult { Freed, Double, Unknown };
    FreeResult free(u64 addr);
    // find is the allocation, live or freed, whose range holds addr; null otherwise.
    Alloc* find(u64 addr);
    // nearest is the live allocation closest below addr: names what an out-of-bounds address ran past.
    Alloc* nearest(u64 addr);
    void freeOwned(const void* owner);
    // trackNc makes the shadow of every live allocation that ld.global.nc needs, before a launch that uses it.
    void trackNc();

    u64 capacity() const { return capacity_; }
    u64 used() const { return used_; }
    u64 live() const { return live_; }
    // describe says where addr lies, for a report.
    std::string describe(u64 addr);

private:
    void release(Alloc& a);
    std::map<u64, std::unique_ptr<Alloc>> byBase_;
    u64 next_, capacity_, used_ = 0, live_ = 0;
    u32 ids_ = 0;
};

}  // namespace emu
