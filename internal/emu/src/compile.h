// From the syntax of a module to programs that the blocks execute.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "isa.h"
#include "memory.h"

namespace emu {

// Module is a loaded PTX text: its kernels, and its variables placed in device memory.
struct Module {
    std::map<std::string, std::unique_ptr<Program>> kernels;
    std::map<std::string, Alloc*> vars;
};

// loadModule compiles a text; what the emulator cannot run is refused here, with the line, as a LoadError.
std::unique_ptr<Module> loadModule(const std::string& ptx, Memory& memory, const void* owner);

}  // namespace emu
