// From an opcode and its modifiers to the function that executes it.
#pragma once

#include <initializer_list>

#include "isa.h"

namespace emu {

// Type is a PTX type of an operand.
enum class Type : u8 {
    None, Pred, B8, U8, S8, B16, U16, S16, F16, BF16, B32, U32, S32, F32, F16x2, BF16x2, B64, U64, S64, F64
};
Type typeOf(const std::string& name);  // None when it is no type
u32 sizeOf(Type t);
inline bool isFloat(Type t) {
    return t == Type::F32 || t == Type::F64 || t == Type::F16 || t == Type::BF16 || t == Type::F16x2 ||
           t == Type::BF16x2;
}
inline bool isSigned(Type t) { return t == Type::S8 || t == Type::S16 || t == Type::S32 || t == Type::S64; }

// Mods are the modifiers of a statement; each is to be used exactly once, and what is left over is refused.
class Mods {
public:
    explicit Mods(const Stmt& s) : stmt_(s), used_(s.mods.size()) {}
    bool take(const char* name);
    // type takes the next type among the modifiers; None when there is none left.
    Type type();
    // oneOf takes a type that must be among those listed.
    Type oneOf(std::initializer_list<Type> types);
    // any takes whichever of the names comes first, "" for none.
    std::string any(std::initializer_list<const char*> names);
    void finish() const;
    std::string text() const;
    [[noreturn]] void refuse() const;

private:
    const Stmt& stmt_;
    std::vector<bool> used_;
};

// Operation is what an opcode does with one result and up to four sources. fn is null for an opcode that is not known.
struct Operation {
    Exec fn = nullptr;
    Type dst = Type::None;
    Type src[4] = {};
    u32 args = 0;  // sources
    u32 aux = 0;   // for fn
};

// Each takes the modifiers that it knows; the caller refuses the rest.
Operation floatOperation(const std::string& op, Type t, Mods& m);
Operation integerOperation(const std::string& op, Type t, Mods& m);
Operation bitOperation(const std::string& op, Type t, Mods& m);
Operation arithmetic(const std::string& op, Mods& m);
Operation conversion(Mods& m);                          // cvt
Operation carryOperation(const std::string& op, Mods& m);  // add.cc and its like; the carry is Inst::e
Operation selection(const std::string& op, Mods& m);    // selp, slct

// Comparison is set or setp: test makes the mask of lanes, fn writes it; value is what set writes where it holds.
struct Comparison {
    Exec fn = nullptr;
    Test test = nullptr;
    Type src = Type::None, dst = Type::None;
    u32 value = 0;
    bool pair = false;
};
Comparison comparison(Mods& m, bool set);
// How a comparison is combined with a predicate c, in Inst::aux.
enum Combine : u32 { kCombineAnd = 1, kCombineOr = 2, kCombineXor = 4, kCombineNegated = 8, kCombinePair = 16 };

Exec atomicOp(Mods& m, Type t);                    // atom and red
Exec warpOp(const std::string& op, Mods& m);       // shfl, vote, match, redux, activemask, bar.warp
Exec moveOf(Type t);
Exec unpackOp();  // aux is the shift, mem.size the bytes of a part, mem.wideAddr a whole of 64 bits
Exec packOp();
Exec logicOp();   // of predicates: aux is a truth table over (a, b), bit 2a+b
Exec isSpaceOp();              // isspacep: aux is the space
Exec clockOp(bool wide);       // a counter that grows with every read
Exec truncateOp();             // 64 bits to 32
Exec addressOp();              // the sum of two addresses
Exec extendOp(Type from, bool wide);  // a result of cvt to a register of 32 or 64 bits
void loadExec(Warp& w, const Inst& i, u32 m);
void storeExec(Warp& w, const Inst& i, u32 m);

}  // namespace emu
