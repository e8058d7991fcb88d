// Modules and launches: what is refused, and the planted faults that only the result shows.
#include <unistd.h>

#include "driver_api.h"

namespace {

CUresult launchAs(CUfunction f, unsigned grid, unsigned block, unsigned shared, CUdeviceptr p, unsigned n) {
    void* args[] = {&p, &n};
    return cuLaunchKernel(f, grid, 1, 1, block, 1, 1, shared, nullptr, args, nullptr);
}

CUresult load(CUmodule* m, const std::string& image) { return cuModuleLoadData(m, image.c_str()); }

}  // namespace

TEST(ModulesAreChecked, "sm=80,ptx=7.4") {
    Machine m;
    CUmodule mod;
    OK(load(&mod, ptx("7.4", "sm_80")));
    OK(cuModuleUnload(mod));
    CODE(222, load(&mod, ptx("8.0", "sm_75")));
    EXPECT_REPORT("PTX ISA 8.0 is newer than 7.4");
    CODE(209, load(&mod, ptx("6.3", "sm_86")));
    EXPECT_REPORT(".target sm_86 on a device of sm_80");
    CODE(209, load(&mod, ptx("6.3", "sm_75a")));
    CODE(200, load(&mod, "this is no module"));
    EXPECT_REPORT("neither PTX text nor native code");
    CODE(209, load(&mod, "\x7f" "ELF\x02\x01\x01"));
    EXPECT_REPORT("native code (ELF)");
    CODE(209, load(&mod, "\x50\xed\x55\xba\x01"));
    EXPECT_REPORT("fat binary");
    std::string broken = ptx();
    broken.replace(broken.find("add.rn.f32"), 10, "odd.rn.f32");
    CODE(218, load(&mod, broken));
    EXPECT_REPORT("cuModuleLoadData", "odd");
    char log[200] = "";
    CUjit_option options[] = {CUjit_option(5), CUjit_option(6)};
    void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
    CODE(218, cuModuleLoadDataEx(&mod, broken.c_str(), 2, options, values));
    EXPECT(std::string(log).find("odd") != std::string::npos);
    EXPECT(leak("modules") == 0 && leak("device_bytes") == 0);
    reports();
}

TEST(ModulesHaveFunctionsAndVariables, "") {
    Machine m;
    Kernels k;
    CUfunction f = nullptr;
    CUdeviceptr var = 0;
    size_t size = 0, offset = 0;
    int n = 0;
    unsigned seed = 0;
    CODE(500, cuModuleGetFunction(&f, k.module, "nobody"));
    CODE(500, cuModuleGetGlobal_v2(&var, &size, k.module, "nobody"));
    OK(cuModuleGetGlobal_v2(&var, &size, k.module, "seed"));
    EXPECT(size == 4);
    OK(cuMemcpyDtoH_v2(&seed, var, 4));
    EXPECT(seed == 7);
    OK(cuModuleGetFunction(&f, k.module, "addOne"));
    EXPECT(f == k.addOne);
    OK(cuFuncGetAttribute(&n, CUfunction_attribute(0), k.bounded));
    EXPECT(n == 64);
    OK(cuFuncGetAttribute(&n, CUfunction_attribute(1), k.big));
    EXPECT(n == 40000);
    OK(cuFuncGetParamInfo(k.axpy, 4, &offset, &size));
    EXPECT(offset == 24 && size == 4);
    CODE(1, cuFuncGetParamInfo(k.axpy, 5, &offset, &size));
}

TEST(ParametersAreChecked, "") {
    Machine m;
    Kernels k;
    CUdeviceptr p = upload(64, 0);
    unsigned n = 64;
    void* few[] = {&p, nullptr};
    CODE(1, cuLaunchKernel(k.addOne, 1, 1, 1, 64, 1, 1, 0, nullptr, few, nullptr));
    EXPECT_REPORT("cuLaunchKernel: bad parameters: kernel addOne: parameter 2 of 2 is null");
    void* wild[] = {&p, reinterpret_cast<void*>(0x10)};
    CODE(1, cuLaunchKernel(k.addOne, 1, 1, 1, 64, 1, 1, 0, nullptr, wild, nullptr));
    EXPECT_REPORT("parameter 2 of 2 is at an address that cannot be read");
    CODE(1, cuLaunchKernel(k.addOne, 1, 1, 1, 64, 1, 1, 0, nullptr, nullptr, nullptr));
    EXPECT_REPORT("none are given, the kernel takes 2");
    struct { CUdeviceptr p; unsigned n; unsigned more; } buffer = {p, n, 0};
    size_t size = 12;
    void* extra[] = {reinterpret_cast<void*>(1), &buffer, reinterpret_cast<void*>(2), &size, nullptr};
    OK(cuLaunchKernel(k.addOne, 1, 1, 1, 64, 1, 1, 0, nullptr, nullptr, extra));
    size = 16;
    CODE(1, cuLaunchKernel(k.addOne, 1, 1, 1, 64, 1, 1, 0, nullptr, nullptr, extra));
    EXPECT_REPORT("wrong size: 16 bytes, the kernel takes 12 in 2 parameters");
    void* args[] = {&p, &n};
    CODE(1, cuLaunchKernel(k.addOne, 1, 1, 1, 64, 1, 1, 0, nullptr, args, extra));
    EXPECT_REPORT("both an array and a buffer");
    n = 64;
    OK(cuLaunchKernel(k.addOne, 1, 1, 1, 64, 1, 1, 0, nullptr, args, nullptr));
    n = 0;  // was read when the launch was made
    EXPECT(download(p, 64)[1] == 3);
    EXPECT(counter("launches") == 2);
}

TEST(GeometryIsChecked, "") {
    Machine m;
    Kernels k;
    CUdeviceptr p = upload(64, 0);
    struct { unsigned gx, gy, gz, bx, by, bz; } bad[] = {
        {0, 1, 1, 64, 1, 1}, {1, 1, 1, 0, 1, 1},    {1, 1, 1, 1025, 1, 1},        {1, 1, 1, 1, 1, 65},
        {1, 1, 1, 32, 33, 1}, {1, 65536, 1, 1, 1, 1}, {0x80000000u, 1, 1, 1, 1, 1},
    };
    unsigned n = 64;
    void* args[] = {&p, &n};
    for (auto& g : bad) {
        CODE(1, cuLaunchKernel(k.addOne, g.gx, g.gy, g.gz, g.bx, g.by, g.bz, 0, nullptr, args, nullptr));
        EXPECT_REPORT("cuLaunchKernel: bad launch geometry: kernel addOne");
    }
    CODE(701, launchAs(k.bounded, 1, 65, 0, p, 64));
    EXPECT_REPORT("launch bounds allow 64 threads");
    OK(launchAs(k.bounded, 1, 64, 0, p, 64));
    OK(cuCtxSynchronize());
    EXPECT(counter("launches") == 1);
}

TEST(SharedMemoryIsChecked, "sm=80") {
    Machine m;
    Kernels k;
    CUdeviceptr p = upload(64, 0);
    OK(launchAs(k.addOne, 1, 64, 48 << 10, p, 64));
    CODE(1, launchAs(k.addOne, 1, 64, (48 << 10) + 1, p, 64));
    EXPECT_REPORT("48 KiB without the attribute");
    CODE(1, launchAs(k.big, 1, 64, 10000, p, 64));
    EXPECT_REPORT("50000 bytes of shared memory");
    CODE(1, cuFuncSetAttribute(k.big, CUfunction_attribute(8), 163 << 10));
    EXPECT_REPORT("dynamic shared memory for big");
    OK(cuFuncSetAttribute(k.big, CUfunction_attribute(8), 10000));
    OK(launchAs(k.big, 1, 1, 10000, p, 64));
    CODE(1, launchAs(k.big, 1, 1, 10001, p, 64));
    EXPECT_REPORT("the attribute of the kernel allows");
    OK(cuCtxSynchronize());
}

TEST(PlantedOffByOneTraps, "") {
    Machine m;
    Kernels k;
    CUdeviceptr p = upload(1000, 0);
    OK(launch(k.addOneTooFar, p, 1000));
    CODE(700, cuCtxSynchronize());
    EXPECT_REPORT("out-of-bounds", "addOneTooFar", "PTX line", "thread (40,0,0)", "block (15,0,0)");
}

TEST(PlantedMissingTailIsSeen, "") {
    Machine m;
    Kernels k;
    CUdeviceptr p = upload(66, 0), q = upload(66, 0);
    OK(launch(k.addOne, p, 66));
    OK(launch(k.addOneNoTail, q, 66));
    std::vector<float> want = download(p, 66), got = download(q, 66);
    EXPECT(std::vector<float>(want.begin(), want.begin() + 64) == std::vector<float>(got.begin(), got.begin() + 64));
    EXPECT(want[63] == 64 && got[64] == 64 && want[64] == 65);
}

TEST(PlantedSwappedCoefficientIsSeen, "") {
    Machine m;
    Kernels k;
    CUdeviceptr x = upload(64, 1), p = upload(64, 5), q = upload(64, 5);
    OK(launch(k.axpy, p, x, 2, 3, 64));
    OK(launch(k.axpySwapped, q, x, 2, 3, 64));
    EXPECT(download(p, 64)[0] == 17);
    EXPECT(download(q, 64)[0] == 13);
}

TEST(HostPointerInAKernelTraps, "") {
    Machine m;
    Kernels k;
    std::vector<float> host(64);
    OK(launch(k.addOne, CUdeviceptr(host.data()), 64));
    CODE(700, cuCtxSynchronize());
    EXPECT_REPORT("addOne", "no allocation");
}

TEST(MisalignedVectorTraps, "") {
    Machine m;
    Kernels k;
    CUdeviceptr p = upload(64, 0);
    OK(launch(k.addOneNoTail, p + 8, 32));
    CODE(716, cuCtxSynchronize());
    EXPECT_REPORT("misaligned", "addOneNoTail");
}

TEST(UnwrittenMemoryInAResultTraps, "") {
    Machine m;
    Kernels k;
    CUdeviceptr p = 0;
    OK(cuMemAlloc_v2(&p, 256));
    OK(launch(k.addOne, p, 64));
    EXPECT(cuCtxSynchronize() != 0);
    EXPECT_REPORT("uninit", "addOne");
}

TEST(KernelsAreCounted, "") {
    Machine m;
    Kernels k;
    CUdeviceptr p = upload(100, 0);
    control("reset");
    OK(launch(k.addOne, p, 100));
    OK(launch(k.addOne, p, 50));
    EXPECT(counter("launches") == 2 && counter("global_load_bytes") == 0);  // not run yet
    OK(cuCtxSynchronize());
    EXPECT(counter("global_load_bytes") == 600 && counter("global_store_bytes") == 600);
    EXPECT(control("counters").find("\"addOne\":{\"launches\":2,\"threads\":192,\"load_bytes\":600") !=
           std::string::npos);
    control("reset");
    EXPECT(counter("launches") == 0 && counter("calls") == 0 && counter("live_bytes") == 404);
}

TEST(CountersAreKeptInAFile, "") {
    std::string path = "/tmp/emu-driver-counters-" + std::to_string(getpid());
    setenv("CUDIFFUSE_EMU_COUNTERS", path.c_str(), 1);
    Machine m;
    Kernels k;
    CUdeviceptr p = upload(64, 0);
    OK(launch(k.addOne, p, 64));
    OK(cuCtxSynchronize());
    char text[8192] = "";
    FILE* f = fopen(path.c_str(), "r");
    EXPECT(f != nullptr);
    if (f) {
        size_t n = fread(text, 1, sizeof text - 1, f);
        text[n] = 0;
        fclose(f);
    }
    EXPECT(std::string(text).find("\"launches\":1,") != std::string::npos);
    EXPECT(std::string(text).find("\"addOne\":{\"launches\":1") != std::string::npos);
    unsetenv("CUDIFFUSE_EMU_COUNTERS");
    unlink(path.c_str());
}
