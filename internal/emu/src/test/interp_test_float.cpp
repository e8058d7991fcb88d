// Arithmetic on float32 and float64 against the host's, which is IEEE-exact too.
#include <cfenv>

#include "interp_test.h"

namespace {

float flush(float v) { return std::fabs(v) < 0x1p-126f ? std::copysign(0.0f, v) : v; }
float clampUnit(float v) { return v != v || v <= 0 ? 0.0f : v >= 1 ? 1.0f : v; }
float flags(float v, bool ftz, bool sat) { return ftz ? flush(sat ? clampUnit(v) : v) : sat ? clampUnit(v) : v; }

struct Mode { const char* name; int host; };
const Mode kModes[] = {{"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};

// rounded computes with the host's rounding switched; volatile keeps the operation between the switches.
template <class T> T rounded(int mode, const std::function<T(T, T, T)>& f, T a, T b, T c) {
    volatile T x = a, y = b, z = c;
    fesetround(mode);
    volatile T r = f(x, y, z);
    fesetround(FE_TONEAREST);
    return r;
}

struct Op {
    const char* name;
    u32 sources;
    bool sat;
    std::function<float(float, float, float)> f;
    std::function<double(double, double, double)> d;
};
const std::vector<Op>& ops() {
    static const std::vector<Op> all = {
        {"add", 2, true, [](float a, float b, float) { return a + b; },
         [](double a, double b, double) { return a + b; }},
        {"sub", 2, true, [](float a, float b, float) { return a - b; },
         [](double a, double b, double) { return a - b; }},
        {"mul", 2, true, [](float a, float b, float) { return a * b; },
         [](double a, double b, double) { return a * b; }},
        {"div", 2, false, [](float a, float b, float) { return a / b; },
         [](double a, double b, double) { return a / b; }},
        {"fma", 3, true, [](float a, float b, float c) { return std::fma(a, b, c); },
         [](double a, double b, double c) { return std::fma(a, b, c); }},
        {"sqrt", 1, false, [](float a, float, float) { return std::sqrt(a); },
         [](double a, double, double) { return std::sqrt(a); }},
        {"rcp", 1, false, [](float a, float, float) { return 1 / a; }, [](double a, double, double) { return 1 / a; }}};
    return all;
}

std::string operands(u32 n) { return n == 1 ? " %x, %a;" : n == 2 ? " %x, %a, %b;" : " %x, %a, %b, %c;"; }

}  // namespace

TEST(Float32IsExact) {
    for (const Op& op : ops())
        for (const Mode& mode : kModes)
            for (int variant = 0; variant < (op.sat ? 4 : 2); ++variant) {
                bool ftz = variant & 1, sat = variant & 2;
                std::string text =
                    std::string(op.name) + "." + mode.name + (ftz ? ".ftz" : "") + (sat ? ".sat" : "") + ".f32";
                check({text + operands(op.sources), 32, std::vector<u32>(op.sources, 32)},
                      mix(floats(), op.sources, 32), [&](const Inputs& i) {
                          float a = f32(i[0]), b = f32(i[1]), c = f32(i[2]);
                          if (ftz) a = flush(a), b = flush(b), c = flush(c);
                          return raw(flags(rounded<float>(mode.host, op.f, a, b, c), ftz, sat));
                      });
            }
}

TEST(Float64IsExact) {
    for (const Op& op : ops())
        for (const Mode& mode : kModes)
            check({std::string(op.name) + "." + mode.name + ".f64" + operands(op.sources), 64,
                   std::vector<u32>(op.sources, 64)},
                  mix(doubles(), op.sources, 64), [&](const Inputs& i) {
                      return raw(rounded<double>(mode.host, op.d, f64(i[0]), f64(i[1]), f64(i[2])));
                  });
}

TEST(OperationsWithoutRoundingAreNotFused) {
    check({"mul.f32 %x, %a, %b; add.f32 %x, %x, %c;", 32, {32, 32, 32}}, mix(floats(), 3, 32), [](const Inputs& i) {
        volatile float p = f32(i[0]) * f32(i[1]);
        return i[0] == i[0] ? raw(float(p) + f32(i[2])) : 0;
    });
}

TEST(FloatMinMaxFollowTheManual) {
    auto lesser = [](auto a, auto b) { return a < b || (a == b && std::signbit(a)); };
    for (bool min : {true, false})
        for (bool nan : {true, false}) {
            std::string op = std::string(min ? "min" : "max") + (nan ? ".NaN" : "");
            auto pick = [&](auto a, auto b) {
                if (a != a || b != b) return a != a && (nan || b != b) ? a : b != b && nan ? b : a != a ? b : a;
                return lesser(a, b) == min ? a : b;
            };
            check({op + ".f32 %x, %a, %b;", 32, {32, 32}}, mix(floats(), 2, 32),
                  [&](const Inputs& i) { return raw(pick(f32(i[0]), f32(i[1]))); });
            check({op + ".ftz.f32 %x, %a, %b;", 32, {32, 32}}, mix(floats(), 2, 32),
                  [&](const Inputs& i) { return raw(pick(flush(f32(i[0])), flush(f32(i[1])))); });
            if (!nan)
                check({op + ".f64 %x, %a, %b;", 64, {64, 64}}, mix(doubles(), 2, 64),
                      [&](const Inputs& i) { return raw(pick(f64(i[0]), f64(i[1]))); });
            check({op + ".xorsign.abs.f32 %x, %a, %b;", 32, {32, 32}}, mix(floats(), 2, 32), [&](const Inputs& i) {
                float r = pick(std::fabs(f32(i[0])), std::fabs(f32(i[1])));
                return r != r ? u64(0x7fffffff) : raw(std::signbit(f32(i[0])) != std::signbit(f32(i[1])) ? -r : r);
            });
        }
}

TEST(SignsAreBits) {
    auto in = mix(floats(), 2, 32), wide = mix(doubles(), 2, 64);
    check({"neg.f32 %x, %a;", 32, {32}}, in, [](const Inputs& i) { return i[0] ^ 0x80000000u; });
    check({"abs.f32 %x, %a;", 32, {32}}, in, [](const Inputs& i) { return i[0] & 0x7fffffffu; });
    check({"neg.ftz.f32 %x, %a;", 32, {32}}, in,
          [](const Inputs& i) { return u64(bits<u32>(flush(f32(i[0]))) ^ 0x80000000u); });
    check({"abs.ftz.f32 %x, %a;", 32, {32}}, in,
          [](const Inputs& i) { return u64(bits<u32>(flush(f32(i[0]))) & 0x7fffffffu); });
    check({"neg.f64 %x, %a;", 64, {64}}, wide, [](const Inputs& i) { return i[0] ^ 1ull << 63; });
    check({"abs.f64 %x, %a;", 64, {64}}, wide, [](const Inputs& i) { return i[0] << 1 >> 1; });
    check({"copysign.f32 %x, %a, %b;", 32, {32, 32}}, in,
          [](const Inputs& i) { return (i[1] & 0x7fffffffu) | (i[0] & 0x80000000u); });
    check({"copysign.f64 %x, %a, %b;", 64, {64, 64}}, wide,
          [](const Inputs& i) { return (i[1] << 1 >> 1) | (i[0] & 1ull << 63); });
}

TEST(KindsOfNumbers) {
    const std::pair<const char*, std::function<bool(int)>> kinds[] = {
        {"finite", [](int c) { return c != FP_NAN && c != FP_INFINITE; }},
        {"infinite", [](int c) { return c == FP_INFINITE; }},
        {"number", [](int c) { return c != FP_NAN; }},
        {"notanumber", [](int c) { return c == FP_NAN; }},
        {"normal", [](int c) { return c == FP_NORMAL; }},
        {"subnormal", [](int c) { return c == FP_SUBNORMAL; }}};
    for (const auto& k : kinds) {
        check({std::string("testp.") + k.first + ".f32 %x, %a;", 1, {32}}, mix(floats(), 1, 32),
              [&](const Inputs& i) { return u64(k.second(std::fpclassify(f32(i[0])))); });
        check({std::string("testp.") + k.first + ".f64 %x, %a;", 1, {64}}, mix(doubles(), 1, 64),
              [&](const Inputs& i) { return u64(k.second(std::fpclassify(f64(i[0])))); });
    }
}

// The manual bounds the error of .approx functions; ours are rounded once, from the host's float64 functions.
TEST(ApproximationsAreNear) {
    struct Approx { const char* op; double (*f)(double); };
    const Approx all[] = {{"sin", std::sin},
                          {"cos", std::cos},
                          {"ex2", std::exp2},
                          {"lg2", std::log2},
                          {"tanh", std::tanh},
                          {"sqrt", std::sqrt},
                          {"rcp", [](double x) { return 1 / x; }},
                          {"rsqrt", [](double x) { return 1 / std::sqrt(x); }}};
    for (const Approx& a : all) {
        check({std::string(a.op) + ".approx.f32 %x, %a;", 32, {32}}, mix(floats(), 1, 32),
              [&](const Inputs& i) { return raw(float(a.f(double(f32(i[0]))))); });
        if (std::string(a.op) == "tanh") continue;
        check({std::string(a.op) + ".approx.ftz.f32 %x, %a;", 32, {32}}, mix(floats(), 1, 32),
              [&](const Inputs& i) { return raw(flush(float(a.f(double(flush(f32(i[0]))))))); });
    }
    for (const char* op : {"div.approx", "div.full"})
        check({std::string(op) + ".f32 %x, %a, %b;", 32, {32, 32}}, mix(floats(), 2, 32),
              [](const Inputs& i) { return raw(f32(i[0]) / f32(i[1])); });
    auto upper = [](double v) {
        return v != v || std::fabs(v) >= 0x1p-1022 ? bits<double>(bits<u64>(v) >> 32 << 32) : 0 * v;
    };
    auto quiet = [](double v) { return v != v ? raw(v) : bits<u64>(v) >> 32 << 32; };
    check({"rcp.approx.ftz.f64 %x, %a;", 64, {64}}, mix(doubles(), 1, 64),
          [&](const Inputs& i) { return quiet(upper(1 / (f64(i[0]) == f64(i[0]) ? upper(f64(i[0])) : NAN))); });
    check({"rsqrt.approx.f64 %x, %a;", 64, {64}}, mix(doubles(), 1, 64),
          [](const Inputs& i) { return raw(1 / std::sqrt(f64(i[0]))); });
}
