// Handles: what the caller holds instead of pointers.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "counters.h"

namespace emu {

struct Context;

// Handle is what stands behind an opaque pointer of the driver API. It is never deleted, so that its address is never
// handed out again: a stale handle is told apart from a wild one, and neither is followed.
struct Handle {
    HandleKind kind;
    const Context* owner;          // null for a graph, which belongs to no context
    std::shared_ptr<void> object;  // null once released
};

class Handles {
public:
    void* add(HandleKind kind, const Context* owner, std::shared_ptr<void> object);
    // find is null when h was never handed out.
    const Handle* find(const void* h) const;
    void release(const void* h);
    // releaseOwned releases everything that a dying context owns.
    void releaseOwned(const Context* owner);

private:
    std::unordered_map<const void*, std::unique_ptr<Handle>> all_;
    std::unordered_map<const Context*, std::vector<Handle*>> owned_;
};

}  // namespace emu
