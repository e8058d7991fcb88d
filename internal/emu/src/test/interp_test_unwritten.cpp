// What nobody wrote: in registers, in every space, and on the way from one to the other.
#include "interp_test_break.h"

TEST(UnwrittenValuesStayUnwritten) {
    // Where they may be stored, the bytes still count as unwritten: lanes 4 and 5 of each warp.
    std::string skip = R"(  add.u64 %d1, %p, %w;
  and.b32 %r4, %t, 31;
  shr.u32 %r3, %r4, 1;
  setp.ne.u32 %q1, %r3, 2;
  @%q1 mov.u64 %d2, 1;
)";
    Gpu gpu(entry("whole", skip + "  st.global.u64 [%d1], %d2;\n") +
            entry("part", skip + "  setp.lt.u32 %q2, %r4, 20;\n  @%q2 st.global.u64 [%d1], %d2;\n"));
    gpu.checkPoison = false;
    for (const char* kernel : {"whole", "whole", "part"}) {
        u64 p = gpu.upload(std::vector<u64>(64));
        EXPECT_EQ(0, u64(gpu.launch(kernel, {2, 1, 1}, {32, 1, 1}, {p}).code), kernel);
        Alloc* a = gpu.memory.find(p);
        for (u32 t = 0; t < 64; ++t)
            if (t % 32 < 20) EXPECT_EQ(t % 32 / 2 != 2, a->allInit(8 * t, 8), kernel + std::to_string(t));
    }
}

TEST(UnwrittenValuesTrap) {
    Broken b{R"(  add.u64 %d1, %p, %w;
  ld.global.u64 %d2, [%d1];
  add.u64 %d2, %d2, 1;
  st.global.u64 [%d1+256], %d2; // HERE)", "uninitialised",
             "value never written reaches a global store"};
    b.filled = false;
    breaks(__FILE__, __LINE__, b);
    b = {"  atom.global.add.u32 %r3, [%p], 1; // HERE", "uninitialised",
         "an atomic operation on memory that nobody wrote"};
    b.filled = false;
    breaks(__FILE__, __LINE__, b);
    BREAKS("  st.global.u32 [%p], %r9; // HERE", "uninitialised", "value never written reaches a global store");
    BREAKS("  ld.global.u32 %r3, [%d9]; // HERE", "uninitialised", "value never written reaches an address");
    BREAKS("  setp.eq.u32 %q1, %r9, 3;\n  @%q1 bra ON; // HERE\nON:", "uninitialised",
           "value never written reaches a predicate that guards an instruction");
    BREAKS(kTile + R"(  setp.eq.u32 %q1, %t, 7;
  @%q1 bra ON;
  st.shared.u32 [%r5], %t;
ON:
  bar.warp.sync -1;
  ld.shared.u32 %r6, [%r5];
  add.u64 %d1, %p, %w;
  st.global.u32 [%d1], %r6; // HERE)", "uninitialised", "value never written reaches a global store", "(7,0,0)");
    BREAKS("  setp.eq.u32 %q1, %r9, 0;\n  bar.red.or.pred %q2, 0, %q1; // HERE", "uninitialised",
           "value never written reaches a barrier reduction");
    BREAKS("  bar.sync %r9; // HERE", "uninitialised", "value never written reaches a barrier number");
    BREAKS("  setp.eq.u32 %q1, %r9, 0;\n  vote.sync.ballot.b32 %r3, %q1, -1; // HERE", "uninitialised",
           "value never written reaches a vote");
    BREAKS(R"(  .local .align 4 .b8 depot[8];
  ld.local.u32 %r3, [depot+4];
  mov.u64 %d1, {%r3, %r3};
  st.global.u64 [%p], %d1; // HERE)", "uninitialised",
           "value never written reaches a global store");
    BREAKS(R"(  setp.ne.u32 %q1, %t, 6;
  @%q1 mov.u32 %r3, 1;
  shfl.sync.bfly.b32 %r4, %r3, 1, 31, -1;
  add.u64 %d1, %p, %w;
  st.global.u32 [%d1], %r4; // HERE)",
           "uninitialised", "value never written reaches a global store", "(7,0,0)");
}

TEST(UnwrittenValuesPassThroughMemory) {
    BREAKS(kTile + "  st.shared.u32 [%r5], %r9;\n  ld.shared.u32 %r6, [%r5];\n  st.global.u32 [%p], %r6; // HERE",
           "uninitialised", "value never written reaches a global store");
    BREAKS("  .local .align 8 .b8 depot[8];\n  st.local.v2.u32 [depot], {%t, %r9};\n  ld.local.u64 %d1, [depot];\n"
           "  st.global.u64 [%p], %d1; // HERE",
           "uninitialised", "value never written reaches a global store");
}

TEST(OnePlaceThatNobodyWrote) {
    Broken b{"  ld.global.u32 %r3, [%p+4];\n  setp.eq.u32 %q1, %t, 9;\n  @%q1 st.global.u32 [%p], %r3; // HERE",
             "uninitialised", "value never written reaches a global store", "(9,0,0)"};
    b.filled = false;
    breaks(__FILE__, __LINE__, b);
}
