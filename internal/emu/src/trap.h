// Traps: what a broken kernel or call is told, and where.
#pragma once

#include "result.h"
#include "types.h"

namespace emu {

// Trap is thrown by an instruction. The block adds the place: kernel, PTX line, block, thread.
struct Trap {
    Result code;
    std::string kind;    // "out-of-bounds", "misaligned", ...
    std::string detail;  // address and allocation, lanes, values
    int lane = -1;       // first lane at fault, -1 for the whole warp
};

// TrapReport is a trap with its place. block orders the reports of blocks that ran on several host threads.
struct TrapReport {
    Result code = CUDA_SUCCESS;
    u64 block = 0;
    std::string text;
};

// report writes one line to the file named by CUDIFFUSE_EMU_REPORT, or to stderr.
void report(const std::string& line);

std::string hex(u64 v);
std::string at(const Dim3& d);  // "(1,2,3)"

}  // namespace emu
