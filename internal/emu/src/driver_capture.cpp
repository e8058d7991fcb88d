// Stream capture.
#include <algorithm>

#include "capture.h"

namespace emu {

int refuseWhileCapturing(Thread& t) {
    // As in the table of cuThreadExchangeStreamCaptureMode.
    if (t.captureMode == kCaptureRelaxed) return CUDA_SUCCESS;
    int code = CUDA_SUCCESS;
    for (auto& weak : driver().captures) {
        std::shared_ptr<Capture> cap = weak.lock();
        if (!cap || cap->ended || cap->mode == kCaptureRelaxed) continue;
        bool mine = cap->thread == t.id;
        if (!mine && (t.captureMode != kCaptureGlobal || cap->mode != kCaptureGlobal)) continue;
        cap->invalid = true;
        code = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return code;
}

void checkCapture(Stream& s) {
    if (s.capture && s.capture->invalid) throw Fail{CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, ""};
    if (!s.legacy) return;
    for (auto& other : s.ctx->streams) {
        if (!other->capture || !other->blocking) continue;
        other->capture->invalid = true;
        throw Fail{CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, ""};
    }
}

void refuseToWait(Stream& s) {
    checkCapture(s);
    if (!s.capture) return;
    s.capture->invalid = true;
    throw Fail{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, ""};
}

void addNode(Call& c, Stream& s, std::shared_ptr<const Work> work) {
    std::vector<GraphNode>& nodes = s.capture->nodes;
    nodes.push_back({std::move(work), c.fault, s.tips});
    s.tips = {u32(nodes.size() - 1)};
}

void joinCapture(Stream& s, const std::shared_ptr<Capture>& capture, const std::vector<u32>& tips) {
    checkCapture(s);
    if (capture->ended) throw Fail{CUDA_ERROR_INVALID_VALUE, "the event was recorded in a capture that has ended"};
    if (capture->invalid) throw Fail{CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, ""};
    if (s.legacy || s.ctx != capture->origin->ctx || (s.capture && s.capture != capture)) {
        capture->invalid = true;
        if (s.legacy) throw Fail{CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, ""};
        if (!s.capture) throw Fail{CUDA_ERROR_INVALID_HANDLE, "a capture cannot span contexts"};
        s.capture->invalid = true;
        throw Fail{kErrorCaptureMerge, ""};
    }
    s.capture = capture;
    for (u32 tip : tips)
        if (std::find(s.tips.begin(), s.tips.end(), tip) == s.tips.end()) s.tips.push_back(tip);
}

namespace {

void begin(Call& c, CUstream stream, unsigned mode) {
    need(mode <= kCaptureRelaxed);
    std::shared_ptr<Stream> s = c.stream(stream);
    if (s->legacy) throw Fail{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, ""};
    if (s->capture) throw Fail{CUDA_ERROR_ILLEGAL_STATE, "the stream is captured already"};
    auto cap = std::make_shared<Capture>();
    cap->origin = s.get();
    cap->thread = c.thread.id;
    cap->mode = mode;
    cap->id = ++driver().ids;
    s->capture = cap;
    s->tips.clear();
    auto& all = driver().captures;
    all.erase(std::remove_if(all.begin(), all.end(), [](auto& w) { return w.expired(); }), all.end());
    all.push_back(cap);
}

// joined says whether every operation of the capture comes before the tips of its first stream.
bool joined(const Capture& cap, const std::vector<u32>& tips) {
    std::vector<bool> seen(cap.nodes.size());
    for (u32 tip : tips) seen[tip] = true;
    for (size_t k = cap.nodes.size(); k-- > 0;) {  // dependencies stand before what depends on them
        if (!seen[k]) return false;
        for (u32 dep : cap.nodes[k].deps) seen[dep] = true;
    }
    return true;
}

void end(Call& c, CUstream stream, CUgraph* graph) {
    need(graph);
    *graph = nullptr;
    std::shared_ptr<Stream> s = c.stream(stream);
    std::shared_ptr<Capture> cap = s->capture;
    if (!cap) throw Fail{CUDA_ERROR_ILLEGAL_STATE, "the stream is not captured"};
    if (cap->origin != s.get()) {
        cap->invalid = true;
        throw Fail{CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, ""};
    }
    if (cap->mode != kCaptureRelaxed && cap->thread != c.thread.id) throw Fail{kErrorCaptureWrongThread, ""};
    std::vector<u32> tips = s->tips;
    cap->ended = true;
    for (auto& other : c.ctx->streams) {
        if (other->capture != cap) continue;
        other->capture.reset();
        other->tips.clear();
    }
    if (cap->invalid) throw Fail{CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, ""};
    if (!joined(*cap, tips)) throw Fail{CUDA_ERROR_STREAM_CAPTURE_UNJOINED, ""};
    auto g = std::make_shared<GraphObject>();
    g->nodes = std::move(cap->nodes);
    *graph = static_cast<CUgraph>(driver().handles.add(kGraph, nullptr, g));
}

void info(Call& c, CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id) {
    need(status);
    std::shared_ptr<Stream> s = c.stream(stream);
    // CU_STREAM_CAPTURE_STATUS_NONE, _ACTIVE, _INVALIDATED
    *status = CUstreamCaptureStatus(!s->capture ? 0 : s->capture->invalid ? 2 : 1);
    if (id && s->capture) *id = s->capture->id;
}

}  // namespace
EMU_API CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
    return run("cuStreamBeginCapture_v2", kNeedCtx, kGraphCall, [&](Call& c) { begin(c, stream, unsigned(mode)); });
}

EMU_API CUresult cuStreamBeginCapture(CUstream stream) {
    return run("cuStreamBeginCapture", kNeedCtx, kGraphCall, [&](Call& c) { begin(c, stream, kCaptureGlobal); });
}

// A failure of the script ends the capture too, and makes no graph.
EMU_API CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
    return run("cuStreamEndCapture", kNeedCtx | kRelease, kGraphCall, [&](Call& c) {
        end(c, stream, graph);
        if (!c.failing) return;
        driver().handles.release(*graph);
        *graph = nullptr;
    });
}

EMU_API CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* status) {
    return run("cuStreamIsCapturing", kNeedCtx, 0, [&](Call& c) { info(c, stream, status, nullptr); });
}

EMU_API CUresult cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id) {
    return run("cuStreamGetCaptureInfo", kNeedCtx, 0, [&](Call& c) { info(c, stream, status, id); });
}

// The newer forms also hand out the graph in the making; it has no handle here, so that asking for it is refused.
EMU_API CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                           CUgraph* graph, const CUgraphNode** deps, size_t* n) {
    return run("cuStreamGetCaptureInfo_v2", kNeedCtx, 0, [&](Call& c) {
        if (graph || deps || n) throw Fail{CUDA_ERROR_NOT_SUPPORTED, ""};
        info(c, stream, status, id);
    });
}

EMU_API CUresult cuStreamGetCaptureInfo_v3(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                           CUgraph* graph, const CUgraphNode** deps, const CUgraphEdgeData** edges,
                                           size_t* n) {
    return run("cuStreamGetCaptureInfo_v3", kNeedCtx, 0, [&](Call& c) {
        if (graph || deps || edges || n) throw Fail{CUDA_ERROR_NOT_SUPPORTED, ""};
        info(c, stream, status, id);
    });
}

EMU_API CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
    return run("cuThreadExchangeStreamCaptureMode", 0, kGraphCall, [&](Call& c) {
        need(mode && unsigned(*mode) <= kCaptureRelaxed);
        unsigned old = c.thread.captureMode;
        c.thread.captureMode = unsigned(*mode);
        *mode = CUstreamCaptureMode(old);
    });
}

}  // namespace emu
