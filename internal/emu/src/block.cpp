// Runs the warps of a block: divergence and reconvergence.
//
// A warp is a list of splits, each with its own pc. The split with the lowest pc runs until it passes the next one;
// splits that meet at one pc merge. Because compilers lay blocks out in topological order this reconverges where
// immediate post-dominators would. Every so often the others get a turn, so that lanes may wait for one another.
#include <algorithm>

#include "warp.h"

namespace emu {

constexpr u64 kSlice = 1u << 16;   // warp instructions before another warp gets its turn
constexpr u64 kPatience = 1 << 14; // warp instructions of one split before another gets its turn
constexpr u64 kTurn = 1 << 8;      // and how many it gets

void trap(Result code, const char* kind, const std::string& detail, int lane) { throw Trap{code, kind, detail, lane}; }

void needClean(Warp& w, u32 unit, u32 mask, const char* use) {
    u32 bad = w.poison[unit] & mask;
    if (bad && w.block->launch.checkPoison)
        trap(CUDA_ERROR_LAUNCH_FAILED, "uninitialised", std::string("value never written reaches ") + use,
             __builtin_ctz(bad));
}

bool Warp::waits() const {
    bool barrier = false;
    for (const Split& s : splits) {
        if (s.wait == Wait::None) return false;
        barrier = barrier || s.wait == Wait::Barrier;
    }
    return barrier;
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
        runAll(now);
        return {};
    } catch (const Trap& t) {
        return {t.code, n, place(*now, t)};
    }
}

void Block::runAll(Warp*& now) {
    auto watch = [&] {
        if (steps > launch.watchdog)
            trap(CUDA_ERROR_LAUNCH_TIMEOUT, "timeout", "the block does not end: a loop without progress?");
    };
    if (!prog.usesBarrier) {  // one set of registers for all warps
        for (Warp& w : warps) {
            now = &w;
            start(w);
            for (; !w.done(); watch()) runWarp(w, kSlice);
        }
        return;
    }
    for (Warp& w : warps) start(w);
    for (bool left = true, ran; left;) {
        left = ran = false;
        for (Warp& w : warps) {
            left = left || !w.done();
            if (w.done() || w.waits()) continue;
            now = &w;
            runWarp(w, kSlice);
            ran = true;
            watch();
        }
        if (left && !ran) stuck(now);
    }
}

// pick is the split that runs next, null when all of them wait.
Split* Block::pick(Warp& w) const {
    Split *low = nullptr, *high = nullptr;
    for (Split& s : w.splits) {
        if (s.wait != Wait::None) continue;
        if (!low || s.pc < low->pc) low = &s;
        if (!high || s.pc > high->pc) high = &s;
    }
    return w.divergent > kPatience ? high : low;
}

// merge joins s with a split at the same pc and returns true. Otherwise limit is the pc of the next split above.
bool Block::merge(Warp& w, Split& s, u32& limit) const {
    limit = kAllLanes;
    for (size_t k = 0; k < w.splits.size(); ++k) {
        Split& x = w.splits[k];
        if (&x == &s || x.wait == Wait::Barrier) continue;
        if (x.pc == s.pc) {
            s.mask |= x.mask;
            w.splits.erase(w.splits.begin() + long(k));
            return true;
        }
        if (x.pc > s.pc) limit = std::min(limit, x.pc);
    }
    return false;
}

void Block::runWarp(Warp& w, u64 budget) {
    for (u64 used = 0; !w.done() && used < budget;) {
        Split* s = pick(w);
        if (!s) {
            if (w.waits()) break;
            resolve(w);
            continue;
        }
        u32 limit;
        if (merge(w, *s, limit)) continue;
        bool turn = w.divergent > kPatience;
        if (w.splits.size() == 1 || turn) w.divergent = 0;
        u64 ran = runSplit(w, *s, limit, turn ? kTurn : std::min(budget - used, kPatience));
        if (w.splits.size() > 1 && !turn) w.divergent += ran;
        used += ran;
        steps += ran;
    }
}

// runSplit executes instructions up to the limit, the budget, or one that changes the flow.
u64 Block::runSplit(Warp& w, Split& s, u32 limit, u64 budget) {
    const Inst* code = prog.code.data();
    u32 pc = s.pc;
    const u32 mask = s.mask;
    for (u64 used = 1;; ++used) {
        const Inst& i = code[pc];
        u32 m = mask;
        w.cur = &i;
        w.curMask = m;
        if (i.guard) {
            needClean(w, i.guard, mask, "a predicate that guards an instruction");
            m &= i.guardNeg ? ~w.pred(i.guard) : w.pred(i.guard);
            w.curMask = m;
        }
        if (i.flow != Flow::Plain) {
            s.pc = pc;
            if (m) flow(w, s, i, m);
            else ++s.pc;
            return used;
        }
        if (m) i.fn(w, i, m);
        if (++pc >= limit || used >= budget) {
            s.pc = pc;
            return used;
        }
    }
}

// syncWarp lets the members pass that wait at bar.warp.sync, at whatever places, when all of them do.
bool Block::syncWarp(Warp& w, u32 members) {
    u32 come = 0;
    std::vector<Split*> who;
    for (Split& x : w.splits) {
        const Inst& i = prog.code[x.pc];
        if (x.wait != Wait::Lanes || i.d) continue;  // only bar.warp.sync has no result
        u32 rest = x.mask;
        Group g = nextGroup(w, i, rest);
        if (rest || (g.lanes | g.missing) != members) continue;
        come |= g.lanes;
        who.push_back(&x);
    }
    if (come != members || !members) return false;
    races.warpSync(w.id);
    for (Split* x : who) {
        ++x->pc;
        x->wait = Wait::None;
    }
    return true;
}

// resolve is called when every split of a warp waits for the others: what they wait for has come, or never will.
void Block::resolve(Warp& w) {
    u32 missing = 0;
    for (size_t k = w.splits.size(); k-- > 0;) {
        Split& s = w.splits[k];
        const Inst& i = prog.code[s.pc];
        w.cur = &i;
        w.curMask = s.mask;
        bool ready = s.wait == Wait::Warp && s.mask == w.alive();
        if (s.wait == Wait::Lanes)
            for (u32 rest = s.mask; rest && !ready;) {
                Group g = nextGroup(w, i, rest);
                ready = !g.missing || syncWarp(w, g.lanes | g.missing);
                missing = g.missing;
            }
        if (!ready) continue;
        s.wait = Wait::None;
        return;
    }
    const Split& s = w.splits[0];
    if (s.wait == Wait::Lanes)
        trap(CUDA_ERROR_LAUNCH_FAILED, "absent-lanes",
             "the member mask names lanes " + hex(missing) + ", which are elsewhere");
    trap(CUDA_ERROR_LAUNCH_FAILED, "divergent-barrier", "lanes " + hex(s.mask) + " of the warp wait here, lanes " +
         hex(w.splits[1].mask) + " at PTX line " + std::to_string(prog.code[w.splits[1].pc].line));
}

}  // namespace emu
