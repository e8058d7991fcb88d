// Values that operations are tried on.
#include "interp_test.h"

namespace interptest {

u64 random64() {
    static u64 state = 0x9e3779b97f4a7c15ull;  // splitmix64, so that every run tries the same
    u64 z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

std::vector<u64> specials(u32 width) {
    u64 all = ~0ull >> (64 - width), top = 1ull << (width - 1);
    std::vector<u64> v = {0,  1,  2,  3,   7,   8,   15,  16,   31,     32,     33,
                          63, 64, 65, 127, 128, 255, 256, 0x80, 0x7fff, 0x8000, 0xffff};
    for (u64 x : {top, top - 1, top + 1, all, all - 1, all - 6, all >> 1, all / 3, all / 5, u64(0x1234567890abcdef)})
        v.push_back(x);
    for (u64& x : v) x &= all;
    return v;
}

std::vector<u64> floats() {
    std::vector<u64> v;
    for (u32 b :
         {0x0u,        0x1u,        0x2u,        0x7fffffu,   0x800000u,   0x800001u,   0xffffffu,   0x1000000u,
          0x33000000u, 0x33800000u, 0x38800000u, 0x387fe000u, 0x3effffffu, 0x3f000000u, 0x3f7fffffu, 0x3f800000u,
          0x3f800001u, 0x3fc00000u, 0x40000000u, 0x40200000u, 0x40490fdbu, 0x477fe000u, 0x477fefffu, 0x477ff000u,
          0x4b000001u, 0x4b7fffffu, 0x4b800000u, 0x4effffffu, 0x4f000000u, 0x4f7fffffu, 0x4f800000u, 0x5effffffu,
          0x5f000000u, 0x5f800000u, 0x7effffffu, 0x7f7fffffu, 0x7f800000u, 0x7f800001u, 0x7fc00000u, 0x7fffffffu}) {
        v.push_back(b);
        v.push_back(b | 0x80000000u);
    }
    return v;
}

std::vector<u64> doubles() {
    std::vector<u64> v;
    for (u64 x : floats()) v.push_back(bits<u64>(double(f32(x))));
    for (u64 b : {0x1ull, 0xfffffffffffffull, 0x10000000000000ull, 0x3ff0000000000001ull, 0x3feffffffffffffull,
                  0x41dfffffffc00000ull, 0x41efffffffe00000ull, 0x43dfffffffffffffull, 0x43e0000000000000ull,
                  0x43f0000000000000ull, 0x7fefffffffffffffull, 0x3810000000000001ull, 0x36a0000000000001ull,
                  0x3690000000000000ull, 0x3690000000000001ull, 0x47efffffefffffffull, 0x47effffff0000000ull}) {
        v.push_back(b);
        v.push_back(b | 1ull << 63);
    }
    return v;
}

std::vector<u64> halves() {
    std::vector<u64> v;
    for (u32 b :
         {0x0u,    0x1u,    0x2u,    0x7fu,   0x80u,   0x81u,   0x3ffu,  0x400u,  0x401u,  0x1000u, 0x2000u, 0x33ffu,
          0x3400u, 0x3bffu, 0x3c00u, 0x3c01u, 0x3dffu, 0x3e00u, 0x3f7fu, 0x3f80u, 0x3f81u, 0x4000u, 0x4248u, 0x4b80u,
          0x5bffu, 0x7bffu, 0x7c00u, 0x7c01u, 0x7e00u, 0x7f7fu, 0x7f80u, 0x7f81u, 0x7fc0u, 0x7fffu}) {
        v.push_back(b);
        v.push_back(b | 0x8000u);
    }
    return v;
}

std::vector<Inputs> mix(const std::vector<u64>& a, u32 sources, u32 width, size_t random) {
    std::vector<Inputs> in;
    u64 keep = ~0ull >> (64 - width);
    for (u64 x : a) {
        if (sources == 1) in.push_back({x, 0, 0, 0});
        else
            for (u64 y : a) in.push_back({x, y, a[random64() % a.size()], a[random64() % a.size()]});
    }
    for (size_t k = 0; k < random; ++k)
        in.push_back({random64() & keep, random64() & keep, random64() & keep, random64() & keep});
    return in;
}

}  // namespace interptest
