// Loads, stores, variables and atomics.
#include "interp_test.h"

namespace {

// columns runs body over a buffer of words that holds `in` at first and returns it.
std::vector<u64> over(const std::vector<u64>& in, const std::string& body, u32 threads = 32,
                      const std::string& variables = "") {
    Gpu gpu(entry("k", body, variables));
    u64 p = gpu.upload(in);
    TrapReport r = gpu.launch("k", {1, 1, 1}, {threads, 1, 1}, {p});
    if (r.code != CUDA_SUCCESS) failed("over", 0, r.text);
    return gpu.download<u64>(p, in.size());
}

std::vector<u64> numbers(size_t n) {
    std::vector<u64> v(n);
    for (u64& x : v) x = random64();
    return v;
}

struct Load { const char* type; u32 size; bool sign; };
const Load kLoads[] = {{"u8", 1, false}, {"s8", 1, true}, {"b8", 1, false}, {"u16", 2, false}, {"s16", 2, true},
                       {"u32", 4, false}, {"s32", 4, true}, {"f32", 4, false}, {"u64", 8, false}};

u64 extend(u64 v, const Load& l, u32 width) {
    u32 drop = 64 - 8 * l.size;
    u64 r = l.sign ? u64(i64(v << drop) >> drop) : v << drop >> drop;
    return width == 64 ? r : r & 0xffffffff;
}

}  // namespace

// Every type into registers of 32 and 64 bits, for lanes one behind the other, in reverse, and for some lanes only.
TEST(LoadsOfEveryType) {
    std::vector<u64> in = numbers(96);
    for (const Load& l : kLoads)
        for (u32 width : {32u, 64u})
            for (int way = 0; way < 3; ++way) {
                if (l.size * 8 > width || (l.type[0] == 'f' && width == 64)) continue;
                std::string reg = width == 64 ? "%d3" : "%r5", size = std::to_string(l.size);
                std::string body = way == 1 ? "  sub.u32 %r3, 31, %t;\n" : "  mov.u32 %r3, %t;\n";
                body += "  mul.wide.u32 %d1, %r3, " + size + R"(;
  add.u64 %d2, %p, %d1;
  and.b32 %r4, %t, 1;
  setp.ne.u32 %q1, %r4, 0;
  mov.b)" + std::to_string(width) + " " + reg + ", 0;\n  " +
                        (way == 2 ? "@%q1 " : "") + "ld.global." + l.type + " " + reg + ", [%d2+8];\n"
                        "  add.u64 %d4, %p, %w;\n  st.global.b" + std::to_string(width) + " [%d4+512], " + reg + ";\n";
                std::vector<u64> start = in;
                for (u32 k = 64; k < 96; ++k) start[k] = 0;
                auto got = over(start, body);
                for (u32 t = 0; t < 32; ++t) {
                    u64 raw = 0, at = way == 1 ? 31 - t : t;
                    memcpy(&raw, reinterpret_cast<const u8*>(in.data()) + 8 + at * l.size, l.size);
                    u64 want = way == 2 && !(t & 1) ? 0 : extend(raw, l, width);
                    EXPECT_EQ(
                        want, got[64 + t],
                        std::string(l.type) + " into " + std::to_string(width) + " bits, way " + std::to_string(way));
                }
            }
}

TEST(LoadsOfOnePlace) {
    // All lanes, and the odd ones alone, read one word, a pair, and a signed byte.
    for (const char* guard : {"", "@%q1 "}) {
        std::string g = guard;
        auto got = over(
            {0x8899aabbccddeeff, 5, 6, 0},
            R"(  and.b32 %r3, %t, 1;
  setp.ne.u32 %q1, %r3, 0;
  mov.u64 %d1, 1;
  mov.u64 %d2, 1;
  mov.u64 %d3, 1;
  mov.u32 %r4, 1;
  )" +
                g + "ld.global.u64 %d1, [%p];\n  " + g + "ld.v2.u64 {%d2, %d3}, [%p+16];\n  " + g +
                R"(ld.global.s8 %r4, [%p+1];
  cvt.u64.u32 %d4, %r4;
  add.u64 %d1, %d1, %d2;
  add.u64 %d1, %d1, %d3;
  add.u64 %d1, %d1, %d4;
  setp.eq.u32 %q2, %t, 6;
  setp.eq.u32 %q3, %t, 7;
  bar.warp.sync -1;
  @%q2 st.global.u64 [%p], %d1;
  @%q3 st.global.u64 [%p+8], %d1;
)");
        u64 all = 0x8899aabbccddeeff + 6 + 0xffffffee;
        EXPECT_EQ(g.empty() ? all : 4, got[0], "lane 6");
        EXPECT_EQ(all, got[1], "lane 7");
    }
}

TEST(StoresOfEveryType) {
    for (u32 size : {1u, 2u, 4u, 8u})
        for (int way = 0; way < 3; ++way) {
            std::vector<u64> in = numbers(72), want = in;
            std::string body = way == 1 ? "  sub.u32 %r3, 31, %t;\n" : "  mov.u32 %r3, %t;\n";
            body += "  mul.wide.u32 %d1, %r3, " + std::to_string(size) + R"(;
  add.u64 %d2, %p, %d1;
  add.u64 %d4, %p, %w;
  ld.global.u64 %d3, [%d4+256];
  and.b32 %r4, %t, 1;
  setp.ne.u32 %q1, %r4, 0;
  )" +
                    (way == 2 ? "@%q1 " : "") + "st.global.b" + std::to_string(8 * size) + " [%d2], %d3;\n";
            auto got = over(in, body);
            for (u32 t = 0; t < 32; ++t)
                if (way < 2 || t & 1)
                    memcpy(reinterpret_cast<u8*>(want.data()) + (way == 1 ? 31 - t : t) * size, &in[32 + t], size);
            for (u32 k = 0; k < 72; ++k)
                EXPECT_EQ(want[k], got[k], "store of " + std::to_string(size) + " bytes, way " + std::to_string(way));
        }
}

TEST(VectorsOfEveryKind) {
    struct Vec { const char* type; u32 size, count; const char* regs; };
    const Vec all[] = {{"v2.u8", 1, 2, "{%h1, %h2}"},
                       {"v4.u8", 1, 4, "{%h1, %h2, %h3, %h4}"},
                       {"v2.b16", 2, 2, "{%h1, %h2}"},
                       {"v4.u16", 2, 4, "{%h1, %h2, %h3, %h4}"},
                       {"v2.u32", 4, 2, "{%r5, %r6}"},
                       {"v2.f32", 4, 2, "{%f1, %f2}"},
                       {"v4.f32", 4, 4, "{%f1, %f2, %f3, %f4}"},
                       {"v4.b32", 4, 4, "{%r5, %r6, %r7, %r8}"},
                       {"v2.u64", 8, 2, "{%d5, %d6}"}};
    for (const Vec& v : all)
        for (bool reversed : {false, true}) {
            u32 n = v.size * v.count;
            std::vector<u64> in = numbers(128);
            std::string body = std::string(reversed ? "  sub.u32 %r3, 31, %t;\n" : "  mov.u32 %r3, %t;\n") +
                               "  mul.wide.u32 %d1, %r3, " + std::to_string(n) +
                               ";\n  add.u64 %d2, %p, %d1;\n  mul.wide.u32 %d1, %t, " + std::to_string(n) +
                               ";\n  add.u64 %d3, %p, %d1;\n  ld.global." + v.type + " " + v.regs +
                               ", [%d2];\n  st.global." + v.type + " [%d3+512], " + v.regs + ";\n";
            auto got = over(in, body);
            for (u32 t = 0; t < 32; ++t) {
                const u8* from = reinterpret_cast<const u8*>(in.data()) + (reversed ? 31 - t : t) * n;
                EXPECT(memcmp(from, reinterpret_cast<u8*>(got.data()) + 512 + t * n, n) == 0);
            }
        }
    auto got = over({1, 2, 3, 4, 0, 0}, "  ld.global.v2.u64 {_, %d1}, [%p];\n  st.global.u64 [%p+32], %d1;\n", 1);
    EXPECT_EQ(2, got[4], "the second of two");
}

TEST(EverySpaceHoldsValues) {
    std::vector<u64> in(96);
    for (u32 k = 0; k < 32; ++k) in[k] = k * k;
    // Each thread's word passes through local memory, then to its neighbour through shared memory, by generic
    // addresses.
    auto got = over(in, R"(  .local .align 8 .b8 depot[16];
  .shared .align 8 .b8 tile[512];
  .reg .b64 %SP, %SPL;
  mov.u64 %SPL, depot;
  cvta.local.u64 %SP, %SPL;
  add.u64 %d1, %p, %w;
  ld.u64 %d2, [%d1];
  st.u64 [%SP+8], %d2;
  ld.local.u64 %d3, [%SPL+8];
  mov.u32 %r3, tile;
  shl.b32 %r4, %t, 3;
  add.u32 %r5, %r3, %r4;
  st.shared.u64 [%r5], %d3;
  bar.warp.sync 0xffffffff;
  xor.b32 %r6, %t, 1;
  shl.b32 %r6, %r6, 3;
  cvt.u64.u32 %d4, %r6;
  mov.u64 %d5, tile;
  cvta.shared.u64 %d6, %d5;
  add.u64 %d7, %d6, %d4;
  ld.u64 %d8, [%d7];
  isspacep.shared %q1, %d7;
  isspacep.local %q2, %SP;
  isspacep.global %q3, %d1;
  isspacep.shared %q4, %d1;
  selp.u32 %r7, 1, 0, %q1;
  selp.u32 %r8, 2, 0, %q2;
  selp.u32 %r9, 4, 0, %q3;
  selp.u32 %r10, 8, 0, %q4;
  or.b32 %r7, %r7, %r8;
  or.b32 %r7, %r7, %r9;
  or.b32 %r7, %r7, %r10;
  cvta.to.global.u64 %d9, %d1;
  st.global.u64 [%d9+256], %d8;
  st.global.u32 [%d9+512], %r7;
)");
    for (u32 k = 0; k < 32; ++k) {
        EXPECT_EQ((k ^ 1) * (k ^ 1), got[32 + k], "the neighbour's square");
        EXPECT_EQ(7, got[64 + k], "the spaces of addresses");
    }
}

TEST(VariablesAreInitialised) {
    std::string vars = R"(.visible .const .align 4 .b32 table[4] = {1, 0x20, 3};
.global .align 8 .u64 where = generic(table)+4;
.global .align 4 .f32 half = 0f3F000000;
.global .align 2 .b8 bytes[6] = {1, 2, 255};
.global .align 4 .u32 zero;
)";
    auto got = over(std::vector<u64>(8), R"(  ld.const.u32 %r3, [table+8];
  st.global.u32 [%p], %r3;
  ld.global.u64 %d1, [where];
  ld.u32 %r4, [%d1];
  st.global.u32 [%p+8], %r4;
  ld.global.f32 %f1, [half];
  st.global.f32 [%p+16], %f1;
  mov.u64 %d2, bytes;
  ld.global.u8 %r5, [%d2+2];
  st.global.u32 [%p+24], %r5;
  ld.global.u32 %r6, [zero];
  st.global.u32 [%p+32], %r6;
  ld.global.u8 %r7, [bytes+5];
  st.global.u32 [%p+40], %r7;
)", 1, vars);
    EXPECT_EQ(3, got[0], "a constant");
    EXPECT_EQ(0x20, got[1], "through a pointer in an initialiser");
    EXPECT_EQ(0x3f000000, got[2], "a float");
    EXPECT_EQ(255, got[3], "a byte");
    EXPECT(got[4] == 0 && got[5] == 0);
}

TEST(NamesHaveOffsets) {
    std::string table = ".global .align 4 .b32 table[4] = {10, 11, 12, 13};\n";
    auto got = run(R"(  mov.u64 %d1, table+8;
  ld.global.u32 %r3, [%d1+4];
  ld.global.u32 %r4, [%d1+-4];
  st.global.v2.u32 [%p], {%r3, %r4};
)",
                   1, 1, table);
    EXPECT_EQ(11ull << 32 | 13, got[0], "around the third");
}

TEST(SharedVariablesOfTheModuleAreOne) {
    // A function and its kernel name the same variable, and the dynamic shared memory lies behind it.
    Gpu gpu(R"(.shared .align 4 .u32 cell;
.extern .shared .align 16 .b8 dynamic[];
.func put(.param .b32 v)
{
  .reg .b32 %r<2>;
  ld.param.b32 %r1, [v];
  st.shared.u32 [cell], %r1;
  ret;
}
)" +
            entry("k", R"(  {
  .param .b32 a;
  st.param.b32 [a], 42;
  call.uni put, (a);
  }
  ld.shared.u32 %r3, [cell];
  st.global.u32 [%p], %r3;
  mov.u32 %r4, dynamic;
  st.shared.u32 [%r4+12], 9;
  mov.u64 %d1, dynamic;
  cvta.shared.u64 %d1, %d1;
  ld.u32 %r5, [%d1+12];
  st.global.u32 [%p+8], %r5;
  st.global.u32 [%p+16], %r4;
  mov.u32 %r6, %dynamic_smem_size;
  st.global.u32 [%p+24], %r6;
)"));
    u64 p = gpu.upload(std::vector<u64>(4));
    EXPECT_EQ(0, u64(gpu.launch("k", {1, 1, 1}, {1, 1, 1}, {p}, 16).code), "launch");
    auto got = gpu.download<u64>(p, 4);
    EXPECT_EQ(42, got[0], "the cell");
    EXPECT_EQ(9, got[1], "dynamic shared memory");
    EXPECT(got[2] >= 4 && got[2] % 16 == 0 && got[3] == 16);
    EXPECT(gpu.launch("k", {1, 1, 1}, {1, 1, 1}, {p}, 12).text.find("out-of-bounds") != std::string::npos);
}

TEST(ParametersAreRead) {
    Gpu gpu(R"(.visible .entry k(.param .align 16 .b8 box[24], .param .u64 p, .param .u8 c)
{
  .reg .b64 %d<8>;
  .reg .b32 %r<8>;
  .reg .f32 %f<4>;
  .reg .b16 %h<4>;
  ld.param.u64 %d1, [p];
  ld.param.v2.u32 {%r1, %r2}, [box+8];
  mov.b64 %d2, box;
  ld.param.f32 %f1, [%d2+4];
  cvta.param.u64 %d3, %d2;
  ld.u32 %r3, [%d3+16];
  ld.param.s8 %h1, [c];
  cvt.s32.s16 %r4, %h1;
  st.global.v4.u32 [%d1], {%r1, %r2, %r3, %r4};
  st.global.f32 [%d1+16], %f1;
  ret;
}
)");
    u64 p = gpu.upload(std::vector<u64>(3));
    EXPECT_EQ(0, u64(gpu.launch("k", {1, 1, 1}, {32, 1, 1}, {0x4000000012345678, 0x0000000200000001, 3, p, 0xfe}).code),
              "launch");
    auto got = gpu.download<u32>(p, 5);
    EXPECT(got[0] == 1 && got[1] == 2 && got[2] == 3 && got[3] == 0xfffffffe && got[4] == 0x40000000);
    const Program& k = *gpu.module->kernels.at("k");
    EXPECT(k.params.size() == 3 && k.params[1].offset == 24 && k.params[2].offset == 32 && k.paramBytes == 33);
}
