// Instructions that change where lanes are.
#include "warp.h"

namespace emu {

void Block::retire(Warp& w, Split& s, u32 m) {
    w.exited |= m;
    s.mask &= ~m;
    ++s.pc;
    if (s.mask == 0) w.splits.erase(w.splits.begin() + (&s - w.splits.data()));
}

void Block::branch(Warp& w, Split& s, u32 taken, u32 target) {
    u32 rest = s.mask & ~taken;
    if (rest == 0) {
        s.pc = target;
        return;
    }
    s.mask = rest;
    ++s.pc;
    w.splits.push_back({target, taken});
}

void Block::branchTable(Warp& w, Split& s, const Inst& i, u32 m) {
    needClean(w, i.a, m, "a branch");
    u32 first = u32(__builtin_ctz(m)), index = w.r<u32>(i.a)[first], same = 0;
    for (u32 l = first; l < kLanes; ++l)
        if (m >> l & 1 && w.r<u32>(i.a)[l] == index) same |= 1u << l;
    const auto& table = prog.tables[i.aux];
    if (index >= table.size())
        trap(CUDA_ERROR_ILLEGAL_INSTRUCTION, "bad-branch", "index " + std::to_string(index) + " of a table of " +
             std::to_string(table.size()), int(first));
    u32 here = s.pc, others = m & ~same, rest = s.mask & ~m;
    s.mask = same;
    s.pc = table[index];
    if (others) w.splits.push_back({here, others});  // they run this instruction again; s may be gone from here on
    if (rest) w.splits.push_back({here + 1, rest});
}

// warpSync executes an instruction for the lanes whose partners have all come. The others of m wait here; lanes that
// the guard leaves out go on.
void Block::warpSync(Warp& w, Split& s, const Inst& i, u32 m) {
    u32 waiting = 0;
    for (u32 rest = m; rest;) {
        Group g = nextGroup(w, i, rest);
        if (g.missing) waiting |= g.lanes;
        else i.fn(w, i, g.lanes);
    }
    u32 on = s.mask & ~waiting, pc = s.pc;
    if (waiting) {
        s.mask = waiting;
        s.wait = Wait::Lanes;
        if (on) w.splits.push_back({pc + 1, on});
    } else {
        ++s.pc;
    }
}

void Block::flow(Warp& w, Split& s, const Inst& i, u32 m) {
    switch (i.flow) {
    case Flow::Branch: return branch(w, s, m, i.target);
    case Flow::BranchTable: return branchTable(w, s, i, m);
    case Flow::Call: return call(w, s, i, m);
    case Flow::Return: return ret(w, s, i, m);
    case Flow::Exit: return retire(w, s, m);
    case Flow::Barrier: return barrier(w, s, i, m);
    case Flow::Trap:
        trap(CUDA_ERROR_ILLEGAL_INSTRUCTION, "trap", "the kernel executed " + std::string(i.aux ? "brkpt" : "trap"));
    case Flow::WarpSync: return warpSync(w, s, i, m);
    case Flow::Fence:
    case Flow::Plain: ++s.pc; return;
    }
}

}  // namespace emu
