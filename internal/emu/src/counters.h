// What the emulated driver was asked to do, and what is still alive.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "types.h"

namespace emu {

struct KernelCount { u64 launches = 0, threads = 0, loadBytes = 0, storeBytes = 0, instructions = 0; };

// Counters counts work when it is enqueued, replays of graphs included, and what kernels did when they ran.
struct Counters {
    std::atomic<u64> calls{0}, launches{0}, graphLaunches{0}, hostCalls{0};
    // syncs block the caller until work is done; implicitSyncs do so as a side effect of another call (a blocking
    // copy, the destruction of a stream); queries only look.
    std::atomic<u64> syncs{0}, implicitSyncs{0}, queries{0}, traps{0}, faults{0};
    std::atomic<u64> h2dBytes{0}, d2hBytes{0}, d2dBytes{0}, h2d{0}, d2h{0}, d2d{0}, memsets{0}, memsetBytes{0};
    std::atomic<u64> blockingCopies{0}, moduleLoads{0};
    std::atomic<u64> allocs{0}, frees{0}, liveBytes{0}, liveAllocs{0}, peakBytes{0};
    std::atomic<u64> hostAllocs{0}, hostFrees{0}, liveHostBytes{0};
    std::atomic<u64> loadBytes{0}, storeBytes{0};
    // Executions of cuDNN's plans, the bytes of their operands, and what is alive of it.
    std::atomic<u64> plans{0}, planReadBytes{0}, planWriteBytes{0};
    std::atomic<u64> cudnnHandles{0}, cudnnDescriptors{0};
    std::mutex lock;
    std::map<std::string, KernelCount> kernels;  // guarded by lock
};

Counters& counters();

// Kinds of handles. Functions and nodes live and die with their module and graph.
enum HandleKind : int { kContext, kModule, kStream, kEvent, kGraph, kGraphExec, kFunction, kNode, kHandleKinds };
const char* kindName(HandleKind kind);

// liveHandles counts the handles of a kind that are alive; kept by the handle table.
std::atomic<i64>& liveHandles(HandleKind kind);

std::string countersJSON();
// leaksJSON is what is alive: all zero once everything was released.
std::string leaksJSON();
// resetCounters zeroes what is summed up; what is alive (bytes, handles) stays.
void resetCounters();
// saveCounters writes the JSON to the file named by CUDIFFUSE_EMU_COUNTERS, if any. Go programs leave without running
// exit handlers, so it is called at every synchronisation and release, not only at exit.
void saveCounters();

}  // namespace emu
