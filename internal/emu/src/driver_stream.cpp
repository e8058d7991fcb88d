// cuStream*, cuCtxSynchronize and the host functions of streams.
#include "capture.h"
#include "driver.h"

namespace emu {
namespace {

constexpr int kLeast = 0, kGreatest = -5;  // stream priorities

void createStream(Call& c, CUstream* out, unsigned flags, int priority) {
    need(out && flags <= 1);
    auto s = std::make_shared<Stream>();
    s->ctx = c.ctx.get();
    s->blocking = flags == 0;  // CU_STREAM_NON_BLOCKING
    s->priority = std::max(kGreatest, std::min(kLeast, priority));
    s->id = ++driver().ids;
    c.ctx->streams.push_back(s);
    *out = static_cast<CUstream>(driver().handles.add(kStream, c.ctx.get(), s));
}

void destroyStream(Call& c, CUstream h) {
    std::shared_ptr<Stream> s = c.get<Stream>(h);
    if (s->capture) s->capture->invalid = true;
    driver().handles.release(h);
    s->destroyed = true;
    Step last;
    while ((last = step(*s)) == Step::Ran) {}
    if (last == Step::Hung) return;  // its work stays in the context, out of reach
    auto& all = c.ctx->streams;
    for (size_t k = 0; k < all.size(); ++k)
        if (all[k] == s) all.erase(all.begin() + long(k));
}

struct HostWork : Work {
    CUhostFn fn;
    void* data;
    Type type() const override { return Host; }
    void count() const override { counters().hostCalls++; }
    std::string name() const override { return "host function"; }
    void run(Context&, const Fault&) const override {
        Thread& t = thisThread();
        t.inCallback = true;
        fn(data);
        t.inCallback = false;
    }
};

// CallbackWork is the older cuStreamAddCallback, which is called after a failure too.
struct CallbackWork : Work {
    CUstreamCallback fn;
    CUstream stream;
    void* data;
    Type type() const override { return Host; }
    void count() const override { counters().hostCalls++; }
    std::string name() const override { return "stream callback"; }
    void call(int status) const {
        Thread& t = thisThread();
        t.inCallback = true;
        fn(stream, CUresult(status), data);
        t.inCallback = false;
    }
    void run(Context&, const Fault&) const override { call(CUDA_SUCCESS); }
    void abandon(int code) const override { call(code); }
};

}  // namespace
EMU_API CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
    return run("cuStreamCreate", kNeedCtx, kStreamCall, [&](Call& c) { createStream(c, stream, flags, 0); });
}

EMU_API CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) {
    return run("cuStreamCreateWithPriority", kNeedCtx, kStreamCall,
               [&](Call& c) { createStream(c, stream, flags, priority); });
}

EMU_API CUresult cuStreamDestroy_v2(CUstream stream) {
    return run("cuStreamDestroy_v2", kNeedCtx | kRelease, kStreamCall, [&](Call& c) { destroyStream(c, stream); });
}

EMU_API CUresult cuStreamSynchronize(CUstream stream) {
    return run("cuStreamSynchronize", kNeedCtx, kSync, [&](Call& c) {
        counters().syncs++;
        std::shared_ptr<Stream> s = c.stream(stream);
        refuseToWait(*s);
        if (c.fault.what == Fault::Hang) s->hang = driver().hangs;
        drainWaited(s);
        if (c.ctx->dead) throw Fail{CUDA_ERROR_CONTEXT_IS_DESTROYED, ""};
    });
}

EMU_API CUresult cuStreamQuery(CUstream stream) {
    return run("cuStreamQuery", kNeedCtx | kUnsafe, kSync, [&](Call& c) {
        counters().queries++;
        std::shared_ptr<Stream> s = c.stream(stream);
        refuseToWait(*s);
        if (c.fault.what == Fault::Hang) s->hang = driver().hangs;
        if (stepWaited(*s) != Step::Idle) throw Fail{CUDA_ERROR_NOT_READY, ""};
    });
}

EMU_API CUresult cuCtxSynchronize(void) {
    return run("cuCtxSynchronize", kNeedCtx, kSync, [&](Call& c) {
        counters().syncs++;
        for (auto& s : c.ctx->streams)
            if (!s->legacy) refuseToWait(*s);
        if (c.fault.what == Fault::Hang) c.ctx->legacy()->hang = driver().hangs;
        drainContext(*c.ctx);
        if (c.ctx->dead) throw Fail{CUDA_ERROR_CONTEXT_IS_DESTROYED, ""};
    });
}

EMU_API CUresult cuStreamGetCtx(CUstream stream, CUcontext* ctx) {
    return run("cuStreamGetCtx", kNeedCtx, 0, [&](Call& c) {
        need(ctx);
        *ctx = c.stream(stream)->ctx->handle;
    });
}

EMU_API CUresult cuStreamGetFlags(CUstream stream, unsigned* flags) {
    return run("cuStreamGetFlags", kNeedCtx, 0, [&](Call& c) {
        need(flags);
        *flags = c.stream(stream)->blocking ? 0 : 1;
    });
}

EMU_API CUresult cuStreamGetPriority(CUstream stream, int* priority) {
    return run("cuStreamGetPriority", kNeedCtx, 0, [&](Call& c) {
        need(priority);
        *priority = c.stream(stream)->priority;
    });
}

EMU_API CUresult cuStreamGetId(CUstream stream, unsigned long long* id) {
    return run("cuStreamGetId", kNeedCtx, 0, [&](Call& c) {
        need(id);
        *id = c.stream(stream)->id;
    });
}

EMU_API CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    return run("cuCtxGetStreamPriorityRange", kNeedCtx, 0, [&](Call&) {
        if (least) *least = kLeast;
        if (greatest) *greatest = kGreatest;
    });
}

EMU_API CUresult cuLaunchHostFunc(CUstream stream, CUhostFn fn, void* data) {
    return run("cuLaunchHostFunc", kNeedCtx, 0, [&](Call& c) {
        need(fn);
        auto w = std::make_shared<HostWork>();
        w->fn = fn;
        w->data = data;
        c.enqueue(c.stream(stream), w);
    });
}

EMU_API CUresult cuStreamAddCallback(CUstream stream, CUstreamCallback fn, void* data, unsigned flags) {
    return run("cuStreamAddCallback", kNeedCtx, 0, [&](Call& c) {
        need(fn && flags == 0);
        std::shared_ptr<Stream> s = c.stream(stream);
        refuseToWait(*s);  // cannot be captured
        auto w = std::make_shared<CallbackWork>();
        w->fn = fn;
        w->stream = stream;
        w->data = data;
        c.enqueue(s, w);
    });
}

}  // namespace emu
