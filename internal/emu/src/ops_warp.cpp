// Operations among the lanes of a warp.
#include "lane.h"
#include "operation.h"

namespace emu {

Group nextGroup(Warp& w, const Inst& i, u32& rest) {
    needClean(w, i.e, rest, "a member mask");
    const u32* masks = w.r<u32>(i.e);
    u32 mask = masks[__builtin_ctz(rest)], lanes = 0;
    for (u32 l = 0; l < kLanes; ++l) lanes |= u32(masks[l] == mask) << l;
    lanes &= rest;
    rest &= ~lanes;
    if (lanes & ~mask)
        trap(CUDA_ERROR_LAUNCH_FAILED, "absent-lanes",
             "the member mask " + hex(mask) + " does not name the lane itself", __builtin_ctz(lanes & ~mask));
    return {lanes, mask & w.alive() & ~lanes};
}

namespace {

enum Shuffle { kUp, kDown, kBfly, kIdx };

// shfl.sync: d = the value of another lane, p = whether that lane lies in the segment. c holds the clamp and segment
// mask, aux bits above the mode the unit of p.
template <int mode> void shuffle(Warp& w, const Inst& i, u32 m) {
    u32 src[kLanes], in[kLanes];
    memcpy(in, w.r<u32>(i.a), sizeof in);
    u32 p = 0, poison = 0, from = w.poison[i.a];
    needClean(w, i.b, m, "a shuffle's lane");
    needClean(w, i.c, m, "a shuffle's segments");
    for (u32 rest = m; rest; rest &= rest - 1) {
        u32 l = u32(__builtin_ctz(rest));
        u32 b = w.r<u32>(i.b)[l] & 31, c = w.r<u32>(i.c)[l], clamp = c & 31, segment = c >> 8 & 31;
        u32 most = (l & segment) | (clamp & ~segment), least = l & segment;
        i32 j = mode == kUp ? i32(l) - i32(b) : mode == kDown ? i32(l + b) : mode == kBfly ? i32(l ^ b)
                                                                              : i32(least | (b & ~segment & 31));
        bool ok = mode == kUp ? j >= i32(most) : j <= i32(most);
        if (!ok) j = i32(l);
        if (!(m >> j & 1))
            trap(CUDA_ERROR_LAUNCH_FAILED, "absent-lanes", "shuffle from lane " + std::to_string(j) +
                 ", which does not take part", int(l));
        src[l] = in[j];
        p |= u32(ok) << l;
        poison |= (from >> j & 1) << l;
    }
    lanes(m, [&](u32 l) { w.r<u32>(i.d)[l] = src[l]; });
    taint(w, i.d, poison, m);
    if (i.aux) {
        setPred(w, i.aux, p, m);
        taint(w, i.aux, 0, m);
    }
}

enum Vote { kAll, kAny, kUni, kBallot };

// vote.sync over a predicate, negated when aux is set.
template <int mode> void vote(Warp& w, const Inst& i, u32 m) {
    needClean(w, i.a, m, "a vote");
    u32 p = (i.aux ? ~w.pred(i.a) : w.pred(i.a)) & m;
    if (mode == kBallot) {
        each(m, [&](u32 l) { w.r<u32>(i.d)[l] = p; });
    } else {
        bool yes = mode == kAll ? p == m : mode == kAny ? p != 0 : p == m || p == 0;
        setPred(w, i.d, yes ? m : 0, m);
    }
    taint(w, i.d, 0, m);
}

template <class T, bool all> void matching(Warp& w, const Inst& i, u32 m) {
    needClean(w, i.a, m, "a match");
    const T* v = w.r<T>(i.a);
    u32 same[kLanes], yes = 0;
    for (u32 rest = m; rest; rest &= rest - 1) {
        u32 l = u32(__builtin_ctz(rest));
        same[l] = 0;
        for (u32 k = 0; k < kLanes; ++k)
            if (m >> k & 1 && v[k] == v[l]) same[l] |= 1u << k;
        if (same[l] == m) yes |= 1u << l;
    }
    for (u32 rest = m; rest; rest &= rest - 1) {
        u32 l = u32(__builtin_ctz(rest));
        w.r<u32>(i.d)[l] = !all || same[l] == m ? same[l] : 0;
    }
    taint(w, i.d, 0, m);
    if (all && i.aux) {
        setPred(w, i.aux, yes, m);
        taint(w, i.aux, 0, m);
    }
}

struct RAdd { template <class T> static T f(T a, T b) { return T(a + b); } };
struct RMin { template <class T> static T f(T a, T b) { return a < b ? a : b; } };
struct RMax { template <class T> static T f(T a, T b) { return a > b ? a : b; } };
struct RAnd { template <class T> static T f(T a, T b) { return a & b; } };
struct ROr { template <class T> static T f(T a, T b) { return a | b; } };
struct RXor { template <class T> static T f(T a, T b) { return a ^ b; } };

template <class T, class Op> void redux(Warp& w, const Inst& i, u32 m) {
    needClean(w, i.a, m, "a reduction");
    const T* v = w.r<T>(i.a);
    T r = v[__builtin_ctz(m)];
    for (u32 rest = m & (m - 1); rest; rest &= rest - 1) r = Op::f(r, v[__builtin_ctz(rest)]);
    each(m, [&](u32 l) { w.r<T>(i.d)[l] = r; });
    taint(w, i.d, 0, m);
}

void activemask(Warp& w, const Inst& i, u32 m) {
    each(m, [&](u32 l) { w.r<u32>(i.d)[l] = m; });
    taint(w, i.d, 0, m);
}

void syncwarp(Warp& w, const Inst&, u32) { w.block->races.warpSync(w.id); }

}  // namespace

namespace {

Exec shuffleOp(Mods& m) {
    std::string mode = m.any({"up", "down", "bfly", "idx"});
    m.oneOf({Type::B32});
    return mode == "up" ? shuffle<kUp> : mode == "down" ? shuffle<kDown> : mode == "bfly" ? shuffle<kBfly>
         : mode == "idx" ? shuffle<kIdx> : nullptr;
}

Exec voteOp(Mods& m) {
    std::string mode = m.any({"all", "any", "uni", "ballot"});
    m.oneOf({mode == "ballot" ? Type::B32 : Type::Pred});
    return mode == "all" ? vote<kAll> : mode == "any" ? vote<kAny> : mode == "uni" ? vote<kUni>
         : mode == "ballot" ? vote<kBallot> : nullptr;
}

Exec matchOp(Mods& m) {
    std::string mode = m.any({"all", "any"});
    bool wide = m.oneOf({Type::B32, Type::B64}) == Type::B64;
    if (mode == "all") return wide ? matching<u64, true> : matching<u32, true>;
    return mode == "any" ? (wide ? matching<u64, false> : matching<u32, false>) : nullptr;
}

Exec reduxOp(Mods& m) {
    std::string what = m.any({"add", "min", "max", "and", "or", "xor"});
    bool logic = what == "and" || what == "or" || what == "xor";
    Type t = logic ? m.oneOf({Type::B32}) : m.oneOf({Type::U32, Type::S32});
    if (what == "add") return redux<u32, RAdd>;
    if (what == "min") return t == Type::S32 ? redux<i32, RMin> : redux<u32, RMin>;
    if (what == "max") return t == Type::S32 ? redux<i32, RMax> : redux<u32, RMax>;
    return what == "and"   ? redux<u32, RAnd>
           : what == "or"  ? redux<u32, ROr>
           : what == "xor" ? redux<u32, RXor>
                           : nullptr;
}

}  // namespace

Exec warpOp(const std::string& op, Mods& m) {
    if (op == "bar") return syncwarp;
    Exec fn = nullptr;
    if (op == "activemask") {
        m.oneOf({Type::B32});
        fn = activemask;
    } else if (m.take("sync")) {
        fn = op == "shfl" ? shuffleOp(m) : op == "vote" ? voteOp(m) : op == "match" ? matchOp(m) : reduxOp(m);
    }
    if (!fn) m.refuse();
    return fn;
}

}  // namespace emu
