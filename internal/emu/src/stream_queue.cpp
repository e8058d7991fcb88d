// The order in which queued work runs, and the moment at which it does.
#include "capture.h"
#include "driver.h"

namespace emu {

void Mark::reach() {
    done = true;
    when = std::chrono::steady_clock::now();
}

namespace {

bool hung(const Stream& s) {
    u64 now = driver().hangs;
    return s.hang == now || (!s.queue.empty() && s.queue.front().hang == now);
}

// blocker is the stream that must move before the head of s can run, null for none. What it waits for was enqueued
// earlier, so following blockers ends.
Stream* blocker(const Stream& s) {
    const Op& head = s.queue.front();
    if (head.wait && !head.wait->done) {
        std::shared_ptr<Stream> other = head.wait->stream.lock();
        if (other && !other->queue.empty()) return other.get();
    }
    auto before = [&](const Stream& other) {
        return !other.queue.empty() && other.queue.front().sequence < head.sequence;
    };
    if (s.legacy) {
        for (auto& other : s.ctx->streams)
            if (other.get() != &s && other->blocking && before(*other)) return other.get();
    } else if (s.blocking && before(*s.ctx->legacy())) {
        return s.ctx->legacy().get();
    }
    return nullptr;
}

void execute(Context& ctx, const Op& op) {
    // What hung and was let go by a reset never did its work.
    if (op.work && !op.hang && ctx.error == CUDA_SUCCESS) {
        try {
            if (op.fault.what == Fault::Code) throw Fail{op.fault.code, ""};
            op.work->run(ctx, op.fault);
        } catch (const Fail& f) {
            if (!f.detail.empty()) complain(f.detail);
            loseContext(ctx, f.code);
        }
    }
    if (op.set) op.set->reach();
}

}  // namespace

Step step(Stream& target) {
    Stream* s = &target;
    if (hung(*s)) return Step::Hung;
    if (s->queue.empty()) return Step::Idle;
    while (Stream* other = blocker(*s)) {
        if (hung(*other)) return Step::Hung;
        s = other;
    }
    // Taken out first: a failure empties the queue.
    Op op = std::move(s->queue.front());
    s->queue.pop_front();
    execute(*s->ctx, op);
    return Step::Ran;
}

void drain(const std::shared_ptr<Stream>& s, u64 upTo) {
    Context& ctx = *s->ctx;
    while (!ctx.dead) {
        if (hung(*s)) {
            waitForHang(&ctx);
            continue;
        }
        if (s->queue.empty() || s->queue.front().sequence > upTo) return;
        if (step(*s) == Step::Hung) waitForHang(&ctx);
    }
}

Step stepWaited(Stream& s) {
    if (s.legacy)
        for (auto& other : s.ctx->streams)
            if (other.get() != &s && other->blocking && !other->queue.empty()) return step(*other);
    return step(s);
}

void drainWaited(const std::shared_ptr<Stream>& s) {
    Context& ctx = *s->ctx;
    for (size_t k = 1; s->legacy && k < ctx.streams.size() && !ctx.dead; ++k) {
        std::shared_ptr<Stream> other = ctx.streams[k];  // the list may change while a hang is waited for
        if (other->blocking) drain(other);
    }
    drain(s);
}

void drainContext(Context& ctx) {
    for (size_t k = 0; k < ctx.streams.size() && !ctx.dead; ++k) {
        std::shared_ptr<Stream> s = ctx.streams[k];
        drain(s);
    }
}

void dropWork(Context& ctx) {
    for (auto& s : ctx.streams) {
        std::deque<Op> queue = std::move(s->queue);
        s->queue.clear();
        for (const Op& op : queue) {
            if (op.work) op.work->abandon(ctx.error);
            if (op.set) op.set->reach();
        }
        s->hang = 0;
    }
}

std::shared_ptr<Stream> Call::stream(CUstream h) {
    u64 value = u64(h);
    if (value == 0 || value == 1) return ctx->legacy();  // CU_STREAM_LEGACY
    if (value != 2) return get<Stream>(h);
    std::shared_ptr<Stream>& s = ctx->perThread[thread.id];  // CU_STREAM_PER_THREAD
    if (!s) {
        s = std::make_shared<Stream>();
        s->ctx = ctx.get();
        s->id = ++driver().ids;
        ctx->streams.push_back(s);
    }
    return s;
}

void Call::enqueue(const std::shared_ptr<Stream>& s, std::shared_ptr<const Work> work) {
    checkCapture(*s);
    if (s->capture) return addNode(*this, *s, std::move(work));
    work->count();
    Op op;
    op.sequence = ++driver().sequence;
    op.work = std::move(work);
    op.fault = fault;
    if (fault.what == Fault::Hang) op.hang = driver().hangs;
    s->queue.push_back(std::move(op));
}

}  // namespace emu
