// Operations among the lanes of a warp.
#include "interp_test.h"

namespace {

const std::string kStore = "  add.u64 %d1, %p, %w;\n  st.global.u32 [%d1], %r5;\n";

std::string number(u64 v) { return std::to_string(v); }

}  // namespace

// The pseudo code of the manual, for every mode, distance, clamp and segment.
TEST(Shuffles) {
    for (const char* mode : {"up", "down", "bfly", "idx"})
        for (u32 b : {0u, 1u, 2u, 5u, 16u, 31u, 33u})
            for (u32 c : {0u, 31u, 0x1c1fu, 0x1800u, 0x101fu, 0x1003u}) {
                std::string body = "  add.u32 %r3, %t, 100;\n  shfl.sync." + std::string(mode) + ".b32 %r4|%q1, %r3, " +
                                   number(b) + ", " + number(c) + R"(, 0xffffffff;
  selp.u32 %r5, 0x1000, 0, %q1;
  or.b32 %r5, %r5, %r4;
)" + kStore;
                auto got = run(body, 32, 32);
                for (u32 lane = 0; lane < 32; ++lane) {
                    u32 bval = b & 31, cval = c & 31, segment = c >> 8 & 31;
                    i32 maxLane = (lane & segment) | (cval & ~segment), minLane = lane & segment, j = 0;
                    bool p = false;
                    switch (mode[0]) {
                    case 'u': j = i32(lane) - i32(bval), p = j >= maxLane; break;
                    case 'd': j = i32(lane) + i32(bval), p = j <= maxLane; break;
                    case 'b': j = i32(lane ^ bval), p = j <= maxLane; break;
                    default: j = minLane | i32(bval & ~segment & 31), p = j <= maxLane;
                    }
                    if (!p) j = i32(lane);
                    EXPECT_EQ(u64(j + 100) | (p ? 0x1000 : 0), got[lane],
                              std::string(mode) + " " + hex(b) + " " + hex(c) + " lane " + number(lane));
                }
            }
}

TEST(Votes) {
    // Lanes 0 to 7 have left; of the others the odd ones vote yes.
    std::string body = R"(  setp.lt.u32 %q1, %t, 8;
  @%q1 exit;
  and.b32 %r3, %t, 1;
  setp.eq.u32 %q2, %r3, 1;
  setp.gt.u32 %q9, %t, 3;
  vote.sync.all.pred %q3, %q2, 0xffffff00;
  vote.sync.any.pred %q4, %q2, 0xffffffff;
  vote.sync.uni.pred %q5, %q2, 0xffffff00;
  vote.sync.all.pred %q6, %q9, 0xffffff00;
  vote.sync.uni.pred %q7, !%q9, 0xffffff00;
  vote.sync.ballot.b32 %r4, !%q2, 0xffffff00;
  mov.u32 %r5, 0;
  @%q3 or.b32 %r5, %r5, 1;
  @%q4 or.b32 %r5, %r5, 2;
  @%q5 or.b32 %r5, %r5, 4;
  @%q6 or.b32 %r5, %r5, 8;
  @%q7 or.b32 %r5, %r5, 16;
  add.u64 %d1, %p, %w;
  st.global.v2.u32 [%d1], {%r5, %r4};
)";
    auto got = run(body, 32, 32);
    for (u32 k = 0; k < 32; ++k) EXPECT_EQ(k < 8 ? 0 : 0x55555500ull << 32 | 26, got[k], "lane " + number(k));
}

TEST(Matches) {
    auto got = run("  rem.u32 %r3, %t, 3;\n  match.any.sync.b32 %r5, %r3, 0xffffffff;\n" + kStore, 32, 32);
    for (u32 k = 0; k < 32; ++k) {
        u64 want = 0;
        for (u32 l = k % 3; l < 32; l += 3) want |= 1ull << l;
        EXPECT_EQ(want, got[k], "match.any");
    }
    // Of 64 bits the upper half differs in lane 3.
    got = run(R"(  setp.eq.u32 %q1, %t, 3;
  selp.u32 %r3, 1, 0, %q1;
  mov.b64 %d2, {7, %r3};
  match.all.sync.b64 %r4|%q2, %d2, 0xffffffff;
  match.all.sync.b32 %r6|%q3, 9, 0xffffffff;
  selp.u32 %r5, 1, 2, %q2;
  selp.u32 %r7, 4, 8, %q3;
  add.u32 %r5, %r5, %r7;
  add.u32 %r5, %r5, %r4;
  add.u32 %r5, %r5, %r6;
)" + kStore, 32, 32);
    for (u32 k = 0; k < 32; ++k) EXPECT_EQ(2 + 4 - 1, got[k], "match.all");
}

TEST(Reductions) {
    struct Redux { const char* op; std::function<u32(u32, u32)> f; };
    const Redux all[] = {{"add.u32", [](u32 a, u32 b) { return a + b; }},
                         {"add.s32", [](u32 a, u32 b) { return a + b; }},
                         {"min.u32", [](u32 a, u32 b) { return std::min(a, b); }},
                         {"max.u32", [](u32 a, u32 b) { return std::max(a, b); }},
                         {"min.s32", [](u32 a, u32 b) { return u32(std::min(i32(a), i32(b))); }},
                         {"max.s32", [](u32 a, u32 b) { return u32(std::max(i32(a), i32(b))); }},
                         {"and.b32", [](u32 a, u32 b) { return a & b; }},
                         {"or.b32", [](u32 a, u32 b) { return a | b; }},
                         {"xor.b32", [](u32 a, u32 b) { return a ^ b; }}};
    for (const Redux& r : all) {
        // The two halves of the warp reduce by themselves, at one instruction with two masks.
        auto got = run(R"(  mul.lo.u32 %r3, %t, 0x9e3779b9;
  or.b32 %r3, %r3, 0x10;
  setp.lt.u32 %q1, %t, 12;
  selp.b32 %r4, 0xfff, 0xfffff000, %q1;
  redux.sync.)" + std::string(r.op) + " %r5, %r3, %r4;\n" + kStore, 32, 32);
        auto value = [](u32 k) { return k * 0x9e3779b9u | 0x10; };
        for (u32 k = 0; k < 32; ++k) {
            u32 from = k < 12 ? 0 : 12, to = k < 12 ? 12 : 32, want = value(from);
            for (u32 l = from + 1; l < to; ++l) want = r.f(want, value(l));
            EXPECT_EQ(want, got[k], r.op);
        }
    }
}

TEST(ActiveLanesAndSpecialRegisters) {
    auto got = run(R"(  setp.lt.u32 %q1, %t, 5;
  @%q1 bra ONE;
  activemask.b32 %r5;
  bra BOTH;
ONE:
  activemask.b32 %r5;
BOTH:
)" + kStore, 32, 32);
    for (u32 k = 0; k < 32; ++k) EXPECT_EQ(k < 5 ? 0x1f : 0xffffffe0, got[k], "activemask");
    struct Reg { const char* name; std::function<u32(u32)> f; };
    const Reg regs[] = {{"%laneid", [](u32 t) { return t % 32; }},
                        {"%warpid", [](u32 t) { return t / 32; }},
                        {"%nwarpid", [](u32) { return 2u; }},
                        {"%tid.x", [](u32 t) { return t; }},
                        {"%tid.y", [](u32) { return 0u; }},
                        {"%ntid.x", [](u32) { return 64u; }},
                        {"%ntid.z", [](u32) { return 1u; }},
                        {"%nctaid.x", [](u32) { return 1u; }},
                        {"%lanemask_eq", [](u32 t) { return 1u << t % 32; }},
                        {"%lanemask_lt", [](u32 t) { return (1u << t % 32) - 1; }},
                        {"%lanemask_le", [](u32 t) { return ~0u >> (31 - t % 32); }},
                        {"%lanemask_gt", [](u32 t) { return ~(~0u >> (31 - t % 32)); }},
                        {"%lanemask_ge", [](u32 t) { return ~0u << t % 32; }}};
    for (const Reg& r : regs) {
        got = run("  mov.u32 %r5, " + std::string(r.name) + ";\n" + kStore, 64, 64);
        for (u32 t = 0; t < 64; ++t) EXPECT_EQ(r.f(t), got[t], r.name);
    }
    got = run(R"(  mov.u64 %d2, %clock64;
  mov.u64 %d3, %clock64;
  setp.gt.u64 %q1, %d3, %d2;
  selp.u32 %r5, 1, 0, %q1;
)" + kStore, 1, 1);
    EXPECT_EQ(1, got[0], "clocks grow");
}

TEST(CoordinatesOfGridsAndBlocks) {
    Gpu gpu(entry("k", R"(  mov.u32 %r3, %tid.x;
  mov.u32 %r4, %tid.y;
  mov.u32 %r5, %tid.z;
  mov.u32 %r6, %ctaid.y;
  mov.u32 %r7, %ctaid.z;
  mov.u32 %r8, %ntid.x;
  mov.u32 %r9, %ntid.y;
  mov.u32 %r10, %ntid.z;
  mov.u32 %r11, %nctaid.y;
  mov.u32 %r12, %ctaid.x;
  mov.u32 %r13, %nctaid.x;
  mad.lo.u32 %r14, %r5, %r9, %r4;
  mad.lo.u32 %r14, %r14, %r8, %r3;
  mad.lo.u32 %r15, %r7, %r11, %r6;
  mad.lo.u32 %r15, %r15, %r13, %r12;
  mul.lo.u32 %r16, %r8, %r9;
  mul.lo.u32 %r16, %r16, %r10;
  mad.lo.u32 %r17, %r15, %r16, %r14;
  mul.wide.u32 %d1, %r17, 8;
  add.u64 %d1, %p, %d1;
  atom.global.add.u32 %r18, [%d1], 1;
  st.global.u32 [%d1+4], %r17;
)"));
    u64 p = gpu.upload(std::vector<u64>(5 * 2 * 3 * 7 * 3 * 2));
    EXPECT_EQ(0, u64(gpu.launch("k", {5, 2, 3}, {7, 3, 2}, {p}).code), "launch");
    auto got = gpu.download<u64>(p, 5 * 2 * 3 * 7 * 3 * 2);
    for (u64 k = 0; k < got.size(); ++k) EXPECT_EQ(k << 32 | 1, got[k], "each thread once");
}

TEST(PartsOfAWarpSynchronise) {
    // The halves come to bar.warp.sync at different places, and to shuffles of their own.
    auto got = run(R"(  .shared .align 4 .b8 tile[128];
  mov.u32 %r3, tile;
  shl.b32 %r4, %t, 2;
  add.u32 %r3, %r3, %r4;
  setp.lt.u32 %q1, %t, 16;
  st.shared.u32 [%r3], %t;
  @%q1 bra LOW;
  shfl.sync.bfly.b32 %r6, %t, 1, 31, 0xffff0000;
  bar.warp.sync 0xffffffff;
  bra ON;
LOW:
  shfl.sync.bfly.b32 %r6, %t, 2, 31, 0xffff;
  bar.warp.sync 0xffffffff;
ON:
  mov.u32 %r7, tile;
  xor.b32 %r8, %t, 16;
  shl.b32 %r8, %r8, 2;
  add.u32 %r7, %r7, %r8;
  ld.shared.u32 %r9, [%r7];
  shl.b32 %r9, %r9, 8;
  or.b32 %r5, %r9, %r6;
)" + kStore, 32, 32);
    for (u32 k = 0; k < 32; ++k) EXPECT_EQ((k ^ 16) << 8 | (k < 16 ? k ^ 2 : k ^ 1), got[k], "lane " + number(k));
}

TEST(LanesThatLeaveAreNotWaitedFor) {
    // The odd lanes leave after the even ones wait: the full mask then names the even ones.
    auto got = run(R"(  and.b32 %r3, %t, 1;
  setp.eq.u32 %q1, %r3, 0;
  @%q1 bra WAIT;
  exit;
WAIT:
  vote.sync.ballot.b32 %r5, %q1, 0xffffffff;
)" + kStore, 32, 32);
    for (u32 k = 0; k < 32; ++k) EXPECT_EQ(k & 1 ? 0 : 0x55555555, got[k], "ballot");
    got = run(R"(  and.b32 %r3, %t, 1;
  setp.ne.u32 %q1, %r3, 0;
  @%q1 bra OUT;
  vote.sync.any.pred %q2, %q1, 0xffffffff;
  selp.u32 %r5, 1, 2, %q2;
)" +
              kStore + R"(  ret;
OUT:
  add.u32 %r4, %r3, 1;
)", 32, 32);
    for (u32 k = 0; k < 32; ++k) EXPECT_EQ(k & 1 ? 0 : 2, got[k], "any");
}

TEST(WarpsSynchroniseWithoutSharedMemory) {
    auto got = run("  bar.warp.sync -1;\n  mov.u32 %r5, 3;\n  bar.sync 0;\n" + kStore, 64, 64);
    for (u64 v : got) EXPECT_EQ(3, v, "after both");
}
