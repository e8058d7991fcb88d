// Operations on bits, bit by bit as the manual describes them.
#include <algorithm>

#include "interp_test.h"

namespace {

u64 ones(u32 n) { return n == 0 ? 0 : ~0ull >> (64 - n); }

void bothWidths(const std::string& op, u32 n, const std::function<u64(u32, const Inputs&)>& f, u32 result = 0) {
    std::string args = n == 1 ? " %x, %a;" : " %x, %a, %b;";
    for (u32 w : {32u, 64u})
        check({op + ".b" + std::to_string(w) + args, result ? result : w, std::vector<u32>(n, w)},
              mix(specials(w), n, w), [&](const Inputs& i) { return f(w, i) & ones(result ? result : w); });
}

// amounts are shifts and positions: 32 bits, of which the small ones matter.
std::vector<Inputs> withAmounts(u32 width, u32 most) {
    std::vector<Inputs> in;
    for (u64 x : specials(width))
        for (u32 n = 0; n <= most; ++n) in.push_back({x, n, random64() % (most + 1), random64() % (most + 1)});
    for (u32 n : {255u, 256u, 0x80000000u, 0xffffffffu}) in.push_back({specials(width)[22], n, n, n});
    return in;
}

}  // namespace

TEST(Logic) {
    for (u32 w : {16u, 32u, 64u}) {
        auto in = mix(specials(w), 2, w);
        std::string type = ".b" + std::to_string(w);
        check({"and" + type + " %x, %a, %b;", w, {w, w}}, in, [](const Inputs& i) { return i[0] & i[1]; });
        check({"or" + type + " %x, %a, %b;", w, {w, w}}, in, [](const Inputs& i) { return i[0] | i[1]; });
        check({"xor" + type + " %x, %a, %b;", w, {w, w}}, in, [](const Inputs& i) { return i[0] ^ i[1]; });
        check({"not" + type + " %x, %a;", w, {w}}, in, [&](const Inputs& i) { return ~i[0] & ones(w); });
        check({"cnot" + type + " %x, %a;", w, {w}}, in, [](const Inputs& i) { return u64(i[0] == 0); });
    }
    for (u32 table = 0; table < 256; ++table)
        check({"lop3.b32 %x, %a, %b, %c, " + std::to_string(table) + ";", 32, {32, 32, 32}},
              mix({0xf0, 0xcc, 0xaa}, 3, 32, 40), [&](const Inputs& i) {
                  u64 r = 0;
                  for (u32 k = 0; k < 32; ++k)
                      r |= u64(table >> ((i[0] >> k & 1) * 4 + (i[1] >> k & 1) * 2 + (i[2] >> k & 1)) & 1) << k;
                  return r;
              });
}

TEST(Shifts) {
    for (u32 w : {16u, 32u, 64u}) {
        auto in = withAmounts(w, w + 3);
        std::string t = std::to_string(w);
        check({"shl.b" + t + " %x, %a, %b;", w, {w, 32}}, in,
              [&](const Inputs& i) { return i[1] < w ? i[0] << i[1] & ones(w) : 0; });
        for (const char* type : {".u", ".b"})
            check({"shr" + std::string(type) + t + " %x, %a, %b;", w, {w, 32}}, in,
                  [&](const Inputs& i) { return i[1] < w ? i[0] >> i[1] : 0; });
        check({"shr.s" + t + " %x, %a, %b;", w, {w, 32}}, in, [&](const Inputs& i) {
            i64 v = i64(i[0] << (64 - w)) >> (64 - w);
            return u64(v >> std::min<u64>(i[1], 63)) & ones(w);
        });
    }
    auto in = withAmounts(32, 70);
    for (auto& i : in) std::swap(i[1], i[2]), i[1] = random64() & 0xffffffff;
    for (bool wrap : {true, false})
        for (bool left : {true, false}) {
            std::string op = std::string("shf.") + (left ? "l." : "r.") + (wrap ? "wrap" : "clamp");
            check({op + ".b32 %x, %a, %b, %c;", 32, {32, 32, 32}}, in, [&](const Inputs& i) {
                u32 n = wrap ? u32(i[2]) & 31 : std::min(u32(i[2]), 32u);
                unsigned __int128 v = (unsigned __int128)i[1] << 32 | i[0];
                return u64(left ? v << n >> 32 : v >> n) & 0xffffffff;
            });
        }
}

TEST(CountingBits) {
    auto count = [](u32 w, u64 v) {
        u64 n = 0;
        for (u32 k = 0; k < w; ++k) n += v >> k & 1;
        return n;
    };
    auto highest = [](u32 w, u64 v) {
        for (u32 k = w; k > 0; --k)
            if (v >> (k - 1) & 1) return i64(k) - 1;
        return i64(-1);
    };
    bothWidths("popc", 1, [&](u32 w, const Inputs& i) { return count(w, i[0]); }, 32);
    bothWidths("clz", 1, [&](u32 w, const Inputs& i) { return u64(w - 1 - highest(w, i[0])); }, 32);
    bothWidths("brev", 1, [](u32 w, const Inputs& i) {
        u64 r = 0;
        for (u32 k = 0; k < w; ++k) r |= (i[0] >> k & 1) << (w - 1 - k);
        return r;
    });
    for (u32 w : {32u, 64u})
        for (bool isSigned : {false, true})
            for (bool amount : {false, true}) {
                std::string op =
                    std::string("bfind") + (amount ? ".shiftamt." : ".") + (isSigned ? "s" : "u") + std::to_string(w);
                check({op + " %x, %a;", 32, {w}}, mix(specials(w), 1, w), [&](const Inputs& i) {
                    u64 v = isSigned && i[0] >> (w - 1) ? ~i[0] & ones(w) : i[0];
                    i64 n = highest(w, v);
                    return u64(n < 0 ? n : amount ? i64(w) - 1 - n : n) & 0xffffffff;
                });
            }
}

TEST(Fields) {
    for (u32 w : {32u, 64u}) {
        std::string t = std::to_string(w);
        auto in = withAmounts(w, w + 4);
        for (bool isSigned : {false, true})
            check({std::string("bfe.") + (isSigned ? "s" : "u") + t + " %x, %a, %b, %c;", w, {w, 32, 32}}, in,
                  [&](const Inputs& i) {
                      u32 pos = i[1] & 0xff, len = i[2] & 0xff;  // the loop of the manual
                      u64 sign = !isSigned || len == 0 ? 0 : i[0] >> std::min(pos + len - 1, w - 1) & 1, d = 0;
                      for (u32 k = 0; k < w; ++k) d |= (k < len && pos + k < w ? i[0] >> (pos + k) & 1 : sign) << k;
                      return d;
                  });
        auto insert = withAmounts(w, w + 4);
        for (auto& i : insert) i = {i[0], random64() & ones(w), i[1], i[2]};
        check({"bfi.b" + t + " %x, %a, %b, %c, %e;", w, {w, w, 32, 32}}, insert, [&](const Inputs& i) {
            u32 pos = i[2] & 0xff, len = i[3] & 0xff;
            u64 d = i[1];
            for (u32 k = 0; k < len && pos + k < w; ++k) d = (d & ~(1ull << (pos + k))) | (i[0] >> k & 1) << (pos + k);
            return d;
        });
    }
    for (bool clamp : {true, false}) {
        std::string mode = clamp ? "clamp" : "wrap";
        auto amount = [&](u64 v) { return clamp ? std::min<u64>(v, 32) : v & 31; };
        auto in = withAmounts(32, 40);
        for (u32 a = 0; a < 40; ++a)
            check({"bmsk." + mode + ".b32 %x, %a, %b;", 32, {32, 32}}, mix({a, 31, 32}, 2, 6, 40),
                  [&](const Inputs& i) { return ones(u32(amount(i[1]))) << amount(i[0]) & 0xffffffff; });
        for (bool isSigned : {true, false})
            check({"szext." + mode + (isSigned ? ".s32" : ".u32") + " %x, %a, %b;", 32, {32, 32}}, in,
                  [&](const Inputs& i) {
                      u32 n = u32(amount(i[1]));
                      u64 v = i[0] & ones(n);
                      return n && isSigned && v >> (n - 1) & 1 ? (v | ~ones(n)) & 0xffffffff : v;
                  });
    }
}

TEST(Permutations) {
    auto in = mix(specials(32), 3, 32);
    auto bytes = [](const Inputs& i) { return i[1] << 32 | i[0]; };
    check({"prmt.b32 %x, %a, %b, %c;", 32, {32, 32, 32}}, in, [&](const Inputs& i) {
        u64 d = 0;
        for (u32 k = 0; k < 4; ++k) {
            u64 byte = bytes(i) >> (8 * (i[2] >> (4 * k) & 7)) & 0xff;
            if (i[2] >> (4 * k) & 8) byte = byte & 0x80 ? 0xff : 0;
            d |= byte << (8 * k);
        }
        return d;
    });
    // The tables of the manual: by selector, bytes 3 to 0.
    const std::pair<const char*, std::array<u32, 4>> modes[] = {
        {"f4e", {0x3210, 0x4321, 0x5432, 0x6543}}, {"b4e", {0x5670, 0x6701, 0x7012, 0x0123}},
        {"rc8", {0x0000, 0x1111, 0x2222, 0x3333}}, {"ecl", {0x3210, 0x3211, 0x3222, 0x3333}},
        {"ecr", {0x0000, 0x1110, 0x2210, 0x3210}}, {"rc16", {0x1010, 0x3232, 0x1010, 0x3232}}};
    for (const auto& m : modes)
        check({std::string("prmt.b32.") + m.first + " %x, %a, %b, %c;", 32, {32, 32, 32}}, in, [&](const Inputs& i) {
            u64 d = 0;
            for (u32 k = 0; k < 4; ++k) d |= (bytes(i) >> (8 * (m.second[i[2] & 3] >> (4 * k) & 7)) & 0xff) << (8 * k);
            return d;
        });
}
