#include "shadow.h"

#include <algorithm>

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
    if (when < block_) return false;
    if (other == thread) return false;
    return other / kLanes != thread / kLanes || when >= warp_[thread / kLanes];
}

int RaceTracker::read(u32 offset, u32 size, u32 thread) {
    for (u32 k = offset; k < offset + size; ++k) {
        Cell& c = cells_[k];
        u32 writer = c.writer & ~kAtomic;
        if (c.wrote && unordered(c.wrote, writer, thread)) return int(writer);
        bool others = c.read >= block_ && c.reader != thread;
        c.reader = others ? kManyReaders : u16(thread);
        c.read = clock_;
    }
    return -1;
}

int RaceTracker::write(u32 offset, u32 size, u32 thread) {
    for (u32 k = offset; k < offset + size; ++k) {
        Cell& c = cells_[k];
        u32 writer = c.writer & ~kAtomic;
        if (c.wrote && unordered(c.wrote, writer, thread)) return int(writer);
        if (c.read >= block_) {
            // Several readers are taken as readers of this warp when the warp synchronised since the last of them.
            if (c.reader == kManyReaders ? c.read >= warp_[thread / kLanes] : unordered(c.read, c.reader, thread))
                return c.reader == kManyReaders ? int(thread) : int(c.reader);
        }
        c.writer = u16(thread);
        c.wrote = clock_;
    }
    return -1;
}

int RaceTracker::atomic(u32 offset, u32 size, u32 thread) {
    for (u32 k = offset; k < offset + size; ++k) {
        Cell& c = cells_[k];
        if (c.wrote && !(c.writer & kAtomic) && unordered(c.wrote, c.writer, thread)) return int(c.writer);
        if (c.read >= block_ && c.reader != kManyReaders && unordered(c.read, c.reader, thread)) return int(c.reader);
        if (c.read >= block_ && c.reader == kManyReaders && c.read >= warp_[thread / kLanes]) return int(thread);
        c.writer = u16(thread | kAtomic);
        c.wrote = clock_;
    }
    return -1;
}

}  // namespace emu
