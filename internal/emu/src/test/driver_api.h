// The driver's entry points that its tests call, and what a test is.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../api.h"

#ifndef EMU_CHECK_ABI
extern "C" {
CUresult cuInit(unsigned);
CUresult cuDriverGetVersion(int*);
CUresult cuDeviceGetCount(int*);
CUresult cuDeviceGet(CUdevice*, int);
CUresult cuDeviceGetName(char*, int, CUdevice);
CUresult cuDeviceGetAttribute(int*, CUdevice_attribute, CUdevice);
CUresult cuDeviceTotalMem_v2(size_t*, CUdevice);
CUresult cuDevicePrimaryCtxRetain(CUcontext*, CUdevice);
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice);
CUresult cuDevicePrimaryCtxReset_v2(CUdevice);
CUresult cuDevicePrimaryCtxGetState(CUdevice, unsigned*, int*);
CUresult cuCtxSetCurrent(CUcontext);
CUresult cuCtxGetCurrent(CUcontext*);
CUresult cuCtxPushCurrent_v2(CUcontext);
CUresult cuCtxPopCurrent_v2(CUcontext*);
CUresult cuCtxSynchronize(void);
CUresult cuMemAlloc_v2(CUdeviceptr*, size_t);
CUresult cuMemFree_v2(CUdeviceptr);
CUresult cuMemGetInfo_v2(size_t*, size_t*);
CUresult cuMemHostAlloc(void**, size_t, unsigned);
CUresult cuMemFreeHost(void*);
CUresult cuPointerGetAttribute(void*, CUpointer_attribute, CUdeviceptr);
CUresult cuMemcpyHtoD_v2(CUdeviceptr, const void*, size_t);
CUresult cuMemcpyDtoH_v2(void*, CUdeviceptr, size_t);
CUresult cuMemcpyDtoD_v2(CUdeviceptr, CUdeviceptr, size_t);
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr, const void*, size_t, CUstream);
CUresult cuMemcpyDtoHAsync_v2(void*, CUdeviceptr, size_t, CUstream);
CUresult cuMemsetD8_v2(CUdeviceptr, unsigned char, size_t);
CUresult cuMemsetD32_v2(CUdeviceptr, unsigned, size_t);
CUresult cuMemsetD32Async(CUdeviceptr, unsigned, size_t, CUstream);
CUresult cuStreamCreate(CUstream*, unsigned);
CUresult cuStreamDestroy_v2(CUstream);
CUresult cuStreamSynchronize(CUstream);
CUresult cuStreamQuery(CUstream);
CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned);
CUresult cuStreamBeginCapture_v2(CUstream, CUstreamCaptureMode);
CUresult cuStreamEndCapture(CUstream, CUgraph*);
CUresult cuStreamIsCapturing(CUstream, CUstreamCaptureStatus*);
CUresult cuStreamAddCallback(CUstream, CUstreamCallback, void*, unsigned);
CUresult cuLaunchHostFunc(CUstream, CUhostFn, void*);
CUresult cuEventCreate(CUevent*, unsigned);
CUresult cuEventDestroy_v2(CUevent);
CUresult cuEventRecord(CUevent, CUstream);
CUresult cuEventQuery(CUevent);
CUresult cuEventSynchronize(CUevent);
CUresult cuEventElapsedTime(float*, CUevent, CUevent);
CUresult cuModuleLoadData(CUmodule*, const void*);
CUresult cuModuleLoadDataEx(CUmodule*, const void*, unsigned, CUjit_option*, void**);
CUresult cuModuleUnload(CUmodule);
CUresult cuModuleGetFunction(CUfunction*, CUmodule, const char*);
CUresult cuModuleGetGlobal_v2(CUdeviceptr*, size_t*, CUmodule, const char*);
CUresult cuFuncGetAttribute(int*, CUfunction_attribute, CUfunction);
CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int);
CUresult cuFuncGetParamInfo(CUfunction, size_t, size_t*, size_t*);
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream,
                        void**, void**);
CUresult cuGraphDestroy(CUgraph);
CUresult cuGraphGetNodes(CUgraph, CUgraphNode*, size_t*);
CUresult cuGraphGetEdges(CUgraph, CUgraphNode*, CUgraphNode*, size_t*);
CUresult cuGraphNodeGetType(CUgraphNode, CUgraphNodeType*);
CUresult cuGraphInstantiateWithFlags(CUgraphExec*, CUgraph, unsigned long long);
CUresult cuGraphLaunch(CUgraphExec, CUstream);
CUresult cuGraphExecUpdate_v2(CUgraphExec, CUgraph, CUgraphExecUpdateResultInfo*);
CUresult cuGraphExecDestroy(CUgraphExec);
CUresult cuGetErrorName(CUresult, const char**);
CUresult cuGetErrorString(CUresult, const char**);
}
#endif
extern "C" const char* cudiffuse_emu(const char*);

namespace emutest {

// Test is one case. It runs in a process of its own, so that it may set the environment, hang or lose the context.
struct Test {
    const char* name;
    const char* machine;  // CUDIFFUSE_EMU
    void (*body)();
};
std::vector<Test>& tests();
struct Register {
    Register(const char* name, const char* machine, void (*body)()) { tests().push_back({name, machine, body}); }
};
#define TEST(NAME, MACHINE)                                                \
    static void NAME();                                                    \
    static const emutest::Register register_##NAME(#NAME, MACHINE, NAME);  \
    static void NAME()

// failed prints where a check failed and what was found.
void failed(const char* file, int line, const std::string& what);
#define EXPECT(COND)                                                            \
    do {                                                                        \
        if (!(COND)) emutest::failed(__FILE__, __LINE__, "not so: " #COND);     \
    } while (0)
#define CODE(WANT, CALL) emutest::expectCode(__FILE__, __LINE__, #CALL, int(WANT), int(CALL))
#define OK(CALL) CODE(0, CALL)
void expectCode(const char* file, int line, const char* call, int want, int got);

// counter is a number of the counters or of the leaks.
long counter(const char* name);
long leak(const char* name);
std::string control(const std::string& command);
// reports is what was reported since the last call; EXPECT_REPORT wants each part in it.
std::string reports();
#define EXPECT_REPORT(...) emutest::expectReport(__FILE__, __LINE__, {__VA_ARGS__})
void expectReport(const char* file, int line, const std::vector<std::string>& parts);

// Machine is an initialised driver with the primary context of a device current. Its end checks that nothing is left.
struct Machine {
    CUcontext ctx = nullptr;
    CUdevice device;
    explicit Machine(int ordinal = 0);
    ~Machine();
};

// ptx is the text of the test kernels, for a PTX ISA and a target.
std::string ptx(const char* version = "6.3", const char* target = "sm_75");

// Kernels is their module.
struct Kernels {
    CUmodule module = nullptr;
    CUfunction addOne, addOneTooFar, addOneNoTail;     // (p, n): p[k] += 1; the last two are broken
    CUfunction axpy, axpySwapped;                      // (y, x, a, b, n): y[k] = a*x[k] + b*y[k]
    CUfunction bounded, big;                           // (p, n): at most 64 threads; 40000 bytes of shared memory
    Kernels();
    ~Kernels();
};

// Each launches a kernel over n elements in blocks of 64 threads.
CUresult launch(CUfunction f, CUdeviceptr p, unsigned n, CUstream s = nullptr);
CUresult launch(CUfunction f, CUdeviceptr y, CUdeviceptr x, float a, float b, unsigned n, CUstream s = nullptr);

// upload allocates n floats on the device and fills them with value + k.
CUdeviceptr upload(unsigned n, float value);
std::vector<float> download(CUdeviceptr p, unsigned n);

}  // namespace emutest

using namespace emutest;
