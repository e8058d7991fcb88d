// cuLaunchKernel: what is wrong with a launch is told when it is made; what is wrong with the kernel, when it runs.
#include "device_limits.h"
#include "host_memory.h"
#include "module.h"
#include "warp.h"

namespace emu {
namespace {

struct KernelWork : Work {
    std::shared_ptr<Function> function;
    Dim3 grid, block;
    u32 dynShared = 0;
    std::vector<u8> params;

    Type type() const override { return Kernel; }
    std::string name() const override { return "kernel " + function->name; }
    void count() const override { counters().launches++; }
    void run(Context& ctx, const Fault& fault) const override;
};

// plantNaN overwrites one value that the launch stored, as a script asked. A kernel that stored none stays as it is.
void plantNaN(const Launch& l) {
    Alloc* a = l.memory->find(l.nanAddr);
    if (!l.nanAddr || !a || !a->contains(l.nanAddr, l.nanSize)) return;
    const u8 nan2[] = {0xff, 0x7f}, nan4[] = {0xff, 0xff, 0xff, 0x7f};
    const u8 nan8[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    u32 size = l.nanSize == 8 ? 8 : std::min(l.nanSize, 4u);  // of a vector, one element
    memcpy(a->data + (l.nanAddr - a->base), size == 2 ? nan2 : size == 8 ? nan8 : nan4, size);
}

void KernelWork::run(Context& ctx, const Fault& fault) const {
    if (!function->loaded())
        throw Fail{CUDA_ERROR_LAUNCH_FAILED, "kernel " + function->name + ": its module was unloaded before it ran"};
    Launch l;
    l.prog = function->prog;
    l.memory = &ctx.device->memory;
    l.grid = grid;
    l.block = block;
    l.dynShared = dynShared;
    l.params = params;
    l.epoch = ++ctx.device->epoch;
    l.checkPoison = !driver().config.uninit;
    l.wantNaN = fault.what == Fault::NaN;
    TrapReport r = launchGrid(l);
    if (r.code != CUDA_SUCCESS) throw Fail{r.code, r.text};
    if (l.wantNaN) plantNaN(l);
}

void checkGeometry(const KernelWork& w) {
    const Program& p = *w.function->prog;
    auto bad = [&](int code, const std::string& why) {
        throw Fail{code, "bad launch geometry: kernel " + w.function->name + ", grid " + at(w.grid) + ", block " +
                             at(w.block) + ": " + why};
    };
    if (!w.grid.count() || !w.block.count()) bad(CUDA_ERROR_INVALID_VALUE, "a dimension is zero");
    if (w.grid.x > u32(kMaxGridX) || w.grid.y > u32(kMaxGridY) || w.grid.z > u32(kMaxGridZ))
        bad(CUDA_ERROR_INVALID_VALUE, "a grid has at most 2147483647 x 65535 x 65535 blocks");
    if (w.block.x > u32(kMaxBlockX) || w.block.y > u32(kMaxBlockY) || w.block.z > u32(kMaxBlockZ) ||
        w.block.count() > u64(kMaxThreads))
        bad(CUDA_ERROR_INVALID_VALUE, "a block has at most 1024 threads, and 64 in z");
    if (p.reqntid.count() && (w.block.x != p.reqntid.x || w.block.y != p.reqntid.y || w.block.z != p.reqntid.z))
        bad(CUDA_ERROR_INVALID_VALUE, "the kernel requires a block of " + at(p.reqntid));
    if (w.block.count() > u64(w.function->maxThreads()))
        bad(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
            "the kernel's launch bounds allow " + std::to_string(w.function->maxThreads()) + " threads");
    int allowed = w.function->maxDynShared;
    u64 total = u64(p.sharedBytes) + w.dynShared;
    if (allowed < 0 ? total > u64(kDefaultShared) : w.dynShared > u32(allowed))
        bad(CUDA_ERROR_INVALID_VALUE, std::to_string(total) + " bytes of shared memory, more than " +
                                          (allowed < 0 ? "48 KiB without the attribute that asks for more"
                                                       : "the attribute of the kernel allows"));
}

[[noreturn]] void badParams(const KernelWork& w, const std::string& why) {
    throw Fail{CUDA_ERROR_INVALID_VALUE, "bad parameters: kernel " + w.function->name + ": " + why};
}

// gather reads the parameters through their pointers. An array that is too long, or bytes behind a parameter, cannot be
// seen: the interface does not say how many there are.
void gather(KernelWork& w, void** params) {
    const std::vector<Param>& want = w.function->prog->params;
    std::string all = std::to_string(want.size());
    for (size_t k = 0; k < want.size(); ++k) {
        std::string which = "parameter " + std::to_string(k + 1) + " of " + all;
        void* p = nullptr;
        if (!readHost(&p, params + k, sizeof p)) badParams(w, "the array ends before " + which);
        if (!p) badParams(w, which + " is null, are there too few?");
        if (!readHost(w.params.data() + want[k].offset, p, want[k].size))
            badParams(w, which + " is at an address that cannot be read, are there too few?");
    }
}

// gatherBuffer reads the parameters from one buffer, CU_LAUNCH_PARAM_BUFFER_POINTER and _SIZE.
void gatherBuffer(KernelWork& w, void** extra) {
    const void* buffer = nullptr;
    const size_t* size = nullptr;
    for (; *extra; extra += 2) {
        if (u64(*extra) == 1) buffer = extra[1];
        else if (u64(*extra) == 2) size = static_cast<const size_t*>(extra[1]);
        else badParams(w, "unknown extra option");
    }
    if (!buffer || !size) badParams(w, "the extra options name no buffer and size");
    if (*size != w.params.size())
        badParams(w, "wrong size: " + std::to_string(*size) + " bytes, the kernel takes " +
                         std::to_string(w.params.size()) + " in " + std::to_string(w.function->prog->params.size()) +
                         " parameters");
    if (!readHost(w.params.data(), buffer, *size)) badParams(w, "the buffer cannot be read");
}

void launch(Call& c, const std::shared_ptr<KernelWork>& w, CUstream stream, void** params, void** extra) {
    checkGeometry(*w);
    std::shared_ptr<Stream> s = c.stream(stream);
    w->params.assign(w->function->prog->paramBytes, 0);
    if (params && extra) badParams(*w, "both an array and a buffer are given");
    if (extra) gatherBuffer(*w, extra);
    else if (params) gather(*w, params);
    else if (!w->function->prog->params.empty())
        badParams(*w, "none are given, the kernel takes " + std::to_string(w->function->prog->params.size()));
    c.enqueue(s, w);
}

}  // namespace
EMU_API CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                                unsigned blockY, unsigned blockZ, unsigned dynShared, CUstream stream, void** params,
                                void** extra) {
    return run("cuLaunchKernel", kNeedCtx | kEnqueues, kLaunch, [&](Call& c) {
        auto w = std::make_shared<KernelWork>();
        w->function = c.get<Function>(function);
        w->grid = {gridX, gridY, gridZ};
        w->block = {blockX, blockY, blockZ};
        w->dynShared = dynShared;
        launch(c, w, stream, params, extra);
    });
}

}  // namespace emu
