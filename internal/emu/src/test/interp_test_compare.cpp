// Comparisons and selections.
#include "interp_test.h"

namespace {

// Kind is what the comparison of two numbers says: less, equal, greater, or unordered.
enum Kind { kLess, kEqual, kGreater, kUnordered };
template <class T> Kind compare(T a, T b) { return a < b ? kLess : a > b ? kGreater : a == b ? kEqual : kUnordered; }

// The truth of each comparison, by kind.
struct Test2 { const char* op; bool truth[4]; };
const Test2 kFloat[] = {{"eq", {0, 1, 0, 0}},  {"ne", {1, 0, 1, 0}},  {"lt", {1, 0, 0, 0}},  {"le", {1, 1, 0, 0}},
                        {"gt", {0, 0, 1, 0}},  {"ge", {0, 1, 1, 0}},  {"equ", {0, 1, 0, 1}}, {"neu", {1, 0, 1, 1}},
                        {"ltu", {1, 0, 0, 1}}, {"leu", {1, 1, 0, 1}}, {"gtu", {0, 0, 1, 1}}, {"geu", {0, 1, 1, 1}},
                        {"num", {1, 1, 1, 0}}, {"nan", {0, 0, 0, 1}}};
const Test2 kSignless[] = {{"lo", {1, 0, 0, 0}}, {"ls", {1, 1, 0, 0}}, {"hi", {0, 0, 1, 0}}, {"hs", {0, 1, 1, 0}}};

float flush(float v) { return std::fabs(v) < 0x1p-126f ? 0.0f : v; }

float half(u64 b, bool brain) {
    if (brain) return bits<float>(u32(b) << 16);
    u32 e = b >> 10 & 31, f = b & 0x3ff;
    float v = e == 31 ? (f ? NAN : INFINITY) : std::ldexp(float(e ? f + 1024 : f), int(e ? e - 1 : 0) - 24);
    return b & 0x8000 ? -v : v;
}

void compareAll(const std::string& type, u32 width, const std::vector<u64>& values,
                const std::function<Kind(const Inputs&)>& kind) {
    for (const Test2& t : kFloat)
        check({std::string("setp.") + t.op + type + " %x, %a, %b;", 1, {width, width}}, mix(values, 2, width),
              [&](const Inputs& i) { return u64(t.truth[kind(i)]); });
}

template <class T> void integers(const std::string& type, const Test2* tests, size_t n) {
    constexpr u32 width = 8 * sizeof(T);
    for (size_t k = 0; k < n; ++k)
        check({std::string("setp.") + tests[k].op + type + " %x, %a, %b;", 1, {width, width}},
              mix(specials(width), 2, width),
              [&](const Inputs& i) { return u64(tests[k].truth[compare(T(i[0]), T(i[1]))]); });
}

}  // namespace

TEST(ComparisonsOfFloats) {
    compareAll(".f32", 32, floats(), [](const Inputs& i) { return compare(f32(i[0]), f32(i[1])); });
    compareAll(".ftz.f32", 32, floats(), [](const Inputs& i) { return compare(flush(f32(i[0])), flush(f32(i[1]))); });
    compareAll(".f64", 64, doubles(), [](const Inputs& i) { return compare(f64(i[0]), f64(i[1])); });
    compareAll(".f16", 16, halves(), [](const Inputs& i) { return compare(half(i[0], false), half(i[1], false)); });
    compareAll(".bf16", 16, halves(), [](const Inputs& i) { return compare(half(i[0], true), half(i[1], true)); });
    compareAll(".ftz.f16", 16, halves(), [](const Inputs& i) {
        auto f = [](u64 b) { return half(b & 0x7c00 ? b : 0, false); };
        return compare(f(i[0]), f(i[1]));
    });
}

TEST(ComparisonsOfIntegers) {
    integers<u16>(".u16", kFloat, 6), integers<i16>(".s16", kFloat, 6), integers<u32>(".u32", kFloat, 6);
    integers<i32>(".s32", kFloat, 6), integers<u64>(".u64", kFloat, 6), integers<i64>(".s64", kFloat, 6);
    integers<u16>(".u16", kSignless, 4), integers<u32>(".u32", kSignless, 4), integers<u64>(".u64", kSignless, 4);
    integers<u16>(".b16", kFloat, 2), integers<u32>(".b32", kFloat, 2), integers<u64>(".b64", kFloat, 2);
}

TEST(ComparisonsCombine) {
    auto in = mix({0, 1, 0xffffffff}, 3, 32);
    for (auto& i : in) i[2] = random64() & 1;
    struct How { const char* op; std::function<bool(bool, bool)> f; };
    const How all[] = {{"and", [](bool a, bool c) { return a && c; }}, {"or", [](bool a, bool c) { return a || c; }},
                       {"xor", [](bool a, bool c) { return a != c; }}};
    for (const How& how : all)
        for (bool negate : {false, true}) {
            std::string c = negate ? "!%c" : "%c", op = std::string("setp.lt.") + how.op + ".s32 ";
            auto less = [](const Inputs& i) { return i32(i[0]) < i32(i[1]); };
            check({op + "%x, %a, %b, " + c + ";", 1, {32, 32, 1}}, in,
                  [&](const Inputs& i) { return u64(how.f(less(i), bool(i[2]) != negate)); });
            // Of p|q the second is the same for the opposite comparison.
            check({op + "_|%x, %a, %b, " + c + ";", 1, {32, 32, 1}}, in,
                  [&](const Inputs& i) { return u64(how.f(!less(i), bool(i[2]) != negate)); });
        }
    check({"setp.gt.f32 %x|%odd, %a, %b;", 1, {32, 32}}, mix(floats(), 2, 32),
          [](const Inputs& i) { return u64(f32(i[0]) > f32(i[1])); });
}

TEST(SetWritesNumbers) {
    auto in = mix(floats(), 2, 32);
    check({"set.lt.f32.f32 %x, %a, %b;", 32, {32, 32}}, in,
          [](const Inputs& i) { return f32(i[0]) < f32(i[1]) ? 0x3f800000u : 0u; });
    check({"set.geu.u32.f32 %x, %a, %b;", 32, {32, 32}}, in,
          [](const Inputs& i) { return f32(i[0]) < f32(i[1]) ? 0u : 0xffffffffu; });
    check({"set.eq.s32.s32 %x, %a, %b;", 32, {32, 32}}, in,
          [](const Inputs& i) { return i[0] == i[1] ? 0xffffffffu : 0u; });
    check({"set.eq.and.u32.u64 %x, %a, %b, %c;", 32, {64, 64, 1}}, {{1, 1, 1, 0}, {1, 1, 0, 0}, {1, 2, 1, 0}},
          [](const Inputs& i) { return i[0] == i[1] && i[2] ? 0xffffffffu : 0u; });
    auto pairs = mix({0x3c003c00, 0x3c007e00, 0xbc000000, 0x00018000}, 2, 32);
    auto each = [](const Inputs& i, u64 low, bool brain) {
        u64 r = half(i[0] & 0xffff, brain) < half(i[1] & 0xffff, brain) ? low : 0;
        return r | (half(i[0] >> 16 & 0xffff, brain) < half(i[1] >> 16 & 0xffff, brain) ? low << 16 : 0);
    };
    check({"set.lt.f16x2.f16x2 %x, %a, %b;", 32, {32, 32}}, pairs,
          [&](const Inputs& i) { return each(i, 0x3c00, false); });
    check({"set.lt.u32.f16x2 %x, %a, %b;", 32, {32, 32}}, pairs,
          [&](const Inputs& i) { return each(i, 0xffff, false); });
    check({"set.lt.bf16x2.bf16x2 %x, %a, %b;", 32, {32, 32}}, pairs,
          [&](const Inputs& i) { return each(i, 0x3f80, true); });
    check({"setp.lt.f16x2 %x|%odd, %a, %b;", 1, {32, 32}}, pairs,
          [&](const Inputs& i) { return each(i, 1, false) & 1; });
    check({"setp.lt.f16x2 %here|%x, %a, %b;", 1, {32, 32}}, pairs,
          [&](const Inputs& i) { return each(i, 1, false) >> 16; });
}

TEST(Selections) {
    // Only the source that is selected is read, so each is tried where it is.
    for (u32 w : {16u, 32u, 64u})
        for (u64 c : {0u, 1u}) {
            auto in = mix(specials(w), 2, w);
            for (auto& i : in) i[2] = c;
            std::string type = ".b" + std::to_string(w), other = ", 7, ";
            check({"selp" + type + (c ? " %x, %a, 7, %b;" : " %x, 7, %a, %b;"), w, {w, 1}},
                  {{5, c, 0, 0}, {9, c, 0, 0}}, [](const Inputs& i) { return i[0]; });
        }
    check({"slct.s32.s32 %x, 5, %a, %b;", 32, {32, 32}}, {{1, 0xffffffff, 0, 0}, {2, 0x80000000, 0, 0}},
          [](const Inputs& i) { return i[0]; });
    check({"slct.u64.f32 %x, %a, 5, %b;", 64, {64, 32}}, {{1, 0, 0, 0}, {2, 0x80000000, 0, 0}, {3, 0x7f800000, 0, 0}},
          [](const Inputs& i) { return i[0]; });
    check({"slct.u32.f32 %x, 5, %a, %b;", 32, {32, 32}}, {{1, 0x80000001, 0, 0}, {2, 0x7fc00000, 0, 0}},
          [](const Inputs& i) { return i[0]; });
    check({"slct.ftz.u32.f32 %x, %a, 5, %b;", 32, {32, 32}}, {{1, 0x80000001, 0, 0}, {2, 0x807fffff, 0, 0}},
          [](const Inputs& i) { return i[0]; });
}

TEST(PredicateLogic) {
    struct How { const char* op; std::function<bool(bool, bool)> f; };
    const How all[] = {{"and", [](bool a, bool b) { return a && b; }}, {"or", [](bool a, bool b) { return a || b; }},
                       {"xor", [](bool a, bool b) { return a != b; }}};
    std::vector<Inputs> in = {{0, 0, 0, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}, {1, 1, 0, 0}};
    for (const How& how : all) {
        std::string op = std::string(how.op) + ".pred %x, ";
        check({op + "%a, %b;", 1, {1, 1}}, in, [&](const Inputs& i) { return u64(how.f(i[0], i[1])); });
        check({op + "!%a, %b;", 1, {1, 1}}, in, [&](const Inputs& i) { return u64(how.f(!i[0], i[1])); });
    }
    check({"not.pred %x, %a;", 1, {1}}, in, [](const Inputs& i) { return u64(!i[0]); });
    check({"mov.pred %x, %a;", 1, {1}}, in, [](const Inputs& i) { return i[0]; });
}

TEST(MovesPackAndUnpack) {
    auto in = mix(specials(32), 2, 32);
    check({"mov.b64 %x, {%a, %b};", 64, {32, 32}}, in, [](const Inputs& i) { return i[1] << 32 | i[0]; });
    check({"mov.b64 {_, %x}, %a;", 32, {64}}, mix(specials(64), 1, 64), [](const Inputs& i) { return i[0] >> 32; });
    check({"mov.b64 {%x, _}, %a;", 32, {64}}, mix(specials(64), 1, 64),
          [](const Inputs& i) { return i[0] & 0xffffffff; });
    check({"mov.b32 {_, %x}, %a;", 16, {32}}, in, [](const Inputs& i) { return i[0] >> 16; });
    check({"mov.b32 %x, {%a, %b};", 32, {16, 16}}, mix(specials(16), 2, 16),
          [](const Inputs& i) { return i[1] << 16 | i[0]; });
    check({"mov.b64 %x, {%a, %b, %c, %e};", 64, {16, 16, 16, 16}}, mix(specials(16), 4, 16),
          [](const Inputs& i) { return i[3] << 48 | i[2] << 32 | i[1] << 16 | i[0]; });
    for (u32 w : {16u, 32u, 64u})
        check({"mov.b" + std::to_string(w) + " %x, %a;", w, {w}}, mix(specials(w), 1, w),
              [](const Inputs& i) { return i[0]; });
}
