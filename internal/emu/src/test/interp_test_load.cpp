// What is refused when a module is loaded, with the line; and what a program says about itself.
#include "interp_test.h"

namespace {

#define REFUSED(BODY, WHAT) refused(__FILE__, __LINE__, BODY, WHAT)
void refused(const char* file, int line, const std::string& body, const std::string& what) {
    std::string got = loadError(body), want = "PTX line 17: " + what;  // the first line of a body
    if (got != want) failed(file, line, body + ": want \"" + want + "\", got \"" + got + "\"");
}

}  // namespace

TEST(UnknownInstructionsAreRefused) {
    REFUSED("  odd.u32 %r3, %r4;", "unsupported instruction odd.u32");
    REFUSED("  odd.f32 %f3, %f4;", "unsupported instruction odd.f32");
    REFUSED("  odd;", "unsupported instruction odd");
    REFUSED("  fns.b32 %r3, %r4, %r5, %r6;", "unsupported instruction fns.b32");
    REFUSED("  mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 %r3, %r4;",
            "unsupported instruction mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32");
    REFUSED("  wmma.load.a.sync %r3, %r4;", "unsupported instruction wmma.load.a.sync");
    REFUSED("  add.b16x2 %r3, %r4, %r5;", "unsupported instruction add.b16x2");
    REFUSED("  sin.f32 %f1, %f2;", "unsupported instruction sin.f32");
    REFUSED("  sqrt.f32 %f1, %f2;", "unsupported instruction sqrt.f32");
    REFUSED("  rcp.approx.f64 %d1, %d2;", "unsupported instruction rcp.approx.f64");
    REFUSED("  div.rn.f16 %h1, %h2, %h3;", "unsupported instruction div.rn.f16");
    REFUSED("  and.f32 %f1, %f2, %f3;", "unsupported instruction and.f32");
    REFUSED("  neg.u32 %r1, %r2;", "unsupported instruction neg.u32");
    REFUSED("  mul.u32 %r1, %r2, %r3;", "unsupported instruction mul.u32");
    REFUSED("  setp.lo.s32 %q1, %r2, %r3;", "unsupported instruction setp.lo.s32");
    REFUSED("  setp.equ.s32 %q1, %r2, %r3;", "unsupported instruction setp.equ.s32");
    REFUSED("  redux.sync.add.f32 %f1, %f2, -1;", "unsupported instruction redux.sync.add.f32");
    REFUSED("  shfl.up.b32 %r1, %r2, 1, 0;", "unsupported instruction shfl.up.b32");
    REFUSED("  atom.global.inc.s32 %r1, [%p], %r2;", "unsupported instruction atom.global.inc.s32");
    REFUSED("  atom.global.add.f16 %h1, [%p], %h2;", "unsupported instruction atom.global.add.f16");
    REFUSED("  bar.sync;", "unsupported instruction bar.sync");
    REFUSED("  bar.arrive 1;", "unsupported instruction bar.arrive");
    REFUSED("  cvta.u64 %d1, %d2;", "unsupported instruction cvta.u64");
    REFUSED("  ld.global.v4.u64 {%d1, %d2, %d3, %d4}, [%p];", "unsupported instruction ld.global.v4.u64");
    REFUSED("  ld.shared.nc.u32 %r1, [%r2];", "unsupported instruction ld.shared.nc.u32");
}

TEST(UnknownModifiersAreRefused) {
    REFUSED("  add.rn.odd.f32 %f1, %f2, %f3;", "unsupported modifier .odd of add.rn.odd.f32");
    REFUSED("  add.rn.ftz.f64 %d1, %d2, %d3;", "unsupported modifier .ftz of add.rn.ftz.f64");
    REFUSED("  add.ftz.u32 %r1, %r2, %r3;", "unsupported modifier .ftz of add.ftz.u32");
    REFUSED("  min.sat.f32 %f1, %f2, %f3;", "unsupported modifier .sat of min.sat.f32");
    REFUSED("  fma.rn.rz.f32 %f1, %f2, %f3, %f4;", "unsupported modifier .rz of fma.rn.rz.f32");
    REFUSED("  ld.global.odd.u32 %r1, [%p];", "unsupported modifier .odd of ld.global.odd.u32");
    REFUSED("  st.global.L2::cache_hint.u32 [%p], %r1, %d1;",
            "unsupported modifier .L2::cache_hint of st.global.L2::cache_hint.u32");
    REFUSED("  bar.sync.odd 0;", "unsupported modifier .odd of bar.sync.odd");
    REFUSED("  mov.u32.odd %r1, %r2;", "unsupported modifier .odd of mov.u32.odd");
    REFUSED("  lop3.or.b32 %r1|%q1, %r2, %r3, %r4, 5, %q2;", "unsupported modifier .or of lop3.or.b32");
    REFUSED("  ret.odd;", "unsupported modifier .odd of ret.odd");
}

TEST(ConversionsNeedTheirRounding) {
    REFUSED("  cvt.f32.s32 %f1, %r2;", "unsupported instruction cvt.f32.s32");
    REFUSED("  cvt.s32.f32 %r1, %f2;", "unsupported instruction cvt.s32.f32");
    REFUSED("  cvt.rn.s32.f32 %r1, %f2;", "unsupported instruction cvt.rn.s32.f32");
    REFUSED("  cvt.f32.f64 %f1, %d2;", "unsupported instruction cvt.f32.f64");
    REFUSED("  cvt.f16.f32 %h1, %f2;", "unsupported instruction cvt.f16.f32");
    REFUSED("  cvt.rni.u32.s32 %r1, %r2;", "unsupported instruction cvt.rni.u32.s32");
    REFUSED("  cvt.rna.tf32.f32 %r1, %f2;", "unsupported instruction cvt.rna.tf32.f32");
    REFUSED("  cvt.rn.satfinite.e4m3x2.f32 %h1, %f2, %f3;", "unsupported instruction cvt.rn.satfinite.e4m3x2.f32");
}

TEST(OperandsAreChecked) {
    REFUSED("  add.u32 %r1, %r2;", "2 operands of add.u32: want 3");
    REFUSED("  add.u32 %r1, %r2, %r3, %r4;", "4 operands of add.u32: want 3");
    REFUSED("  add.u32 %r1, %r2, %d3;", "register %d3 has not the size of the operation");
    REFUSED("  add.u64 %d1, %d2, %r3;", "register %r3 has not the size of the operation");
    REFUSED("  add.u32 %d1, %r2, %r3;", "register %d1 has not the size of the operation");
    REFUSED("  add.u32 %r1, %q2, %r3;", "register %q2 has not the size of the operation");
    REFUSED("  selp.u32 %r1, %r2, %r3, %r4;", "register %r4 has not the size of the operation");
    REFUSED("  mul.wide.u32 %r1, %r2, %r3;", "register %r1 has not the size of the operation");
    REFUSED("  add.u32 %r1, %r2, %nobody;", "unknown name %nobody");
    REFUSED("  add.u32 %r1, %r2, %r40;", "unknown name %r40");
    REFUSED("  mov.u64 %d1, %tid.x;", "register %tid.x has 32 bits");
    REFUSED("  add.u32 5, %r2, %r3;", "want a register, found another operand");
    REFUSED("  add.f32 %f1, %f2, 1;", "unsupported operand");
    REFUSED("  ld.global.u32 %r1, %p;", "want an address in brackets");
    REFUSED("  ld.shared.u32 %r1, [p];", "variable p is in another space");
    REFUSED("  ld.global.v2.u32 {%r1, %r2, %r3}, [%p];", "wrong number of registers");
    REFUSED("  bra NOWHERE;", "unknown label NOWHERE");
    REFUSED("  brx.idx %r1, NOWHERE;", "unknown branch targets NOWHERE");
    REFUSED("  call.uni nobody;", "call of nobody, which the module does not define");
    REFUSED("  call %d1, (), proto;", "call of %d1, which the module does not define");
    REFUSED("  mov.b64 %d1, {%r1, %r2, %r3};", "unsupported instruction mov.b64");
    REFUSED("  @%r1 add.u32 %r1, %r2, %r3;", "register %r1 has not the size of the operation");
    REFUSED("  mov.u32 %r1, 0x;", "bad number 0x");
    REFUSED("  mov.u32 %r1, 08;", "bad number 08");
    REFUSED("  mov.u32 %r1, #;", "unexpected character '#'");
    REFUSED("  add.u32 %r1 %r2, %r3;", "expected ',', found '%r2'");
}

TEST(ModulesAreRefused) {
    auto error = [](const std::string& ptx) -> std::string {
        Memory memory(kGlobalBase, 1 << 20);
        try {
            loadModule(header() + ptx, memory, nullptr);
        } catch (const LoadError& e) {
            EXPECT(memory.live() == 0);  // nothing is left of a module that did not load
            return e.what();
        }
        return "";
    };
    EXPECT_PART("PTX line 4: unknown directive .odd", error(".odd 3;"));
    EXPECT_PART("unknown type .u33", error(".global .u33 x;"));
    EXPECT_PART("recursive function f",
                error(".global .u32 x;\n.func f() { call.uni f; ret; }\n" + entry("k", "  call.uni f;\n")));
    EXPECT_PART("wrong number of arguments of f",
                error(".func f(.reg .b32 a) { ret; }\n" + entry("k", "  call.uni f;\n")));
    EXPECT_PART("function f defined twice", error(".func f() { ret; }\n.func f() { ret; }\n"));
    EXPECT_PART("unexpected end of text", error(".visible .entry k() {"));
    EXPECT_PART("comment without end", error("/* "));
    EXPECT_PART("initialiser of where names nobody", error(".global .u64 where = nobody;"));
}

TEST(ProgramsTellWhatTheyNeed) {
    Gpu gpu(R"(.visible .entry k(.param .u64 p, .param .align 8 .b8 s[20], .param .u16 c)
.maxntid 128, 2, 1
.minnctapersm 2
{
  .reg .b32 %r<5>;
  .reg .pred %q;
  .local .align 8 .b8 depot[24];
  .shared .align 16 .b8 tile[100];
  bar.sync 0;
  ret;
}
.visible .entry r()
.reqntid 32
{
  .reg .b64 %d<3>;
  .reg .b32 %r<3>;
  ld.global.nc.u32 %r1, [%d1];
  atom.global.add.u32 %r2, [%d1], 1;
  ret;
}
)");
    const Program &k = *gpu.module->kernels.at("k"), &r = *gpu.module->kernels.at("r");
    EXPECT(k.name == "k" && k.maxntid.x == 128 && k.maxntid.y == 2 && k.maxntid.z == 1 && k.reqntid.count() == 0);
    EXPECT(k.paramBytes == 30 && k.params[1].offset == 8 && k.params[1].size == 20 && k.params[2].offset == 28);
    EXPECT(k.localBytes == 24 && k.sharedBytes == 112 && k.usesBarrier && !k.usesNc && !k.ordered);
    EXPECT(r.reqntid.x == 32 && r.reqntid.y == 1 && r.usesNc && r.ordered && r.params.empty());
}

TEST(NvccsDirectivesAreRead) {
    Gpu gpu(R"(//
// Generated
//
.file 1 "/src/a.cu", 1600000000, 1234
.extern .func (.param .b32 r) vprintf(.param .b64 a);
.visible .func f();
.weak .func g(.param .b64 x) { ret; }
.section .debug_abbrev
{
.b8 1,17
}
)" +
            entry("k", R"(  .pragma "nounroll";
  .loc 1 7 3
  .loc 1 9 5, function_name $L__info, inlined_at 1 3 4
  trap;
)"));
    TrapReport r = gpu.launch("k", {1, 1, 1}, {1, 1, 1}, {0});
    EXPECT_PART("(a.cu:9), block", r.text);
    EXPECT(loadError("  {.reg.b16 low;\n  mov.b16 low, 1;}\n").empty());  // as in cuda_fp16.hpp
    EXPECT(loadError("  prefetch.global.L2 [%p];\n  nanosleep.u32 20;\n  fence.acq_rel.gpu;\n  membar.sys;\n").empty());
}
