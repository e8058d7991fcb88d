// The limits of a compute capability, from the tables of the CUDA programming guide.
#pragma once

#include "types.h"

namespace emu {

constexpr int kMaxThreads = 1024;  // of a block
constexpr int kMaxBlockX = 1024, kMaxBlockY = 1024, kMaxBlockZ = 64;
constexpr int kMaxGridX = 0x7fffffff, kMaxGridY = 65535, kMaxGridZ = 65535;
constexpr int kDefaultShared = 48 << 10;  // of a block, unless an attribute of the function allows more
constexpr int kRegisters = 65536;         // of a multiprocessor and of a block
constexpr int kReservedShared = 1 << 10;  // that the system takes of every block, from sm_80

struct Limits {
    int processors, threads, blocks;  // multiprocessors; threads and blocks of one
    int shared, optin;                // shared memory of a multiprocessor, and of a block that asks for it
    int clockKHz, memoryKHz, bus, l2;
};

// limitsOf is the table of a compute capability; the nearest older one when it is unknown.
inline Limits limitsOf(u32 sm) {
    constexpr int K = 1 << 10, M = 1 << 20;
    if (sm >= 120) return {170, 1536, 24, 100 * K, 99 * K, 2407000, 14001000, 512, 96 * M};  // RTX 5090
    if (sm >= 100) return {148, 2048, 32, 228 * K, 227 * K, 1965000, 3996000, 8192, 126 * M};  // B200
    if (sm >= 90) return {132, 2048, 32, 228 * K, 227 * K, 1980000, 2619000, 5120, 50 * M};  // H100
    if (sm >= 89) return {128, 1536, 24, 100 * K, 99 * K, 2520000, 10501000, 384, 72 * M};  // RTX 4090
    if (sm >= 86) return {84, 1536, 16, 100 * K, 99 * K, 1740000, 6251000, 384, 6 * M};  // A40
    if (sm >= 80) return {108, 2048, 32, 164 * K, 163 * K, 1410000, 1215000, 5120, 40 * M};  // A100
    return {40, 1024, 16, 64 * K, 64 * K, 1590000, 5001000, 256, 4 * M};  // T4
}

}  // namespace emu
