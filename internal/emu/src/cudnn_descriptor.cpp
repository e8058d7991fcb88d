#include "cudnn_descriptor.h"

#include <algorithm>
#include <new>
#include <unordered_map>

#include "counters.h"

namespace emu::cudnn {
namespace {

std::unordered_map<const void*, std::shared_ptr<Descriptor>>& handles() {
    static auto* all = new std::unordered_map<const void*, std::shared_ptr<Descriptor>>;
    return *all;
}

const Spec& specOf(const Descriptor& d, int name) {
    for (const Spec& s : *specs(d.kind))
        if (s.name == name) return s;
    throw Refusal{CUDNN_STATUS_BAD_PARAM,
                  std::string("a ") + kindOf(d.kind) + " descriptor has no attribute " + std::to_string(name)};
}

void checkType(const Spec& s, int type) {
    want(type == s.type || type == s.other,
         std::string(s.label) + " has elements of type " + std::to_string(s.type) + ", not " + std::to_string(type),
         CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
}

// isOperation says whether a kind can stand in an operation graph.
bool isOperation(int kind) { return std::string(kindOf(kind)).rfind("OPERATION_", 0) == 0; }

std::shared_ptr<Descriptor> referred(const Spec& s, const void* handle) {
    std::shared_ptr<Descriptor> d = find(handle);
    want(d != nullptr, std::string(s.label) + ": no descriptor, or one that was destroyed");
    want(s.of < 0 ? isOperation(d->kind) : d->kind == s.of,
         std::string(s.label) + ": a " + kindOf(d->kind) + " descriptor", CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE);
    return d;
}

}  // namespace

std::string text(const std::vector<i64>& numbers) {
    std::string s = "[";
    for (size_t k = 0; k < numbers.size(); ++k) s += (k ? ", " : "") + std::to_string(numbers[k]);
    return s + "]";
}

std::mutex& lock() {
    static std::mutex* m = new std::mutex;  // never destroyed: threads may outlive static destructors
    return *m;
}

std::shared_ptr<Descriptor> find(const void* handle) {
    auto it = handles().find(handle);
    return it == handles().end() ? nullptr : it->second;
}

void* add(std::shared_ptr<Descriptor> d) {
    void* handle = new char;  // never deleted
    handles()[handle] = std::move(d);
    counters().cudnnDescriptors++;
    return handle;
}

void release(const void* handle) {
    std::shared_ptr<Descriptor> d = find(handle);
    want(d != nullptr, "no descriptor, or one that was destroyed before");
    d->destroyed = true;
    handles()[handle] = nullptr;
    counters().cudnnDescriptors--;
}

const Attribute& Descriptor::need(int name) const {
    auto it = attributes.find(name);
    if (it == attributes.end())
        throw Refusal{CUDNN_STATUS_BAD_PARAM, std::string(specOf(*this, name).label) + " was not set"};
    return it->second;
}

std::shared_ptr<Descriptor> Descriptor::ref(int name) const { return has(name) ? need(name).refs.at(0) : nullptr; }

void setAttribute(Descriptor& d, int name, int type, i64 count, const void* elements) {
    const Spec& s = specOf(d, name);
    want(!d.finalized, std::string(s.label) + ": the descriptor is finalized already");
    want(s.use != Spec::ReadOnly, std::string(s.label) + " cannot be set", CUDNN_STATUS_NOT_SUPPORTED);
    checkType(s, type);
    want(count >= s.least && count <= s.most, std::string(s.label) + ": " + std::to_string(count) +
                                                  " elements, at least " + std::to_string(s.least) + " and at most " +
                                                  std::to_string(s.most) + " are taken");
    want(elements != nullptr, std::string(s.label) + ": no elements", CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
    Attribute a;
    a.type = type;
    a.count = count;
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        for (i64 k = 0; k < count; ++k) {
            std::shared_ptr<Descriptor> r = referred(s, static_cast<void* const*>(elements)[k]);
            want(r->finalized, std::string(s.label) + ": the " + kindOf(r->kind) + " descriptor is not finalized",
                 CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED);
            a.refs.push_back(r);
        }
    } else {
        const u8* p = static_cast<const u8*>(elements);
        a.bytes.assign(p, p + size_t(count) * elementSize(type));
    }
    d.attributes[name] = std::move(a);
}

void getAttribute(Descriptor& d, int name, int type, i64 room, i64* count, void* elements) {
    const Spec& s = specOf(d, name);
    want(d.finalized, std::string(s.label) + ": the descriptor is not finalized", CUDNN_STATUS_NOT_INITIALIZED);
    checkType(s, type);
    want(room >= 0 && (room == 0 || elements), std::string(s.label) + ": no room for elements");
    const Attribute& a = d.need(name);
    want(a.type == type, std::string(s.label) + " was set with elements of type " + std::to_string(a.type),
         CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
    i64 n = room == 0 ? a.count : std::min(room, a.count);
    if (count) *count = n;
    if (room == 0) return;
    if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        if (n) memcpy(elements, a.bytes.data(), size_t(n) * elementSize(type));
        return;
    }
    // The caller's descriptors become what is asked for.
    for (i64 k = 0; k < n; ++k) {
        std::shared_ptr<Descriptor> to = referred(s, static_cast<void* const*>(elements)[k]);
        to->attributes = a.refs[size_t(k)]->attributes;
        to->made = a.refs[size_t(k)]->made;
        to->finalized = true;
    }
}

namespace {
std::string& last() {
    thread_local std::string message;
    return message;
}
}  // namespace

void remember(const std::string& message) { last() += (last().empty() ? "" : "\n") + message; }

int refuse(const char* call) {
    try {
        throw;
    } catch (const Refusal& r) {
        remember(std::string(call) + ": " + r.why);
        return r.status;
    } catch (const std::bad_alloc&) {
        remember(std::string(call) + ": no host memory");
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    } catch (const std::invalid_argument& e) {  // texts that cannot be read
        remember(std::string(call) + ": " + e.what());
        return CUDNN_STATUS_BAD_PARAM;
    } catch (const std::exception& e) {
        remember(std::string(call) + ": " + e.what());
        return CUDNN_STATUS_INTERNAL_ERROR;
    }
}

}  // namespace emu::cudnn

// Reading the message forgets it.
EMU_API void cudnnGetLastErrorString(char* message, size_t size) {
    std::string& last = emu::cudnn::last();
    if (message && size) {
        size_t n = std::min(last.size(), size - 1);
        memcpy(message, last.data(), n);
        message[n] = 0;
    }
    last.clear();
}

EMU_API const char* cudnnGetErrorString(cudnnStatus_t status) {
    switch (int(status)) {
#define X(name, value) \
    case value: return #name;
        EMU_CUDNN_STATUSES(X)
#undef X
    }
    return "CUDNN_UNKNOWN_STATUS";
}
