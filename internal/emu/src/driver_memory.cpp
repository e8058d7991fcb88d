// Device and page-locked memory.
#include <sys/mman.h>

#include "driver.h"

namespace emu {
namespace {

constexpr u8 kHostFill = 0xff;  // what page-locked memory holds at first: NaN in every format

void allocHost(Call& c, void** out, size_t n, unsigned flags) {
    need(out && n > 0 && flags < 8);
    void* p = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw Fail{CUDA_ERROR_OUT_OF_MEMORY, ""};
    memset(p, kHostFill, n);
    HostAlloc& h = driver().host[u64(p)];
    h.base = u64(p);
    h.size = n;
    h.id = ++driver().ids;
    h.flags = flags;
    h.owner = c.ctx.get();
    counters().hostAllocs++;
    counters().liveHostBytes += n;
    *out = p;
}

void releaseHost(const HostAlloc& h) {
    munmap(reinterpret_cast<void*>(h.base), h.size);
    counters().hostFrees++;
    counters().liveHostBytes -= h.size;
}

void freeDevice(Call& c, u64 addr) {
    if (addr == 0) return;
    Memory& m = c.device().memory;
    Alloc* a = m.find(addr);
    if (a && a->base == addr && !a->freed && a->label.empty() && m.free(addr) == Memory::Freed) return;
    Device* other = driver().deviceOf(addr);
    need(!other || other == &c.device(), "free of memory of another device: " + hex(addr));
    need(false, (a && a->freed ? "double free: " : "free of what is no allocation: ") + m.describe(addr));
}

// pointerAttribute answers cuPointerGetAttribute, by the numbers of CUpointer_attribute.
void pointerAttribute(void* out, unsigned attribute, u64 addr) {
    need(out);
    const HostAlloc* h = driver().hostAlloc(addr);
    Device* d = driver().deviceOf(addr);
    Alloc* a = d ? d->memory.find(addr) : nullptr;
    if (a && (a->freed || !a->contains(addr, 1))) a = nullptr;
    need(h || a);
    switch (attribute) {
        case 1: *static_cast<CUcontext*>(out) = h ? h->owner->device->primary->handle : d->primary->handle; break;
        case 2: *static_cast<unsigned*>(out) = h ? 1 : 2; break;  // CU_MEMORYTYPE_HOST, _DEVICE
        case 3: *static_cast<CUdeviceptr*>(out) = addr; break;
        case 4:
            need(h);
            *static_cast<u64*>(out) = addr;
            break;
        case 7: *static_cast<u64*>(out) = h ? h->id : a->id; break;
        case 8: *static_cast<bool*>(out) = false; break;  // managed
        case 9: *static_cast<int*>(out) = h ? h->owner->device->ordinal : d->ordinal; break;
        case 11: *static_cast<u64*>(out) = h ? h->base : a->base; break;
        case 12: *static_cast<size_t*>(out) = h ? h->size : a->size; break;
        case 13: *static_cast<bool*>(out) = true; break;  // mapped
        default: throw Fail{CUDA_ERROR_NOT_SUPPORTED, ""};
    }
}

}  // namespace

void freeHostOwned(const Context* ctx) {
    auto& all = driver().host;
    for (auto it = all.begin(); it != all.end();) {
        if (it->second.owner != ctx) {
            ++it;
            continue;
        }
        releaseHost(it->second);
        it = all.erase(it);
    }
}

EMU_API CUresult cuMemAlloc_v2(CUdeviceptr* out, size_t n) {
    return run("cuMemAlloc_v2", kNeedCtx | kUnsafe, kAlloc, [&](Call& c) {
        need(out && n > 0);
        Alloc* a = c.device().memory.alloc(n, c.ctx.get());
        if (!a) throw Fail{CUDA_ERROR_OUT_OF_MEMORY, ""};
        *out = a->base;
    });
}

// cuMemFree does not wait for work that is still queued: the manual does not promise that it does, so work that still
// uses the memory traps.
EMU_API CUresult cuMemFree_v2(CUdeviceptr addr) {
    return run("cuMemFree_v2", kNeedCtx | kUnsafe | kRelease, kFree, [&](Call& c) { freeDevice(c, addr); });
}

EMU_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
    return run("cuMemGetInfo_v2", kNeedCtx, 0, [&](Call& c) {
        const Memory& m = c.device().memory;
        if (free) *free = m.capacity() - m.used();
        if (total) *total = m.capacity();
    });
}

EMU_API CUresult cuMemAllocHost_v2(void** out, size_t n) {
    return run("cuMemAllocHost_v2", kNeedCtx | kUnsafe, kHostAlloc, [&](Call& c) { allocHost(c, out, n, 0); });
}

EMU_API CUresult cuMemHostAlloc(void** out, size_t n, unsigned flags) {
    return run("cuMemHostAlloc", kNeedCtx | kUnsafe, kHostAlloc, [&](Call& c) { allocHost(c, out, n, flags); });
}

EMU_API CUresult cuMemFreeHost(void* p) {
    return run("cuMemFreeHost", kNeedCtx | kUnsafe | kRelease, kFree, [&](Call& c) {
        auto& all = driver().host;
        auto it = all.find(u64(p));
        need(it != all.end(), "free of what is no page-locked memory, or was freed before");
        need(it->second.owner == c.ctx.get(), "page-locked memory of another context");
        releaseHost(it->second);
        all.erase(it);
    });
}

EMU_API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* out, void* p, unsigned flags) {
    return run("cuMemHostGetDevicePointer_v2", kNeedCtx, 0, [&](Call&) {
        need(out && flags == 0 && driver().hostAlloc(u64(p)));
        *out = u64(p);
    });
}

EMU_API CUresult cuMemHostGetFlags(unsigned* flags, void* p) {
    return run("cuMemHostGetFlags", kNeedCtx, 0, [&](Call&) {
        const HostAlloc* h = driver().hostAlloc(u64(p));
        need(flags && h);
        *flags = h->flags;
    });
}

EMU_API CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* size, CUdeviceptr addr) {
    return run("cuMemGetAddressRange_v2", kNeedCtx, 0, [&](Call& c) {
        Alloc* a = c.device().memory.find(addr);
        if (!a || a->freed || !a->contains(addr, 1)) throw Fail{CUDA_ERROR_NOT_FOUND, ""};
        if (base) *base = a->base;
        if (size) *size = a->size;
    });
}

EMU_API CUresult cuPointerGetAttribute(void* out, CUpointer_attribute attribute, CUdeviceptr addr) {
    return run("cuPointerGetAttribute", 0, 0,
               [&](Call&) { pointerAttribute(out, unsigned(attribute), addr); });
}

}  // namespace emu
