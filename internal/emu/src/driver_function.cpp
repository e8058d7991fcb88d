// Attributes of kernels.
#include <algorithm>

#include "device_limits.h"
#include "module.h"

namespace emu {

int Function::maxThreads() const {
    u64 n = u64(kMaxThreads);
    for (const Dim3& d : {prog->maxntid, prog->reqntid})
        if (d.count() > 0) n = std::min(n, d.count());
    return int(n);
}

namespace {

int attributeOf(const Function& f, int attribute) {
    const Config& c = driver().config;
    switch (attribute) {
        case 0: return f.maxThreads();
        case 1: return int(f.prog->sharedBytes);
        case 2: return 0;  // constant memory
        case 3: return int(f.prog->localBytes);
        case 4: return std::min(255, int(f.prog->registers));
        case 5: case 6: return int(c.sm);  // PTX and binary version
        case 7: return 0;                  // cache mode
        case 8: return f.maxDynShared >= 0 ? f.maxDynShared : std::max(0, kDefaultShared - int(f.prog->sharedBytes));
        case 9: return -1;  // preferred carve-out
        default: return 0;
    }
}

// activeBlocks is how many blocks a multiprocessor holds at once. The registers of a kernel are known only to the real
// compiler, so they do not count here.
int activeBlocks(const Function& f, int threads, size_t dynShared) {
    const Limits l = limitsOf(driver().config.sm);
    if (threads < 1 || threads > f.maxThreads()) return 0;
    int rounded = (threads + int(kLanes) - 1) / int(kLanes) * int(kLanes);
    int n = std::min(l.blocks, l.threads / rounded);
    size_t shared = f.prog->sharedBytes + dynShared + (driver().config.sm >= 80 ? kReservedShared : 0);
    return shared ? std::min(n, int(size_t(l.shared) / shared)) : n;
}

}  // namespace
EMU_API CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
    return run("cuFuncGetAttribute", kNeedCtx, 0, [&](Call& c) {
        need(value && int(attribute) >= 0 && int(attribute) < 32);
        *value = attributeOf(*c.get<Function>(function), int(attribute));
    });
}

EMU_API CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
    return run("cuFuncSetAttribute", kNeedCtx, 0, [&](Call& c) {
        std::shared_ptr<Function> f = c.get<Function>(function);
        if (int(attribute) == 9) return;  // carve-out: a hint
        need(int(attribute) == 8);        // MAX_DYNAMIC_SHARED_SIZE_BYTES
        int most = limitsOf(driver().config.sm).optin - int(f->prog->sharedBytes);
        need(value >= 0 && value <= most,
             std::to_string(value) + " bytes of dynamic shared memory for " + f->name + ", at most " +
                 std::to_string(most) + " are left");
        f->maxDynShared = value;
    });
}

EMU_API CUresult cuFuncSetCacheConfig(CUfunction function, CUfunc_cache) {
    return run("cuFuncSetCacheConfig", kNeedCtx, 0, [&](Call& c) { c.get<Function>(function); });
}

EMU_API CUresult cuFuncGetModule(CUmodule* module, CUfunction function) {
    return run("cuFuncGetModule", kNeedCtx, 0, [&](Call& c) {
        need(module);
        *module = c.get<Function>(function)->module.lock()->handle;
    });
}

EMU_API CUresult cuFuncGetName(const char** name, CUfunction function) {
    return run("cuFuncGetName", kNeedCtx, 0, [&](Call& c) {
        need(name);
        *name = c.get<Function>(function)->name.c_str();
    });
}

// The number of parameters cannot be seen in an array of pointers, so a caller asks for it here.
EMU_API CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t* offset, size_t* size) {
    return run("cuFuncGetParamInfo", kNeedCtx, 0, [&](Call& c) {
        std::shared_ptr<Function> f = c.get<Function>(function);
        need(offset && index < f->prog->params.size());
        *offset = f->prog->params[index].offset;
        if (size) *size = f->prog->params[index].size;
    });
}

EMU_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads,
                                                             size_t dynShared) {
    return run("cuOccupancyMaxActiveBlocksPerMultiprocessor", kNeedCtx, 0, [&](Call& c) {
        need(blocks);
        *blocks = activeBlocks(*c.get<Function>(function), threads, dynShared);
    });
}

EMU_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction function, int threads,
                                                                      size_t dynShared, unsigned) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, dynShared);
}

}  // namespace emu
