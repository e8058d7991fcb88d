// Runs the warps of a block: divergence, reconvergence and barriers.
//
// A warp is a list of splits, each with its own pc. The split with the lowest pc runs until it passes the next one;
// splits that meet at one pc merge. Because compilers lay blocks out in topological order this reconverges where
// immediate post-dominators would, and unlike a stack it also runs code whose lanes wait for one another.
#include <algorithm>

#include "warp.h"

namespace emu {

constexpr u64 kSlice = 1u << 20;      // warp instructions before another warp gets its turn
constexpr u64 kWatchdog = 1ull << 33;  // warp instructions of one block before it counts as hanging

void trap(Result code, const char* kind, const std::string& detail, int lane) { throw Trap{code, kind, detail, lane}; }

void needClean(Warp& w, u32 unit, u32 mask, const char* use) {
    u32 bad = w.poison[unit] & mask;
    if (bad && w.block->launch.checkPoison)
        trap(CUDA_ERROR_LAUNCH_FAILED, "uninitialised", std::string("value never written reaches ") + use,
             __builtin_ctz(bad));
}

Block::Block(Launch& l) : launch(l), prog(*l.prog) {
    u32 threads = u32(l.block.count());
    u32 n = (threads + kLanes - 1) / kLanes;
    // Warps that never meet at a barrier run to their end one by one and share one set of registers, which then stays
    // in the cache.
    u32 sets = prog.usesBarrier ? n : 1;
    size_t unitBytes = size_t(prog.units) * 128;
    regStore.resize(unitBytes * sets + 64);
    poisonStore.resize(size_t(prog.units) * sets);
    u32 local = prog.localBytes * kLanes;
    localStore.resize(size_t(local) * sets);
    localInit.resize(size_t(local) * sets);
    warps.resize(n);
    u8* aligned = regStore.data() + (64 - reinterpret_cast<uintptr_t>(regStore.data()) % 64) % 64;
    for (u32 k = 0; k < n; ++k) {
        Warp& w = warps[k];
        u32 set = prog.usesBarrier ? k : 0;
        w.block = this;
        w.id = k;
        w.regs = aligned + unitBytes * set;
        w.poison = poisonStore.data() + size_t(prog.units) * set;
        w.local = localStore.data() + size_t(local) * set;
        w.localInit = localInit.data() + size_t(local) * set;
        u32 left = threads - k * kLanes;
        w.lanes = left >= kLanes ? kAllLanes : (1u << left) - 1;
        for (const ConstUnit& c : prog.consts)
            for (u32 i = 0; i < kLanes; ++i) {
                if (c.wide) w.r<u64>(c.unit)[i] = c.value;
                else w.r<u32>(c.unit)[i] = u32(c.value);
            }
    }
    shared.resize(prog.sharedBytes + l.dynShared);
    sharedInit.resize(shared.size());
    cache.assign(prog.memSlots, nullptr);
}

void Block::reset(u64 n) {
    linear = n;
    ctaid = launch.grid.at(n);
    races.reset(shared.size(), u32(warps.size()));
    std::fill(sharedInit.begin(), sharedInit.end(), 0);
    for (Arrival& a : arrivals_) a = Arrival();
    steps = 0;
    for (Warp& w : warps) {
        w.splits.assign(1, Split{0, w.lanes, false});
        w.exited = 0;
        w.atBarrier = false;
    }
}

void Block::specials(Warp& w) {
    // Every register starts as poison: reading one before writing it is a fault of the kernel.
    std::fill_n(w.poison, prog.units, kAllLanes);
    w.poison[0] = 0;
    std::fill_n(w.localInit, size_t(prog.localBytes) * kLanes, 0);
    for (const ConstUnit& c : prog.consts) w.poison[c.unit] = 0;
    const Dim3 &b = launch.block, &g = launch.grid;
    for (const SpecialUse& s : prog.specials) {
        w.poison[s.unit] = 0;
        for (u32 l = 0; l < kLanes; ++l) {
            Dim3 t = b.at(u64(w.id) * kLanes + l);
            u32 bit = 1u << l;
            u32 v[] = {t.x, t.y, t.z, b.x, b.y, b.z, ctaid.x, ctaid.y, ctaid.z, g.x, g.y, g.z, l, w.id,
                       u32(warps.size()), u32(linear % 108), 108, launch.epoch, bit, bit - 1, bit | (bit - 1),
                       l == 31 ? 0 : kAllLanes << (l + 1), kAllLanes << l, launch.dynShared, u32(shared.size())};
            if (s.wide) w.r<u64>(s.unit)[l] = v[int(s.what)];
            else w.r<u32>(s.unit)[l] = v[int(s.what)];
        }
    }
}

std::string Block::place(const Warp& w, const Trap& t) const {
    std::string s = "trap " + t.kind + ": kernel " + prog.name;
    if (w.cur) {
        s += ", PTX line " + std::to_string(w.cur->line);
        auto file = prog.files.find(w.cur->file);
        if (w.cur->source && file != prog.files.end()) {
            std::string f = file->second.substr(1, file->second.size() - 2);
            s += " (" + f.substr(f.rfind('/') + 1) + ":" + std::to_string(w.cur->source) + ")";
        }
    }
    int lane = t.lane >= 0 ? t.lane : __builtin_ctz(w.curMask ? w.curMask : 1);
    s += ", block " + at(ctaid) + ", thread " + at(launch.block.at(u64(w.id) * kLanes + u32(lane)));
    return s + ": " + t.detail;
}

TrapReport Block::run(u64 n) {
    reset(n);
    Warp* now = &warps[0];
    try {
        for (Warp& w : warps) {
            now = &w;
            specials(w);
            runWarp(w, prog.usesBarrier ? kSlice : kWatchdog);
        }
        for (;;) {
            bool ran = false, left = false;
            for (Warp& w : warps) {
                if (w.done()) continue;
                left = true;
                if (w.atBarrier) continue;
                now = &w;
                runWarp(w, kSlice);
                ran = true;
            }
            if (!left) return {};
            if (!ran) {
                for (Warp& w : warps)
                    if (w.atBarrier) now = &w;
                stuck();
            }
            if (steps > kWatchdog)
                trap(CUDA_ERROR_LAUNCH_TIMEOUT, "timeout", "the block does not end: a loop without progress?");
        }
    } catch (const Trap& t) {
        return {t.code, n, place(*now, t)};
    }
}

bool Block::runWarp(Warp& w, u64 budget) {
    const Inst* code = prog.code.data();
    u64 used = 0;
    while (!w.splits.empty() && !w.atBarrier && used < budget) {
        Split* s = nullptr;
        for (Split& x : w.splits)
            if (!x.waiting && (!s || x.pc < s->pc)) s = &x;
        if (!s) {  // every split waits: for a barrier together, or for lanes that cannot come
            Split& x = w.splits[0];
            if (w.splits.size() == 1 && code[x.pc].flow == Flow::Barrier) {  // the others have exited
                w.cur = &code[x.pc];
                w.curMask = x.mask;
                x.waiting = false;
                arrive(w, *w.cur, x.pc, x.mask);
                continue;
            }
            w.cur = &code[x.pc];
            w.curMask = x.mask;
            if (w.cur->flow == Flow::Barrier)
                trap(CUDA_ERROR_LAUNCH_FAILED, "divergent-barrier",
                     "lanes " + hex(x.mask) + " of the warp wait here, lanes " + hex(w.splits[1].mask) +
                         " at PTX line " + std::to_string(code[w.splits[1].pc].line));
            u32 need = syncLanesNeeded(w, *w.cur, x.mask);
            trap(CUDA_ERROR_LAUNCH_FAILED, "absent-lanes",
                 "the member mask names lanes " + hex(need & ~x.mask) + ", which " +
                     (need & ~x.mask & ~w.exited ? "are elsewhere" : "do not exist or have exited"));
        }
        u32 limit = kAllLanes;
        for (Split& x : w.splits)
            if (&x != s && x.pc > s->pc && x.pc < limit) limit = x.pc;
            else if (&x != s && x.pc == s->pc) limit = 0;
        if (limit == 0) {  // merge
            for (size_t k = 0; k < w.splits.size(); ++k)
                if (&w.splits[k] != s && w.splits[k].pc == s->pc) {
                    s->mask |= w.splits[k].mask;
                    w.splits.erase(w.splits.begin() + long(k));
                    break;
                }
            continue;
        }
        u32 pc = s->pc, mask = s->mask;
        for (;;) {
            const Inst& i = code[pc];
            u32 m = mask;
            w.cur = &i;
            if (i.guard) {
                needClean(w, i.guard, mask, "a predicate that guards an instruction");
                m &= i.guardNeg ? ~w.pred(i.guard) : w.pred(i.guard);
            }
            w.curMask = m;
            ++used;
            if (i.flow == Flow::Plain) {
                if (m) i.fn(w, i, m);
                ++pc;
                if (pc >= limit || used >= budget) {
                    s->pc = pc;
                    break;
                }
                continue;
            }
            s->pc = pc;
            if (m) flow(w, *s, i, m);
            else s->pc = pc + 1;
            break;
        }
    }
    steps += used;
    return w.done();
}

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
    w.splits.push_back({target, taken, false});
}

void Block::flow(Warp& w, Split& s, const Inst& i, u32 m) {
    switch (i.flow) {
    case Flow::Branch:
        return branch(w, s, m, i.target);
    case Flow::BranchTable: {
        needClean(w, i.a, m, "a branch");
        u32 index = w.r<u32>(i.a)[__builtin_ctz(m)];
        u32 same = 0;
        for (u32 l = 0; l < kLanes; ++l)
            if (m >> l & 1 && w.r<u32>(i.a)[l] == index) same |= 1u << l;
        const auto& table = prog.tables[i.aux];
        if (index >= table.size())
            trap(CUDA_ERROR_ILLEGAL_INSTRUCTION, "bad-branch", "index " + std::to_string(index) + " past the table");
        u32 here = s.pc, others = m & ~same, rest = s.mask & ~m;
        s.mask = same;
        s.pc = table[index];
        if (others) w.splits.push_back({here, others, false});  // they run this instruction again
        if (rest) w.splits.push_back({here + 1, rest, false});
        return;
    }
    case Flow::Call:
        return call(w, s, i, m);
    case Flow::Return:
        return ret(w, s, i, m);
    case Flow::Exit:
        return retire(w, s, m);
    case Flow::Trap:
        trap(CUDA_ERROR_ILLEGAL_INSTRUCTION, "trap", "the kernel executed " +
             std::string(i.aux ? "brkpt" : "trap"));
    case Flow::Fence:
        ++s.pc;
        return;
    case Flow::WarpSync: {
        u32 need = syncLanesNeeded(w, i, m);
        if (need & ~m) {
            s.waiting = true;
            return;
        }
        if (i.fn) i.fn(w, i, m);
        ++s.pc;
        return;
    }
    case Flow::Barrier:
        if (m != s.mask)
            trap(CUDA_ERROR_LAUNCH_FAILED, "divergent-barrier", "only lanes " + hex(m) + " of " + hex(s.mask) +
                 " execute the barrier");
        if (w.splits.size() > 1) {
            s.waiting = true;
            return;
        }
        return arrive(w, i, s.pc, m);
    case Flow::Plain:
        break;
    }
}

}  // namespace emu
