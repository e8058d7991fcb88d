// Stream capture and graphs.
#include <thread>

#include "driver_api.h"

namespace {

constexpr auto kGlobal = CUstreamCaptureMode(0), kThreadLocal = CUstreamCaptureMode(1);
constexpr auto kRelaxed = CUstreamCaptureMode(2);

struct Capturing : Machine {
    Kernels k;
    CUstream a = nullptr, b = nullptr;
    CUevent e = nullptr, f = nullptr;
    CUdeviceptr p = 0;
    Capturing() {
        OK(cuStreamCreate(&a, 0));
        OK(cuStreamCreate(&b, 0));
        OK(cuEventCreate(&e, 2));
        OK(cuEventCreate(&f, 2));
        p = upload(64, 0);
    }
    int status(CUstream s) {
        CUstreamCaptureStatus st;
        OK(cuStreamIsCapturing(s, &st));
        return int(st);
    }
    // lost expects that the capture of a was invalidated, and ends it.
    void lost(int code = 901) {
        CUgraph g = CUgraph(1);
        EXPECT(status(a) == 2);
        CODE(901, launch(k.addOne, p, 64, a));
        CODE(code, cuStreamEndCapture(a, &g));
        EXPECT(g == nullptr && status(a) == 0);
        OK(launch(k.addOne, p, 64, a));
        OK(cuStreamSynchronize(a));
    }
};

void addTo(void* data) { ++*static_cast<int*>(data); }

}  // namespace

TEST(GraphsReplay, "") {
    Capturing m;
    CUdeviceptr q = 0;
    CUgraph g;
    CUgraphExec x;
    void* pinned;
    int calls = 0;
    OK(cuMemAlloc_v2(&q, 256));
    OK(cuMemHostAlloc(&pinned, 256, 0));
    OK(cuStreamBeginCapture_v2(m.a, kThreadLocal));
    OK(cuMemsetD32Async(q, 0, 64, m.a));
    OK(cuEventRecord(m.e, m.a));
    OK(cuStreamWaitEvent(m.b, m.e, 0));
    OK(launch(m.k.addOne, m.p, 64, m.b));
    OK(cuEventRecord(m.f, m.b));
    OK(cuLaunchHostFunc(m.a, addTo, &calls));
    OK(cuStreamWaitEvent(m.a, m.f, 0));
    OK(launch(m.k.axpy, q, m.p, 2, 1, 64, m.a));
    OK(cuMemcpyDtoHAsync_v2(pinned, q, 256, m.a));
    EXPECT(m.status(m.a) == 1 && m.status(m.b) == 1 && counter("launches") == 0);
    OK(cuStreamEndCapture(m.a, &g));
    EXPECT(m.status(m.b) == 0);
    size_t n = 0;
    OK(cuGraphGetNodes(g, nullptr, &n));
    EXPECT(n == 5);
    std::vector<CUgraphNode> nodes(n);
    OK(cuGraphGetNodes(g, nodes.data(), &n));
    int want[] = {2, 0, 3, 0, 1};  // memset, kernel, host, kernel, memcpy
    for (size_t k = 0; k < n; ++k) {
        CUgraphNodeType t;
        OK(cuGraphNodeGetType(nodes[k], &t));
        EXPECT(int(t) == want[k]);
    }
    std::vector<CUgraphNode> from(5), to(5);
    OK(cuGraphGetEdges(g, from.data(), to.data(), &n));
    EXPECT(n == 5);
    int edges[5][2] = {{0, 1}, {0, 2}, {1, 3}, {2, 3}, {3, 4}};  // the kernel and the host function side by side
    for (auto& edge : edges) {
        int found = 0;
        for (size_t k = 0; k < n; ++k) found += from[k] == nodes[edge[0]] && to[k] == nodes[edge[1]];
        EXPECT(found == 1);
    }
    OK(cuGraphInstantiateWithFlags(&x, g, 0));
    OK(cuGraphDestroy(g));
    CUgraphNodeType t;
    CODE(400, cuGraphNodeGetType(nodes[0], &t));
    EXPECT_REPORT("the node is released");
    for (int k = 0; k < 3; ++k) OK(cuGraphLaunch(x, m.a));
    EXPECT(counter("graph_launches") == 3 && counter("launches") == 6 && counter("d2h") == 3 && calls == 0);
    OK(cuStreamSynchronize(m.a));
    EXPECT(calls == 3 && static_cast<float*>(pinned)[5] == 2 * (5 + 3));
    EXPECT(counter("d2d") == 0 && counter("syncs") == 1 && counter("implicit_syncs") == 1);  // that of upload
    OK(cuGraphLaunch(x, m.a));
    OK(cuGraphExecDestroy(x));  // does not stop the replay
    OK(cuStreamSynchronize(m.a));
    EXPECT(static_cast<float*>(pinned)[5] == 2 * (5 + 4));
    CODE(400, cuGraphLaunch(x, m.a));
    EXPECT_REPORT("the graph_exec is released");
    OK(cuMemFreeHost(pinned));
}

TEST(GraphsUpdate, "") {
    Capturing m;
    CUgraph one, two, three, four;
    CUgraphExec x, y;
    CUgraphExecUpdateResultInfo info;
    auto record = [&](unsigned n, int times) {
        CUgraph g;
        OK(cuStreamBeginCapture_v2(m.a, kRelaxed));
        for (int k = 0; k < times; ++k) OK(launch(m.k.addOne, m.p, n, m.a));
        OK(cuStreamEndCapture(m.a, &g));
        return g;
    };
    one = record(64, 1);
    two = record(1, 1);
    three = record(1, 2);
    OK(cuGraphInstantiateWithFlags(&x, one, 0));
    OK(cuGraphExecUpdate_v2(x, two, &info));
    CODE(910, cuGraphExecUpdate_v2(x, three, &info));
    OK(cuStreamBeginCapture_v2(m.a, kRelaxed));
    OK(cuEventRecord(m.e, m.a));
    OK(cuStreamWaitEvent(m.b, m.e, 0));
    OK(launch(m.k.addOne, m.p, 1, m.a));
    OK(launch(m.k.addOne, m.p, 1, m.b));
    OK(cuEventRecord(m.f, m.b));
    OK(cuStreamWaitEvent(m.a, m.f, 0));
    OK(cuStreamEndCapture(m.a, &four));
    OK(cuGraphInstantiateWithFlags(&y, four, 0));
    CODE(910, cuGraphExecUpdate_v2(y, three, &info));  // as many nodes, other edges
    OK(cuGraphExecDestroy(y));
    OK(cuGraphLaunch(x, m.a));
    std::vector<float> got = download(m.p, 64);
    EXPECT(got[0] == 1 && got[1] == 1);
    for (CUgraph g : {one, two, three, four}) OK(cuGraphDestroy(g));
    OK(cuGraphExecDestroy(x));
}

TEST(IllegalWhileCapturing, "") {
    Capturing m;
    CUdeviceptr q = 0;
    float host = 0;
    OK(cuEventRecord(m.f, m.b));
    auto begin = [&](CUstreamCaptureMode mode = kThreadLocal) { OK(cuStreamBeginCapture_v2(m.a, mode)); };
    begin();
    CODE(900, cuStreamSynchronize(m.a));
    m.lost();
    begin();
    CODE(900, cuStreamQuery(m.a));
    m.lost();
    begin();
    CODE(900, cuCtxSynchronize());
    m.lost();
    begin();
    CODE(900, cuMemAlloc_v2(&q, 4));
    m.lost();
    OK(cuMemAlloc_v2(&q, 4));
    begin();
    CODE(900, cuMemFree_v2(q));  // refused: does not free
    m.lost();
    OK(cuMemFree_v2(q));
    begin();
    CODE(900, cuMemcpyHtoDAsync_v2(m.p, &host, 4, m.a));  // pageable
    m.lost();
    begin();
    CODE(906, cuMemcpyHtoD_v2(m.p, &host, 4));  // the legacy stream
    m.lost();
    begin();
    CODE(906, launch(m.k.addOne, m.p, 64, nullptr));
    m.lost();
    begin();
    OK(cuEventRecord(m.e, m.a));
    CODE(907, cuEventSynchronize(m.e));
    m.lost();
    begin();
    CODE(905, cuStreamWaitEvent(m.a, m.f, 0));  // recorded outside
    m.lost();
    begin();
    CODE(401, cuStreamBeginCapture_v2(m.a, kRelaxed));
    reports();
    CODE(900, cuStreamSynchronize(m.a));
    m.lost();
    begin(kRelaxed);
    OK(cuMemAlloc_v2(&q, 4));
    CUgraph g;
    OK(cuStreamEndCapture(m.a, &g));
    OK(cuGraphDestroy(g));
    CODE(900, cuStreamBeginCapture_v2(nullptr, kRelaxed));
    CODE(401, cuStreamEndCapture(m.a, &g));
    reports();
}

TEST(CapturesMustJoin, "") {
    Capturing m;
    CUgraph g;
    OK(cuStreamBeginCapture_v2(m.a, kThreadLocal));
    OK(cuEventRecord(m.e, m.a));
    OK(cuStreamWaitEvent(m.b, m.e, 0));
    OK(launch(m.k.addOne, m.p, 64, m.b));
    CODE(904, cuStreamEndCapture(m.a, &g));
    EXPECT(m.status(m.a) == 0 && m.status(m.b) == 0);
    OK(cuStreamBeginCapture_v2(m.a, kThreadLocal));
    OK(cuEventRecord(m.e, m.a));
    OK(cuStreamWaitEvent(m.b, m.e, 0));
    CODE(903, cuStreamEndCapture(m.b, &g));
    m.lost();
    OK(cuStreamBeginCapture_v2(m.a, kThreadLocal));
    OK(cuStreamBeginCapture_v2(m.b, kThreadLocal));
    OK(cuEventRecord(m.e, m.a));
    CODE(902, cuStreamWaitEvent(m.b, m.e, 0));
    CODE(901, cuStreamEndCapture(m.b, &g));
    m.lost();
}

TEST(CapturesBelongToThreads, "") {
    Capturing m;
    CUdeviceptr q = 0, r = 0;
    CUgraph g;
    auto elsewhere = [&](auto body) {
        std::thread([&] {
            OK(cuCtxSetCurrent(m.ctx));
            body();
        }).join();
    };
    OK(cuStreamBeginCapture_v2(m.a, kThreadLocal));
    elsewhere([&] {
        OK(cuMemAlloc_v2(&q, 4));
        CODE(908, cuStreamEndCapture(m.a, &g));
    });
    OK(cuStreamEndCapture(m.a, &g));
    OK(cuGraphDestroy(g));
    OK(cuStreamBeginCapture_v2(m.a, kGlobal));
    elsewhere([&] { CODE(900, cuMemAlloc_v2(&r, 4)); });
    m.lost();
}
