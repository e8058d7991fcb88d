// Branches, loops, calls, and barriers.
#include "interp_test.h"

namespace {

const std::string kStore = "  add.u64 %d1, %p, %w;\n  st.global.u32 [%d1], %r5;\n";

}  // namespace

TEST(LanesDivergeAndMeet) {
    // Nested branches and a loop whose length depends on the lane; where all meet, the ballot is full.
    auto got = run(R"(  mov.u32 %r5, 0;
  and.b32 %r3, %t, 7;
LOOP:
  setp.eq.u32 %q1, %r3, 0;
  @%q1 bra DONE;
  and.b32 %r4, %r3, 1;
  setp.eq.u32 %q2, %r4, 0;
  @%q2 bra EVEN;
  add.u32 %r5, %r5, 100;
  bra NEXT;
EVEN:
  add.u32 %r5, %r5, 1;
NEXT:
  sub.u32 %r3, %r3, 1;
  bra LOOP;
DONE:
  setp.ge.u32 %q3, %t, 0;
  vote.sync.ballot.b32 %r6, %q3, 0xffffffff;
  popc.b32 %r7, %r6;
  mul.lo.u32 %r7, %r7, 10000;
  add.u32 %r5, %r5, %r7;
)" + kStore, 64, 64);
    for (u32 t = 0; t < 64; ++t)
        EXPECT_EQ(320000 + (t % 8 + 1) / 2 * 100 + t % 8 / 2, got[t], "thread " + std::to_string(t));
}

TEST(GuardsOnEveryFlow) {
    auto got = run(R"(  mov.u32 %r5, 1;
  setp.lt.u32 %q1, %t, 4;
  @%q1 mov.u32 %r5, 2;
  @!%q1 add.u32 %r5, %r5, 10;
  setp.eq.u32 %q2, %t, 9;
)" +
                   kStore + "  @%q2 ret;\n  add.u32 %r5, %r5, 100;\n" + kStore, 32, 32);
    for (u32 t = 0; t < 32; ++t) EXPECT_EQ((t < 4 ? 2 : 11) + (t == 9 ? 0 : 100), got[t], "guard");
}

TEST(SwitchTables) {
    auto got = run(R"(  and.b32 %r3, %t, 3;
  setp.gt.u32 %q1, %t, 27;
  @%q1 bra OTHER;
TABLE: .branchtargets A, B, C, B;
  brx.idx %r3, TABLE;
A:
  mov.u32 %r5, 1;
  bra ON;
B:
  mov.u32 %r5, 2;
  bra ON;
C:
  mov.u32 %r5, 3;
  bra ON;
OTHER:
  mov.u32 %r5, 4;
ON:
)" + kStore, 32, 32);
    for (u32 t = 0; t < 32; ++t) EXPECT_EQ(t > 27 ? 4 : t % 4 == 0 ? 1 : t % 4 == 2 ? 3 : 2, got[t], "case");
}

TEST(FunctionsAreCalled) {
    // sum(box) adds four words of a parameter by value, twice(x) has registers as parameters and calls sum.
    std::string functions = R"(.func (.param .b32 result) sum(.param .align 16 .b8 box[16])
{
  .reg .b32 %r<8>;
  .reg .b64 %d<2>;
  ld.param.v2.b32 {%r1, %r2}, [box];
  mov.b64 %d1, box;
  ld.param.b32 %r3, [%d1+8];
  ld.param.b32 %r4, [box+12];
  add.u32 %r1, %r1, %r2;
  add.u32 %r3, %r3, %r4;
  add.u32 %r1, %r1, %r3;
  st.param.b32 [result], %r1;
  ret;
}
.func (.reg .b32 out) twice(.reg .b32 in, .reg .b64 where)
{
  .reg .b32 %r<4>;
  .reg .pred %q;
  setp.gt.u32 %q, in, 20;
  @%q bra BIG;
  {
  .param .align 16 .b8 a[16];
  .param .b32 r;
  st.param.v4.b32 [a], {in, in, 1, 2};
  call.uni (r), sum, (a);
  ld.param.b32 %r1, [r];
  }
  mov.u32 out, %r1;
  ret;
BIG:
  mov.u32 out, 7;
  st.u32 [where+4], 5;
  ret;
}
)";
    auto got = run(R"(  add.u64 %d2, %p, %w;
  setp.ne.u32 %q1, %t, 3;
  mov.u32 %r5, 0;
  @%q1 call (%r5), twice, (%t, %d2);
)" + kStore, 32, 32, functions);
    for (u32 t = 0; t < 32; ++t) EXPECT_EQ(t == 3 ? 0 : t > 20 ? 7 | 5ull << 32 : 2 * t + 3, got[t], "call");
}

TEST(BarriersOrderSharedMemory) {
    // A sum over 1024 threads by halves, in shared memory.
    auto got = run(R"(  .shared .align 4 .b8 tile[4096];
  mov.u32 %r3, tile;
  shl.b32 %r4, %t, 2;
  add.u32 %r3, %r3, %r4;
  st.shared.u32 [%r3], %t;
  mov.u32 %r6, 512;
LOOP:
  bar.sync 0;
  setp.ge.u32 %q1, %t, %r6;
  @%q1 bra SKIP;
  shl.b32 %r7, %r6, 2;
  add.u32 %r8, %r3, %r7;
  ld.shared.u32 %r9, [%r8];
  ld.shared.u32 %r10, [%r3];
  add.u32 %r10, %r10, %r9;
  st.shared.u32 [%r3], %r10;
SKIP:
  shr.u32 %r6, %r6, 1;
  setp.ne.u32 %q2, %r6, 0;
  @%q2 bra LOOP;
  setp.ne.u32 %q3, %t, 0;
  @%q3 exit;
  ld.shared.u32 %r5, [tile];
)" + kStore, 1024, 1);
    EXPECT_EQ(1023 * 512, got[0], "the sum");
}

TEST(BarriersReduce) {
    auto got = run(R"(  rem.u32 %r3, %t, 3;
  setp.eq.u32 %q1, %r3, 0;
  bar.red.popc.u32 %r4, 0, !%q1;
  barrier.red.or.pred %q2, 1, !%q1;
  barrier.cta.red.and.aligned.pred %q3, 2, %q1;
  setp.lt.u32 %q5, %t, 100;
  bar.red.and.pred %q4, 3, 128, %q5;
  selp.u32 %r5, 1000, 0, %q2;
  @%q3 add.u32 %r5, %r5, 2000;
  @%q4 add.u32 %r5, %r5, 4000;
  add.u32 %r5, %r5, %r4;
)" + kStore, 100, 100);
    for (u32 t = 0; t < 100; ++t) EXPECT_EQ(1000 + 4000 + 66, got[t], "reductions");
}

TEST(BarriersWithCounts) {
    // Warp 0 makes values, warp 1 takes them: arrive and sync of 64 threads, while warps 2 and 3 go their way.
    auto got = run(R"(  .shared .align 4 .b8 tile[128];
  mov.u32 %r5, 1;
  mov.u32 %r3, %warpid;
  mov.u32 %r6, %laneid;
  shl.b32 %r6, %r6, 2;
  mov.u32 %r7, tile;
  add.u32 %r7, %r7, %r6;
  setp.gt.u32 %q1, %r3, 1;
  @%q1 bra ON;
  setp.eq.u32 %q2, %r3, 1;
  @%q2 bra TAKE;
  st.shared.u32 [%r7], %t;
  bar.arrive 5, 64;
  bra ON;
TAKE:
  bar.sync 5, 64;
  ld.shared.u32 %r5, [%r7];
ON:
)" + kStore, 128, 128);
    for (u32 t = 0; t < 128; ++t) EXPECT_EQ(t / 32 == 1 ? t - 32 : 1, got[t], "thread " + std::to_string(t));
}

TEST(BarriersThatNeedNotBeAligned) {
    // The halves of each warp come to barrier.sync at different places.
    auto got = run(R"(  .shared .align 4 .b8 tile[256];
  mov.u32 %r7, tile;
  shl.b32 %r6, %t, 2;
  add.u32 %r7, %r7, %r6;
  st.shared.u32 [%r7], %t;
  and.b32 %r3, %t, 16;
  setp.eq.u32 %q1, %r3, 0;
  @%q1 bra LOW;
  barrier.sync 0;
  bra ON;
LOW:
  barrier.sync 0;
ON:
  xor.b32 %r8, %t, 48;
  shl.b32 %r8, %r8, 2;
  mov.u32 %r9, tile;
  add.u32 %r9, %r9, %r8;
  ld.shared.u32 %r5, [%r9];
)" + kStore, 64, 64);
    for (u32 t = 0; t < 64; ++t) EXPECT_EQ(t ^ 48, got[t], "the other half of the other warp");
}

TEST(HalvesOfAWarpComeToOneBarrier) {
    // The upper half of each warp comes back to the barrier where the lower half waits already.
    auto got = run(R"(  .shared .align 4 .b8 tile[256];
  mov.u32 %r7, tile;
  shl.b32 %r6, %t, 2;
  add.u32 %r7, %r7, %r6;
  and.b32 %r3, %t, 16;
  setp.ne.u32 %q1, %r3, 0;
  @%q1 bra HIGH;
MEET:
  barrier.sync 0;
  xor.b32 %r8, %t, 48;
  shl.b32 %r8, %r8, 2;
  mov.u32 %r9, tile;
  add.u32 %r9, %r9, %r8;
  mov.u32 %r5, 1;
  @!%q1 ld.shared.u32 %r5, [%r9];
  bra ON;
HIGH:
  st.shared.u32 [%r7], %t;
  bra MEET;
ON:
)" + kStore, 64, 64);
    for (u32 t = 0; t < 64; ++t) EXPECT_EQ(t & 16 ? 1 : t ^ 48, got[t], "thread " + std::to_string(t));
}

TEST(LanesMayWaitForOneAnother) {
    // A lock within one warp: the lane that holds it must get its turn although the others spin at a lower place.
    auto got = run(R"(  mov.u32 %r6, 0;
SPIN:
  atom.global.cas.b32 %r3, [%p], 0, 1;
  setp.ne.u32 %q1, %r3, 0;
  @%q1 bra SPIN;
  ld.volatile.global.u32 %r4, [%p+8];
  add.u32 %r4, %r4, 1;
  st.volatile.global.u32 [%p+8], %r4;
  membar.gl;
  atom.global.exch.b32 %r3, [%p], 0;
)", 64, 2);
    EXPECT_EQ(64, got[1], "each thread once");
}

TEST(WarpsMayWaitForOneAnother) {
    // Warp 0 spins on a flag that warp 1 sets: it must not run to its end first.
    auto got = run(R"(  mov.u32 %r3, %warpid;
  setp.eq.u32 %q1, %r3, 1;
  @%q1 bra SET;
SPIN:
  ld.acquire.gpu.global.u32 %r4, [%p];
  setp.eq.u32 %q2, %r4, 0;
  @%q2 bra SPIN;
  st.global.u32 [%p+8], %r4;
  ret;
SET:
  st.release.gpu.global.u32 [%p], 6;
)", 64, 2);
    EXPECT_EQ(6, got[1], "the flag");
}

TEST(ManyBlocksRunOnEveryHostThread) {
    Gpu gpu(entry("k", R"(  add.u64 %d1, %p, %w;
  ld.global.u32 %r3, [%d1];
  add.u32 %r3, %r3, %t;
  st.global.u32 [%d1], %r3;
)"));
    u64 p = gpu.upload(std::vector<u64>(1 << 18));
    for (int k = 0; k < 3; ++k) EXPECT_EQ(0, u64(gpu.launch("k", {1 << 10, 1, 1}, {256, 1, 1}, {p}).code), "launch");
    auto got = gpu.download<u64>(p, 1 << 18);
    for (u64 k = 0; k < got.size(); ++k)
        if (got[k] != 3 * k) return EXPECT_EQ(3 * k, got[k], "word " + std::to_string(k));
}
