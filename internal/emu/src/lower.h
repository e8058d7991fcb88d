// One statement of PTX becomes one or a few instructions.
#pragma once

#include "names.h"

namespace emu {

class Lower {
public:
    Lower(Names& names, Program& prog) : names_(names), prog_(prog) {}

    // statement appends the code of s. Branch targets stay statement numbers; calls are noted.
    void statement(FuncNames& f, const Stmt& s);

    struct Fix { u32 pc; FuncNames* func; std::string label; int scope; };
    struct CallFix { u32 pc; std::string callee; const Stmt* stmt; FuncNames* caller; };
    std::vector<Fix> branches;
    std::vector<std::pair<Fix, std::vector<std::string>>> tables;
    std::vector<CallFix> calls;

private:
    Names& names_;
    Program& prog_;
    FuncNames* f_ = nullptr;
    const Stmt* s_ = nullptr;

    Inst begin() const;
    void emit(const Inst& i) { prog_.code.push_back(i); }
    [[noreturn]] void refuse() const { Mods(*s_).refuse(); }
    bool has(const char* mod) const;
    const Operand& arg(size_t k) const;
    void expectArgs(size_t n) const;
    // Operands: value and result want registers of just the size of t; those of cvt may be wider.
    const Reg& regArg(const Operand& o) const;
    u32 value(const Operand& o, Type t) { return names_.operand(*f_, *s_, o, t); }
    u32 result(const Operand& o, Type t);
    u32 second(const Operand& o);
    u32 narrowed(const Operand& o, Type t);

    void operate(Inst i, const Operation& o);
    void arithmeticOp();
    void carryOp();
    void convert();
    void compare();
    void select();
    void predicateOp();
    void move();
    void pack(const Operand& to, const Operand& from, Type t);
    void cvta();
    void isSpace();

    void load();
    void store();
    void access(Inst& i, Mods& m, const Operand& address);
    void atomicMemory();
    void prefetch();
    Space address(const Operand& o, Space space, Inst& i);
    Space takeSpace(Mods& m) const;

    void branch();
    void branchTable();
    void leave();
    void stop();
    void fence();
    void callFunction();
    void blockBarrier(Mods& m);
    void barrier();
    void shuffle();
    void vote();
    void matchLanes();
    void reduceLanes();
    void activeMask();
    void nothing();
};

}  // namespace emu
