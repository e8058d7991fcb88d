// Descriptors of the emulated cuDNN: what is set, what may be set, and what finalising makes of it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "cudnn_api.h"
#include "types.h"

namespace emu::cudnn {

// Refusal ends an entry point with a status and the message for cudnnGetLastErrorString.
struct Refusal {
    int status;
    std::string why;
};

// want throws unless ok holds.
inline void want(bool ok, const std::string& why, int status = CUDNN_STATUS_BAD_PARAM) {
    if (!ok) throw Refusal{status, why};
}

std::string text(const std::vector<i64>& numbers);  // "[2, 32, 8, 8]"

// Spec is an attribute of a kind of descriptor.
struct Spec {
    enum Use : u8 { Required, Optional, ReadOnly };
    int name;
    const char* label;
    int type, other;  // types of element that are taken; other is -1 for none
    i64 least, most;  // elements
    Use use;
    int of;  // kind of a descriptor that it refers to
};

// specs are the attributes of a kind, null for a kind that is not emulated.
const std::vector<Spec>* specs(int kind);
const char* kindOf(int kind);  // "TENSOR", for messages
size_t elementSize(int type);

struct Attribute {
    int type = 0;
    i64 count = 0;
    std::vector<u8> bytes;
    std::vector<std::shared_ptr<struct Descriptor>> refs;  // instead of bytes, of BACKEND_DESCRIPTOR
};

struct Descriptor {
    int kind = 0;
    bool finalized = false;
    std::atomic<bool> destroyed{false};
    std::map<int, Attribute> attributes;
    std::shared_ptr<const void> made;  // by finalising: a Tensor, an Operation, a Graph, ... by kind

    // Each reads what was set; the first two throw when nothing was, and the others give the default.
    const Attribute& need(int name) const;
    template <class T>
    std::vector<T> list(int name) const {
        const Attribute& a = need(name);
        std::vector<T> v(size_t(a.count));
        if (a.count) memcpy(v.data(), a.bytes.data(), a.bytes.size());
        return v;
    }
    template <class T>
    T one(int name) const {
        return list<T>(name).at(0);
    }
    template <class T>
    T one(int name, T otherwise) const {
        return has(name) ? one<T>(name) : otherwise;
    }
    bool has(int name) const { return attributes.count(name) != 0; }
    // ref is null when the attribute was not set.
    std::shared_ptr<Descriptor> ref(int name) const;
    template <class T>
    std::shared_ptr<const T> result() const {
        return std::static_pointer_cast<const T>(made);
    }
    // refMade is what the descriptor that an attribute refers to was made into, null when it was not set.
    template <class T>
    std::shared_ptr<const T> refMade(int name) const {
        std::shared_ptr<Descriptor> d = ref(name);
        return d ? d->result<T>() : nullptr;
    }
};

// Descriptors are handed out as pointers that are never handed out again, so that a stale one is told apart.
std::shared_ptr<Descriptor> find(const void* handle);
void* add(std::shared_ptr<Descriptor> d);
void release(const void* handle);

// finish makes a descriptor's result from its attributes, or throws.
void finish(Descriptor& d);
// setAttribute and getAttribute are the entry points' bodies.
void setAttribute(Descriptor& d, int name, int type, i64 count, const void* elements);
void getAttribute(Descriptor& d, int name, int type, i64 room, i64* count, void* elements);

// remember keeps a message for the calling thread's cudnnGetLastErrorString.
void remember(const std::string& message);
std::mutex& lock();  // guards all descriptors

// refuse turns the exception in flight into its status, and remembers its message.
int refuse(const char* call);
// guarded is the frame of every entry point.
template <class F>
cudnnStatus_t guarded(const char* call, F body) {
    std::lock_guard<std::mutex> hold(lock());
    try {
        body();
        return cudnnStatus_t(CUDNN_STATUS_SUCCESS);
    } catch (...) { return cudnnStatus_t(refuse(call)); }
}

}  // namespace emu::cudnn
