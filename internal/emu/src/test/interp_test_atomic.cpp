// Atomics, against a host that takes the lanes in order.
#include "interp_test.h"

namespace {

u64 cut(u64 v, u32 width) { return width == 64 ? v : v & 0xffffffff; }

// tryAtomic lets a warp work on four cells, in the given space, and compares cells and old values.
void tryAtomic(const std::string& op, const std::string& type, u32 width, const std::function<u64(u64, u64)>& f,
               bool shared) {
    std::string w = std::to_string(width), reg = width == 64 ? "%d" : "%r", cell = shared ? "%d8" : "%d7";
    std::string space = shared ? "shared" : "global";
    std::vector<u64> in(4 + 32 + 32 + 4);
    for (u32 k = 0; k < 36; ++k) in[k] = cut(random64() >> (k % 3 * 20), width);
    std::string body = R"(  .shared .align 8 .b8 cells[32];
  and.b32 %r10, %t, 3;
  mul.wide.u32 %d1, %r10, 8;
  add.u64 %d7, %p, %d1;
  mov.u64 %d8, cells;
  add.u64 %d8, %d8, %d1;
  add.u64 %d3, %p, %w;
  setp.lt.u32 %q1, %t, 4;
  ld.global.b64 %d4, [%d7];
  @%q1 st.shared.b64 [%d8], %d4;
  bar.sync 0;
  ld.global.b)" + w + " " +
                       reg + "11, [%d3+32];\n  atom." + space + "." + op + "." + type + " " + reg + "12, [" + cell +
                       "], " + reg + "11;\n  st.global.b" + w + " [%d3+288], " + reg + R"(12;
  bar.sync 0;
  ld.shared.b64 %d4, [%d8];
  @%q1 st.global.b64 [%d3+544], %d4;
)";
    Gpu gpu(entry("k", body));
    u64 p = gpu.upload(in);
    TrapReport r = gpu.launch("k", {1, 1, 1}, {32, 1, 1}, {p});
    if (r.code != CUDA_SUCCESS) failed("tryAtomic", 0, r.text);
    auto got = gpu.download<u64>(p, in.size());
    std::vector<u64> cells(in.begin(), in.begin() + 4);
    for (u32 t = 0; t < 32; ++t) {
        u64& c = cells[t & 3];
        EXPECT_EQ(cut(c, width), got[36 + t], op + "." + type + " old value");
        c = cut(f(cut(c, width), in[4 + t]), width) | (width == 32 ? c & ~0xffffffffull : 0);
    }
    for (u32 k = 0; k < 4; ++k) EXPECT_EQ(cells[k], got[shared ? 68 + k : k], op + "." + type + " in " + space);
}

}  // namespace

TEST(AtomicsOfIntegers) {
    for (bool shared : {false, true}) {
        for (u32 w : {32u, 64u}) {
            std::string u = "u" + std::to_string(w), b = "b" + std::to_string(w), s = "s" + std::to_string(w);
            auto sign = [w](u64 v) { return i64(v << (64 - w)) >> (64 - w); };
            tryAtomic("add", u, w, [](u64 o, u64 v) { return o + v; }, shared);
            tryAtomic("min", u, w, [](u64 o, u64 v) { return std::min(o, v); }, shared);
            tryAtomic("max", u, w, [](u64 o, u64 v) { return std::max(o, v); }, shared);
            tryAtomic("min", s, w, [&](u64 o, u64 v) { return sign(o) < sign(v) ? o : v; }, shared);
            tryAtomic("max", s, w, [&](u64 o, u64 v) { return sign(o) > sign(v) ? o : v; }, shared);
            tryAtomic("and", b, w, [](u64 o, u64 v) { return o & v; }, shared);
            tryAtomic("or", b, w, [](u64 o, u64 v) { return o | v; }, shared);
            tryAtomic("xor", b, w, [](u64 o, u64 v) { return o ^ v; }, shared);
            tryAtomic("exch", b, w, [](u64, u64 v) { return v; }, shared);
        }
        tryAtomic("inc", "u32", 32, [](u64 o, u64 v) { return o >= v ? 0 : o + 1; }, shared);
        tryAtomic("dec", "u32", 32, [](u64 o, u64 v) { return o == 0 || o > v ? v : o - 1; }, shared);
        tryAtomic("relaxed.gpu.add", "s32", 32, [](u64 o, u64 v) { return o + v; }, shared);
    }
}

TEST(CompareAndSwap) {
    for (const char* space : {"global", "shared"}) {
        std::string s = space, where = s == "shared" ? "[cell]" : "[%p]";
        auto got =
            run("  .shared .align 4 .u32 cell;\n  setp.eq.u32 %q1, %t, 0;\n  @%q1 st." + s + ".u32 " + where + R"(, 5;
  bar.sync 0;
  add.u32 %r3, %t, 5;
  add.u32 %r4, %t, 6;
  atom.)" + s + ".cas.b32 %r5, " +
                    where + R"(, %r3, %r4;
  add.u64 %d1, %p, %w;
  bar.sync 0;
  ld.)" + s + ".u32 %r6, " +
                    where + R"(;
  add.u32 %r6, %r6, %r5;
  st.global.u32 [%d1+8], %r6;
)",
                32, 40);
        for (u32 t = 0; t < 32; ++t) EXPECT_EQ(5 + t + 37, got[1 + t], "each finds what the one before it left");
    }
}

// Float atomics flush in global memory and do not in shared memory; the order of lanes is fixed here.
TEST(AtomicsOfFloats) {
    auto add = [](const char* space, const char* type, u64 start, u64 v) {
        std::string s = space, cell = s == "shared" ? "[cell]" : "[%p]", width = type[1] == '6' ? "64" : "32";
        std::string reg = width == "64" ? "%d3" : "%r3";
        return run("  .shared .align 8 .u64 cell;\n  mov.b" + width + " " + reg + ", " + std::to_string(start) +
                       ";\n  st." + s + ".b" + width + " " + cell + ", " + reg + ";\n  mov.b" + width + " " + reg +
                       ", " + std::to_string(v) + ";\n  red." + s + ".add." + type + " " + cell + ", " + reg +
                       ";\n  ld." + s + ".b" + width + " " + reg + ", " + cell + ";\n  st.global.b" + width +
                       " [%p+8], " + reg + ";\n",
                   1, 2)[1];
    };
    EXPECT_EQ(0x40a00000, add("global", "f32", bits<u32>(2.0f), bits<u32>(3.0f)), "2 + 3");
    EXPECT_EQ(0, add("global", "f32", 1, 1), "flushed in global memory");
    EXPECT_EQ(2, add("shared", "f32", 1, 1), "subnormal in shared memory");
    EXPECT_EQ(0x7fffffff, add("shared", "f32", 0x7f800000, 0xff800000), "inf - inf");
    EXPECT_EQ(bits<u64>(0.1 + 0.2), add("global", "f64", bits<u64>(0.1), bits<u64>(0.2)), "float64");
    EXPECT_EQ(0x42004400, add("global", "noftz.f16x2", 0x3c004000, 0x40004000), "1+2 and 2+2");
    EXPECT_EQ(0x40404080, add("shared", "noftz.bf16x2", 0x3f804000, 0x40004000), "1+2 and 2+2");
}

TEST(GridsWithAtomicsRepeat) {
    // Sums of floats depend on the order: blocks run one after the other, so two runs agree.
    std::string body = R"(  cvt.rn.f32.u32 %f1, %t;
  rcp.rn.f32 %f1, %f1;
  mov.u32 %r3, 0x3f800000;
  setp.eq.u32 %q1, %t, 0;
  @%q1 mov.b32 %f1, %r3;
  red.global.add.f32 [%p], %f1;
)";
    Gpu gpu(entry("k", body));
    float want = 0;
    for (u32 t = 0; t < 64 * 512; ++t) want += t ? 1 / float(t) : 1;
    for (int k = 0; k < 3; ++k) {
        u64 p = gpu.upload(std::vector<u64>(1));
        EXPECT_EQ(0, u64(gpu.launch("k", {64, 1, 1}, {512, 1, 1}, {p}).code), "launch");
        EXPECT_EQ(bits<u32>(want), gpu.download<u32>(p, 1)[0], "the sum");
    }
}
