// Plain types shared by every part of the software GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

namespace emu {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;

constexpr u32 kLanes = 32;
constexpr u32 kAllLanes = 0xffffffffu;

struct Dim3 {
    u32 x = 1, y = 1, z = 1;
    u64 count() const { return u64(x) * y * z; }
    // at is the coordinate of the linear index n.
    Dim3 at(u64 n) const { return {u32(n % x), u32(n / x % y), u32(n / x / y)}; }
};

// Generic addresses of the spaces that are not global memory. Global addresses never reach these windows, and no
// window lies where the host maps memory, so that a host dereference of a device address faults.
constexpr u64 kSharedBase = 0x0001000000000000ull;
constexpr u64 kLocalBase = 0x0002000000000000ull;
constexpr u64 kParamBase = 0x0003000000000000ull;
constexpr u64 kWindow = 0x0000000100000000ull;
constexpr u64 kGlobalBase = 0x0000800000000000ull;

// LoadError is a PTX text that the emulator cannot run, found when the module is loaded.
struct LoadError : std::runtime_error {
    u32 line;
    LoadError(u32 l, const std::string& what)
        : std::runtime_error("PTX line " + std::to_string(l) + ": " + what), line(l) {}
};

template <class To, class From>
inline To bits(From v) {
    static_assert(sizeof(To) == sizeof(From), "bits keeps the size");
    To r;
    memcpy(&r, &v, sizeof r);
    return r;
}

}  // namespace emu
