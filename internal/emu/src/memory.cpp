#include "memory.h"

#include <cstdlib>

#include "counters.h"
#include "trap.h"

namespace emu {

constexpr u64 kAlign = 512;
constexpr u64 kGap = 4096;  // between allocations: an off-by-one never lands in a neighbour
constexpr u8 kFill = 0xff;  // fresh memory reads as NaN in every format

Alloc::~Alloc() {
    ::free(data);
    ::free(init);
}

void Alloc::trackNc() {
    if (wroteBy) return;
    wroteBy.reset(new u32[size / 4 + 1]());
    ncReadBy.reset(new u32[size / 4 + 1]());
}

Alloc* Memory::alloc(u64 size, const void* owner) {
    u64 rounded = (size + kAlign - 1) / kAlign * kAlign;
    if (rounded < size || rounded > capacity_ - used_) return nullptr;
    auto a = std::make_unique<Alloc>();
    a->base = next_;
    a->size = size;
    a->data = static_cast<u8*>(malloc(size + 16));
    a->init = static_cast<u8*>(calloc(size + 16, 1));
    if (!a->data || !a->init) return nullptr;
    memset(a->data, kFill, size);
    a->id = ++ids_;
    a->owner = owner;
    next_ += rounded + kGap;
    used_ += rounded;
    ++live_;
    Counters& c = counters();
    c.allocs++;
    c.liveBytes += size;
    c.liveAllocs++;
    if (c.liveBytes > c.peakBytes) c.peakBytes = c.liveBytes.load();
    return (byBase_[a->base] = std::move(a)).get();
}

void Memory::release(Alloc& a) {
    ::free(a.data);
    ::free(a.init);
    a.data = a.init = nullptr;
    a.wroteBy.reset();
    a.ncReadBy.reset();
    a.freed = true;
    used_ -= (a.size + kAlign - 1) / kAlign * kAlign;
    --live_;
    counters().frees++;
    counters().liveBytes -= a.size;
    counters().liveAllocs--;
}

Memory::FreeResult Memory::free(u64 addr) {
    auto it = byBase_.find(addr);
    if (it == byBase_.end()) return Unknown;
    if (it->second->freed) return Double;
    release(*it->second);
    return Freed;
}

void Memory::freeOwned(const void* owner) {
    for (auto& e : byBase_)
        if (e.second->owner == owner && !e.second->freed) release(*e.second);
}

void Memory::trackNc() {
    for (auto& e : byBase_)
        if (!e.second->freed) e.second->trackNc();
}

Alloc* Memory::find(u64 addr) {
    auto it = byBase_.upper_bound(addr);
    if (it == byBase_.begin()) return nullptr;
    Alloc* a = std::prev(it)->second.get();
    return addr - a->base < a->size || (addr == a->base) ? a : nullptr;
}

Alloc* Memory::nearest(u64 addr) {
    auto it = byBase_.upper_bound(addr);
    return it == byBase_.begin() ? nullptr : std::prev(it)->second.get();
}

std::string Memory::describe(u64 addr) {
    Alloc* a = nearest(addr);
    if (!a || addr - a->base > a->size + kGap) return "address " + hex(addr) + " is in no allocation";
    std::string name = a->label.empty() ? "allocation #" + std::to_string(a->id) : "variable " + a->label;
    std::string range = " (" + hex(a->base) + " + " + std::to_string(a->size) + " bytes)";
    if (a->freed) return "address " + hex(addr) + " is in freed " + name + range;
    if (addr - a->base < a->size)
        return "address " + hex(addr) + " is at byte " + std::to_string(addr - a->base) + " of " + name + range;
    return "address " + hex(addr) + " is " + std::to_string(addr - a->base - a->size) + " bytes past the end of " +
           name + range;
}

}  // namespace emu
