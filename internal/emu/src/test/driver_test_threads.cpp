// Several threads at once, as the goroutines of a Go program are.
#include <thread>

#include "driver_api.h"

namespace {

void work(CUcontext ctx, CUfunction addOne, int rounds) {
    OK(cuCtxSetCurrent(ctx));
    CUstream s;
    CUevent e;
    OK(cuStreamCreate(&s, 1));
    OK(cuEventCreate(&e, 2));
    void* pinned;
    OK(cuMemHostAlloc(&pinned, 256, 0));
    float* f = static_cast<float*>(pinned);
    for (int r = 0; r < rounds; ++r) {
        CUdeviceptr p;
        OK(cuMemAlloc_v2(&p, 256));
        for (int k = 0; k < 64; ++k) f[k] = float(r);
        OK(cuMemcpyHtoDAsync_v2(p, f, 256, s));
        OK(launch(addOne, p, 64, s));
        OK(cuEventRecord(e, s));
        OK(cuEventSynchronize(e));
        OK(cuMemcpyDtoHAsync_v2(f, p, 256, s));
        CUresult q;
        while (int(q = cuStreamQuery(s)) == 600) std::this_thread::yield();
        OK(q);
        for (int k = 0; k < 64; ++k) EXPECT(f[k] == float(r + 1));
        OK(cuMemFree_v2(p));
    }
    OK(cuMemFreeHost(pinned));
    OK(cuEventDestroy_v2(e));
    OK(cuStreamDestroy_v2(s));
    OK(cuCtxSetCurrent(nullptr));
}

}  // namespace

TEST(ThreadsShareTheDriver, "devices=2") {
    Machine m;
    Kernels k;
    CUcontext other;
    OK(cuDevicePrimaryCtxRetain(&other, 1));
    OK(cuCtxSetCurrent(other));
    auto second = std::make_unique<Kernels>();
    std::vector<std::thread> pool;
    for (int t = 0; t < 8; ++t)
        pool.emplace_back([&, t] { t % 2 ? work(m.ctx, k.addOne, 50) : work(other, second->addOne, 50); });
    std::thread reader([] {
        for (int n = 0; n < 200; ++n) EXPECT(counter("calls") >= 0 && leak("streams") >= 0);
    });
    for (auto& t : pool) t.join();
    reader.join();
    second.reset();
    OK(cuDevicePrimaryCtxRelease_v2(1));
    OK(cuCtxSetCurrent(m.ctx));
    EXPECT(counter("launches") == 400 && counter("traps") == 0);
}
