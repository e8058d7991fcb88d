// The kernels of the driver's tests, and what launches them.
#include "driver_api.h"

namespace emutest {
namespace {

// index leaves the thread's element in %r5 and its byte offset in %d9; threads past the end leave.
std::string index(const std::string& past, const std::string& shift = "2") {
    return "  mov.u32 %r2, %ctaid.x;\n  mov.u32 %r3, %ntid.x;\n  mov.u32 %r4, %tid.x;\n"
           "  mad.lo.s32 %r5, %r2, %r3, %r4;\n  setp." + past + ".u32 %q, %r5, %r1;\n  @%q bra DONE;\n"
           "  cvt.u64.u32 %d8, %r5;\n  shl.b64 %d9, %d8, " + shift + ";\n";
}

std::string entry(const std::string& name, const std::string& params, const std::string& body,
                  const std::string& bounds = "") {
    return ".visible .entry " + name + "(" + params + ")\n" + bounds + "{\n  .reg .pred %q;\n  .reg .b32 %r<8>;\n"
           "  .reg .f32 %f<12>;\n  .reg .b64 %d<10>;\n" + body + "DONE:\n  ret;\n}\n";
}

const char* const kOneParams = ".param .u64 p, .param .u32 n";
const char* const kOneLoad = "  ld.param.u64 %d1, [p];\n  ld.param.u32 %r1, [n];\n  cvta.to.global.u64 %d2, %d1;\n";
const char* const kOneStep = "  add.s64 %d3, %d2, %d9;\n  ld.global.f32 %f1, [%d3];\n"
                             "  add.rn.f32 %f2, %f1, 0f3F800000;\n  st.global.f32 [%d3], %f2;\n";

std::string one(const std::string& name, const std::string& past, const std::string& bounds = "") {
    return entry(name, kOneParams, kOneLoad + index(past) + kOneStep, bounds);
}

// noTail adds to four elements a thread and forgets the n % 4 at the end.
std::string noTail() {
    return entry("addOneNoTail", kOneParams,
                 std::string(kOneLoad) + "  shr.u32 %r1, %r1, 2;\n" + index("ge", "4") +
                     "  add.s64 %d3, %d2, %d9;\n  ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%d3];\n"
                     "  add.rn.f32 %f5, %f1, 0f3F800000;\n  add.rn.f32 %f6, %f2, 0f3F800000;\n"
                     "  add.rn.f32 %f7, %f3, 0f3F800000;\n  add.rn.f32 %f8, %f4, 0f3F800000;\n"
                     "  st.global.v4.f32 [%d3], {%f5, %f6, %f7, %f8};\n");
}

std::string axpy(const std::string& name, const std::string& a, const std::string& b) {
    return entry(name, ".param .u64 y, .param .u64 x, .param .f32 a, .param .f32 b, .param .u32 n",
                 "  ld.param.u64 %d1, [y];\n  ld.param.u64 %d4, [x];\n  ld.param.f32 %f1, [" + a + "];\n"
                 "  ld.param.f32 %f2, [" + b + "];\n  ld.param.u32 %r1, [n];\n  cvta.to.global.u64 %d2, %d1;\n"
                 "  cvta.to.global.u64 %d5, %d4;\n" + index("ge") +
                 "  add.s64 %d3, %d2, %d9;\n  add.s64 %d6, %d5, %d9;\n  ld.global.f32 %f3, [%d3];\n"
                 "  ld.global.f32 %f4, [%d6];\n  mul.rn.f32 %f5, %f1, %f4;\n  mul.rn.f32 %f6, %f2, %f3;\n"
                 "  add.rn.f32 %f7, %f5, %f6;\n  st.global.f32 [%d3], %f7;\n");
}

// big uses static shared memory, so that a launch may go past the limit of a block.
std::string big() {
    return entry("big", kOneParams,
                 std::string("  .shared .align 4 .b8 tile[40000];\n") + kOneLoad + index("ge") +
                     "  add.s64 %d3, %d2, %d9;\n  ld.global.f32 %f1, [%d3];\n  st.shared.f32 [tile], %f1;\n" +
                     "  ld.shared.f32 %f2, [tile];\n  st.global.f32 [%d3], %f2;\n");
}

CUfunction function(CUmodule m, const char* name) {
    CUfunction f = nullptr;
    OK(cuModuleGetFunction(&f, m, name));
    return f;
}

}  // namespace

std::string ptx(const char* version, const char* target) {
    return std::string("// The .version of a comment does not count.\n.version ") + version + "\n.target " + target +
           "\n.address_size 64\n.visible .global .align 4 .u32 seed = 7;\n" + one("addOne", "ge") +
           one("addOneTooFar", "gt") + noTail() + axpy("axpy", "a", "b") + axpy("axpySwapped", "b", "a") +
           one("bounded", "ge", ".maxntid 64, 1, 1\n") + big();
}

Kernels::Kernels() {
    OK(cuModuleLoadData(&module, ptx().c_str()));
    addOne = function(module, "addOne");
    addOneTooFar = function(module, "addOneTooFar");
    addOneNoTail = function(module, "addOneNoTail");
    axpy = function(module, "axpy");
    axpySwapped = function(module, "axpySwapped");
    bounded = function(module, "bounded");
    big = function(module, "big");
}

Kernels::~Kernels() { cuModuleUnload(module); }

CUresult launch(CUfunction f, CUdeviceptr p, unsigned n, CUstream s) {
    void* args[] = {&p, &n, nullptr};
    return cuLaunchKernel(f, (n + 63) / 64, 1, 1, 64, 1, 1, 0, s, args, nullptr);
}

CUresult launch(CUfunction f, CUdeviceptr y, CUdeviceptr x, float a, float b, unsigned n, CUstream s) {
    void* args[] = {&y, &x, &a, &b, &n, nullptr};
    return cuLaunchKernel(f, (n + 63) / 64, 1, 1, 64, 1, 1, 0, s, args, nullptr);
}

CUdeviceptr upload(unsigned n, float value) {
    CUdeviceptr p = 0;
    OK(cuMemAlloc_v2(&p, n * sizeof(float)));
    std::vector<float> v(n);
    for (unsigned k = 0; k < n; ++k) v[k] = value + float(k);
    OK(cuMemcpyHtoD_v2(p, v.data(), n * sizeof(float)));
    return p;
}

std::vector<float> download(CUdeviceptr p, unsigned n) {
    std::vector<float> v(n, -1.0f);
    OK(cuMemcpyDtoH_v2(v.data(), p, n * sizeof(float)));
    return v;
}

}  // namespace emutest
