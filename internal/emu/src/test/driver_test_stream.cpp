// Streams and events: laziness, order, asynchronous errors.
#include "driver_api.h"

namespace {

// Machinery of most cases: a buffer, its kernels, two streams that do not order with the legacy one.
struct Two : Machine {
    Kernels k;
    CUstream a = nullptr, b = nullptr;
    Two() {
        OK(cuStreamCreate(&a, 1));
        OK(cuStreamCreate(&b, 1));
    }
};

void note(void* data) { *static_cast<std::string*>(data) += "x"; }

}  // namespace

TEST(WorkRunsOnlyWhenWaitedFor, "") {
    Two m;
    std::string log;
    OK(cuLaunchHostFunc(m.a, note, &log));
    OK(cuLaunchHostFunc(m.a, note, &log));
    EXPECT(log.empty());
    CODE(600, cuStreamQuery(m.a));  // runs one operation a call
    EXPECT(log == "x");
    CODE(600, cuStreamQuery(m.a));
    EXPECT(log == "xx");
    OK(cuStreamQuery(m.a));
    OK(cuLaunchHostFunc(m.b, note, &log));
    OK(cuStreamSynchronize(m.a));
    EXPECT(log == "xx");  // nobody waited for b
    OK(cuStreamDestroy_v2(m.b));
    EXPECT(log == "xxx");
    EXPECT(counter("queries") == 3 && counter("syncs") == 1 && counter("host_calls") == 3);
}

TEST(EventsOrderStreams, "") {
    Two m;
    CUdeviceptr p = upload(64, 0), q = 0;
    CUevent e;
    OK(cuMemAlloc_v2(&q, 256));
    OK(cuEventCreate(&e, 2));
    OK(cuEventQuery(e));  // never recorded: done
    OK(launch(m.k.addOne, p, 64, m.a));
    OK(cuEventRecord(e, m.a));
    OK(launch(m.k.addOne, p, 64, m.a));  // after the event: not waited for
    OK(cuStreamWaitEvent(m.b, e, 0));
    OK(cuMemcpyHtoDAsync_v2(q, std::vector<float>(64).data(), 256, m.b));
    OK(launch(m.k.axpy, q, p, 1, 0, 64, m.b));
    OK(cuStreamSynchronize(m.b));
    EXPECT(download(q, 64)[3] == 4);
    OK(cuEventQuery(e));
    OK(cuStreamSynchronize(m.a));
    EXPECT(download(p, 64)[3] == 5);
}

TEST(ForgottenWaitIsSeen, "") {
    Two m;
    CUdeviceptr p = upload(64, 0), q = upload(64, 0);
    OK(launch(m.k.addOne, p, 64, m.a));
    OK(launch(m.k.axpy, q, p, 1, 0, 64, m.b));  // needs an event between a and b
    OK(cuStreamSynchronize(m.b));
    EXPECT(download(q, 64)[3] == 3);  // and so reads what was there before
    OK(cuCtxSynchronize());
}

TEST(EventsAreQueriedAndTimed, "") {
    Two m;
    CUdeviceptr p = upload(64, 0);
    CUevent e, f, untimed;
    float ms = -1;
    OK(cuEventCreate(&e, 0));
    OK(cuEventCreate(&f, 0));
    OK(cuEventCreate(&untimed, 2));
    CODE(400, cuEventElapsedTime(&ms, e, f));
    OK(cuEventRecord(e, m.a));
    OK(launch(m.k.addOne, p, 64, m.a));
    OK(cuEventRecord(f, m.a));
    CODE(600, cuEventElapsedTime(&ms, e, f));
    CODE(600, cuEventQuery(f));
    CODE(600, cuEventQuery(f));
    CODE(600, cuEventQuery(f));
    OK(cuEventQuery(f));
    OK(cuEventElapsedTime(&ms, e, f));
    EXPECT(ms >= 0);
    CODE(400, cuEventElapsedTime(&ms, e, untimed));
    OK(cuEventRecord(e, m.a));
    OK(cuEventSynchronize(e));
    OK(cuEventDestroy_v2(e));
    CODE(400, cuEventDestroy_v2(e));
    EXPECT_REPORT("the event is released");
}

TEST(LegacyStreamOrdersBlockingStreams, "") {
    Machine m;
    Kernels k;
    CUstream blocking, free;
    std::string log;
    OK(cuStreamCreate(&blocking, 0));
    OK(cuStreamCreate(&free, 1));
    CUdeviceptr p = upload(64, 0);
    OK(launch(k.addOne, p, 64, blocking));
    OK(launch(k.addOne, p, 64, nullptr));
    OK(launch(k.addOne, p, 64, blocking));
    OK(cuLaunchHostFunc(free, note, &log));
    EXPECT(download(p, 64)[0] == 3);  // a blocking copy, on the legacy stream
    EXPECT(log.empty());
    OK(launch(k.addOne, p, 64, blocking));
    CODE(600, cuStreamQuery(nullptr));  // waits for the blocking stream
    OK(cuStreamQuery(nullptr));
    OK(cuStreamSynchronize(nullptr));
    EXPECT(log.empty());
    OK(cuCtxSynchronize());
    EXPECT(log == "x");
    OK(launch(k.addOne, p, 64, CUstream(2)));  // the thread's own stream
    OK(cuStreamSynchronize(CUstream(2)));
    EXPECT(download(p, 64)[0] == 5);
}

TEST(BlockingStreamsWaitForTheLegacyStream, "") {
    Machine m;
    CUstream blocking, free;
    std::string log;
    OK(cuStreamCreate(&blocking, 0));
    OK(cuStreamCreate(&free, 1));
    OK(cuLaunchHostFunc(nullptr, note, &log));
    OK(cuLaunchHostFunc(blocking, note, &log));
    OK(cuLaunchHostFunc(free, note, &log));
    OK(cuStreamSynchronize(free));
    EXPECT(log == "x");
    OK(cuStreamSynchronize(blocking));
    EXPECT(log == "xxx");
}

TEST(AnEventIsWaitedForAndNoMore, "") {
    Two m;
    CUevent e;
    std::string log;
    OK(cuEventCreate(&e, 0));
    OK(cuLaunchHostFunc(m.a, note, &log));
    OK(cuEventRecord(e, m.a));
    OK(cuLaunchHostFunc(m.a, note, &log));
    OK(cuEventSynchronize(e));
    EXPECT(log == "x");
    OK(cuStreamSynchronize(m.a));
    EXPECT(log == "xx");
}

TEST(ErrorsAreAsynchronousAndSticky, "") {
    Two m;
    CUdeviceptr p = upload(60, 0), q = 0;
    std::string log;
    OK(launch(m.k.addOneTooFar, p, 59, m.a));  // stays inside
    OK(cuStreamSynchronize(m.a));
    OK(launch(m.k.addOneTooFar, p, 60, m.a));
    OK(cuMemAlloc_v2(&q, 4));  // not noticed yet
    OK(cuMemFree_v2(q));
    OK(cuLaunchHostFunc(m.a, note, &log));
    CODE(700, cuStreamSynchronize(m.a));
    EXPECT_REPORT("out-of-bounds", "addOneTooFar");
    EXPECT(log.empty());
    CODE(700, cuMemAlloc_v2(&q, 4));
    CODE(700, launch(m.k.addOne, p, 64, m.b));
    CODE(700, cuStreamQuery(m.b));
    CODE(700, cuMemFree_v2(p));  // freed all the same
    EXPECT(leak("device_bytes") == 4);  // the variable of the module
    int n = 0;
    OK(cuDeviceGetCount(&n));
    OK(cuDevicePrimaryCtxReset_v2(0));
    m.k.module = nullptr;
    OK(cuDevicePrimaryCtxRetain(&m.ctx, 0));
    OK(cuCtxSetCurrent(m.ctx));
    OK(cuMemAlloc_v2(&q, 4));  // the new context works
}

static void callBack(CUstream, CUresult status, void* data) {
    int n = 0;
    CODE(800, cuDeviceGetCount(&n));  // no driver calls in there
    static_cast<std::vector<int>*>(data)->push_back(int(status));
}

TEST(CallbacksGetTheStatus, "") {
    Two m;
    std::vector<int> got;
    CUdeviceptr p = upload(60, 0);
    OK(cuStreamAddCallback(m.a, callBack, &got, 0));
    OK(cuStreamSynchronize(m.a));
    OK(launch(m.k.addOneTooFar, p, 60, m.a));
    OK(cuStreamAddCallback(m.a, callBack, &got, 0));
    CODE(700, cuStreamSynchronize(m.a));
    EXPECT(got.size() == 2 && got[0] == 0 && got[1] == 700);
    reports();
}

TEST(FreeDoesNotWait, "") {
    Two m;
    CUdeviceptr p = upload(64, 0);
    OK(launch(m.k.addOne, p, 64, m.a));
    OK(cuMemFree_v2(p));
    CODE(700, cuStreamSynchronize(m.a));
    EXPECT_REPORT("addOne", "free");
}

TEST(UnloadDoesNotWait, "") {
    Two m;
    CUdeviceptr p = upload(64, 0);
    OK(launch(m.k.addOne, p, 64, m.a));
    OK(cuModuleUnload(m.k.module));
    m.k.module = nullptr;
    CODE(719, cuStreamSynchronize(m.a));
    EXPECT_REPORT("addOne", "its module was unloaded before it ran");
}
