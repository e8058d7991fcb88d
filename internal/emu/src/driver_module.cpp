// Modules: PTX text is compiled; native code is refused, since the emulator runs none.
#include "module.h"
#include "text.h"

namespace emu {
namespace {

// Jit is what cuModuleLoadDataEx was given to write messages to.
struct Jit {
    char* log = nullptr;
    size_t size = 0;
    void say(const std::string& text) const {
        if (log && size) snprintf(log, size, "%s", text.c_str());
    }
};

[[noreturn]] void refuse(const Jit& jit, int code, const std::string& why) {
    jit.say(why);
    throw Fail{code, why};
}

bool startsWith(const void* image, u32 magic) {
    u32 first;
    memcpy(&first, image, sizeof first);
    return first == magic;
}

// word is what follows a directive, up to white space or a comma.
std::string word(const std::string& ptx, const char* directive) {
    size_t at = 0;
    // Comments may speak of the directive, so that it must begin a line.
    for (;;) {
        at = ptx.find(directive, at);
        if (at == std::string::npos) return "";
        if (at == 0 || ptx[at - 1] == '\n') break;
        at += 1;
    }
    size_t from = ptx.find_first_not_of(" \t", at + strlen(directive));
    if (from == std::string::npos) return "";
    return ptx.substr(from, ptx.find_first_of(" \t\r\n,;", from) - from);
}

void checkVersion(const std::string& version, const Jit& jit) {
    std::vector<std::string> part = split(version, '.');
    u64 found = 0;
    try {
        found = number(part.at(0)) * 10 + number(part.at(1));
    } catch (const std::exception&) {
        refuse(jit, CUDA_ERROR_INVALID_PTX, "bad .version " + version);
    }
    u32 newest = driver().config.ptx;
    if (found > newest)
        refuse(jit, CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
               "PTX ISA " + version + " is newer than " + std::to_string(newest / 10) + "." +
                   std::to_string(newest % 10));
}

void checkTarget(std::string target, const Jit& jit) {
    const Config& c = driver().config;
    bool exact = !target.empty() && (target.back() == 'a' || target.back() == 'f');
    if (exact) target.pop_back();
    u64 sm = 0;
    try {
        if (target.compare(0, 3, "sm_") != 0) throw std::invalid_argument("");
        sm = number(target.substr(3));
    } catch (const std::exception&) {
        refuse(jit, CUDA_ERROR_INVALID_PTX, "bad .target " + target);
    }
    if (sm > c.sm || (exact && sm != c.sm))
        refuse(jit, CUDA_ERROR_NO_BINARY_FOR_GPU, ".target " + target + " on a device of sm_" + std::to_string(c.sm));
}

void load(Call& c, CUmodule* out, const void* image, const Jit& jit) {
    need(out && image);
    counters().moduleLoads++;
    if (startsWith(image, 0x464c457f))
        refuse(jit, CUDA_ERROR_NO_BINARY_FOR_GPU, "native code (ELF), only PTX runs here");
    if (startsWith(image, 0xba55ed50) || startsWith(image, 0x466243b1))
        refuse(jit, CUDA_ERROR_NO_BINARY_FOR_GPU, "a fat binary, only PTX text runs here");
    std::string ptx = static_cast<const char*>(image);
    std::string version = word(ptx, ".version"), target = word(ptx, ".target");
    if (version.empty() || target.empty()) refuse(jit, CUDA_ERROR_INVALID_IMAGE, "neither PTX text nor native code");
    checkVersion(version, jit);
    checkTarget(target, jit);
    auto m = std::make_shared<ModuleObject>();
    m->ctx = c.ctx.get();
    try {
        m->code = loadModule(ptx, c.device().memory, c.ctx.get());
    } catch (const LoadError& e) {
        refuse(jit, CUDA_ERROR_INVALID_PTX, e.what());
    }
    *out = m->handle = static_cast<CUmodule>(driver().handles.add(kModule, c.ctx.get(), m));
}

void unload(Call& c, CUmodule h) {
    std::shared_ptr<ModuleObject> m = c.get<ModuleObject>(h);
    for (auto& f : m->functions) driver().handles.release(f.second.first);
    for (auto& v : m->code->vars) c.device().memory.free(v.second->base);
    m->code.reset();
    driver().handles.release(h);
}

void getFunction(Call& c, CUfunction* out, CUmodule h, const char* name) {
    need(out && name);
    std::shared_ptr<ModuleObject> m = c.get<ModuleObject>(h);
    auto it = m->code->kernels.find(name);
    if (it == m->code->kernels.end()) throw Fail{CUDA_ERROR_NOT_FOUND, ""};
    auto& known = m->functions[name];
    if (!known.second) {
        auto f = std::make_shared<Function>();
        f->module = m;
        f->prog = it->second.get();
        f->name = name;
        known = {static_cast<CUfunction>(driver().handles.add(kFunction, c.ctx.get(), f)), f};
    }
    *out = known.first;
}

}  // namespace
// The module is unloaded at once, as its memory is freed: work that is still queued then traps.
EMU_API CUresult cuModuleUnload(CUmodule module) {
    return run("cuModuleUnload", kNeedCtx | kUnsafe | kRelease, kModuleCall, [&](Call& c) { unload(c, module); });
}

EMU_API CUresult cuModuleLoadData(CUmodule* module, const void* image) {
    return run("cuModuleLoadData", kNeedCtx | kUnsafe, kModuleCall, [&](Call& c) { load(c, module, image, {}); });
}

EMU_API CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned n, CUjit_option* options,
                                    void** values) {
    return run("cuModuleLoadDataEx", kNeedCtx | kUnsafe, kModuleCall, [&](Call& c) {
        need(n == 0 || (options && values));
        Jit jit;
        for (unsigned k = 0; k < n; ++k) {
            if (int(options[k]) == 5) jit.log = static_cast<char*>(values[k]);  // CU_JIT_ERROR_LOG_BUFFER
            if (int(options[k]) == 6) jit.size = size_t(values[k]);             // ..._SIZE_BYTES
        }
        load(c, module, image, jit);
    });
}

EMU_API CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
    return run("cuModuleGetFunction", kNeedCtx, kModuleCall,
               [&](Call& c) { getFunction(c, function, module, name); });
}

EMU_API CUresult cuModuleGetGlobal_v2(CUdeviceptr* addr, size_t* size, CUmodule module, const char* name) {
    return run("cuModuleGetGlobal_v2", kNeedCtx, kModuleCall, [&](Call& c) {
        need(name);
        std::shared_ptr<ModuleObject> m = c.get<ModuleObject>(module);
        auto it = m->code->vars.find(name);
        if (it == m->code->vars.end()) throw Fail{CUDA_ERROR_NOT_FOUND, ""};
        if (addr) *addr = it->second->base;
        if (size) *size = it->second->size;
    });
}

}  // namespace emu
