// Plans, and how their executions behave in streams and graphs and with wrong memory.
#include "cudnn_test.h"

namespace {

int64_t number(D d, int name) {
    int64_t v = -1, n = 0;
    OK(cudnnBackendGetAttribute(d, name, CUDNN_TYPE_INT64, 1, &n, &v));
    return v;
}

std::string jsonOf(D plan) {
    int64_t n = 0;
    OK(cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, 0, &n, nullptr));
    std::string s(size_t(n), '?');
    OK(cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, n, &n, &s[0]));
    return s;
}

D stored(Graph& g, const std::string& json, D device = nullptr) {
    D p = g.make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    g.set(p, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, int64_t(json.size()), json.data());
    if (device) g.link(p, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device);
    else g.put<cudnnHandle_t>(p, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, {g.handle});
    return p;
}

D described(Graph& g, const char* json) {
    D d = g.make(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    g.set(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, int64_t(strlen(json) + 1), json);
    return d;
}

}  // namespace

TEST(CudnnEngines, "") {
    Machine m;
    Sum s;
    std::vector<D> configs = s.configs(), fallback = s.configs(CUDNN_HEUR_MODE_FALLBACK);
    EXPECT(configs.size() == 3 && fallback.size() == 1);
    configs.push_back(fallback[0]);
    for (size_t k = 0; k < configs.size(); ++k) {
        D e = s.make(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
        int64_t n = 0;
        unsigned notes[4];
        OK(cudnnBackendGetAttribute(configs[k], CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &e));
        EXPECT(n == 1 && number(e, CUDNN_ATTR_ENGINE_GLOBAL_INDEX) == int64_t(k) + 1);
        OK(cudnnBackendGetAttribute(e, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, 4, &n, notes));
        EXPECT(n == 0);
        EXPECT(number(s.plan(configs[k]), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE) == (k == 1 ? 65536 : 0));
    }
    EXPECT(cudnnGetVersion() == 92801);
}

TEST(CudnnFallsBack, "cudnnfail=3,cudnn=91000") {
    Machine m;
    Sum s;
    EXPECT(cudnnGetVersion() == 91000);
    for (D c : s.configs()) s.plan(c, 3000);
    OK(s.execute(s.plan(s.configs(CUDNN_HEUR_MODE_FALLBACK)[0])));
    EXPECT(s.download(*s.y) == s.want);
}

TEST(CudnnStoredPlans, "sm=90") {
    Machine m;
    Sum s;
    std::string json = jsonOf(s.planOf(1));
    D again = stored(s, json);
    OK(s.finish(again));
    EXPECT(jsonOf(again) == json && number(again, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE) == 65536);
    CUdeviceptr workspace;
    OK(cuMemAlloc_v2(&workspace, 65536));
    OK(s.execute(again, workspace));
    EXPECT(s.download(*s.y) == s.want);
    OK(cuMemFree_v2(workspace));
    for (const char* text : {"", "{", "{}", "[1]", "plan", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["})
        REFUSED(2000, "no stored plan", cudnnBackendFinalize(stored(s, std::string(text) + '\0')));
    REFUSED(2000, "no stored plan", cudnnBackendFinalize(stored(s, json.substr(0, json.size() / 2))));
    std::string other = json;
    other.replace(other.find("92801"), 5, "92700");
    REFUSED(1003, "92700", cudnnBackendFinalize(stored(s, other)));
    // Plans for the described device, which has another architecture.
    Sum d(false);
    REFUSED(2000, "", cudnnBackendFinalize(described(d, "{}")));
    REFUSED(2000, "", cudnnBackendFinalize(described(d, "{")));
    d.target = described(d, "{\"deviceName\":\"a \\\"GPU\\\"\",\"maxGridSize\":[1,2],\"deviceVer\":800}");
    OK(d.finish(d.target));
    std::string sm80 = jsonOf(d.plan(d.configs()[0]));
    OK(d.finish(stored(d, sm80, d.target)));
    REFUSED(3007, "sm_80", cudnnBackendFinalize(stored(s, sm80)));
    D elsewhere = d.plan();
    REFUSED(3007, "sm_80", cudnnBackendExecute(s.handle, elsewhere, s.pack()));
}

TEST(CudnnRunsInStreams, "") {
    Machine m;
    Sum s;
    CUstream stream, got;
    OK(cuStreamCreate(&stream, 1));
    OK(cudnnSetStream(s.handle, stream));
    OK(cudnnGetStream(s.handle, &got));
    EXPECT(got == stream);
    control("reset");
    D plan = s.plan(), pack = s.pack();
    OK(cuMemsetD8_v2(s.y->at, 0, 256));
    OK(cuCtxSynchronize());
    OK(cudnnBackendExecute(s.handle, plan, pack));
    EXPECT(counter("plan_executions") == 1 && counter("plan_read_bytes") == 0 && counter("launches") == 0);
    EXPECT(s.download(*s.y)[1] == 0);  // nobody waited for the stream
    OK(cuStreamSynchronize(stream));
    EXPECT(s.download(*s.y) == s.want);
    EXPECT(counter("plan_read_bytes") == 512 && counter("plan_write_bytes") == 256);

    CUgraph graph;
    CUgraphExec exec;
    OK(cuStreamBeginCapture_v2(stream, CUstreamCaptureMode(1)));
    OK(cuMemsetD32Async(s.b->at, 0x3f800000, 64, stream));  // 1.0f
    OK(cudnnBackendExecute(s.handle, plan, pack));
    OK(cuStreamEndCapture(stream, &graph));
    size_t n = 2;
    CUgraphNode nodes[2];
    CUgraphNodeType type;
    OK(cuGraphGetNodes(graph, nodes, &n));
    OK(cuGraphNodeGetType(nodes[1], &type));
    EXPECT(n == 2 && int(type) == 0);  // like a kernel
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    OK(cuGraphDestroy(graph));
    EXPECT(counter("plan_executions") == 1);
    for (int k = 0; k < 3; ++k) OK(cuGraphLaunch(exec, stream));
    OK(cuStreamSynchronize(stream));
    EXPECT(counter("plan_executions") == 4 && s.download(*s.y)[5] == s.x->v[5] + 1);
    control("faults launch@1=nan");
    OK(cudnnBackendExecute(s.handle, plan, pack));
    OK(cuStreamSynchronize(stream));
    EXPECT(std::isnan(s.download(*s.y)[0]) && !std::isnan(s.download(*s.y)[1]));
    control("faults launch@1=1");
    REFUSED(5001, "CUDA_ERROR_INVALID_VALUE", cudnnBackendExecute(s.handle, plan, pack));
    control("reset");
    OK(cuGraphExecDestroy(exec));
    OK(cudnnSetStream(s.handle, nullptr));
    OK(cuStreamDestroy_v2(stream));
    REFUSED(5001, "INVALID_HANDLE", cudnnSetStream(s.handle, stream));
    EXPECT_REPORT("the stream is released");
}

TEST(CudnnReadsScalarsAtOnce, "") {
    Machine m;
    Graph g;
    Tensor &x = g.image(kF32, 1, 8, 2, 2), &a = g.scalar(2), &y = g.image(kF32, 1, 8, 2, 2);
    g.add(g.pointwise(CUDNN_POINTWISE_MUL, x, &a, y));
    g.upload();
    OK(g.execute(g.plan()));
    a.host = 5;
    EXPECT(g.download(y)[3] == x.v[3] * 2);
}

TEST(CudnnChecksExecutions, "devices=2") {
    Machine m;
    Sum s;
    D plan = s.plan(), second = s.planOf(1), pack = s.pack(),
      unfinished = s.make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    REFUSED(2002, "no handle", cudnnBackendExecute(nullptr, plan, pack));
    REFUSED(2000, "handle", cudnnBackendExecute(cudnnHandle_t(plan), plan, pack));
    REFUSED(2000, "no plan", cudnnBackendExecute(s.handle, pack, plan));
    REFUSED(1001, "not finalized", cudnnBackendExecute(s.handle, plan, unfinished));
    REFUSED(2000, "workspace", cudnnBackendExecute(s.handle, second, pack));
    s.put<int64_t>(unfinished, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, {1, 2});
    s.put<CUdeviceptr>(unfinished, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, {s.x->at});
    REFUSED(2000, "2 numbers", cudnnBackendFinalize(unfinished));
    s.put<CUdeviceptr>(unfinished, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, {s.x->at, s.b->at});
    OK(s.finish(unfinished));
    REFUSED(2000, "no pointer for tensor 3", cudnnBackendExecute(s.handle, plan, unfinished));
    CUdeviceptr right = s.x->at;
    s.x->at = 4096;
    REFUSED(5001, "driver", cudnnBackendExecute(s.handle, plan, s.pack()));
    EXPECT_REPORT("no memory of the current device");
    s.x->at = right;
    CUcontext other;
    OK(cuDevicePrimaryCtxRetain(&other, 1));
    OK(cuCtxSetCurrent(other));
    REFUSED(5001, "driver", cudnnBackendExecute(s.handle, plan, pack));
    EXPECT_REPORT("another context");
    OK(cuDevicePrimaryCtxRelease_v2(1));
    OK(cuCtxSetCurrent(m.ctx));
    CUstream stream;
    CUgraph graph;
    cudnnHandle_t late;
    OK(cuStreamCreate(&stream, 0));
    OK(cuStreamBeginCapture_v2(stream, CUstreamCaptureMode(1)));
    REFUSED(5001, "CAPTURE_UNSUPPORTED", cudnnCreate(&late));
    CODE(901, cuStreamEndCapture(stream, &graph));
    OK(cuStreamDestroy_v2(stream));
}
