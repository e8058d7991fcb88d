// Stream capture and the graphs that it makes.
#pragma once

#include <vector>

#include "driver.h"

namespace emu {

// GraphNode is one operation of a graph. Nodes stand in the order of their capture, so dependencies come first.
struct GraphNode {
    std::shared_ptr<const Work> work;
    Fault fault;
    std::vector<u32> deps;
};

// NodeHandle is what cuGraphGetNodes hands out.
struct NodeHandle {
    static constexpr HandleKind kKind = kNode;
    Work::Type type;
};

struct Capture {
    Stream* origin = nullptr;
    u64 id = 0, thread = 0;
    unsigned mode = 0;  // CUstreamCaptureMode
    bool invalid = false, ended = false;
    std::vector<GraphNode> nodes;
};

struct GraphObject {
    static constexpr HandleKind kKind = kGraph;
    std::vector<GraphNode> nodes;
    std::vector<void*> handles;  // of the nodes, made when they are asked for
    ~GraphObject();
};

struct GraphExec {
    static constexpr HandleKind kKind = kGraphExec;
    std::shared_ptr<const std::vector<GraphNode>> nodes;
};

enum CaptureMode : unsigned { kCaptureGlobal, kCaptureThreadLocal, kCaptureRelaxed };

// refuseWhileCapturing is CUDA_SUCCESS, or the code for a call that might disturb a capture; the capture is then lost.
int refuseWhileCapturing(Thread& t);
// checkCapture throws when the stream's capture was lost, and when a stream that is not captured would have to wait for
// one that is.
void checkCapture(Stream& s);
// refuseToWait throws when waiting for the stream is illegal because it is captured; the capture is lost.
void refuseToWait(Stream& s);
void addNode(Call& c, Stream& s, std::shared_ptr<const Work> work);
// joinCapture makes the next node of s depend on tips, and brings s into the capture when it is in none.
void joinCapture(Stream& s, const std::shared_ptr<Capture>& capture, const std::vector<u32>& tips);

}  // namespace emu
