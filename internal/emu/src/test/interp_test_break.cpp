#include "interp_test_break.h"

namespace interptest {
namespace {

u32 lineOf(const std::string& text, const std::string& mark) {
    u32 line = 1;
    for (size_t k = 0; k < text.find(mark); ++k) line += text[k] == '\n';
    return line;
}

std::string replaced(std::string s, const std::string& from, const std::string& to) {
    for (size_t k; (k = s.find(from)) != std::string::npos;) s.replace(k, from.size(), to);
    return s;
}

}  // namespace

void breaks(const char* file, int line, const Broken& b) {
    std::string text =
        replaced(entry("broken", b.body, b.variables), "(.param .u64 p)", "(.param .u64 p, .param .u64 gone)");
    Gpu gpu(text);
    gpu.watchdog = 100000;
    u64 p = b.filled ? gpu.upload(std::vector<u64>(64)) : gpu.alloc(512), gone = gpu.alloc(64);
    gpu.memory.free(gone);
    TrapReport r = gpu.launch("broken", b.grid, b.block, {p, gone});
    std::string want = "trap " + b.kind + ": kernel broken, PTX line " +
                       std::to_string(lineOf(header() + text, "// HERE")) + ", block " + b.at + ", thread " + b.thread +
                       ": " + b.what;
    for (size_t k; (k = want.find('{')) != std::string::npos;) {  // {p+8}, {freed}, {end}
        std::string name = want.substr(k + 1, want.find('}', k) - k - 1), base = name.substr(0, name.find('+'));
        u64 more = name == base ? 0 : std::stoull(name.substr(base.size() + 1));
        want.replace(k, name.size() + 2, hex((base == "p" ? p : base == "end" ? p + 512 : gone) + more));
    }
    if (r.text != want) failed(file, line, "want \"" + want + "\"\n        got  \"" + r.text + "\"");
    if (r.code != b.code)
        failed(file, line, b.kind + ": want code " + std::to_string(b.code) + ", got " + std::to_string(r.code));
}

}  // namespace interptest
