// The syntax of a PTX module: variables, functions and statements, before any meaning is given to opcodes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ptx_lexer.h"

namespace emu {

enum class Space : u8 { None, Reg, Param, Local, Shared, Global, Const, Generic };

// Var is a declared variable or parameter. size is in bytes; 0 with unsized set is an extern array.
struct Var {
    std::string name;
    std::string type;  // "u64", "b8"
    Space space = Space::None;
    u64 size = 0, align = 1;
    bool unsized = false;
    std::vector<u8> init;  // initial bytes, shorter than size when the rest is zero
    struct Fixup { u64 offset; std::string symbol; i64 addend; };
    std::vector<Fixup> fixups;  // addresses inside an initialiser
    u64 offset = 0;  // filled by the layout: offset in its space
};

struct Operand {
    enum Kind { Name, Imm, Float, Address, Vector } kind = Name;
    std::string name;    // Name; base of an Address ("" for an absolute one)
    std::string second;  // the q of p|q
    u64 value = 0;       // Imm, Float bits; byte offset of an Address
    bool single = false; // a Float given by its 32 bits
    bool negated = false;  // !p
    std::vector<Operand> parts;
};

// RegDecl is one .reg declaration; count is 0 for a plain name, otherwise name<count>.
struct RegDecl { std::string type; u32 count = 0; };

// Scope is one { } block: its registers and variables. Statements name the scope they stand in.
struct Scope {
    int parent = -1;
    std::map<std::string, RegDecl> regs;
    std::map<std::string, Var> vars;
    std::map<std::string, u32> labels;  // to the index of the next statement
};

struct Stmt {
    std::string op;                 // "ld"
    std::vector<std::string> mods;  // "global", "nc", "v4", "f32"
    std::vector<Operand> args;
    std::vector<std::vector<Operand>> groups;  // of a call: the parenthesised lists
    std::string guard;              // predicate register or ""
    bool guardNeg = false;
    int scope = 0;
    u32 line = 0;
    u32 source = 0;  // CUDA source line from .loc, 0 when unknown
    u32 file = 0;
};

struct Func {
    std::string name;
    bool entry = false;
    bool defined = false;
    u32 line = 0;
    std::vector<Var> params, returns;
    std::vector<Scope> scopes;
    std::vector<Stmt> body;
    std::map<std::string, std::vector<std::string>> branchTargets;
    Dim3 maxntid{0, 0, 0}, reqntid{0, 0, 0};
};

struct Ptx {
    u32 major = 0, minor = 0;
    std::string target;
    std::map<std::string, Var> vars;  // module scope
    std::vector<std::unique_ptr<Func>> funcs;
    std::map<u32, std::string> files;
};

// parse reads a whole module; it throws LoadError.
Ptx parse(const std::string& text);

// typeSize is the size in bytes of "u32", "f16x2", ...; 0 for an unknown type and for pred.
u32 typeSize(const std::string& type);

}  // namespace emu
