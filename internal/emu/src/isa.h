// The internal form of a kernel: one Inst per PTX statement, with a function that executes it for a warp.
//
// Registers live in units of 32 lanes x 4 bytes. A 64-bit register takes two units, a predicate one unit whose first
// word is a lane mask. Constants are registers too, written once a launch. Beside each unit stands a poison mask: the
// lanes whose value derives from memory or registers that nobody wrote.
#pragma once

#include <vector>

#include "ptx_parse.h"

namespace emu {

struct Warp;
struct Inst;
using Exec = void (*)(Warp&, const Inst&, u32 mask);
// Test compares two registers: the mask of the lanes where the comparison holds. shift is 16 for the upper half of
// pairs.
using Test = u32 (*)(Warp&, const Inst&, u32 shift);

enum class Flow : u8 { Plain, Branch, BranchTable, Call, Return, Exit, Trap, Barrier, WarpSync, Fence };

// spaceOf is the space of a generic address.
inline Space spaceOf(u64 addr) {
    if (addr - kSharedBase < kWindow) return Space::Shared;
    if (addr - kLocalBase < kWindow) return Space::Local;
    return addr - kParamBase < kWindow ? Space::Param : Space::Global;
}

// Operand mode of a memory instruction.
struct MemOp {
    Space space = Space::None;
    u8 size = 0;        // bytes of one element
    u8 count = 1;       // elements: v2, v4
    bool wideAddr = true;  // the base register has 64 bits
    bool fixed = false;     // a parameter by its name: the same place for all lanes
    bool readOnly = false;  // .nc
    bool sext = false;  // sign-extend into the destination
    u8 wide = 0;        // bit k: register k has 64 bits
    u32 regs[8] = {};   // destinations of a load, sources of a store
};

struct Inst {
    Exec fn = nullptr;
    Test test = nullptr;  // of a comparison
    u32 d = 0, a = 0, b = 0, c = 0, e = 0;  // register units
    u32 guard = 0;  // predicate unit, 0 for none: unit 0 holds nothing else
    bool guardNeg = false;
    Flow flow = Flow::Plain;
    i64 imm = 0;
    u32 target = 0;  // of a branch or call
    u32 line = 0, source = 0, file = 0;
    u32 aux = 0;     // per-family index or flags
    MemOp mem;
};

// Layout of barrier operands: a = id unit, b = thread count unit (0: all), c = predicate, e: it is negated, aux below;
// mem.sext: the lanes of a warp may come one by one.
enum BarrierKind : u32 { kBarSync, kBarArrive, kBarRedPopc, kBarRedAnd, kBarRedOr };

struct ConstUnit { u32 unit; u64 value; bool wide; bool mask; };  // mask: the value is a predicate

// CallInfo lists the byte ranges of the local frame to copy at a call (arguments) and after it (results).
struct CallInfo {
    struct Copy { u32 from, to, size; };
    struct Move { u32 from, to; bool wide; };
    std::vector<Copy> in, out;
    std::vector<Move> regIn, regOut;  // parameters declared as .reg
    u32 returnUnit = 0;
};

// SpecialUse is a special register that the block writes into a unit before it runs.
enum class Special : u8 {
    TidX, TidY, TidZ, NtidX, NtidY, NtidZ, CtaX, CtaY, CtaZ, NctaX, NctaY, NctaZ,
    LaneId, WarpId, NWarpId, SmId, NSmId, LaneEq, LaneLt, LaneLe, LaneGt, LaneGe, DynSmem, TotalSmem
};
struct SpecialUse { Special what; u32 unit; bool wide; };

struct Param { std::string name; u32 offset, size; };

// Program is a compiled kernel: its code, with that of every function it calls behind it.
struct Program {
    std::string name;
    std::vector<Inst> code;
    u32 units = 1;
    std::vector<ConstUnit> consts;
    std::vector<SpecialUse> specials;
    std::vector<CallInfo> calls;
    std::vector<std::vector<u32>> tables;  // brx.idx
    std::vector<Param> params;
    u32 paramBytes = 0;
    u32 sharedBytes = 0, sharedAlign = 1, localBytes = 0;
    u32 memSlots = 0;     // instructions with an allocation cache
    u32 carryUnit = 0;    // predicate of add.cc and the like, 0 when there is none
    u32 registers = 0;    // 32-bit registers declared, for cuFuncGetAttribute
    bool usesNc = false;  // has ld.global.nc
    bool usesBarrier = false;  // or other means by which a warp waits for another
    bool ordered = false;  // global atomics: blocks run one after the other, so that results repeat
    Dim3 maxntid{0, 0, 0}, reqntid{0, 0, 0};
    std::map<u32, std::string> files;
};

}  // namespace emu
