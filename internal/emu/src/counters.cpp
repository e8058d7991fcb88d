#include "counters.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace emu {

Counters& counters() {
    static Counters* c = new Counters;  // never destroyed: threads may outlive static destructors
    return *c;
}

const char* kindName(HandleKind kind) {
    static const char* names[kHandleKinds] = {"context",    "module",   "stream", "event", "graph",
                                              "graph_exec", "function", "node"};
    return names[kind];
}

std::atomic<i64>& liveHandles(HandleKind kind) {
    static std::atomic<i64> n[kHandleKinds];
    return n[kind];
}

namespace {

struct Field { const char* name; std::atomic<u64>* value; bool alive; };

std::vector<Field> fields() {
    Counters& c = counters();
    return {{"calls", &c.calls, false},
            {"launches", &c.launches, false},
            {"graph_launches", &c.graphLaunches, false},
            {"host_calls", &c.hostCalls, false},
            {"syncs", &c.syncs, false},
            {"implicit_syncs", &c.implicitSyncs, false},
            {"queries", &c.queries, false},
            {"traps", &c.traps, false},
            {"faults", &c.faults, false},
            {"h2d", &c.h2d, false},
            {"h2d_bytes", &c.h2dBytes, false},
            {"d2h", &c.d2h, false},
            {"d2h_bytes", &c.d2hBytes, false},
            {"d2d", &c.d2d, false},
            {"d2d_bytes", &c.d2dBytes, false},
            {"memsets", &c.memsets, false},
            {"memset_bytes", &c.memsetBytes, false},
            {"blocking_copies", &c.blockingCopies, false},
            {"module_loads", &c.moduleLoads, false},
            {"global_load_bytes", &c.loadBytes, false},
            {"global_store_bytes", &c.storeBytes, false},
            {"plan_executions", &c.plans, false},
            {"plan_read_bytes", &c.planReadBytes, false},
            {"plan_write_bytes", &c.planWriteBytes, false},
            {"allocs", &c.allocs, false},
            {"frees", &c.frees, false},
            {"host_allocs", &c.hostAllocs, false},
            {"host_frees", &c.hostFrees, false},
            {"live_bytes", &c.liveBytes, true},
            {"live_allocs", &c.liveAllocs, true},
            {"peak_bytes", &c.peakBytes, true},
            {"live_host_bytes", &c.liveHostBytes, true}};
}

// pair is one member of a JSON object, with the comma before it.
std::string pair(const std::string& name, u64 value, bool first = false) {
    return std::string(first ? "" : ",") + "\"" + name + "\":" + std::to_string(value);
}

}  // namespace

std::string countersJSON() {
    std::string s = "{";
    bool first = true;
    for (const Field& f : fields()) {
        s += pair(f.name, f.value->load(), first);
        first = false;
    }
    s += ",\"kernels\":{";
    std::lock_guard<std::mutex> hold(counters().lock);
    first = true;
    for (auto& k : counters().kernels) {
        const KernelCount& n = k.second;
        s += std::string(first ? "" : ",") + "\"" + k.first + "\":{" + pair("launches", n.launches, true) +
             pair("threads", n.threads) + pair("load_bytes", n.loadBytes) + pair("store_bytes", n.storeBytes) +
             pair("warp_instructions", n.instructions) + "}";
        first = false;
    }
    return s + "}}";
}

std::string leaksJSON() {
    std::string s = "{" + pair("device_bytes", counters().liveBytes, true) +
                    pair("host_bytes", counters().liveHostBytes) + pair("cudnn_handles", counters().cudnnHandles) +
                    pair("cudnn_descriptors", counters().cudnnDescriptors);
    for (int k = 0; k < kFunction; ++k)
        s += pair(std::string(kindName(HandleKind(k))) + "s", u64(liveHandles(HandleKind(k)).load()));
    return s + "}";
}

void resetCounters() {
    for (const Field& f : fields())
        if (!f.alive) *f.value = 0;
    counters().peakBytes = counters().liveBytes.load();
    std::lock_guard<std::mutex> hold(counters().lock);
    counters().kernels.clear();
}

void saveCounters() {
    const char* path = getenv("CUDIFFUSE_EMU_COUNTERS");
    if (!path || !*path) return;
    // Written beside and renamed, so that a reader never sees half a file.
    std::string part = std::string(path) + ".part";
    FILE* f = fopen(part.c_str(), "w");
    if (!f) return;
    std::string s = countersJSON();
    bool ok = fwrite(s.data(), 1, s.size(), f) == s.size();
    if (fclose(f) == 0 && ok) rename(part.c_str(), path);
}

namespace {
struct AtExit { ~AtExit() { saveCounters(); } } atExit;
}  // namespace

}  // namespace emu
