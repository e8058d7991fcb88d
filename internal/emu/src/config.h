// The emulated machine, described by the environment variable CUDIFFUSE_EMU.
#pragma once

#include "types.h"

namespace emu {

// Config is what CUDIFFUSE_EMU sets, comma-separated, for example "devices=2,sm=90,memory=64M,uninit=allow".
struct Config {
    u32 devices = 1;
    u32 sm = 80;                // compute capability, major times ten plus minor
    u64 memory = u64(4) << 30;  // bytes of each device; K, M and G are understood
    u32 driver = 13000;         // what cuDriverGetVersion answers
    u32 ptx = 90;               // newest PTX ISA that loads, major times ten plus minor; written 9.0
    u32 init = 0;               // what cuInit answers
    bool uninit = false;        // uninit=allow: unwritten memory may be stored and copied to the host
    u32 cudnn = 92801;          // what cudnnGetVersion answers
    u32 cudnnFail = 0;          // cudnnfail=N: making a plan of the engines 1 to N fails
    bool cudnnNearest = false;  // cudnnnearest=1: nearest-neighbour resampling has engines; the real cuDNN has none
    std::string name;           // device name

    u32 major() const { return sm / 10; }
    u32 minor() const { return sm % 10; }
};

// parseConfig throws std::invalid_argument that names the bad setting.
Config parseConfig(const std::string& text);

}  // namespace emu
