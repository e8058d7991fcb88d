// cuMemcpy* and cuMemset*: ranges are checked when the call is made, and again when the work runs.
#include "capture.h"
#include "driver.h"
#include "host_memory.h"

namespace emu {
namespace {

// Side is one end of a copy.
struct Side {
    u64 addr = 0;
    Device* device = nullptr;  // null on the host
    u64 pinned = 0;            // HostAlloc::id, 0 for pageable memory
};

struct CopyWork : Work {
    const char* call;
    Side to, from;
    u64 n;
    std::vector<u8> staged;  // pageable source bytes, taken when the call was made
    bool isStaged = false, blocking = false;

    Type type() const override { return Memcpy; }
    std::string name() const override { return std::string(call) + " of " + std::to_string(n) + " bytes"; }
    void count() const override;
    void run(Context& ctx, const Fault&) const override;
    u8* host(const Side& s) const;
};

void CopyWork::count() const {
    Counters& c = counters();
    if (blocking) c.blockingCopies++;
    if (to.device && from.device) c.d2d++, c.d2dBytes += n;
    else if (to.device) c.h2d++, c.h2dBytes += n;
    else if (from.device) c.d2h++, c.d2hBytes += n;
}

// live is the allocation of a range that a copy or fill of the running work touches.
Alloc& live(const Side& s, u64 n, const std::string& who) {
    Alloc* a = s.device->memory.find(s.addr);
    if (!a || !a->contains(s.addr, n) || a->freed)
        throw Fail{CUDA_ERROR_ILLEGAL_ADDRESS,
                   std::string(a && a->freed ? "use after free: " : "out-of-bounds: ") + who + ": " +
                       s.device->memory.describe(s.addr)};
    return *a;
}

u8* CopyWork::host(const Side& s) const {
    if (s.pinned) {
        const HostAlloc* h = driver().hostAlloc(s.addr);
        if (!h || h->id != s.pinned)
            throw Fail{CUDA_ERROR_ILLEGAL_ADDRESS, "use after free: " + name() + ": its page-locked memory was freed"};
    }
    return reinterpret_cast<u8*>(s.addr);
}

void CopyWork::run(Context&, const Fault&) const {
    if (from.device && to.device) {
        Alloc &a = live(from, n, name()), &b = live(to, n, name());
        memmove(b.data + (to.addr - b.base), a.data + (from.addr - a.base), n);
        memmove(b.init + (to.addr - b.base), a.init + (from.addr - a.base), n);
    } else if (to.device) {
        Alloc& b = live(to, n, name());
        memcpy(b.data + (to.addr - b.base), isStaged ? staged.data() : host(from), n);
        b.mark(to.addr - b.base, n, true);
    } else if (from.device) {
        Alloc& a = live(from, n, name());
        u64 offset = from.addr - a.base;
        const void* unwritten = memchr(a.init + offset, 0, n);
        if (unwritten && !driver().config.uninit)
            throw Fail{CUDA_ERROR_LAUNCH_FAILED,
                       "uninitialised: " + name() + " to the host: nobody wrote " +
                           from.device->memory.describe(a.base + u64(static_cast<const u8*>(unwritten) - a.init))};
        memcpy(host(to), a.data + offset, n);
    } else {
        memmove(host(to), isStaged ? staged.data() : host(from), n);
    }
}

struct SetWork : Work {
    const char* call;
    Side to;
    u64 n;  // elements
    u32 size, value;

    Type type() const override { return Memset; }
    std::string name() const override { return std::string(call) + " of " + std::to_string(n * size) + " bytes"; }
    void count() const override {
        counters().memsets++;
        counters().memsetBytes += n * size;
    }
    void run(Context&, const Fault&) const override {
        Alloc& a = live(to, n * size, name());
        u8* at = a.data + (to.addr - a.base);
        for (u64 k = 0; k < n; ++k) memcpy(at + k * size, &value, size);
        a.mark(to.addr - a.base, n * size, true);
    }
};

// deviceSide checks a range of device memory of the current context.
Side deviceSide(Call& c, u64 addr, u64 n) {
    Side s;
    s.addr = addr;
    s.device = driver().deviceOf(addr);
    need(s.device, "out-of-bounds: " + hex(addr) + " is no device address");
    need(s.device == &c.device(), "memory of another device: " + hex(addr) + " belongs to device " +
                                      std::to_string(s.device->ordinal));
    Memory& m = s.device->memory;
    Alloc* a = m.find(addr);
    need(!a || !a->freed, "use after free: " + m.describe(addr));
    need(a && a->contains(addr, n),
         "out-of-bounds: " + std::to_string(n) + " bytes: " + m.describe(addr + (a ? n : 0)));
    return s;
}

Side hostSide(const void* p, u64 n) {
    need(p);
    Side s;
    s.addr = u64(p);
    if (const HostAlloc* h = driver().hostAlloc(s.addr)) {
        need(h->contains(s.addr, n), "out-of-bounds: " + std::to_string(n) + " bytes at byte " +
                                         std::to_string(s.addr - h->base) + " of " + std::to_string(h->size) +
                                         " bytes of page-locked memory");
        s.pinned = h->id;
    }
    return s;
}

Side anySide(Call& c, u64 addr, u64 n) {
    return driver().deviceOf(addr) ? deviceSide(c, addr, n) : hostSide(reinterpret_cast<const void*>(addr), n);
}

// copy enqueues a copy. A blocking one waits for it. A copy from pageable memory takes the bytes at once, one to
// pageable memory waits until they are there, both as the manual says of asynchronous calls.
void copy(Call& c, const Side& to, const Side& from, u64 n, const std::shared_ptr<Stream>& s, bool blocking) {
    auto w = std::make_shared<CopyWork>();
    w->call = c.name;
    w->to = to;
    w->from = from;
    w->n = n;
    bool pageableTo = !to.device && !to.pinned, pageableFrom = !from.device && !from.pinned;
    if (s->capture && (pageableTo || pageableFrom)) refuseToWait(*s);  // it would have to wait
    if (pageableFrom) {
        w->staged.resize(n);
        w->isStaged = true;
        need(readHost(w->staged.data(), reinterpret_cast<void*>(from.addr), n), "the host source cannot be read");
    }
    if (pageableTo)
        need(writableHost(reinterpret_cast<void*>(to.addr), n), "the host destination cannot be written");
    w->blocking = blocking || pageableTo;
    c.enqueue(s, w);
    if (!w->blocking) return;
    counters().implicitSyncs++;
    drain(s);
    saveCounters();
}

void fill(Call& c, u64 addr, u32 value, u32 size, u64 n, const std::shared_ptr<Stream>& s) {
    need(n <= ~u64(0) / size);
    if (n == 0) return;
    need(addr % size == 0, "misaligned: " + hex(addr) + " for elements of " + std::to_string(size) + " bytes");
    auto w = std::make_shared<SetWork>();
    w->call = c.name;
    w->to = deviceSide(c, addr, n * size);
    w->n = n;
    w->size = size;
    w->value = value;
    c.enqueue(s, w);
}

constexpr u32 kFlags = kNeedCtx | kEnqueues;

}  // namespace
// COPY defines the blocking and the asynchronous form of one direction.
#define COPY(SYNC, ASYNC, TO, FROM, toSide, fromSide)                                                   \
    EMU_API CUresult SYNC(TO to, FROM from, size_t n) {                                                 \
        return run(#SYNC, kFlags, kCopy, [&](Call& c) {                                                 \
            if (n) copy(c, toSide, fromSide, n, c.ctx->legacy(), true);                                 \
        });                                                                                             \
    }                                                                                                   \
    EMU_API CUresult ASYNC(TO to, FROM from, size_t n, CUstream stream) {                               \
        return run(#ASYNC, kFlags, kCopy, [&](Call& c) {                                                \
            std::shared_ptr<Stream> s = c.stream(stream);                                               \
            if (n) copy(c, toSide, fromSide, n, s, false);                                              \
        });                                                                                             \
    }

COPY(cuMemcpy, cuMemcpyAsync, CUdeviceptr, CUdeviceptr, anySide(c, to, n), anySide(c, from, n))
COPY(cuMemcpyHtoD_v2, cuMemcpyHtoDAsync_v2, CUdeviceptr, const void*, deviceSide(c, to, n), hostSide(from, n))
COPY(cuMemcpyDtoH_v2, cuMemcpyDtoHAsync_v2, void*, CUdeviceptr, hostSide(to, n), deviceSide(c, from, n))
COPY(cuMemcpyDtoD_v2, cuMemcpyDtoDAsync_v2, CUdeviceptr, CUdeviceptr, deviceSide(c, to, n), deviceSide(c, from, n))

// SET defines the two forms of one element size. Neither waits: a fill of device memory is asynchronous.
#define SET(SYNC, ASYNC, TYPE)                                                                          \
    EMU_API CUresult SYNC(CUdeviceptr to, TYPE value, size_t n) {                                       \
        return run(#SYNC, kFlags, kCopy,                                                                \
                   [&](Call& c) { fill(c, to, value, sizeof value, n, c.ctx->legacy()); });             \
    }                                                                                                   \
    EMU_API CUresult ASYNC(CUdeviceptr to, TYPE value, size_t n, CUstream stream) {                     \
        return run(#ASYNC, kFlags, kCopy,                                                               \
                   [&](Call& c) { fill(c, to, value, sizeof value, n, c.stream(stream)); });            \
    }

SET(cuMemsetD8_v2, cuMemsetD8Async, unsigned char)
SET(cuMemsetD16_v2, cuMemsetD16Async, unsigned short)
SET(cuMemsetD32_v2, cuMemsetD32Async, unsigned)

}  // namespace emu
