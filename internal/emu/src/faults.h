// The fault script: which driver call fails, and how.
#pragma once

#include <vector>

#include "types.h"

namespace emu {

// FaultKind is a set of driver calls; a call may belong to several.
enum FaultKind : u32 {
    kCall = 1 << 0,       // any driver call
    kAlloc = 1 << 1,      // cuMemAlloc
    kHostAlloc = 1 << 2,  // cuMemAllocHost, cuMemHostAlloc
    kFree = 1 << 3,       // cuMemFree, cuMemFreeHost
    kCopy = 1 << 4,       // cuMemcpy*, cuMemset*
    kLaunch = 1 << 5,     // cuLaunchKernel, cuGraphLaunch
    kSync = 1 << 6,       // the three cu*Synchronize, cuStreamQuery, cuEventQuery
    kModuleCall = 1 << 7,
    kStreamCall = 1 << 8,
    kEventCall = 1 << 9,
    kGraphCall = 1 << 10,    // capture, graphs
    kContextCall = 1 << 11,  // retain and release of primary contexts
};
constexpr int kFaultKinds = 12;

// Fault is what happens to one call.
struct Fault {
    enum What { None, Code, Hang, NaN, Lost } what = None;
    int code = 0;
    explicit operator bool() const { return what != None; }
};

// Faults is a script: "KIND@K=WHAT" items, comma-separated. KIND names a FaultKind, K counts its calls from 1 since the
// script was set or reset, WHAT is a CUresult, "hang", "nan" or "lost".
class Faults {
public:
    // set replaces the script and starts to count anew. It throws std::invalid_argument and then changes nothing.
    void set(const std::string& script);
    // next counts one call of the given kinds and returns the fault that it meets.
    Fault next(u32 kinds);

private:
    struct Item { u32 kind; u64 k; Fault fault; };
    std::vector<Item> items_;
    u64 count_[kFaultKinds] = {};
};

}  // namespace emu
