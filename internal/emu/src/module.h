// Loaded modules and their kernels.
#pragma once

#include "compile.h"
#include "driver.h"

namespace emu {

struct Function;

struct ModuleObject {
    static constexpr HandleKind kKind = kModule;
    Context* ctx = nullptr;
    CUmodule handle = nullptr;
    std::unique_ptr<Module> code;  // null once unloaded
    std::map<std::string, std::pair<CUfunction, std::shared_ptr<Function>>> functions;  // those asked for
};

// Function is a kernel of a loaded module.
struct Function {
    static constexpr HandleKind kKind = kFunction;
    std::weak_ptr<ModuleObject> module;  // gone, or without code, once unloaded
    const Program* prog = nullptr;
    std::string name;
    int maxDynShared = -1;  // bytes that cuFuncSetAttribute allowed; -1: never asked

    bool loaded() const {
        std::shared_ptr<ModuleObject> m = module.lock();
        return m && m->code;
    }
    // maxThreads is the largest block that the kernel's own bounds allow.
    int maxThreads() const;
};

}  // namespace emu
