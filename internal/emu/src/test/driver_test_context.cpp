// Initialisation, devices, contexts, handles.
#include <thread>

#include "driver_api.h"

TEST(NothingWorksBeforeInit, "") {
    int n = 0;
    CODE(3, cuDeviceGetCount(&n));
    OK(cuDriverGetVersion(&n));
    EXPECT(n == 13000);
    OK(cuInit(0));
    OK(cuDeviceGetCount(&n));
    EXPECT(n == 1);
    CODE(201, cuCtxSynchronize());  // no current context
}

TEST(MachineIsAsConfigured, "devices=2,sm=90,memory=64M,driver=12040,name=Test GPU") {
    OK(cuInit(0));
    int n = 0, major = 0, minor = 0;
    char name[64];
    size_t bytes = 0;
    OK(cuDeviceGetCount(&n));
    EXPECT(n == 2);
    OK(cuDriverGetVersion(&n));
    EXPECT(n == 12040);
    OK(cuDeviceGetName(name, sizeof name, 1));
    EXPECT(std::string(name) == "Test GPU");
    OK(cuDeviceTotalMem_v2(&bytes, 1));
    EXPECT(bytes == 64u << 20);
    OK(cuDeviceGetAttribute(&major, CUdevice_attribute(75), 0));
    OK(cuDeviceGetAttribute(&minor, CUdevice_attribute(76), 0));
    EXPECT(major == 9 && minor == 0);
    CODE(101, cuDeviceGetName(name, sizeof name, 2));
}

TEST(NoDevice, "devices=0") { CODE(100, cuInit(0)); }
TEST(RefusedInit, "init=803") { CODE(803, cuInit(0)); }

TEST(BadConfigurationIsRefused, "devices=1,memry=64M") {
    CODE(1, cuInit(0));
    EXPECT_REPORT("cuInit", "memry=64M", "unknown setting");
}

TEST(BadFaultScriptIsRefused, "") {
    setenv("CUDIFFUSE_EMU_FAULTS", "alloc@0=2", 1);
    CODE(1, cuInit(0));
    EXPECT_REPORT("alloc@0=2", "counted from 1");
    for (const char* bad : {"alok@1=2", "alloc@1", "alloc@1=0", "alloc@x=2", "copy@1=nan", "alloc@1=bang"})
        EXPECT(control(std::string("faults ") + bad).compare(0, 7, "error: ") == 0);
    EXPECT(control("fault alloc@1=2").compare(0, 7, "error: ") == 0);
}

TEST(PrimaryContextIsCounted, "") {
    OK(cuInit(0));
    CUcontext a = nullptr, b = nullptr;
    unsigned flags;
    int active = 0;
    OK(cuDevicePrimaryCtxRetain(&a, 0));
    OK(cuDevicePrimaryCtxRetain(&b, 0));
    EXPECT(a == b);
    OK(cuCtxSetCurrent(a));
    CUdeviceptr p = 0;
    OK(cuMemAlloc_v2(&p, 1000));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
    EXPECT(active == 1 && leak("device_bytes") == 1000 && leak("contexts") == 1);
    OK(cuDevicePrimaryCtxRelease_v2(0));
    OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
    EXPECT(active == 0 && leak("device_bytes") == 0 && leak("contexts") == 0);
    CODE(201, cuDevicePrimaryCtxRelease_v2(0));
    CODE(709, cuMemFree_v2(p));  // the current context is gone
    CODE(201, cuCtxSetCurrent(a));
    EXPECT_REPORT("the context is released");
    OK(cuDevicePrimaryCtxRetain(&b, 0));  // works again, as a new context
    EXPECT(a != b);
    OK(cuDevicePrimaryCtxReset_v2(0));
}

TEST(EverythingDiesWithItsContext, "") {
    Machine m;
    CUstream s;
    CUevent e;
    void* host;
    OK(cuStreamCreate(&s, 0));
    OK(cuEventCreate(&e, 0));
    OK(cuMemHostAlloc(&host, 4096, 0));
    Kernels k;
    CUdeviceptr p = upload(64, 0);
    OK(launch(k.addOne, p, 64, s));
    EXPECT(leak("streams") == 1 && leak("events") == 1 && leak("modules") == 1 && leak("host_bytes") == 4096);
    OK(cuDevicePrimaryCtxReset_v2(0));
    EXPECT(leak("streams") == 0 && leak("events") == 0 && leak("modules") == 0 && leak("host_bytes") == 0);
    OK(cuDevicePrimaryCtxRetain(&m.ctx, 0));
    OK(cuCtxSetCurrent(m.ctx));
    CODE(400, cuStreamSynchronize(s));
    EXPECT_REPORT("cuStreamSynchronize", "the stream is released");
    CODE(400, cuEventQuery(e));
    CODE(400, launch(k.addOne, p, 64));
    EXPECT_REPORT("the event is released", "the function is released");
    CODE(400, cuModuleUnload(k.module));
    EXPECT_REPORT("the module is released");
    CODE(1, cuMemFree_v2(p));
    EXPECT_REPORT("double free");
    k.module = nullptr;
    CODE(400, cuModuleUnload(nullptr));
}

TEST(ThreadsHaveTheirOwnCurrentContext, "devices=2") {
    Machine m;
    CUcontext other = nullptr, current = nullptr;
    OK(cuDevicePrimaryCtxRetain(&other, 1));
    std::thread([&] {
        CUcontext c = m.ctx;
        OK(cuCtxGetCurrent(&c));
        EXPECT(c == nullptr);
        OK(cuCtxPushCurrent_v2(other));
        OK(cuCtxPushCurrent_v2(m.ctx));
        OK(cuCtxPopCurrent_v2(&c));
        EXPECT(c == m.ctx);
        OK(cuCtxGetCurrent(&c));
        EXPECT(c == other);
    }).join();
    OK(cuCtxGetCurrent(&current));
    EXPECT(current == m.ctx);
    OK(cuDevicePrimaryCtxRelease_v2(1));
}

TEST(HandlesOfAnotherContextAreRefused, "devices=2") {
    Machine m;
    Kernels k;
    CUcontext other = nullptr;
    CUstream foreign;
    CUevent event;
    CUdeviceptr p = upload(64, 0), q = 0;
    OK(cuDevicePrimaryCtxRetain(&other, 1));
    OK(cuCtxSetCurrent(other));
    OK(cuStreamCreate(&foreign, 0));
    OK(cuEventCreate(&event, 0));
    OK(cuMemAlloc_v2(&q, 256));
    CODE(400, launch(k.addOne, q, 64));
    EXPECT_REPORT("cuLaunchKernel: handle of another context", "the function belongs to device 0, current is device 1");
    OK(cuCtxSetCurrent(m.ctx));
    CODE(400, launch(k.addOne, p, 64, foreign));
    EXPECT_REPORT("cuLaunchKernel: handle of another context", "the stream belongs to device 1, current is device 0");
    CODE(400, cuEventRecord(event, nullptr));
    EXPECT_REPORT("cuEventRecord: handle of another context", "the event");
    CODE(400, cuMemsetD32Async(p, 0, 64, foreign));
    CODE(1, cuMemsetD32Async(q, 0, 64, nullptr));
    EXPECT_REPORT("cuMemsetD32Async: memory of another device");
    CODE(1, cuMemFree_v2(q));
    EXPECT_REPORT("free of memory of another device");
    OK(launch(k.addOne, q, 64));  // traps when it runs
    CODE(700, cuCtxSynchronize());
    EXPECT_REPORT("addOne");
    OK(cuDevicePrimaryCtxRelease_v2(1));
}

TEST(WildHandlesAreNotFollowed, "") {
    Machine m;
    CODE(400, cuStreamSynchronize(CUstream(0x1234567890)));
    EXPECT_REPORT("is no stream");
    CODE(400, cuStreamSynchronize(CUstream(m.ctx)));  // a handle, but of a context
    EXPECT_REPORT("is no stream");
    CODE(400, cuGraphLaunch(nullptr, nullptr));
    CODE(201, cuCtxSetCurrent(CUcontext(0x40)));
    EXPECT_REPORT("is no context");
}

TEST(ErrorsHaveNames, "") {
    const char* text = nullptr;
    OK(cuGetErrorName(CUresult(700), &text));
    EXPECT(std::string(text) == "CUDA_ERROR_ILLEGAL_ADDRESS");
    OK(cuGetErrorString(CUresult(2), &text));
    EXPECT(std::string(text) == "out of memory");
    CODE(1, cuGetErrorName(CUresult(12345), &text));
    EXPECT(text == nullptr);
}
