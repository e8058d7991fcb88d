// Calls of device functions. Recursion is refused when the module is loaded, so every function has its own registers
// and its own place in the local frame, and a return address is one register.
#include "warp.h"

namespace emu {
namespace {

void copyFrame(Warp& w, const CallInfo::Copy& c, u32 m) {
    u32 stride = w.block->prog.localBytes;
    for (u32 l = 0; l < kLanes; ++l) {
        if (!(m >> l & 1)) continue;
        memcpy(w.local + size_t(l) * stride + c.to, w.local + size_t(l) * stride + c.from, c.size);
        memcpy(w.localInit + size_t(l) * stride + c.to, w.localInit + size_t(l) * stride + c.from, c.size);
    }
}

void moveReg(Warp& w, const CallInfo::Move& c, u32 m) {
    for (u32 l = 0; l < kLanes; ++l) {
        if (!(m >> l & 1)) continue;
        if (c.wide) w.r<u64>(c.to)[l] = w.r<u64>(c.from)[l];
        else w.r<u32>(c.to)[l] = w.r<u32>(c.from)[l];
    }
    w.poison[c.to] = (w.poison[c.to] & ~m) | (w.poison[c.from] & m);
}

}  // namespace

void Block::call(Warp& w, Split& s, const Inst& i, u32 m) {
    const CallInfo& info = prog.calls[i.aux];
    for (const auto& c : info.in) copyFrame(w, c, m);
    for (const auto& c : info.regIn) moveReg(w, c, m);
    // The return address is that of the call: ret finds the results to copy there and goes on behind it.
    for (u32 l = 0; l < kLanes; ++l)
        if (m >> l & 1) w.r<u32>(info.returnUnit)[l] = s.pc;
    branch(w, s, m, i.target);
}

void Block::ret(Warp& w, Split& s, const Inst& i, u32 m) {
    u32 pc = w.r<u32>(i.a)[__builtin_ctz(m)];
    u32 same = 0;
    for (u32 l = 0; l < kLanes; ++l)
        if (m >> l & 1 && w.r<u32>(i.a)[l] == pc) same |= 1u << l;
    const CallInfo& info = prog.calls[prog.code[pc].aux];
    for (const auto& c : info.out) copyFrame(w, c, same);
    for (const auto& c : info.regOut) moveReg(w, c, same);
    u32 here = s.pc, rest = s.mask & ~m;
    s.mask = same;
    s.pc = pc + 1;
    if (m != same) w.splits.push_back({here, m & ~same});  // s may be gone from here on
    if (rest) w.splits.push_back({here + 1, rest});
}

}  // namespace emu
