#include "trap.h"

#include <cstdio>
#include <cstdlib>

namespace emu {

void report(const std::string& line) {
    const char* path = getenv("CUDIFFUSE_EMU_REPORT");
    FILE* f = path && *path ? fopen(path, "a") : nullptr;
    fprintf(f ? f : stderr, "cudiffuse-emu: %s\n", line.c_str());
    if (f) fclose(f);
}

std::string hex(u64 v) {
    char buf[32];
    snprintf(buf, sizeof buf, "0x%llx", (unsigned long long)v);
    return buf;
}

std::string at(const Dim3& d) {
    return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")";
}

}  // namespace emu
