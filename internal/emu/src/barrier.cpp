// Barriers of a block.
#include "warp.h"

namespace emu {

// barrier holds a split until its whole warp has come, or lets it arrive.
void Block::barrier(Warp& w, Split& s, const Inst& i, u32 m) {
    bool oneByOne = i.mem.sext;
    if (m != s.mask && !oneByOne)
        trap(CUDA_ERROR_LAUNCH_FAILED, "divergent-barrier", "only lanes " + hex(m) + " of " + hex(s.mask) +
             " execute the barrier");
    if (m != s.mask) {
        u32 rest = s.mask & ~m;
        s.mask = m;
        w.splits.push_back({s.pc + 1, rest});
        return arrive(w, w.splits[size_t(&s - w.splits.data())], i, m);
    }
    if (m != w.alive() && !oneByOne) {
        s.wait = Wait::Warp;
        return;
    }
    arrive(w, s, i, m);
}

void Block::arrive(Warp& w, Split& s, const Inst& i, u32 m) {
    needClean(w, i.a, m, "a barrier number");
    if (i.b) needClean(w, i.b, m, "a barrier's thread count");
    u32 lane = u32(__builtin_ctz(m)), id = w.r<u32>(i.a)[lane];
    if (id > 15) trap(CUDA_ERROR_ILLEGAL_INSTRUCTION, "bad-barrier", "barrier number " + std::to_string(id));
    u32 all = u32(launch.block.count()), most = u32(warps.size()) * kLanes, need = i.b ? w.r<u32>(i.b)[lane] : all;
    if (i.b && (need == 0 || need % kLanes || need > most))
        trap(CUDA_ERROR_ILLEGAL_INSTRUCTION, "bad-barrier", "thread count " + std::to_string(need) +
             " is no multiple of the warp size up to the block's " + std::to_string(most));
    Arrival& a = arrivals_[id];
    // Two bar.sync of one number without a count are two __syncthreads(): all threads must come to the same one.
    if (a.came && a.pc != s.pc && !i.b && i.aux != kBarArrive && !i.mem.sext)
        trap(CUDA_ERROR_LAUNCH_FAILED, "divergent-barrier", "this warp is here, an earlier one waits at PTX line " +
             std::to_string(prog.code[a.pc].line));
    if (a.came && a.need != need)
        trap(CUDA_ERROR_LAUNCH_FAILED, "divergent-barrier", "this warp waits for " + std::to_string(need) +
             " threads, an earlier one for " + std::to_string(a.need));
    if (w.exited && !i.b)
        trap(CUDA_ERROR_LAUNCH_FAILED, "missing-barrier", "lanes " + hex(w.exited) +
             " of the warp exited before the barrier");
    a.pc = s.pc;
    a.need = need;
    a.came += i.b && m == w.lanes ? kLanes : u32(__builtin_popcount(m));  // a count takes whole warps
    if (i.aux > kBarArrive) {
        needClean(w, i.c, m, "a barrier reduction");
        u32 p = (i.e ? ~w.pred(i.c) : w.pred(i.c)) & m;
        a.popc += u32(__builtin_popcount(p));
        a.any = a.any || p;
        a.all = a.all && p == m;
    }
    if (i.aux == kBarArrive) {
        ++s.pc;
    } else {
        s.wait = Wait::Barrier;
        s.barrier = id;
    }
    if (a.came >= a.need) release(id);
}

void Block::release(u32 id) {
    Arrival a = arrivals_[id];
    for (Warp& w : warps)
        for (Split& s : w.splits) {
            if (s.wait != Wait::Barrier || s.barrier != id) continue;
            const Inst& i = prog.code[s.pc];
            s.wait = Wait::None;
            ++s.pc;
            if (i.aux == kBarRedPopc) {
                for (u32 l = 0; l < kLanes; ++l)
                    if (s.mask >> l & 1) w.r<u32>(i.d)[l] = a.popc;
            } else if (i.aux > kBarArrive) {
                bool yes = i.aux == kBarRedAnd ? a.all : a.any;
                w.pred(i.d) = (w.pred(i.d) & ~s.mask) | (yes ? s.mask : 0);
            }
            if (i.aux > kBarArrive) w.poison[i.d] &= ~s.mask;
        }
    arrivals_[id] = Arrival();
    races.blockSync();
}

// stuck is called when every warp that is left waits.
void Block::stuck(Warp*& now) {
    for (Warp& w : warps)
        for (Split& s : w.splits) {
            if (s.wait != Wait::Barrier) continue;
            now = &w;
            w.cur = &prog.code[s.pc];
            w.curMask = s.mask;
            const Arrival& a = arrivals_[s.barrier];
            trap(CUDA_ERROR_LAUNCH_FAILED, "missing-barrier", std::to_string(a.came) + " of " + std::to_string(a.need) +
                 " threads reach the barrier, the others exited or wait elsewhere");
        }
    trap(CUDA_ERROR_LAUNCH_FAILED, "missing-barrier", "no warp can go on");
}

}  // namespace emu
