// Tests of the interpreter, against the objects of the library, so that the code under test is what the driver runs:
//
//   g++ -std=c++17 -O1 -pthread -ffp-contract=off src/test/interp_test*.cpp OBJECTS -ldl -o interp_test &&
//   ./interp_test
//
// The exit code is the number of tests that failed; arguments pick tests by name.
#include "interp_test.h"

namespace interptest {
namespace {

int failures = 0;
constexpr int kShown = 8;  // lines of one test

bool chosen(const Case& t, int argc, char** argv) {
    for (int k = 1; k < argc; ++k)
        if (strcmp(argv[k], t.name) == 0) return true;
    return argc == 1;
}

std::string reg(u32 width, const char* name) {
    return std::string("  .reg .") + (width == 1 ? "pred" : "b" + std::to_string(width)) + " %" + name + ";\n";
}

// loadOf reads a source from its column; a predicate is read as a word.
std::string loadOf(u32 width, const std::string& name, size_t column, const std::string& guard) {
    std::string from = "[%in+" + std::to_string(8 * column) + "];\n";
    if (width > 1) return "  " + guard + "ld.global.b" + std::to_string(width) + " %" + name + ", " + from;
    return "  ld.global.b32 %word, " + from + "  " + guard + "setp.ne.b32 %" + name + ", %word, 0;\n";
}

std::string storeOf(u32 width) {
    if (width > 1) return "  st.global.b" + std::to_string(width) + " [%out], %x;\n";
    return "  selp.b32 %word, 1, 0, %x;\n  st.global.b32 [%out], %word;\n";
}

std::string presetOf(u32 width) {
    if (width == 1) return "  setp.ne.b32 %x, 0, 0;\n";
    return "  mov.b" + std::to_string(width) + " %x, 0x5a5a;\n";
}

constexpr u32 kPoisoned = 5;  // the lane whose source is not written

// kernelOf is the statement between loads and a store. missing is the source that one lane does not write, or -1.
std::string kernelOf(const Statement& s, const std::string& name, bool oddOnly, int missing) {
    static const char* const names[] = {"a", "b", "c", "e"};
    std::string k = ".visible .entry " + name + R"((.param .u64 in, .param .u64 out)
{
  .reg .pred %odd, %here;
  .reg .b32 %t, %n, %k, %word, %bit;
  .reg .b64 %in, %out, %at;
)" +
                    reg(s.result, "x");
    for (size_t i = 0; i < s.sources.size(); ++i) k += reg(s.sources[i], names[i]);
    k += R"(  ld.param.u64 %in, [in];
  ld.param.u64 %out, [out];
  mov.u32 %t, %tid.x;
  mov.u32 %n, %ntid.x;
  mov.u32 %k, %ctaid.x;
  mad.lo.u32 %t, %k, %n, %t;
  mul.wide.u32 %at, %t, 8;
  add.u64 %out, %out, %at;
  mul.wide.u32 %at, %t, 32;
  add.u64 %in, %in, %at;
  and.b32 %bit, %t, 1;
  setp.ne.u32 %odd, %bit, 0;
  setp.ne.u32 %here, %t, )" + std::to_string(kPoisoned) + ";\n";
    for (size_t i = 0; i < s.sources.size(); ++i)
        k += loadOf(s.sources[i], names[i], i, int(i) == missing ? "@%here " : "");
    if (oddOnly) k += presetOf(s.result);
    for (size_t from = 0, end; from < s.text.size(); from = end + 1) {  // of several statements each is guarded
        end = s.text.find(';', from);
        k += std::string(oddOnly ? "  @%odd " : "  ") + s.text.substr(from, end - from + 1) + "\n";
    }
    return k + storeOf(s.result) + "  ret;\n}\n";
}

}  // namespace

std::vector<Case>& tests() {
    static std::vector<Case> all;
    return all;
}

void failed(const char* file, int line, const std::string& what) {
    if (++failures <= kShown) printf("    %s:%d: %s\n", file, line, what.c_str());
}

void expectPart(const char* file, int line, const std::string& part, const std::string& text) {
    if (text.find(part) == std::string::npos) failed(file, line, "no \"" + part + "\" in \"" + text + "\"");
}

void expectEqual(const char* file, int line, u64 want, u64 got, const std::string& what) {
    if (want != got) failed(file, line, what + ": want " + hex(want) + ", got " + hex(got));
}

std::string header() { return R"(.version 7.0
.target sm_80
.address_size 64
)"; }

std::string entry(const std::string& name, const std::string& body, const std::string& variables) {
    return variables + ".visible .entry " + name + R"((.param .u64 p)
{
  .reg .pred %q<20>;
  .reg .b16 %h<20>;
  .reg .b32 %r<40>, %t;
  .reg .f32 %f<20>;
  .reg .b64 %d<20>, %p, %w;
  ld.param.u64 %p, [p];
  mov.u32 %t, %ctaid.x;
  mov.u32 %r1, %ntid.x;
  mov.u32 %r2, %tid.x;
  mad.lo.u32 %t, %t, %r1, %r2;
  mul.wide.u32 %w, %t, 8;
)" + body + R"(
  ret;
}
)";
}

Gpu::Gpu(const std::string& ptx) : module(loadModule(header() + ptx, memory, this)) {}

TrapReport Gpu::launch(const std::string& kernel, Dim3 grid, Dim3 block, const std::vector<u64>& params,
                       u32 dynShared) {
    Launch l;
    l.prog = module->kernels.at(kernel).get();
    l.memory = &memory;
    l.grid = grid;
    l.block = block;
    l.dynShared = dynShared;
    l.epoch = ++epoch_;
    l.watchdog = watchdog;
    l.checkPoison = checkPoison;
    l.params.resize(8 * params.size());
    memcpy(l.params.data(), params.data(), l.params.size());
    return launchGrid(l);
}

std::vector<u64> run(const std::string& body, u32 threads, size_t n, const std::string& variables) {
    Gpu gpu(entry("k", body, variables));
    u64 p = gpu.upload(std::vector<u64>(n));
    TrapReport r = gpu.launch("k", {1, 1, 1}, {threads, 1, 1}, {p});
    if (r.code != CUDA_SUCCESS) failed("run", 0, r.text);
    return gpu.download<u64>(p, n);
}

std::string loadError(const std::string& body, const std::string& variables) {
    try {
        Gpu gpu(entry("k", body, variables));
        return "";
    } catch (const LoadError& e) {
        return e.what();
    }
}

std::vector<u64> execute(const Statement& s, const std::vector<Inputs>& in) {
    std::string text = kernelOf(s, "all", false, -1) + kernelOf(s, "odd", true, -1);
    for (size_t i = 0; i < s.sources.size(); ++i) text += kernelOf(s, "without" + std::to_string(i), false, int(i));
    Gpu gpu(text);
    std::vector<Inputs> padded = in;
    padded.resize((in.size() + 31) / 32 * 32, in[0]);
    Dim3 grid{u32(padded.size() / 32), 1, 1}, block{32, 1, 1};
    u64 from = gpu.upload(padded), to = gpu.upload(std::vector<u64>(padded.size()));
    u64 other = gpu.upload(std::vector<u64>(padded.size()));
    TrapReport r = gpu.launch("all", grid, block, {from, to}), q = gpu.launch("odd", grid, block, {from, other});
    if (r.code != CUDA_SUCCESS || q.code != CUDA_SUCCESS) failed(s.text.c_str(), 0, r.text + q.text);
    auto all = gpu.download<u64>(to, padded.size()), odd = gpu.download<u64>(other, padded.size());
    u64 preset = s.result == 1 ? 0 : 0x5a5a;
    for (size_t k = 0; k < padded.size(); ++k)
        if (odd[k] != (k & 1 ? all[k] : preset))
            failed(s.text.c_str(), int(k),
                   "the odd lanes alone give " + hex(odd[k]) + ", with the others " + hex(all[k]));
    for (size_t i = 0; i < s.sources.size(); ++i) {
        r = gpu.launch("without" + std::to_string(i), {1, 1, 1}, block, {from, to});
        if (r.text.find("uninitialised") == std::string::npos || r.text.find("thread (5,0,0)") == std::string::npos)
            failed(s.text.c_str(), int(i), "this source unwritten in thread 5 gave \"" + r.text + "\"");
    }
    all.resize(in.size());
    return all;
}

void check(const Statement& s, const std::vector<Inputs>& in, const std::function<u64(const Inputs&)>& want) {
    auto got = execute(s, in);
    for (size_t k = 0; k < in.size(); ++k) {
        u64 w = want(in[k]);
        if (w == got[k]) continue;
        std::string of;
        for (size_t i = 0; i < s.sources.size(); ++i) of += " " + hex(in[k][i]);
        failed(s.text.c_str(), int(k), "of" + of + ": want " + hex(w) + ", got " + hex(got[k]));
    }
}

}  // namespace interptest

int main(int argc, char** argv) {
    int bad = 0, ran = 0;
    for (const Case& t : tests()) {
        if (!chosen(t, argc, argv)) continue;
        ++ran;
        failures = 0;
        t.body();
        if (failures > kShown) printf("    and %d more\n", failures - kShown);
        printf("%s %s\n", failures ? "FAIL" : "ok  ", t.name);
        fflush(stdout);
        bad += failures != 0;
    }
    printf("%d tests, %d failed\n", ran, bad);
    return ran == 0 ? 1 : bad;
}
