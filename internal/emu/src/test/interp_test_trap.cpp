// One broken kernel for each trap, with its whole report.
#include "interp_test_break.h"

TEST(OutOfBoundsTraps) {
    BREAKS("  add.u64 %d1, %p, %w;\n  ld.global.u64 %d2, [%d1+272]; // HERE", "out-of-bounds",
           "8 bytes: address {end} is 0 bytes past the end of allocation #1 ({p} + 512 bytes)", "(30,0,0)", kAddress);
    BREAKS("  add.u64 %d1, %p, %w;\n  st.global.v2.u64 [%p+504], {%d1, %d1}; // HERE", "misaligned",
           "16 bytes at global address {p+504}", "(0,0,0)", CUDA_ERROR_MISALIGNED_ADDRESS);
    BREAKS("  mov.u64 %d1, 64;\n  ld.global.u32 %r3, [%d1]; // HERE", "out-of-bounds",
           "4 bytes: address 0x40 is in no allocation", "(0,0,0)", kAddress);
    BREAKS(R"(  add.u64 %d1, %p, %w;
  setp.gt.u32 %q1, %t, 8;
  mov.u32 %r3, 1;
  @%q1 st.global.u32 [%d1+508], %r3; // HERE)", "out-of-bounds",
           "4 bytes: address {p+580} is 68 bytes past the end of allocation #1 ({p} + 512 bytes)", "(9,0,0)", kAddress);
    BREAKS(kTile + "  st.shared.u32 [%r5+136], %t; // HERE", "out-of-bounds",
           "4 bytes at 0x100 of 256 bytes of shared memory", "(30,0,0)", kAddress);
    BREAKS(R"(  .local .align 4 .b8 depot[16];
  mov.u64 %d1, depot;
  add.u64 %d1, %d1, %w;
  st.local.u32 [%d1], %t; // HERE)", "out-of-bounds",
           "4 bytes at 0x10 of 16 bytes of local memory", "(2,0,0)", kAddress);
    BREAKS("  mov.b64 %d1, p;\n  add.u64 %d1, %d1, %w;\n  ld.param.u64 %d2, [%d1]; // HERE", "out-of-bounds",
           "8 bytes at 0x10 of 16 bytes of parameter memory", "(2,0,0)", kAddress);
    BREAKS("  mov.u64 %d1, 0xffffffffffffffff;\n  ld.u8 %r3, [%d1]; // HERE", "out-of-bounds",
           "1 bytes: address 0xffffffffffffffff is in no allocation", "(0,0,0)", kAddress);
    BREAKS("  add.u64 %d1, %p, %w;\n  ld.global.u64 %d2, [%d1+256]; // HERE", "out-of-bounds",
           "8 bytes: address {end} is 0 bytes past the end of allocation #1 ({p} + 512 bytes)", "(0,0,0)", kAddress,
           {32, 1, 1}, {4, 1, 1}, "(1,0,0)");
}

TEST(MisalignedAccessTraps) {
    const Result code = CUDA_ERROR_MISALIGNED_ADDRESS;
    BREAKS("  ld.global.u32 %r3, [%p+2]; // HERE", "misaligned", "4 bytes at global address {p+2}", "(0,0,0)", code);
    BREAKS("  ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%p+8]; // HERE", "misaligned", "16 bytes at global address {p+8}",
           "(0,0,0)", code);
    BREAKS(kTile + "  add.u32 %r6, %r5, %t;\n  st.shared.u16 [%r6], %h1; // HERE", "misaligned",
           "2 bytes at shared address 0x5", "(1,0,0)", code);
    BREAKS("  atom.global.add.u32 %r3, [%p+1], 1; // HERE", "misaligned", "4 bytes at global address {p+1}", "(0,0,0)",
           code);
}

TEST(UseAfterFreeTraps) {
    BREAKS("  ld.param.u64 %d1, [gone];\n  ld.global.u32 %r3, [%d1+4]; // HERE", "use-after-free",
           "address {freed+4} is in freed allocation #2 ({freed} + 64 bytes)", "(0,0,0)", kAddress);
    BREAKS("  ld.param.u64 %d1, [gone];\n  st.global.u32 [%d1], %t; // HERE", "use-after-free",
           "address {freed} is in freed allocation #2 ({freed} + 64 bytes)", "(0,0,0)", kAddress);
}

// All lanes one behind the other, by an instruction that met the buffer before: the short way through the checks.
TEST(WholeWarpsAreCheckedToo) {
    const std::string index = "  mov.u32 %r3, %ctaid.x;\n  cvt.u64.u32 %d2, %r3;\n  add.u64 %d1, %p, %w;\n";
    BREAKS(index + "  ld.global.u64 %d3, [%d1+128]; // HERE", "out-of-bounds",
           "8 bytes: address {end} is 0 bytes past the end of allocation #1 ({p} + 512 bytes)", "(16,0,0)", kAddress,
           {32, 1, 1}, {2, 1, 1}, "(1,0,0)");
    BREAKS(index + "  add.u64 %d1, %p, %d2;\n  mul.wide.u32 %d3, %r2, 4;\n  add.u64 %d1, %d1, %d3;\n"
                   "  ld.global.u32 %r4, [%d1]; // HERE",
           "misaligned", "4 bytes at global address {p+1}", "(0,0,0)", CUDA_ERROR_MISALIGNED_ADDRESS, {32, 1, 1},
           {2, 1, 1}, "(1,0,0)");
    Broken b{index + "  setp.eq.u32 %q1, %r3, 0;\n  @%q1 st.global.u64 [%d1], %d1;\n  ld.global.u64 %d4, [%d1];\n"
                     "  st.global.u64 [%d1], %d4; // HERE",
             "uninitialised", "value never written reaches a global store"};
    b.grid = {2, 1, 1};
    b.at = "(1,0,0)";
    b.filled = false;
    breaks(__FILE__, __LINE__, b);
}

TEST(StoresToConstantsTrap) {
    BREAKS("  mov.u64 %d1, table;\n  st.global.u32 [%d1], %t; // HERE", "read-only", "a store to constant table",
           "(0,0,0)", kAddress, {32, 1, 1}, {1, 1, 1}, "(0,0,0)", ".const .align 4 .u32 table = 5;\n");
    BREAKS("  mov.b64 %d1, p;\n  cvta.param.u64 %d2, %d1;\n  st.u32 [%d2], %t; // HERE", "read-only",
           "a store to the kernel's parameters", "(0,0,0)", kAddress);
}

TEST(BarriersTrap) {
    BREAKS(R"(  setp.lt.u32 %q1, %t, 5;
  @%q1 bra ON;
  bar.sync 0; // HERE
ON:
  bar.sync 0;
)", "divergent-barrier",
           "lanes 0xffffffe0 of the warp wait here, lanes 0x1f at PTX line 21", "(5,0,0)");
    BREAKS("  setp.lt.u32 %q1, %t, 5;\n  @%q1 bar.sync 0; // HERE", "divergent-barrier",
           "only lanes 0x1f of 0xffffffff execute the barrier");
    BREAKS(R"(  setp.lt.u32 %q1, %t, 32;
  @%q1 bra A;
  bar.sync 0; // HERE
  bra ON;
A:
  bar.sync 0;
ON:)", "divergent-barrier",
           "this warp is here, an earlier one waits at PTX line 22", "(32,0,0)", kFailed, {64, 1, 1});
    BREAKS("  setp.gt.u32 %q1, %t, 40;\n  @%q1 exit;\n  bar.sync 0; // HERE", "missing-barrier",
           "lanes 0xfffffe00 of the warp exited before the barrier", "(32,0,0)", kFailed, {64, 1, 1});
    BREAKS("  setp.gt.u32 %q1, %t, 31;\n  @%q1 exit;\n  bar.sync 0; // HERE", "missing-barrier",
           "32 of 96 threads reach the barrier, the others exited or wait elsewhere", "(0,0,0)", kFailed, {96, 1, 1});
    BREAKS(R"(  setp.gt.u32 %q1, %t, 31;
  @%q1 bra B;
  bar.sync 1; // HERE
  ret;
B:
  bar.sync 2;)", "missing-barrier",
           "32 of 64 threads reach the barrier, the others exited or wait elsewhere", "(0,0,0)", kFailed, {64, 1, 1});
    BREAKS("  mov.u32 %r3, 16;\n  bar.sync %r3; // HERE", "bad-barrier", "barrier number 16", "(0,0,0)", kIllegal);
    BREAKS("  bar.sync 1, 48; // HERE", "bad-barrier",
           "thread count 48 is no multiple of the warp size up to the block's 64", "(0,0,0)", kIllegal, {64, 1, 1});
}

TEST(AbsentLanesTrap) {
    BREAKS(R"(  setp.lt.u32 %q1, %t, 16;
  @%q1 bra ON;
  shfl.sync.down.b32 %r3, %t, 1, 31, -1; // HERE
ON:
  bar.sync 0;)", "absent-lanes",
           "the member mask names lanes 0xffff, which are elsewhere", "(16,0,0)");
    BREAKS("  setp.ge.u32 %q1, %t, 16;\n  @%q1 vote.sync.any.pred %q2, %q1, -1; // HERE\n  bar.warp.sync -1;",
           "absent-lanes", "the member mask names lanes 0xffff, which are elsewhere", "(16,0,0)");
    BREAKS(R"(  setp.lt.u32 %q1, %t, 16;
  @%q1 bra ON;
  shfl.sync.idx.b32 %r3, %t, 3, 31, 0xffff0000; // HERE
ON:)", "absent-lanes",
           "shuffle from lane 3, which does not take part", "(16,0,0)");
    BREAKS("  shfl.sync.down.b32 %r3, %t, 1, 31, -1; // HERE", "absent-lanes",
           "shuffle from lane 20, which does not take part", "(19,0,0)", kFailed, {20, 1, 1});
    BREAKS("  match.any.sync.b32 %r3, %t, 0xff; // HERE", "absent-lanes",
           "the member mask 0xff does not name the lane itself", "(8,0,0)");
}

TEST(SharedRacesTrap) {
    BREAKS(kTile + "  st.shared.u32 [%r5], %t; // HERE\n  xor.b32 %r6, %r5, 128;\n  ld.shared.u32 %r7, [%r6];",
           "shared-race", "write of byte 128 of shared memory without a barrier after thread (0,0,0) accessed it",
           "(32,0,0)", kFailed, {64, 1, 1});
    BREAKS(kTile + R"(  st.shared.u32 [%r5], %t;
  bar.sync 0;
  xor.b32 %r6, %r5, 128;
  ld.shared.u32 %r7, [%r6]; // HERE
  st.shared.u32 [%r5], %r7;)",
           "shared-race", "read of byte 128 of shared memory without a barrier after thread (32,0,0) accessed it",
           "(0,0,0)", kFailed, {64, 1, 1});
    // Both warps read one word; a thread of the second writes it when only its own warp has synchronised.
    BREAKS(kTile + R"(  ld.shared.u32 %r6, [tile];
  bar.warp.sync -1;
  setp.eq.u32 %q1, %t, 32;
  @%q1 st.shared.u32 [tile], %t; // HERE
  bar.sync 0;)",
           "shared-race", "write of byte 0 of shared memory without a barrier after thread (63,0,0) accessed it",
           "(32,0,0)", kFailed, {64, 1, 1});
    BREAKS(kTile + "  st.shared.u32 [tile], %t; // HERE", "shared-race",
           "write of byte 0 of shared memory without a barrier after thread (0,0,0) accessed it", "(1,0,0)");
    BREAKS(kTile + "  st.shared.u32 [%r5], %t;\n  xor.b32 %r6, %r5, 4;\n  ld.shared.u32 %r7, [%r6]; // HERE",
           "shared-race", "read of byte 4 of shared memory without a barrier after thread (1,0,0) accessed it");
    BREAKS(
        kTile +
            "  setp.eq.u32 %q1, %t, 3;\n  @%q1 st.shared.u32 [tile], %t;\n"
                 "  atom.shared.add.u32 %r6, [tile], 1; // HERE",
        "shared-race",
        "atomic operation of byte 0 of shared memory without a barrier after thread (3,0,0) accessed it");
}

TEST(OrderedSharedAccessesDoNotTrap) {
    // One lane reads what all lanes read before they synchronised, and writes it.
    EXPECT_EQ(5, run(kTile + R"(  setp.eq.u32 %q1, %t, 0;
  @%q1 st.shared.u32 [tile], 4;
  bar.warp.sync -1;
  ld.shared.u32 %r6, [tile];
  bar.warp.sync -1;
  @%q1 ld.shared.u32 %r6, [tile];
  add.u32 %r6, %r6, 1;
  @%q1 st.shared.u32 [tile], %r6;
  @%q1 st.global.u32 [%p], %r6;)", 32, 1)[0],
              "one lane after all");
}

TEST(StaleReadsTrap) {
    BREAKS(
        "  add.u64 %d1, %p, %w;\n  st.global.u64 [%d1], %d1;\n  ld.global.nc.u64 %d2, [%d1]; // HERE", "stale-read",
        "ld.global.nc of memory that this launch wrote: address {p} is at byte 0 of allocation #1 ({p} + 512 bytes)");
    BREAKS(
        R"(  add.u64 %d1, %p, %w;
  ld.global.nc.u64 %d2, [%d1+8];
  setp.eq.u32 %q1, %t, 3;
  @%q1 st.global.u8 [%d1+6], %t; // HERE)",
        "stale-read",
        "memory that this launch read with ld.global.nc is written: "
           "address {p+30} is at byte 30 of allocation #1 ({p} + 512 bytes)",
        "(3,0,0)");
}

TEST(IllegalInstructionsAndLoopsTrap) {
    BREAKS("  setp.eq.u32 %q1, %t, 4;\n  @%q1 trap; // HERE", "trap", "the kernel executed trap", "(4,0,0)", kIllegal);
    BREAKS("  brkpt; // HERE", "trap", "the kernel executed brkpt", "(0,0,0)", kIllegal);
    BREAKS("LOOP:\n  bra LOOP; // HERE", "timeout", "the block does not end: a loop without progress?", "(0,0,0)",
           CUDA_ERROR_LAUNCH_TIMEOUT);
    BREAKS("TABLE: .branchtargets A, A;\n  brx.idx %t, TABLE; // HERE\nA:", "bad-branch", "index 2 of a table of 2",
           "(2,0,0)", kIllegal);
}
