// A grid over a few host threads.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "warp.h"

namespace emu {
namespace {

unsigned hostThreads(const Launch& l) {
    const char* s = getenv("CUDIFFUSE_EMU_THREADS");
    unsigned n = s ? unsigned(atoi(s)) : std::thread::hardware_concurrency();
    constexpr u64 kWorth = 1 << 14;  // threads of a grid below which a second host thread costs more than it gains
    if (l.prog->ordered || l.wantNaN || l.grid.count() * l.block.count() < kWorth) n = 1;
    return unsigned(std::min<u64>(std::max(1u, std::min(n, 8u)), l.grid.count()));
}

u64 watchdog() {
    constexpr u64 kDefault = 1ull << 32;  // about a minute
    const char* s = getenv("CUDIFFUSE_EMU_WATCHDOG");
    u64 n = s ? strtoull(s, nullptr, 10) : 0;
    return n ? n : kDefault;
}

}  // namespace

TrapReport launchGrid(Launch& l) {
    if (!l.watchdog) l.watchdog = watchdog();
    if (l.prog->usesNc) l.memory->trackNc();
    std::atomic<u64> next{0}, loads{0}, stores{0}, steps{0};
    std::mutex lock;
    TrapReport first;
    auto work = [&] {
        Block b(l);
        u64 insts = 0;
        for (u64 n; (n = next++) < l.grid.count();) {
            TrapReport r = b.run(n);
            insts += b.steps;
            if (r.code == CUDA_SUCCESS) continue;
            std::lock_guard<std::mutex> hold(lock);
            if (first.code == CUDA_SUCCESS || r.block < first.block) first = r;
            // Blocks are handed out in order: those below this one run to their end, none above is started.
            next = l.grid.count();
            break;
        }
        loads += b.loadBytes;
        stores += b.storeBytes;
        steps += insts;
    };
    std::vector<std::thread> pool;
    for (unsigned k = 1; k < hostThreads(l); ++k) pool.emplace_back(work);
    work();
    for (auto& t : pool) t.join();
    Counters& c = counters();
    c.loadBytes += loads;
    c.storeBytes += stores;
    std::lock_guard<std::mutex> hold(c.lock);
    KernelCount& k = c.kernels[l.prog->name];
    k.launches++;
    k.threads += l.grid.count() * l.block.count();
    k.loadBytes += loads;
    k.storeBytes += stores;
    k.instructions += steps;
    return first;
}

}  // namespace emu
