// cuEvent* and the waits of streams for them.
#include "capture.h"
#include "driver.h"

namespace emu {
namespace {

constexpr unsigned kNoTiming = 2;  // CU_EVENT_DISABLE_TIMING

// uncaptured throws when the event's last record was captured: nothing on the host may wait for it.
void uncaptured(const Event& e) {
    if (!e.capture) return;
    e.capture->invalid = true;
    throw Fail{CUDA_ERROR_CAPTURED_EVENT, ""};
}

void record(Call& c, CUevent event, CUstream stream) {
    std::shared_ptr<Event> e = c.get<Event>(event);
    std::shared_ptr<Stream> s = c.stream(stream);
    checkCapture(*s);
    e->mark.reset();
    e->capture = s->capture;
    e->tips = s->tips;
    if (s->capture) return;
    e->mark = std::make_shared<Mark>();
    e->mark->stream = s;
    Op op;
    op.sequence = e->mark->sequence = ++driver().sequence;
    op.set = e->mark;
    s->queue.push_back(std::move(op));
}

void wait(Call& c, CUstream stream, CUevent event, unsigned flags) {
    need(flags == 0);
    std::shared_ptr<Stream> s = c.stream(stream);
    std::shared_ptr<Event> e = c.get<Event>(event, true);  // the event may be another device's
    if (e->capture) return joinCapture(*s, e->capture, e->tips);
    checkCapture(*s);
    if (s->capture && e->mark) {
        s->capture->invalid = true;
        throw Fail{kErrorCaptureIsolation, ""};
    }
    if (!e->mark || e->mark->done) return;
    Op op;
    op.sequence = ++driver().sequence;
    op.wait = e->mark;
    s->queue.push_back(std::move(op));
}

// pending is the stream whose work the event still waits for, null for none.
std::shared_ptr<Stream> pending(const Event& e) {
    return e.mark && !e.mark->done ? e.mark->stream.lock() : nullptr;
}

void elapsed(Call& c, float* ms, CUevent start, CUevent end) {
    need(ms);
    std::shared_ptr<Event> a = c.get<Event>(start), b = c.get<Event>(end);
    if ((a->flags | b->flags) & kNoTiming || !a->mark || !b->mark) throw Fail{CUDA_ERROR_INVALID_HANDLE, ""};
    if (!a->mark->done || !b->mark->done) throw Fail{CUDA_ERROR_NOT_READY, ""};
    *ms = std::chrono::duration<float, std::milli>(b->mark->when - a->mark->when).count();
}

}  // namespace
EMU_API CUresult cuEventCreate(CUevent* event, unsigned flags) {
    return run("cuEventCreate", kNeedCtx, kEventCall, [&](Call& c) {
        need(event && flags < 8);
        auto e = std::make_shared<Event>();
        e->flags = flags;
        *event = static_cast<CUevent>(driver().handles.add(kEvent, c.ctx.get(), e));
    });
}

EMU_API CUresult cuEventDestroy_v2(CUevent event) {
    return run("cuEventDestroy_v2", kNeedCtx | kRelease, kEventCall, [&](Call& c) {
        c.get<Event>(event);
        driver().handles.release(event);
    });
}

EMU_API CUresult cuEventRecord(CUevent event, CUstream stream) {
    return run("cuEventRecord", kNeedCtx, kEventCall, [&](Call& c) { record(c, event, stream); });
}

EMU_API CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) {
    return run("cuEventRecordWithFlags", kNeedCtx, kEventCall, [&](Call& c) {
        need(flags == 0);
        record(c, event, stream);
    });
}

EMU_API CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
    return run("cuStreamWaitEvent", kNeedCtx, kStreamCall, [&](Call& c) { wait(c, stream, event, flags); });
}

EMU_API CUresult cuEventQuery(CUevent event) {
    return run("cuEventQuery", kNeedCtx | kUnsafe, kSync, [&](Call& c) {
        counters().queries++;
        std::shared_ptr<Event> e = c.get<Event>(event);
        uncaptured(*e);
        if (c.fault.what == Fault::Hang) e->hang = driver().hangs;
        if (e->hang == driver().hangs) throw Fail{CUDA_ERROR_NOT_READY, ""};
        if (std::shared_ptr<Stream> s = pending(*e)) {
            step(*s);
            throw Fail{CUDA_ERROR_NOT_READY, ""};
        }
    });
}

EMU_API CUresult cuEventSynchronize(CUevent event) {
    return run("cuEventSynchronize", kNeedCtx, kSync, [&](Call& c) {
        counters().syncs++;
        std::shared_ptr<Event> e = c.get<Event>(event);
        uncaptured(*e);
        if (c.fault.what == Fault::Hang) e->hang = driver().hangs;
        while (e->hang == driver().hangs && !c.ctx->dead) waitForHang(c.ctx.get());
        if (std::shared_ptr<Stream> s = pending(*e)) drain(s, e->mark->sequence);
        if (c.ctx->dead) throw Fail{CUDA_ERROR_CONTEXT_IS_DESTROYED, ""};
    });
}

EMU_API CUresult cuEventElapsedTime(float* ms, CUevent start, CUevent end) {
    return run("cuEventElapsedTime", kNeedCtx, kEventCall, [&](Call& c) { elapsed(c, ms, start, end); });
}

EMU_API CUresult cuEventElapsedTime_v2(float* ms, CUevent start, CUevent end) {
    return run("cuEventElapsedTime_v2", kNeedCtx, kEventCall, [&](Call& c) { elapsed(c, ms, start, end); });
}

}  // namespace emu
