// What the names of a kernel stand for: registers, constants and variables, as units and offsets.
#pragma once

#include "compile.h"
#include "operation.h"

namespace emu {

// Reg is a declared register.
struct Reg { u32 unit; Type type; bool wide() const { return sizeOf(type) == 8; } };

// Place of a variable: an offset in its space, for global memory the address.
struct VarPlace { Space space; u64 offset; u64 size; };

// FuncNames are the names of one function.
struct FuncNames {
    const Func* func;
    std::vector<std::map<std::string, Reg>> regs;       // by scope
    std::vector<std::map<std::string, VarPlace>> vars;  // by scope
    std::map<std::string, VarPlace> params;             // parameters and results of a function
    std::map<std::string, Reg> paramRegs;               // those declared as .reg
    u32 returnUnit = 0, entryPc = 0;
    std::vector<u32> pcOf;  // by statement
};

// Names hands out units and offsets for one kernel.
class Names {
public:
    Names(const Ptx& ptx, const Module& module, Program& prog) : ptx_(ptx), module_(module), prog_(prog) {}

    FuncNames declare(const Func& f);
    // reg finds a register, null when the name is none.
    const Reg* reg(FuncNames& f, const Stmt& s, const std::string& name);
    // var finds a variable, false when the name is none.
    bool var(FuncNames& f, const Stmt& s, const std::string& name, VarPlace& out);
    // operand is the unit that holds a source of type t; a register must have just that size.
    u32 operand(FuncNames& f, const Stmt& s, const Operand& o, Type t);
    u32 constant(u64 value, bool wide, bool mask = false);
    u32 temporary(bool wide) { return unit(wide); }
    // finish places the dynamic shared memory behind everything else.
    void finish();

private:
    const Ptx& ptx_;
    const Module& module_;
    Program& prog_;
    std::map<std::pair<u64, int>, u32> consts_;
    std::map<std::string, u32> specials_;
    std::map<std::string, VarPlace> shared_;  // of module scope, as far as this kernel uses them
    std::vector<std::pair<size_t, u64>> dynamic_;  // constants that are offsets into dynamic shared memory

    u32 unit(bool wide);
    u64 place(u32& top, const Var& v, u32* align = nullptr);
    void declareVar(std::map<std::string, VarPlace>& into, const Var& v);
    u32 special(const std::string& name);
    u32 named(FuncNames& f, const Stmt& s, const Operand& o, Type t);
};

}  // namespace emu
