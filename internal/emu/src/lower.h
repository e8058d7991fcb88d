// One statement of PTX becomes one or a few instructions.
#pragma once

#include "names.h"

namespace emu {

class Lower {
public:
    Lower(const Ptx& ptx, Names& names, Program& prog) : ptx_(ptx), names_(names), prog_(prog) {}

    // statement appends the code of s. Branch targets stay statement numbers; calls are noted.
    void statement(FuncNames& f, const Stmt& s);

    struct Fix { u32 pc; FuncNames* func; std::string label; int scope; };
    struct CallFix { u32 pc; std::string callee; const Stmt* stmt; FuncNames* caller; };
    std::vector<Fix> branches;
    std::vector<std::pair<Fix, std::vector<std::string>>> tables;
    std::vector<CallFix> calls;

private:
    const Ptx& ptx_;
    Names& names_;
    Program& prog_;
    FuncNames* f_ = nullptr;
    const Stmt* s_ = nullptr;

    Inst begin() const;
    void emit(const Inst& i) { prog_.code.push_back(i); }
    [[noreturn]] void refuse() const;
    const Operand& arg(size_t k) const;
    void expectArgs(size_t n) const;
    const Reg& regArg(const Operand& o) const;
    u32 source(const Operand& o, Type t);
    void extendResult(const Inst& done, const Reg& r, Type t);
    u32 destination(const Operand& o, Type t, u32& final);

    void arithmeticOp();
    void carryOp();
    void convert();
    void compare(bool set);
    void select();
    void predicateOp();
    void move();
    void pack(const Operand& to, const Operand& from, Type t);
    void cvta();
    void memory(bool store);
    void atomicMemory(bool result);
    Space address(const Operand& o, Space space, Inst& i);
    Space takeSpace(Mods& m);
    void flow();
    void barrier(Mods& m);
    void warp();
};

}  // namespace emu
