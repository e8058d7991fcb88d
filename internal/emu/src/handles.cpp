#include "handles.h"

namespace emu {

void* Handles::add(HandleKind kind, const Context* owner, std::shared_ptr<void> object) {
    std::unique_ptr<Handle> h(new Handle{kind, owner, std::move(object)});
    Handle* raw = h.get();
    all_[raw] = std::move(h);
    owned_[owner].push_back(raw);
    ++liveHandles(kind);
    return raw;
}

const Handle* Handles::find(const void* h) const {
    auto it = all_.find(h);
    return it == all_.end() ? nullptr : it->second.get();
}

void Handles::release(const void* h) {
    auto it = all_.find(h);
    if (it == all_.end() || !it->second->object) return;
    --liveHandles(it->second->kind);
    // Moved out first: the object's destructor may release handles of its own.
    std::shared_ptr<void> last = std::move(it->second->object);
}

void Handles::releaseOwned(const Context* owner) {
    std::vector<Handle*> owned = std::move(owned_[owner]);
    owned_.erase(owner);
    for (Handle* h : owned) release(h);
}

}  // namespace emu
