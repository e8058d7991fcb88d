// Arithmetic on f16 and bf16 against exact arithmetic: float128 holds every sum and product of them without rounding,
// and the nearest of all 65536 numbers is searched for.
#include <algorithm>

#include "interp_test.h"

namespace {

using quad = __float128;

// Half is a format given by the value of each of its bit patterns.
struct Half {
    const char* name;
    quad value[65536];
    u32 infinite;

    explicit Half(bool brain) : name(brain ? "bf16" : "f16"), infinite(brain ? 0x7f80 : 0x7c00) {
        int fraction = brain ? 7 : 10, least = brain ? -133 : -24;
        for (u32 b = 0; b < 65536; ++b) {
            u32 e = (b & 0x7fff) >> fraction, f = b & ((1u << fraction) - 1);
            double m = e ? f + (1u << fraction) : f;
            value[b] = quad(std::ldexp(b & 0x8000 ? -m : m, int(e ? e - 1 : 0) + least));
        }
    }
    bool isNaN(u32 b) const { return (b & 0x7fff) > infinite; }
    bool isInfinite(u32 b) const { return (b & 0x7fff) == infinite; }
    // nearest is the pattern nearest to v, the even one of two. The pattern of infinity stands for the next power of
    // two.
    u32 nearest(quad v, bool negativeZero) const {
        u32 sign = v < 0 || (v == 0 && negativeZero) ? 0x8000 : 0;
        quad a = v < 0 ? -v : v;
        u32 lo = 0, hi = infinite;
        if (a >= value[hi]) return sign | hi;
        while (hi - lo > 1) (value[(lo + hi) / 2] <= a ? lo : hi) = (lo + hi) / 2;
        quad below = a - value[lo], above = value[hi] - a;
        return sign | (below < above || (below == above && !(lo & 1)) ? lo : hi);
    }
    double real(u32 b) const {
        return isNaN(b) ? NAN : isInfinite(b) ? (b & 0x8000 ? -INFINITY : INFINITY) : double(value[b]);
    }
    // round is nearest for an exact result; special is the result in float64, right where something is not finite or
    // zero.
    u32 round(quad exact, double special) const {
        if (special != special) return 0x7fff;
        if (std::isinf(special)) return infinite | (special < 0 ? 0x8000 : 0);
        return nearest(exact, std::signbit(special));
    }
};
const Half& format(bool brain) {
    static const Half half(false), brainHalf(true);
    return brain ? brainHalf : half;
}

u32 sum(const Half& h, u32 a, u32 b) { return h.round(h.value[a] + h.value[b], h.real(a) + h.real(b)); }
u32 difference(const Half& h, u32 a, u32 b) { return h.round(h.value[a] - h.value[b], h.real(a) - h.real(b)); }
u32 product(const Half& h, u32 a, u32 b) { return h.round(h.value[a] * h.value[b], h.real(a) * h.real(b)); }

// fused is exact for f16. Of bf16 the sum may need more than 113 bits: then the smaller part only decides ties, which a
// part of 2^-100 of the larger one does as well.
u32 fused(const Half& h, u32 a, u32 b, u32 c) {
    quad p = h.value[a] * h.value[b], v = h.value[c];
    auto magnitude = [](quad x) { return x < 0 ? -x : x; };
    quad& less = magnitude(p) < magnitude(v) ? p : v;
    quad more = magnitude(p) < magnitude(v) ? v : p, least = magnitude(more) * quad(0x1p-100);
    if (less != 0 && magnitude(less) < least) less = less < 0 ? -least : least;
    return h.round(p + v, std::fma(h.real(a), h.real(b), h.real(c)));
}

u32 flushed(u32 b) { return b & 0x7c00 ? b : b & 0x8000; }

// pairwise applies f to both halves.
u64 pairwise(const Inputs& i, const std::function<u32(u32, u32, u32)>& f) {
    auto part = [&](u32 s) { return f(u32(i[0] >> s) & 0xffff, u32(i[1] >> s) & 0xffff, u32(i[2] >> s) & 0xffff); };
    return part(0) | u64(part(16)) << 16;
}

// everyForm checks op for single numbers and for pairs.
void everyForm(const std::string& op, bool brain, u32 n, const std::function<u32(u32, u32, u32)>& f) {
    std::string args = n == 1 ? " %x, %a;" : n == 2 ? " %x, %a, %b;" : " %x, %a, %b, %c;";
    std::string type = format(brain).name;
    check({op + "." + type + args, 16, std::vector<u32>(n, 16)}, mix(halves(), n, 16, 4000),
          [&](const Inputs& i) { return f(u32(i[0]), u32(i[1]), u32(i[2])); });
    check({op + "." + type + "x2" + args, 32, std::vector<u32>(n, 32)}, mix({0, 0x3c003c00, 0x80003f80}, n, 32, 4000),
          [&](const Inputs& i) { return pairwise(i, f); });
}

}  // namespace

TEST(HalfSumsAndProductsAreExact) {
    for (bool brain : {false, true}) {
        const Half& h = format(brain);
        everyForm("add", brain, 2, [&](u32 a, u32 b, u32) { return sum(h, a, b); });
        everyForm("sub.rn", brain, 2, [&](u32 a, u32 b, u32) { return difference(h, a, b); });
        everyForm("mul.rn", brain, 2, [&](u32 a, u32 b, u32) { return product(h, a, b); });
        everyForm("fma.rn", brain, 3, [&](u32 a, u32 b, u32 c) { return fused(h, a, b, c); });
        everyForm("fma.rn.relu", brain, 3, [&](u32 a, u32 b, u32 c) {
            u32 r = fused(h, a, b, c);
            return r & 0x8000 && !h.isNaN(r) ? 0 : r;
        });
    }
}

TEST(HalfFlushesAndSaturates) {
    const Half& h = format(false);
    auto clamp = [&](u32 r) { return h.isNaN(r) || r & 0x8000 ? 0 : std::min(r, 0x3c00u); };
    everyForm("add.ftz", false, 2, [&](u32 a, u32 b, u32) { return flushed(sum(h, flushed(a), flushed(b))); });
    everyForm("mul.ftz", false, 2, [&](u32 a, u32 b, u32) { return flushed(product(h, flushed(a), flushed(b))); });
    everyForm("sub.sat", false, 2, [&](u32 a, u32 b, u32) { return clamp(difference(h, a, b)); });
    everyForm("fma.rn.ftz.sat", false, 3, [&](u32 a, u32 b, u32 c) {
        return clamp(flushed(fused(h, flushed(a), flushed(b), flushed(c))));
    });
}

TEST(HalfMinMaxFollowTheManual) {
    for (bool brain : {false, true})
        for (bool min : {true, false})
            for (bool nan : {true, false}) {
                const Half& h = format(brain);
                everyForm(std::string(min ? "min" : "max") + (nan ? ".NaN" : ""), brain, 2,
                          [&](u32 a, u32 b, u32) -> u32 {
                              if (h.isNaN(a) && h.isNaN(b)) return 0x7fff;
                              if (h.isNaN(a) || h.isNaN(b)) return nan ? 0x7fff : h.isNaN(a) ? b : a;
                              bool less = h.real(a) < h.real(b) || (h.real(a) == h.real(b) && a & 0x8000);
                              return less == min ? a : b;
                          });
            }
}

TEST(HalfSignsAndApproximations) {
    for (bool brain : {false, true}) {
        const Half& h = format(brain);
        everyForm("neg", brain, 1, [](u32 a, u32, u32) { return a ^ 0x8000; });
        everyForm("abs", brain, 1, [](u32 a, u32, u32) { return a & 0x7fff; });
        auto near = [&](double v) { return h.round(std::isfinite(v) ? quad(float(v)) : quad(0), float(v)); };
        everyForm("tanh.approx", brain, 1, [&](u32 a, u32, u32) { return near(std::tanh(h.real(a))); });
        everyForm(brain ? "ex2.approx.ftz" : "ex2.approx", brain, 1,
                  [&](u32 a, u32, u32) { return near(std::exp2(h.real(a))); });
    }
}
