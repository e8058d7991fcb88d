// Memory and copies.
#include "driver_api.h"

TEST(MemoryIsCapped, "memory=1M") {
    Machine m;
    size_t free = 0, total = 0;
    CUdeviceptr a = 0, b = 0;
    CODE(2, cuMemAlloc_v2(&a, (1 << 20) + 1));
    OK(cuMemAlloc_v2(&a, 512 << 10));
    OK(cuMemGetInfo_v2(&free, &total));
    EXPECT(total == 1 << 20 && free == 512 << 10);
    CODE(2, cuMemAlloc_v2(&b, (512 << 10) + 1));
    OK(cuMemFree_v2(a));
    OK(cuMemAlloc_v2(&b, 1 << 20));
    OK(cuMemFree_v2(b));
    CODE(1, cuMemAlloc_v2(&b, 0));
    OK(cuMemFree_v2(0));
    EXPECT(counter("allocs") == 2 && counter("frees") == 2 && counter("peak_bytes") == 1 << 20);
}

TEST(CopiesGoEveryWay, "") {
    Machine m;
    CUdeviceptr a = upload(100, 0), b = 0;
    OK(cuMemAlloc_v2(&b, 400));
    OK(cuMemcpyDtoD_v2(b, a, 400));
    OK(cuMemsetD32_v2(b + 40, 0x40400000, 10));  // 3.0f
    std::vector<float> got = download(b, 100);
    for (int k = 0; k < 100; ++k) EXPECT(got[k] == (k >= 10 && k < 20 ? 3.0f : float(k)));
    OK(cuMemsetD8_v2(b, 0, 400));
    EXPECT(download(b, 100)[50] == 0);
    EXPECT(counter("h2d") == 1 && counter("h2d_bytes") == 400 && counter("d2d_bytes") == 400);
    EXPECT(counter("d2h") == 2 && counter("memsets") == 2 && counter("memset_bytes") == 440);
    EXPECT(counter("blocking_copies") == 4 && counter("syncs") == 0);
}

TEST(CopiesAreChecked, "") {
    Machine m;
    CUdeviceptr p = upload(16, 0);
    std::vector<float> host(64);
    CODE(1, cuMemcpyHtoD_v2(p + 4, host.data(), 64));
    EXPECT_REPORT("cuMemcpyHtoD_v2: out-of-bounds", "4 bytes past the end");
    CODE(1, cuMemcpyDtoH_v2(host.data(), p + 64, 4));
    EXPECT_REPORT("out-of-bounds");
    CODE(1, cuMemcpyDtoH_v2(host.data(), 0x1000, 4));
    EXPECT_REPORT("is no device address");
    CODE(1, cuMemcpyHtoD_v2(p, reinterpret_cast<void*>(0x10), 4));
    EXPECT_REPORT("the host source cannot be read");
    CODE(1, cuMemcpyDtoH_v2(reinterpret_cast<void*>(0x10), p, 4));
    EXPECT_REPORT("the host destination cannot be written");
    CODE(1, cuMemcpyDtoH_v2(nullptr, p, 4));
    CODE(1, cuMemsetD32_v2(p + 2, 0, 1));
    EXPECT_REPORT("misaligned");
    CODE(1, cuMemsetD32_v2(p, 0, 17));
    EXPECT_REPORT("out-of-bounds");
    void* pinned;
    OK(cuMemHostAlloc(&pinned, 32, 0));
    CODE(1, cuMemcpyHtoD_v2(p, pinned, 64));
    EXPECT_REPORT("of 32 bytes of page-locked memory");
    OK(cuMemFreeHost(pinned));
    CODE(1, cuMemFreeHost(pinned));
    EXPECT_REPORT("no page-locked memory");
    CODE(1, cuMemFree_v2(p + 4));
    EXPECT_REPORT("free of what is no allocation");
    OK(cuMemFree_v2(p));
    CODE(1, cuMemFree_v2(p));
    EXPECT_REPORT("double free", "freed allocation");
    CODE(1, cuMemcpyHtoD_v2(p, host.data(), 4));
    EXPECT_REPORT("use after free");
    EXPECT(counter("traps") == 12);
}

TEST(UnwrittenBytesDoNotReachTheHost, "") {
    Machine m;
    CUdeviceptr p = 0;
    char host[16];
    OK(cuMemAlloc_v2(&p, 16));
    OK(cuMemsetD8_v2(p, 1, 10));
    OK(cuMemcpyDtoH_v2(host, p, 10));
    CODE(719, cuMemcpyDtoH_v2(host, p, 16));
    EXPECT_REPORT("uninitialised: cuMemcpyDtoH_v2 of 16 bytes", "byte 10 of allocation");
    CODE(719, cuCtxSynchronize());  // sticky
}

TEST(UnwrittenBytesMayBeAllowed, "uninit=allow") {
    Machine m;
    CUdeviceptr p = 0, q = 0;
    unsigned char host[16];
    OK(cuMemAlloc_v2(&p, 16));
    OK(cuMemAlloc_v2(&q, 16));
    OK(cuMemcpyDtoD_v2(q, p, 16));
    OK(cuMemcpyDtoH_v2(host, q, 16));
    EXPECT(host[7] == 0xff);
}

TEST(PinnedMemoryReusedTooEarlyIsSeen, "") {
    Machine m;
    CUstream s;
    void* pinned;
    CUdeviceptr p = 0;
    float* f;
    OK(cuStreamCreate(&s, 1));
    OK(cuMemHostAlloc(&pinned, 4, 0));
    OK(cuMemAlloc_v2(&p, 4));
    f = static_cast<float*>(pinned);
    *f = 1;
    OK(cuMemcpyHtoDAsync_v2(p, f, 4, s));
    *f = 2;  // the copy has not run
    OK(cuStreamSynchronize(s));
    OK(cuMemcpyDtoHAsync_v2(f, p, 4, s));
    *f = 5;
    EXPECT(*f == 5);
    OK(cuStreamSynchronize(s));
    EXPECT(*f == 2);
    OK(cuMemcpyHtoDAsync_v2(p, f, 4, s));
    OK(cuMemFreeHost(pinned));
    CODE(700, cuStreamSynchronize(s));
    EXPECT_REPORT("use after free", "page-locked memory was freed");
}

TEST(PageableCopiesFollowTheManual, "") {
    Machine m;
    CUstream s;
    OK(cuStreamCreate(&s, 1));
    float host = 1, back = 0;
    CUdeviceptr p = 0;
    OK(cuMemAlloc_v2(&p, 4));
    OK(cuMemcpyHtoDAsync_v2(p, &host, 4, s));
    host = 2;  // was taken already
    EXPECT(counter("blocking_copies") == 0);
    OK(cuMemcpyDtoHAsync_v2(&back, p, 4, s));
    EXPECT(back == 1);  // blocked
    EXPECT(counter("blocking_copies") == 1 && counter("implicit_syncs") == 1);
    OK(cuStreamDestroy_v2(s));
}

TEST(PointersTellWhereTheyPoint, "devices=2") {
    Machine m(1);
    CUdeviceptr p = 0;
    void* h;
    OK(cuMemAlloc_v2(&p, 100));
    OK(cuMemHostAlloc(&h, 10, 0));
    unsigned type = 0;
    int ordinal = 0;
    size_t size = 0;
    OK(cuPointerGetAttribute(&type, CUpointer_attribute(2), p + 3));
    OK(cuPointerGetAttribute(&ordinal, CUpointer_attribute(9), p + 3));
    OK(cuPointerGetAttribute(&size, CUpointer_attribute(12), p + 3));
    EXPECT(type == 2 && ordinal == 1 && size == 100);
    OK(cuPointerGetAttribute(&type, CUpointer_attribute(2), CUdeviceptr(h)));
    EXPECT(type == 1);
    CODE(1, cuPointerGetAttribute(&type, CUpointer_attribute(2), p + 100));
    OK(cuMemFreeHost(h));
}
