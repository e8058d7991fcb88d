// Kernels that trap, and the report that each must give: kind, kernel, PTX line, block, thread, and what.
#pragma once

#include "interp_test.h"

namespace interptest {

struct Broken {
    std::string body;       // the line at fault ends with "// HERE"
    std::string kind;
    std::string what;       // exactly; {p} is the address of the buffer of 64 words, {end} its end, {freed} a freed one
    std::string thread = "(0,0,0)";
    Result code = CUDA_ERROR_LAUNCH_FAILED;
    Dim3 block{32, 1, 1};
    Dim3 grid{1, 1, 1};
    std::string at = "(0,0,0)";  // block
    std::string variables = "";
    bool filled = true;     // the buffer was written
};

// breaks launches a kernel of two parameters, the buffer and the freed one, and compares the whole report.
void breaks(const char* file, int line, const Broken& b);
#define BREAKS(...) breaks(__FILE__, __LINE__, Broken{__VA_ARGS__})

constexpr Result kAddress = CUDA_ERROR_ILLEGAL_ADDRESS, kIllegal = CUDA_ERROR_ILLEGAL_INSTRUCTION,
             kFailed = CUDA_ERROR_LAUNCH_FAILED;
inline const std::string kTile = R"(  .shared .align 8 .b8 tile[256];
  mov.u32 %r3, tile;
  shl.b32 %r4, %t, 2;
  add.u32 %r5, %r3, %r4;
)";

}  // namespace interptest
