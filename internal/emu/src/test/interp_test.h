// What the tests of the interpreter share: a device without a driver, and kernels made around one statement.
#pragma once

#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "../compile.h"
#include "../warp.h"

namespace interptest {

using namespace emu;

struct Case {
    const char* name;
    void (*body)();
};
std::vector<Case>& tests();
struct Register {
    Register(const char* name, void (*body)()) { tests().push_back({name, body}); }
};
#define TEST(NAME)                                                        \
    static void NAME();                                                   \
    static const interptest::Register register_##NAME(#NAME, NAME);       \
    static void NAME()

// failed prints where a check failed and what was found; after some lines of one test it only counts.
void failed(const char* file, int line, const std::string& what);
#define EXPECT(COND)                                                          \
    do {                                                                      \
        if (!(COND)) interptest::failed(__FILE__, __LINE__, "not so: " #COND); \
    } while (0)
#define EXPECT_PART(PART, TEXT) interptest::expectPart(__FILE__, __LINE__, PART, TEXT)
void expectPart(const char* file, int line, const std::string& part, const std::string& text);
#define EXPECT_EQ(WANT, GOT, WHAT) interptest::expectEqual(__FILE__, __LINE__, WANT, GOT, WHAT)
void expectEqual(const char* file, int line, u64 want, u64 got, const std::string& what);

std::string header();  // .version, .target and .address_size
// entry is a kernel of one parameter, p, whose global address is in %p, with registers %r, %f, %d (64 bits), %h (16)
// and predicates %q; %t is the thread in the grid and %w its byte offset of 8 bytes each.
std::string entry(const std::string& name, const std::string& body, const std::string& variables = "");

// Gpu is a device with one module.
class Gpu {
public:
    explicit Gpu(const std::string& ptx);
    u64 alloc(u64 bytes) { return memory.alloc(bytes, this)->base; }
    template <class T> u64 upload(const std::vector<T>& v) {
        Alloc* a = memory.alloc(v.size() * sizeof(T), this);
        memcpy(a->data, v.data(), v.size() * sizeof(T));
        a->mark(0, v.size() * sizeof(T), true);
        return a->base;
    }
    template <class T> std::vector<T> download(u64 addr, size_t n) {
        std::vector<T> v(n);
        Alloc* a = memory.find(addr);
        memcpy(v.data(), a->data + (addr - a->base), n * sizeof(T));
        return v;
    }
    // launch runs a kernel whose parameters are 64 bits each; an empty text is success.
    TrapReport launch(const std::string& kernel, Dim3 grid, Dim3 block, const std::vector<u64>& params,
                      u32 dynShared = 0);

    Memory memory{kGlobalBase, 1ull << 30};
    std::unique_ptr<Module> module;
    u64 watchdog = 0;
    bool checkPoison = true;

private:
    u32 epoch_ = 0;
};

// run makes a kernel of body, runs one block over n words of 64 bits that start as zero, and returns them.
std::vector<u64> run(const std::string& body, u32 threads, size_t n, const std::string& variables = "");
// loadError is the message with which a module with this body is refused, empty when it loads.
std::string loadError(const std::string& body, const std::string& variables = "");

// Operation under test: a statement over %x (the result) and %a, %b, %c, %e, of these register widths; 1 is a
// predicate.
struct Statement {
    std::string text;
    u32 result;
    std::vector<u32> sources;
};
using Inputs = std::array<u64, 4>;
// execute runs the statement for each of the inputs, one a lane, in three ways: for whole warps, for the odd lanes
// alone, and with each source unwritten in one lane, which must reach the result. Predicates read as 0 and 1.
std::vector<u64> execute(const Statement& s, const std::vector<Inputs>& in);
// check compares the results with a function of the inputs.
void check(const Statement& s, const std::vector<Inputs>& in, const std::function<u64(const Inputs&)>& want);

// Inputs: every pair (or triple) of special values, and random bits.
u64 random64();
std::vector<u64> specials(u32 width);      // integers
std::vector<u64> floats();                 // float32
std::vector<u64> doubles();
std::vector<u64> halves();                 // f16 or bf16: all that matters in both
std::vector<Inputs> mix(const std::vector<u64>& a, u32 sources, u32 width, size_t random = 1000);

inline float f32(u64 v) { return bits<float>(u32(v)); }
inline double f64(u64 v) { return bits<double>(v); }
inline u64 raw(float v) { return v != v ? 0x7fffffffu : bits<u32>(v); }
inline u64 raw(double v) { return v != v ? 0xfff8000000000000ull : bits<u64>(v); }

}  // namespace interptest

using namespace interptest;
