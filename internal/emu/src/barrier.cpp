// Barriers of a block.
#include "warp.h"

namespace emu {

void Block::arrive(Warp& w, const Inst& i, u32 pc, u32 m) {
    needClean(w, i.a, m, "a barrier number");
    u32 id = w.r<u32>(i.a)[__builtin_ctz(m)];
    if (id > 15) trap(CUDA_ERROR_ILLEGAL_INSTRUCTION, "bad-barrier", "barrier number " + std::to_string(id));
    u32 all = u32(warps.size()) * kLanes;
    u32 need = i.b ? w.r<u32>(i.b)[__builtin_ctz(m)] : all;
    if (need == 0 || need % kLanes || need > all)
        trap(CUDA_ERROR_ILLEGAL_INSTRUCTION, "bad-barrier", "thread count " + std::to_string(need) +
             " is no multiple of the warp size up to the block's " + std::to_string(all));
    Arrival& a = arrivals_[id];
    // Two bar.sync of one number without a count are two __syncthreads(): all threads must come to the same one.
    if (a.lanes && a.pc != pc && !i.b && i.aux != kBarArrive)
        trap(CUDA_ERROR_LAUNCH_FAILED, "divergent-barrier", "this warp is here, an earlier one waits at PTX line " +
             std::to_string(prog.code[a.pc].line));
    if (w.exited && !i.b)
        trap(CUDA_ERROR_LAUNCH_FAILED, "missing-barrier", "lanes " + hex(w.exited) +
             " of the warp exited before the barrier");
    a.pc = pc;
    a.need = need;
    a.lanes += kLanes;
    if (i.aux == kBarArrive) {
        w.splits[0].pc = pc + 1;
    } else {
        w.atBarrier = true;
        w.barrierId = id;
        w.barrierPc = pc;
        if (i.aux != kBarSync) {
            needClean(w, i.c, m, "a barrier reduction");
            u32 p = i.e ? ~w.pred(i.c) : w.pred(i.c);
            a.popc += u32(__builtin_popcount(p & m));
            a.any |= (p & m) != 0;
            a.red &= (p & m) == m ? 1 : 0;
        }
    }
    if (a.lanes >= a.need) release(id);
}

void Block::release(u32 id) {
    Arrival a = arrivals_[id];
    for (Warp& w : warps) {
        if (!w.atBarrier || w.barrierId != id) continue;
        const Inst& i = prog.code[w.barrierPc];
        w.atBarrier = false;
        Split& s = w.splits[0];
        s.waiting = false;
        s.pc = w.barrierPc + 1;
        if (i.aux == kBarRedPopc) {
            for (u32 l = 0; l < kLanes; ++l) w.r<u32>(i.d)[l] = a.popc;
        } else if (i.aux == kBarRedAnd || i.aux == kBarRedOr) {
            w.pred(i.d) = (i.aux == kBarRedAnd ? a.red & 1 : a.any) ? kAllLanes : 0;
        }
        if (i.aux > kBarArrive) w.poison[i.d] &= ~s.mask;
    }
    arrivals_[id] = Arrival();
    races.blockSync();
}

// stuck is called when every warp that is left waits.
void Block::stuck() {
    for (Warp& w : warps) {
        if (!w.atBarrier) continue;
        w.cur = &prog.code[w.barrierPc];
        w.curMask = w.splits[0].mask;
        const Arrival& a = arrivals_[w.barrierId];
        trap(CUDA_ERROR_LAUNCH_FAILED, "missing-barrier", std::to_string(a.lanes) + " of " + std::to_string(a.need) +
             " threads reach the barrier, the others exited or wait elsewhere");
    }
}

}  // namespace emu
