#include "shadow.h"

namespace emu {

void RaceTracker::reset(size_t bytes, u32 warps) {
    // The clock never goes back, so cells of an earlier block are simply old.
    if (clock_ > 0xf0000000u) {
        cells_.clear();
        clock_ = block_ = 1;
    }
    if (cells_.size() < bytes) cells_.resize(bytes);
    block_ = ++clock_;
    warp_.assign(warps, block_);
}

bool RaceTracker::unordered(u32 when, u32 other, u32 thread) const {
    if (when < block_ || other == thread) return false;
    return other / kLanes != thread / kLanes || when >= warp_[thread / kLanes];
}

// reader is a thread that read the byte and is not ordered before this one, -1 for none.
int RaceTracker::reader(const Cell& c, u32 thread) const {
    if (c.read < block_) return -1;
    if (c.readers == Readers::One) return unordered(c.read, c.reader, thread) ? int(c.reader) : -1;
    bool sameWarp = c.readers == Readers::OneWarp && c.reader / kLanes == thread / kLanes;
    return sameWarp && c.read < warp_[thread / kLanes] ? -1 : int(c.reader);
}

int RaceTracker::read(u32 offset, u32 size, u32 thread) {
    u32 warp = thread / kLanes;
    for (u32 k = offset; k < offset + size; ++k) {
        Cell& c = cells_[k];
        if (c.wrote && unordered(c.wrote, c.writer, thread)) return int(c.writer);
        bool alone = c.read < block_ || (c.readers == Readers::One && c.reader == thread);
        bool mine = c.readers != Readers::Many && c.reader / kLanes == warp;
        // Lanes of this warp that read before its last synchronisation are ordered before all that it does now.
        if (alone || (mine && c.read < warp_[warp])) c.readers = Readers::One;
        else c.readers = mine ? Readers::OneWarp : Readers::Many;
        c.reader = u16(thread);
        c.read = clock_;
    }
    return -1;
}

int RaceTracker::write(u32 offset, u32 size, u32 thread) {
    for (u32 k = offset; k < offset + size; ++k) {
        Cell& c = cells_[k];
        if (c.wrote && unordered(c.wrote, c.writer, thread)) return int(c.writer);
        int other = reader(c, thread);
        if (other >= 0) return other;
        c.writer = u16(thread);
        c.atomic = false;
        c.wrote = clock_;
    }
    return -1;
}

int RaceTracker::atomic(u32 offset, u32 size, u32 thread) {
    for (u32 k = offset; k < offset + size; ++k) {
        Cell& c = cells_[k];
        if (c.wrote && !c.atomic && unordered(c.wrote, c.writer, thread)) return int(c.writer);
        int other = reader(c, thread);
        if (other >= 0) return other;
        c.writer = u16(thread);
        c.atomic = true;
        c.wrote = clock_;
    }
    return -1;
}

}  // namespace emu
