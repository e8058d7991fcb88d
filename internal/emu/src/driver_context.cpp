// Primary contexts and each thread's stack of current contexts.
#include "capture.h"
#include "driver.h"

namespace emu {

void destroyContext(Context& ctx) {
    Driver& d = driver();
    if (ctx.error == CUDA_SUCCESS) ctx.error = CUDA_ERROR_CONTEXT_IS_DESTROYED;
    dropWork(ctx);
    for (auto& weak : d.captures)
        if (std::shared_ptr<Capture> cap = weak.lock())
            if (cap->origin->ctx == &ctx) cap->invalid = cap->ended = true;
    d.handles.releaseOwned(&ctx);
    ctx.device->memory.freeOwned(&ctx);
    freeHostOwned(&ctx);
    for (auto& s : ctx.streams) s->capture.reset();
    ctx.dead = true;
    d.wake.notify_all();
}

namespace {

void retain(CUcontext* out, Device& dev) {
    need(out);
    Driver& d = driver();
    if (!dev.primary) {
        auto ctx = std::make_shared<Context>();
        ctx->device = &dev;
        auto legacy = std::make_shared<Stream>();
        legacy->ctx = ctx.get();
        legacy->legacy = true;
        legacy->id = ++d.ids;
        ctx->streams.push_back(legacy);
        ctx->handle = static_cast<CUcontext>(d.handles.add(kContext, ctx.get(), ctx));
        d.contexts.push_back(ctx);
        dev.primary = ctx;
    }
    ++dev.refs;
    *out = dev.primary->handle;
}

void end(Device& dev) {
    dev.refs = 0;
    if (!dev.primary) return;
    std::shared_ptr<Context> ctx = std::move(dev.primary);
    dev.primary.reset();
    destroyContext(*ctx);
}

void release(CUdevice ordinal) {
    Device& dev = deviceAt(ordinal);
    if (dev.refs == 0) throw Fail{CUDA_ERROR_INVALID_CONTEXT, ""};
    if (--dev.refs == 0) end(dev);
}

std::shared_ptr<Context> named(Call& c, CUcontext h) {
    std::shared_ptr<Context> ctx = c.get<Context>(h, true);
    if (ctx->dead) throw Fail{CUDA_ERROR_INVALID_CONTEXT, ""};
    return ctx;
}

constexpr size_t kDefaultLimits[] = {1024, 1 << 20, 8 << 20, 2, 2048, 64, 0};  // stack, printf, heap, ...
constexpr unsigned kLimits = sizeof kDefaultLimits / sizeof *kDefaultLimits;

}  // namespace
EMU_API CUresult cuDevicePrimaryCtxRetain(CUcontext* ctx, CUdevice dev) {
    return run("cuDevicePrimaryCtxRetain", 0, kContextCall, [&](Call&) { retain(ctx, deviceAt(dev)); });
}

// The last release drops the work that is still queued and frees all that the context owns; a hang does not block it.
EMU_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
    return run("cuDevicePrimaryCtxRelease_v2", kRelease, kContextCall, [&](Call&) { release(dev); });
}

EMU_API CUresult cuDevicePrimaryCtxRelease(CUdevice dev) {
    return run("cuDevicePrimaryCtxRelease", kRelease, kContextCall, [&](Call&) { release(dev); });
}

EMU_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) {
    return run("cuDevicePrimaryCtxReset_v2", kRelease, kContextCall, [&](Call&) { end(deviceAt(dev)); });
}

EMU_API CUresult cuDevicePrimaryCtxReset(CUdevice dev) {
    return run("cuDevicePrimaryCtxReset", kRelease, kContextCall, [&](Call&) { end(deviceAt(dev)); });
}

EMU_API CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned* flags, int* active) {
    return run("cuDevicePrimaryCtxGetState", 0, 0, [&](Call&) {
        need(flags && active);
        Device& d = deviceAt(dev);
        *flags = d.flags;
        *active = d.refs > 0;
    });
}

EMU_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned flags) {
    return run("cuDevicePrimaryCtxSetFlags_v2", 0, 0, [&](Call&) { deviceAt(dev).flags = flags; });
}

EMU_API CUresult cuDevicePrimaryCtxSetFlags(CUdevice dev, unsigned flags) {
    return run("cuDevicePrimaryCtxSetFlags", 0, 0, [&](Call&) { deviceAt(dev).flags = flags; });
}

EMU_API CUresult cuCtxSetCurrent(CUcontext ctx) {
    return run("cuCtxSetCurrent", 0, 0, [&](Call& c) {
        auto& stack = c.thread.stack;
        std::shared_ptr<Context> to = ctx ? named(c, ctx) : nullptr;
        if (!stack.empty()) stack.pop_back();
        if (to) stack.push_back(to);
    });
}

EMU_API CUresult cuCtxGetCurrent(CUcontext* ctx) {
    return run("cuCtxGetCurrent", 0, 0, [&](Call& c) {
        need(ctx);
        *ctx = c.ctx ? c.ctx->handle : nullptr;
    });
}

EMU_API CUresult cuCtxPushCurrent_v2(CUcontext ctx) {
    return run("cuCtxPushCurrent_v2", 0, 0, [&](Call& c) { c.thread.stack.push_back(named(c, ctx)); });
}

EMU_API CUresult cuCtxPopCurrent_v2(CUcontext* ctx) {
    return run("cuCtxPopCurrent_v2", 0, 0, [&](Call& c) {
        if (!c.ctx) throw Fail{CUDA_ERROR_INVALID_CONTEXT, ""};
        if (ctx) *ctx = c.ctx->handle;
        c.thread.stack.pop_back();
    });
}

EMU_API CUresult cuCtxGetDevice(CUdevice* dev) {
    return run("cuCtxGetDevice", kNeedCtx, 0, [&](Call& c) {
        need(dev);
        *dev = c.device().ordinal;
    });
}

EMU_API CUresult cuCtxGetApiVersion(CUcontext ctx, unsigned* version) {
    return run("cuCtxGetApiVersion", 0, 0, [&](Call& c) {
        if (ctx) named(c, ctx);
        else if (!c.ctx) throw Fail{CUDA_ERROR_INVALID_CONTEXT, ""};
        need(version);
        *version = 3020;  // the API version of all contexts since CUDA 3.2
    });
}

EMU_API CUresult cuCtxGetFlags(unsigned* flags) {
    return run("cuCtxGetFlags", kNeedCtx, 0, [&](Call& c) {
        need(flags);
        *flags = c.device().flags;
    });
}

EMU_API CUresult cuCtxGetLimit(size_t* value, CUlimit limit) {
    return run("cuCtxGetLimit", kNeedCtx, 0, [&](Call& c) {
        need(value);
        unsigned k = unsigned(limit);
        if (k >= kLimits) throw Fail{215, ""};  // CUDA_ERROR_UNSUPPORTED_LIMIT
        auto it = c.ctx->limits.find(k);
        *value = it == c.ctx->limits.end() ? kDefaultLimits[k] : it->second;
    });
}

EMU_API CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
    return run("cuCtxSetLimit", kNeedCtx, 0, [&](Call& c) {
        if (unsigned(limit) >= kLimits) throw Fail{215, ""};
        c.ctx->limits[unsigned(limit)] = value;
    });
}

}  // namespace emu
