// Integer arithmetic against 128-bit arithmetic.
#include "interp_test.h"

namespace {

using wide = __int128;

// Int is an integer type: a value of its bits, and back.
struct Int {
    const char* name;
    u32 width;
    bool isSigned;
    wide value(u64 v) const {
        u64 m = v << (64 - width);
        return isSigned ? wide(i64(m) >> (64 - width)) : wide(m >> (64 - width));
    }
    u64 bits(wide v) const { return u64(v) & (~0ull >> (64 - width)); }
    wide least() const { return isSigned ? -(wide(1) << (width - 1)) : 0; }
    wide most() const { return (wide(1) << (isSigned ? width - 1 : width)) - 1; }
};
const Int kInts[] = {{"u16", 16, false}, {"s16", 16, true}, {"u32", 32, false}, {"s32", 32, true}, {"u64", 64, false},
                     {"s64", 64, true}};

void ints(const std::string& op, u32 n, const std::function<wide(const Int&, wide, wide, wide)>& f,
          bool signedOnly = false) {
    std::string args = n == 1 ? " %x, %a;" : n == 2 ? " %x, %a, %b;" : " %x, %a, %b, %c;";
    for (const Int& t : kInts) {
        if (signedOnly && !t.isSigned) continue;
        check({op + "." + t.name + args, t.width, std::vector<u32>(n, t.width)}, mix(specials(t.width), n, t.width),
              [&](const Inputs& i) { return t.bits(f(t, t.value(i[0]), t.value(i[1]), t.value(i[2]))); });
    }
}

// upper is the upper half of a product; of 64 bits it does not fit 128 bits with a sign to spare, unsigned it does.
wide upper(const Int& t, wide a, wide b) {
    if (t.width < 64 || t.isSigned) return a * b >> t.width;
    return wide((unsigned __int128)a * (unsigned __int128)b >> 64);
}

wide clamp(const Int& t, wide v) { return v < t.least() ? t.least() : v > t.most() ? t.most() : v; }

}  // namespace

TEST(IntegersOfEveryWidth) {
    ints("add", 2, [](const Int&, wide a, wide b, wide) { return a + b; });
    ints("sub", 2, [](const Int&, wide a, wide b, wide) { return a - b; });
    ints("mul.lo", 2, [](const Int&, wide a, wide b, wide) { return wide(u64(a) * u64(b)); });
    ints("mad.lo", 3, [](const Int&, wide a, wide b, wide c) { return wide(u64(a) * u64(b) + u64(c)); });
    ints("mul.hi", 2, [](const Int& t, wide a, wide b, wide) { return upper(t, a, b); });
    ints("mad.hi", 3, [](const Int& t, wide a, wide b, wide c) { return upper(t, a, b) + c; });
    ints("div", 2, [](const Int&, wide a, wide b, wide) { return b == 0 ? -1 : a / b; });
    ints("rem", 2, [](const Int&, wide a, wide b, wide) { return b == 0 ? a : a % b; });
    ints("min", 2, [](const Int&, wide a, wide b, wide) { return a < b ? a : b; });
    ints("max", 2, [](const Int&, wide a, wide b, wide) { return a > b ? a : b; });
    ints("sad", 3, [](const Int&, wide a, wide b, wide c) { return c + (a < b ? b - a : a - b); });
    ints("abs", 1, [](const Int&, wide a, wide, wide) { return a < 0 ? -a : a; }, true);
    ints("neg", 1, [](const Int&, wide a, wide, wide) { return -a; }, true);
}

TEST(WideProducts) {
    for (const Int& t : kInts) {
        if (t.width == 64) continue;
        Int twice{"", t.width * 2, t.isSigned};
        std::string type = std::string("wide.") + t.name;
        check({"mul." + type + " %x, %a, %b;", twice.width, {t.width, t.width}}, mix(specials(t.width), 2, t.width),
              [&](const Inputs& i) { return twice.bits(t.value(i[0]) * t.value(i[1])); });
        check({"mad." + type + " %x, %a, %b, %c;", twice.width, {t.width, t.width, twice.width}},
              mix(specials(t.width), 3, t.width),
              [&](const Inputs& i) { return twice.bits(t.value(i[0]) * t.value(i[1]) + twice.value(i[2])); });
    }
}

TEST(SaturatingAnd24BitArithmetic) {
    const Int& s = kInts[3];
    auto in = mix(specials(32), 3, 32);
    check({"add.sat.s32 %x, %a, %b;", 32, {32, 32}}, in,
          [&](const Inputs& i) { return s.bits(clamp(s, s.value(i[0]) + s.value(i[1]))); });
    check({"sub.sat.s32 %x, %a, %b;", 32, {32, 32}}, in,
          [&](const Inputs& i) { return s.bits(clamp(s, s.value(i[0]) - s.value(i[1]))); });
    check({"mad.hi.sat.s32 %x, %a, %b, %c;", 32, {32, 32, 32}}, in,
          [&](const Inputs& i) { return s.bits(clamp(s, upper(s, s.value(i[0]), s.value(i[1])) + s.value(i[2]))); });
    for (const char* part : {"lo", "hi"})
        for (const Int* t : {&kInts[2], &kInts[3]}) {
            Int narrow{"", 24, t->isSigned};
            u32 drop = *part == 'h' ? 16 : 0;
            auto product = [&](const Inputs& i) {
                return narrow.value(i[0] & 0xffffff) * narrow.value(i[1] & 0xffffff) >> drop;
            };
            std::string type = std::string(part) + "." + t->name;
            check({"mul24." + type + " %x, %a, %b;", 32, {32, 32}}, in,
                  [&](const Inputs& i) { return t->bits(product(i)); });
            check({"mad24." + type + " %x, %a, %b, %c;", 32, {32, 32, 32}}, in,
                  [&](const Inputs& i) { return t->bits(product(i) + t->value(i[2])); });
        }
}

TEST(DotProducts) {
    auto in = mix(specials(32), 3, 32);
    for (const char* ta : {"u32", "s32"})
        for (const char* tb : {"u32", "s32"}) {
            Int a8{"", 8, *ta == 's'}, b8{"", 8, *tb == 's'}, a16{"", 16, *ta == 's'};
            std::string types = std::string(ta) + "." + tb + " %x, %a, %b, %c;";
            check({"dp4a." + types, 32, {32, 32, 32}}, in, [&](const Inputs& i) {
                wide s = wide(i[2]);
                for (u32 k = 0; k < 32; k += 8) s += a8.value(i[0] >> k & 0xff) * b8.value(i[1] >> k & 0xff);
                return u64(s) & 0xffffffff;
            });
            for (u32 from : {0u, 16u})
                check({std::string("dp2a.") + (from ? "hi." : "lo.") + types, 32, {32, 32, 32}}, in,
                      [&](const Inputs& i) {
                          wide s = wide(i[2]);
                          for (u32 k = 0; k < 2; ++k)
                              s += a16.value(i[0] >> (16 * k) & 0xffff) * b8.value(i[1] >> (from + 8 * k) & 0xff);
                          return u64(s) & 0xffffffff;
                      });
        }
}

TEST(CarryChains) {
    // 128 bits from two registers of 64: the carry passes from statement to statement.
    auto in = mix(specials(64), 3, 64);
    using big = unsigned __int128;
    check({"add.cc.u64 %x, %a, %b; addc.u64 %x, %c, %e;", 64, {64, 64, 64, 64}}, in,
          [](const Inputs& i) { return u64((big(i[0]) + i[1]) >> 64) + i[2] + i[3]; });
    check({"sub.cc.u64 %x, %a, %b; subc.u64 %x, %c, %e;", 64, {64, 64, 64, 64}}, in,
          [](const Inputs& i) { return i[2] - i[3] - u64(i[0] < i[1]); });
    check({"mad.lo.cc.u64 %x, %a, %b, %c; madc.hi.u64 %x, %a, %b, %e;", 64, {64, 64, 64, 64}}, in,
          [](const Inputs& i) { return u64((big(i[0]) * i[1] + i[2]) >> 64) + i[3]; });
    check({"add.cc.u32 %x, %a, %b; addc.cc.u32 %x, %c, %e; addc.u32 %x, 0, 0;", 32, {32, 32, 32, 32}},
          mix(specials(32), 4, 32), [](const Inputs& i) { return (i[2] + i[3] + ((i[0] + i[1]) >> 32)) >> 32; });
    check({"mad.lo.cc.s32 %x, %a, %b, %c; madc.hi.s32 %x, %a, %b, %e;", 32, {32, 32, 32, 32}}, mix(specials(32), 4, 32),
          [](const Inputs& i) {
              i64 p = i64(i32(i[0])) * i32(i[1]);
              return (u64(p >> 32) + i[3] + ((u64(u32(p)) + i[2]) >> 32)) & 0xffffffff;
          });
}
