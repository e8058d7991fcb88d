// Statements that touch memory.
#include "lower.h"

namespace emu {

Space Lower::takeSpace(Mods& m) const {
    std::string s = m.any({"global", "shared", "shared::cta", "local", "param", "const"});
    if (s == "shared" || s == "shared::cta") return Space::Shared;
    if (s == "local") return Space::Local;
    if (s == "param") return Space::Param;
    return s.empty() ? Space::Generic : Space::Global;  // constants lie in global memory that cannot be written
}

// address fills in the base of an access; a parameter of a function, or of a call, lies in the local frame.
Space Lower::address(const Operand& o, Space space, Inst& i) {
    if (o.kind != Operand::Address) throw LoadError(s_->line, "want an address in brackets");
    i.imm = i64(o.value);
    VarPlace v;
    Operand base;
    base.name = o.name;
    if (o.name.empty()) {
        i.a = names_.constant(0, true);
    } else if (const Reg* r = names_.reg(*f_, *s_, o.name)) {
        i.a = value(base, r->wide() ? Type::U64 : Type::U32);
        i.mem.wideAddr = r->wide();
    } else if (names_.var(*f_, *s_, o.name, v)) {
        i.a = value(base, Type::U64);
        if (space == Space::Param) space = v.space;
        bool global = v.space == Space::Global && space == Space::Generic;
        if (space != v.space && !global) throw LoadError(s_->line, "variable " + o.name + " is in another space");
    } else {
        throw LoadError(s_->line, "unknown name " + o.name);
    }
    if (space == Space::Param && !f_->func->entry) space = Space::Local;
    return space;
}

namespace {

// takeHints takes modifiers that say how, not what, is accessed; it returns whether other threads are to see it at
// once. Order among threads is that of a machine that runs one lane after another, which every one of them allows.
bool takeHints(Mods& m) {
    bool shared = false;
    for (const char* h : {"volatile", "relaxed", "acquire", "release", "acq_rel"}) shared = m.take(h) || shared;
    for (const char* h : {"weak",
                          "cta",
                          "cluster",
                          "gpu",
                          "sys",
                          "ca",
                          "cg",
                          "cs",
                          "lu",
                          "cv",
                          "wb",
                          "wt",
                          "L1::evict_normal",
                          "L1::evict_unchanged",
                          "L1::evict_first",
                          "L1::evict_last",
                          "L1::no_allocate",
                          "L2::64B",
                          "L2::128B",
                          "L2::256B"})
        m.take(h);
    return shared;
}

}  // namespace

// access fills in what loads and stores have in common.
void Lower::access(Inst& i, Mods& m, const Operand& where) {
    Space space = takeSpace(m);
    if (takeHints(m)) prog_.usesBarrier = true;  // a warp may wait for what another one writes
    std::string vec = m.any({"v2", "v4"});
    Type t = m.type();
    m.finish();
    expectArgs(2);
    if (t == Type::None || t == Type::Pred || t == Type::F16x2 || t == Type::BF16x2) refuse();
    i.mem.count = vec.empty() ? 1 : u8(vec[1] - '0');
    i.mem.size = u8(sizeOf(t));
    if (i.mem.size * i.mem.count > 16) refuse();
    i.mem.sext = isSigned(t);
    i.mem.space = address(where, space, i);
    i.mem.fixed = i.mem.space == Space::Param && !names_.reg(*f_, *s_, where.name);
    i.aux = prog_.memSlots++;
}

void Lower::load() {
    Mods m(*s_);
    Inst i = begin();
    i.mem.readOnly = m.take("nc");
    access(i, m, arg(1));
    if (i.mem.readOnly && i.mem.space != Space::Global) refuse();
    prog_.usesNc = prog_.usesNc || i.mem.readOnly;
    const Operand& to = arg(0);
    std::vector<Operand> parts = to.kind == Operand::Vector ? to.parts : std::vector<Operand>{to};
    if (parts.size() != i.mem.count) throw LoadError(s_->line, "wrong number of registers");
    for (size_t k = 0; k < parts.size(); ++k) {
        bool sink = parts[k].kind == Operand::Name && parts[k].name == "_";
        u32 width = sink ? i.mem.size : sizeOf(regArg(parts[k]).type);
        if (width < i.mem.size || (!sink && regArg(parts[k]).type == Type::Pred)) refuse();
        i.mem.regs[k] = sink ? names_.temporary(width == 8) : regArg(parts[k]).unit;
        if (width == 8) i.mem.wide |= u8(1 << k);
    }
    i.fn = loadExec;
    emit(i);
}

void Lower::store() {
    Mods m(*s_);
    Inst i = begin();
    access(i, m, arg(0));
    const Operand& from = arg(1);
    std::vector<Operand> parts = from.kind == Operand::Vector ? from.parts : std::vector<Operand>{from};
    if (parts.size() != i.mem.count) throw LoadError(s_->line, "wrong number of registers");
    static const std::map<u32, Type> plain = {{1, Type::B8}, {2, Type::B16}, {4, Type::B32}, {8, Type::B64}};
    for (size_t k = 0; k < parts.size(); ++k) {
        const Reg* r = parts[k].kind == Operand::Name ? names_.reg(*f_, *s_, parts[k].name) : nullptr;
        u32 width = r ? sizeOf(r->type) : i.mem.size;
        if (width < i.mem.size || (r && r->type == Type::Pred)) refuse();
        i.mem.regs[k] = r ? r->unit : value(parts[k], plain.at(width));
        if (width == 8) i.mem.wide |= u8(1 << k);
    }
    i.fn = storeExec;
    emit(i);
}

void Lower::atomicMemory() {
    Mods m(*s_);
    Inst i = begin();
    bool returns = s_->op == "atom";
    Space space = takeSpace(m);
    takeHints(m);
    bool cas = has("cas");
    Type t = m.type();
    i.fn = atomicOp(m, t);
    m.finish();
    if (!returns && (cas || has("exch"))) refuse();
    expectArgs((returns ? 2 : 1) + (cas ? 2 : 1));
    size_t k = returns ? 1 : 0;
    i.mem.space = address(arg(k), space, i);
    i.mem.size = u8(sizeOf(t));
    i.b = value(arg(k + 1), t);
    if (cas) i.c = value(arg(k + 2), t);
    if (returns && arg(0).name != "_") i.d = result(arg(0), t);
    if (i.mem.space != Space::Shared) prog_.ordered = true;
    prog_.usesBarrier = true;  // it may be a lock that another warp holds
    i.aux = prog_.memSlots++;
    emit(i);
}

// prefetch moves nothing that a program could see; its address is not checked, as on hardware.
void Lower::prefetch() {
    Mods m(*s_);
    takeSpace(m);
    if (m.any({"L1", "L2"}).empty()) refuse();
    m.finish();
    expectArgs(1);
}

void Lower::cvta() {
    Mods m(*s_);
    bool to = m.take("to");
    Space space = takeSpace(m);
    Type t = m.oneOf({Type::U64});
    m.finish();
    expectArgs(2);
    if (space == Space::Generic || (space == Space::Param && !f_->func->entry)) refuse();
    Inst i = begin();
    i.a = value(arg(1), t);
    i.d = result(arg(0), t);
    u64 base = space == Space::Shared  ? kSharedBase
               : space == Space::Local ? kLocalBase
               : space == Space::Param ? kParamBase
                                       : 0;
    if (base) {
        i.b = names_.constant(to ? 0 - base : base, true);
        i.fn = addressOp();
    } else {
        i.fn = moveOf(t);
    }
    emit(i);
}

void Lower::isSpace() {
    Mods m(*s_);
    Space space = takeSpace(m);
    m.finish();
    expectArgs(2);
    if (space == Space::Generic) refuse();
    Inst i = begin();
    i.fn = isSpaceOp();
    i.aux = u32(space);
    i.a = value(arg(1), Type::U64);
    i.d = result(arg(0), Type::Pred);
    emit(i);
}

}  // namespace emu
