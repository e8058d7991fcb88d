// Executions with wrong memory.
#include "cudnn_test.h"

namespace {

// traps expects that an execution is accepted, and that waiting for it fails with a code and a report.
void traps(Graph& g, D plan, int code, std::vector<std::string> report, CUdeviceptr workspace = 0) {
    OK(g.execute(plan, workspace));
    CODE(code, cuCtxSynchronize());
    emutest::expectReport(__FILE__, __LINE__, report);
    g.lost = true;
}

}  // namespace

TEST(CudnnTrapsShortMemory, "") {
    Machine m;
    Sum s;
    OK(cuMemFree_v2(s.b->at));
    OK(cuMemAlloc_v2(&s.b->at, 252));
    traps(s, s.plan(), 700, {"out-of-bounds", "cuDNN plan add", "tensor 2 [1, 64, 1, 1]", "256 bytes"});
}

TEST(CudnnTrapsFreedMemory, "") {
    Machine m;
    Sum s;
    D plan = s.plan();
    OK(s.execute(plan));
    OK(cuMemFree_v2(s.x->at));  // does not wait for it
    CODE(700, cuCtxSynchronize());
    EXPECT_REPORT("use after free", "tensor 1");
    s.lost = true;
}

TEST(CudnnTrapsMisalignment, "") {
    Machine m;
    Sum s;
    CUdeviceptr wide;
    OK(cuMemAlloc_v2(&wide, 512));
    OK(cuMemsetD8_v2(wide, 0, 512));
    OK(cuMemFree_v2(s.b->at));
    s.b->at = wide + 8;
    traps(s, s.plan(), 716, {"misaligned", "tensor 2", "multiple of 16"});
}

TEST(CudnnTrapsUnwrittenMemory, "") {
    Machine m;
    Graph g;
    // Images of 4 of 8 channels: only those that are read must have been written.
    Tensor &x = g.tensor(kF16, {1, 4, 3, 3}, {72, 1, 24, 8}), &y = g.image(kF16, 1, 4, 3, 3);
    g.add(g.pointwise(CUDNN_POINTWISE_RELU_FWD, x, nullptr, y));
    g.upload();
    OK(cuMemFree_v2(x.at));
    OK(cuMemAlloc_v2(&x.at, 144));
    D plan = g.plan();
    for (int k = 0; k < 9; ++k) OK(cuMemsetD8_v2(x.at + CUdeviceptr(k * 16), 0, 8));
    OK(g.execute(plan));
    OK(cuCtxSynchronize());
    OK(cuMemFree_v2(x.at));
    OK(cuMemAlloc_v2(&x.at, 144));
    for (int k = 0; k < 8; ++k) OK(cuMemsetD8_v2(x.at + CUdeviceptr(k * 16), 0, 8));
    traps(g, plan, 719, {"uninitialised", "tensor 1", "byte 128"});
}

TEST(CudnnWritesItsResultAlone, "") {
    Machine m;
    Graph g;
    Tensor &x = g.image(kF32, 1, 2, 3, 3), &y = g.tensor(kF32, {1, 2, 3, 3}, {36, 1, 12, 4});
    g.add(g.pointwise(CUDNN_POINTWISE_RELU_FWD, x, nullptr, y));
    g.upload();
    OK(cuMemFree_v2(y.at));
    OK(cuMemAlloc_v2(&y.at, 144));
    OK(g.execute(g.plan()));
    char bytes[8];
    OK(cuMemcpyDtoH_v2(bytes, y.at + 16, 8));
    CODE(719, cuMemcpyDtoH_v2(bytes, y.at + 8, 8));  // what lies between stays unwritten
    EXPECT_REPORT("uninitialised", "byte 8");
    g.lost = true;
}

TEST(CudnnTrapsShortWorkspace, "") {
    Machine m;
    Sum s;
    CUdeviceptr workspace;
    OK(cuMemAlloc_v2(&workspace, 65535));
    traps(s, s.planOf(1), 700, {"out-of-bounds", "workspace", "65536 bytes"}, workspace);
}

TEST(CudnnScribblesOverItsWorkspace, "") {
    Machine m;
    Sum s;
    CUdeviceptr workspace;
    float f;
    OK(cuMemAlloc_v2(&workspace, 65536));
    OK(cuMemsetD8_v2(workspace, 0, 65536));
    OK(s.execute(s.planOf(1), workspace));
    EXPECT(s.download(*s.y) == s.want);
    CODE(719, cuMemcpyDtoH_v2(&f, workspace + 4096, 4));
    EXPECT_REPORT("uninitialised");
    s.lost = true;
}

TEST(CudnnTrapsSharedMemory, "") {
    Machine m;
    Graph g;
    Tensor &a = g.tensor(kF32, {1, 8, 8}), &b = g.tensor(kF32, {1, 8, 8}), &c = g.tensor(kF32, {1, 8, 8});
    g.add(g.matmul(a, b, c));
    g.upload();
    OK(cuMemFree_v2(c.at));
    c.at = a.at;
    traps(g, g.plan(), 719, {"overlap", "tensor 1", "tensor 3"});
}

TEST(CudnnWorksInPlace, "") {
    Machine m;
    Sum s;
    OK(cuMemFree_v2(s.y->at));
    s.y->at = s.x->at;
    OK(s.execute(s.plan()));
    EXPECT(s.download(*s.y) == s.want);
    s.y->at = 0;
}

TEST(CudnnTrapsDestroyedPlans, "") {
    Machine m;
    Sum s;
    D plan = s.plan();
    s.made.erase(std::find(s.made.begin(), s.made.end(), plan));
    OK(s.execute(plan));
    OK(cudnnBackendDestroyDescriptor(plan));
    CODE(719, cuCtxSynchronize());
    EXPECT_REPORT("use after free", "destroyed before it ran");
    s.lost = true;
}

TEST(CudnnDestroyWaits, "") {
    Machine m;
    Sum s;
    OK(cuMemsetD8_v2(s.y->at, 0, 256));
    OK(s.execute(s.plan()));
    EXPECT(counter("plan_write_bytes") == 0);
    OK(cudnnDestroy(s.handle));
    EXPECT(counter("plan_write_bytes") == 256);
    REFUSED(2000, "destroyed", cudnnDestroy(s.handle));
    s.handle = nullptr;
}

TEST(CudnnLeavesNaNsInItsWorkspace, "uninit=allow") {
    Machine m;
    Sum s;
    CUdeviceptr workspace;
    OK(cuMemAlloc_v2(&workspace, 65540));
    OK(cuMemsetD8_v2(workspace, 0, 65540));
    OK(s.execute(s.planOf(1), workspace));
    std::vector<float> left(16385);
    OK(cuMemcpyDtoH_v2(left.data(), workspace, 65540));
    for (size_t k = 0; k < left.size(); ++k) EXPECT(std::isnan(left[k]) == (k < 16384));
    OK(cuMemFree_v2(workspace));
}
