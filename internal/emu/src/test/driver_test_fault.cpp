// The fault script.
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "driver_api.h"

namespace {

struct Faulty : Machine {
    Kernels k;
    CUstream s = nullptr;
    CUdeviceptr p = 0;
    Faulty() {
        OK(cuStreamCreate(&s, 1));
        p = upload(64, 0);
    }
};

std::string faults(const std::string& script) { return control("faults " + script); }

}  // namespace

TEST(ScriptOfTheEnvironmentCountsFromTheFirstCall, "") {
    setenv("CUDIFFUSE_EMU_FAULTS", "call@2=46,call@3=lost", 1);
    OK(cuInit(0));
    CUcontext c;
    CODE(46, cuDevicePrimaryCtxRetain(&c, 0));
    CODE(719, cuDevicePrimaryCtxRetain(&c, 0));
    OK(cuDevicePrimaryCtxRetain(&c, 0));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    EXPECT(counter("faults") == 2 && leak("contexts") == 0);
}

TEST(TheKthCallFails, "") {
    Faulty m;
    CUdeviceptr q = 0;
    void* h = nullptr;
    EXPECT(faults("alloc@2=2,hostalloc@1=2,copy@2=1,module@1=218,stream@1=2,event@2=2") == "ok");
    OK(cuMemAlloc_v2(&q, 4));
    OK(cuMemFree_v2(q));
    CODE(2, cuMemAlloc_v2(&q, 4));
    OK(cuMemAlloc_v2(&q, 4));
    CODE(2, cuMemHostAlloc(&h, 4, 0));
    OK(cuMemsetD32_v2(q, 0, 1));
    CODE(1, cuMemsetD32_v2(q, 0, 1));
    CUmodule mod;
    CODE(218, cuModuleLoadData(&mod, ptx().c_str()));
    OK(cuModuleLoadData(&mod, ptx().c_str()));
    CUstream s;
    CODE(2, cuStreamCreate(&s, 0));
    CUevent e;
    OK(cuEventCreate(&e, 0));
    CODE(2, cuEventRecord(e, m.s));
    EXPECT(counter("faults") == 6);
    EXPECT(control("reset") == "ok");
    OK(cuStreamCreate(&s, 0));
}

TEST(ReleasesHappenThoughTheyFail, "") {
    Faulty m;
    CUevent e;
    CUgraph g = nullptr;
    OK(cuEventCreate(&e, 0));
    faults("call@1=999,call@2=999,call@3=999,call@5=999");
    CODE(999, cuMemFree_v2(m.p));
    CODE(999, cuStreamDestroy_v2(m.s));
    CODE(999, cuEventDestroy_v2(e));
    EXPECT(leak("streams") == 0 && leak("events") == 0 && leak("device_bytes") == 4);
    OK(cuStreamCreate(&m.s, 1));
    CODE(999, cuModuleUnload(m.k.module));
    m.k.module = nullptr;
    EXPECT(leak("modules") == 0 && leak("device_bytes") == 0);
    OK(cuStreamBeginCapture_v2(m.s, CUstreamCaptureMode(1)));
    faults("graph@1=999");
    CODE(999, cuStreamEndCapture(m.s, &g));
    EXPECT(g == nullptr && leak("graphs") == 0);
    OK(cuStreamSynchronize(m.s));
    faults("context@1=999");
    CODE(999, cuDevicePrimaryCtxRelease_v2(0));
    EXPECT(leak("contexts") == 0);
    OK(cuDevicePrimaryCtxRetain(&m.ctx, 0));
}

TEST(StickyCodesBefallTheWork, "") {
    Faulty m;
    faults("launch@2=719");
    OK(launch(m.k.addOne, m.p, 64, m.s));
    OK(launch(m.k.addOne, m.p, 64, m.s));  // fails when it runs
    OK(launch(m.k.addOne, m.p, 64, m.s));
    CODE(719, cuStreamSynchronize(m.s));
    CODE(719, cuStreamSynchronize(m.s));
}

TEST(OtherCodesBefallTheCall, "") {
    Faulty m;
    faults("launch@1=701,sync@1=2,sync@2=714");
    CODE(701, launch(m.k.addOne, m.p, 64, m.s));
    CODE(2, cuStreamSynchronize(m.s));
    OK(launch(m.k.addOne, m.p, 64, m.s));
    CODE(714, cuStreamQuery(m.s));
    CODE(714, launch(m.k.addOne, m.p, 64, m.s));
}

TEST(LostContext, "") {
    Faulty m;
    faults("copy@1=lost");
    OK(launch(m.k.addOne, m.p, 64, m.s));
    CODE(719, cuMemsetD32_v2(m.p, 0, 1));
    CODE(719, cuStreamSynchronize(m.s));
    CODE(719, cuMemAlloc_v2(&m.p, 4));
}

TEST(OneValueBecomesNaN, "") {
    Faulty m;
    faults("launch@2=nan");
    OK(launch(m.k.addOne, m.p, 64, m.s));
    OK(launch(m.k.addOne, m.p, 64, m.s));
    OK(cuStreamSynchronize(m.s));
    int nans = 0;
    for (float v : download(m.p, 64)) nans += std::isnan(v);
    EXPECT(nans == 1);
}

TEST(HungWorkIsNeverReady, "") {
    Faulty m;
    CUevent e;
    OK(cuEventCreate(&e, 0));
    faults("launch@1=hang");
    OK(launch(m.k.addOne, m.p, 64, m.s));
    OK(cuEventRecord(e, m.s));
    for (int k = 0; k < 100; ++k) {
        CODE(600, cuStreamQuery(m.s));
        CODE(600, cuEventQuery(e));
    }
    CUstream other;
    OK(cuStreamCreate(&other, 1));
    OK(launch(m.k.addOne, m.p, 64, other));  // others go on
    OK(cuStreamSynchronize(other));
    OK(cuStreamDestroy_v2(m.s));  // neither blocks
    OK(cuMemFree_v2(m.p));
}  // and neither does the release of the context

TEST(HungEventIsNeverReady, "") {
    Faulty m;
    CUevent e;
    OK(cuEventCreate(&e, 0));
    OK(cuEventRecord(e, m.s));
    OK(cuStreamSynchronize(m.s));
    faults("sync@1=hang");
    for (int k = 0; k < 10; ++k) CODE(600, cuEventQuery(e));
    control("reset");
    OK(cuEventQuery(e));
}

TEST(HungSynchronisationBlocksUntilReset, "") {
    Faulty m;
    faults("sync@1=hang");
    std::atomic<bool> done{false};
    std::thread waiter([&] {
        OK(cuCtxSetCurrent(m.ctx));
        OK(cuStreamSynchronize(m.s));
        done = true;
    });
    usleep(100000);
    EXPECT(!done);
    int n = 0;
    OK(cuDeviceGetCount(&n));  // other threads go on
    CODE(600, cuStreamQuery(m.s));
    control("reset");
    waiter.join();
    EXPECT(done);
    OK(cuStreamQuery(m.s));
}

TEST(HungSynchronisationEndsWithTheContext, "") {
    Faulty m;
    faults("sync@1=hang");
    std::thread waiter([&] {
        OK(cuCtxSetCurrent(m.ctx));
        CODE(709, cuCtxSynchronize());
    });
    usleep(100000);
    OK(cuDevicePrimaryCtxReset_v2(0));
    waiter.join();
    m.k.module = nullptr;
    OK(cuDevicePrimaryCtxRetain(&m.ctx, 0));
}

TEST(EveryCallFailsOnceAndNothingIsLeft, "") {
    OK(cuInit(0));
    int runs = 0;
    for (int k = 1; k < 100; ++k, ++runs) {
        faults("call@" + std::to_string(k) + "=2");
        long before = counter("faults");
        CUcontext ctx = nullptr;
        if (cuDevicePrimaryCtxRetain(&ctx, 0) == 0) {
            CUdeviceptr p = 0;
            CUstream s = nullptr;
            CUmodule mod = nullptr;
            CUfunction f = nullptr;
            cuCtxSetCurrent(ctx);
            cuMemAlloc_v2(&p, 256);
            cuStreamCreate(&s, 1);
            if (cuModuleLoadData(&mod, ptx().c_str()) == 0 && cuModuleGetFunction(&f, mod, "addOne") == 0 && p && s) {
                cuMemsetD32Async(p, 0, 64, s);
                launch(f, p, 64, s);
                cuStreamSynchronize(s);
            }
            if (s) cuStreamDestroy_v2(s);
            if (mod) cuModuleUnload(mod);
            if (p) cuMemFree_v2(p);
            cuDevicePrimaryCtxRelease_v2(0);
        }
        for (const char* kind : {"device_bytes", "contexts", "modules", "streams"})
            if (leak(kind) != 0) failed(__FILE__, __LINE__, "call " + std::to_string(k) + " leaks " + kind);
        if (counter("faults") == before) break;  // past the last call
    }
    EXPECT(runs > 10 && runs < 99);
    reports();
}
