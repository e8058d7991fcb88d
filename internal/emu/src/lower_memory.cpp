// Statements that touch memory or change the flow.
#include "lower.h"

namespace emu {

Space Lower::takeSpace(Mods& m) {
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
    if (o.name.empty()) {
        i.a = names_.constant(0, true);
    } else if (const Reg* r = names_.reg(*f_, *s_, o.name)) {
        i.a = r->unit;
        i.mem.wideAddr = r->wide();
    } else if (names_.var(*f_, *s_, o.name, v)) {
        Operand name;
        name.name = o.name;
        i.a = names_.operand(*f_, *s_, name, Type::U64);
        if (space == Space::Param) space = v.space;
    } else {
        throw LoadError(s_->line, "unknown name " + o.name);
    }
    if (space == Space::Param && !f_->func->entry) space = Space::Local;
    return space;
}

namespace {

// Modifiers that say how, not what, is accessed. Order among threads is that of a machine that runs one lane after
// another, which every one of them allows.
void takeHints(Mods& m) {
    for (const char* h : {"volatile", "relaxed", "acquire", "release", "acq_rel", "weak", "cta", "cluster", "gpu", "sys", "ca",
                          "cg", "cs", "lu", "cv", "wb", "wt"})
        m.take(h);
    for (const char* h : {"L1::evict_normal", "L1::evict_first", "L1::evict_last", "L1::no_allocate", "L2::64B", "L2::128B", "L2::256B"})
        m.take(h);
}

}  // namespace

void Lower::memory(bool store) {
    Mods m(*s_);
    Inst i = begin();
    i.mem.readOnly = m.take("nc");
    Space space = takeSpace(m);
    takeHints(m);
    std::string vec = m.any({"v2", "v4"});
    Type t = m.type();
    m.finish();
    expectArgs(2);
    if (t == Type::None || t == Type::Pred) refuse();
    i.mem.count = vec.empty() ? 1 : u8(vec[1] - '0');
    i.mem.size = u8(sizeOf(t));
    i.mem.sext = t == Type::S8 || t == Type::S16 || t == Type::S32;
    const Operand& value = arg(store ? 1 : 0);
    i.mem.space = address(arg(store ? 0 : 1), space, i);
    std::vector<Operand> parts = value.kind == Operand::Vector ? value.parts : std::vector<Operand>{value};
    if (parts.size() != i.mem.count) throw LoadError(s_->line, "wrong number of registers");
    for (size_t k = 0; k < parts.size(); ++k) {
        const Reg* r = parts[k].kind == Operand::Name ? names_.reg(*f_, *s_, parts[k].name) : nullptr;
        bool wide = r ? r->wide() : sizeOf(t) == 8;
        if (!store && parts[k].name == "_") i.mem.regs[k] = names_.temporary(wide);
        else i.mem.regs[k] = store ? names_.operand(*f_, *s_, parts[k], t) : regArg(parts[k]).unit;
        if (wide) i.mem.wide |= u8(1 << k);
    }
    prog_.usesNc = prog_.usesNc || i.mem.readOnly;
    i.aux = prog_.memSlots++;
    i.fn = store ? storeExec : loadExec;
    emit(i);
}

void Lower::atomicMemory(bool result) {
    Mods m(*s_);
    Inst i = begin();
    Space space = takeSpace(m);
    takeHints(m);
    Type t = m.type();
    i.fn = atomicOp(m, t, result);
    m.finish();
    size_t k = result ? 1 : 0;
    i.mem.space = address(arg(k), space, i);
    i.mem.size = u8(sizeOf(t));
    i.b = source(arg(k + 1), t);
    if (s_->args.size() > k + 2) i.c = source(arg(k + 2), t);
    if (result && arg(0).name != "_") i.d = regArg(arg(0)).unit;
    if (i.mem.space != Space::Shared) prog_.ordered = true;
    i.aux = prog_.memSlots++;
    emit(i);
}

void Lower::barrier(Mods& m) {
    static const std::map<std::string, u32> kinds = {{"sync", kBarSync}, {"arrive", kBarArrive}};
    Inst i = begin();
    i.flow = Flow::Barrier;
    prog_.usesBarrier = true;
    m.take("cta");
    size_t k = 0;
    if (m.take("red")) {
        std::string what = m.any({"popc", "and", "or"});
        Type t = m.type();
        i.aux = what == "popc" ? kBarRedPopc : what == "and" ? kBarRedAnd : kBarRedOr;
        (void)t;
        i.d = regArg(arg(k++)).unit;
    } else {
        i.aux = kinds.at(m.any({"sync", "arrive"}));
    }
    m.take("aligned");
    m.finish();
    i.a = names_.operand(*f_, *s_, arg(k++), Type::U32);
    if (i.aux > kBarArrive) {
        const Operand& p = s_->args.back();
        i.c = names_.operand(*f_, *s_, p, Type::Pred);
        i.e = p.negated;
        if (s_->args.size() > k + 1) i.b = names_.operand(*f_, *s_, arg(k), Type::U32);
    } else if (k < s_->args.size()) {
        i.b = names_.operand(*f_, *s_, arg(k), Type::U32);
    }
    emit(i);
}

void Lower::warp() {
    Mods m(*s_);
    Inst i = begin();
    i.flow = Flow::WarpSync;
    if (s_->op == "bar" || s_->op == "barrier") {
        if (!m.take("warp") || !m.take("sync")) refuse();
        i.fn = warpOp("bar", m);
        m.finish();
        i.e = names_.operand(*f_, *s_, arg(0), Type::U32);
        return emit(i);
    }
    bool wide = !s_->mods.empty() && s_->mods.back() == "b64";
    i.fn = warpOp(s_->op, m);
    m.finish();
    if (s_->op == "activemask") {
        i.flow = Flow::Plain;
        i.d = regArg(arg(0)).unit;
        return emit(i);
    }
    i.d = regArg(arg(0)).unit;
    if (!arg(0).second.empty()) {
        Operand p;
        p.name = arg(0).second;
        i.aux = regArg(p).unit;
    }
    Type t = s_->op == "vote" ? Type::Pred : wide ? Type::B64 : Type::B32;
    i.a = names_.operand(*f_, *s_, arg(1), t);
    if (s_->op == "vote") i.aux = arg(1).negated;
    if (s_->op == "shfl") {
        i.b = names_.operand(*f_, *s_, arg(2), Type::U32);
        i.c = names_.operand(*f_, *s_, arg(3), Type::U32);
    }
    i.e = names_.operand(*f_, *s_, s_->args.back(), Type::U32);
    emit(i);
}

void Lower::flow() {
    Mods m(*s_);
    Inst i = begin();
    const std::string& op = s_->op;
    if (op == "bra") {
        m.take("uni");
        i.flow = Flow::Branch;
        branches.push_back({u32(prog_.code.size()), f_, arg(0).name, s_->scope});
    } else if (op == "brx") {
        if (!m.take("idx")) refuse();
        m.take("uni");
        i.flow = Flow::BranchTable;
        i.a = names_.operand(*f_, *s_, arg(0), Type::U32);
        auto targets = f_->func->branchTargets.find(arg(1).name);
        if (targets == f_->func->branchTargets.end()) throw LoadError(s_->line, "unknown branch targets " + arg(1).name);
        i.aux = u32(tables.size());
        tables.push_back({{u32(prog_.code.size()), f_, "", s_->scope}, targets->second});
    } else if (op == "ret" || op == "exit") {
        m.take("uni");
        bool ends = op == "exit" || f_->func->entry;
        i.flow = ends ? Flow::Exit : Flow::Return;
        i.a = f_->returnUnit;
    } else if (op == "trap" || op == "brkpt") {
        i.flow = Flow::Trap;
        i.aux = op == "brkpt";
    } else if (op == "membar" || op == "fence") {
        for (const char* k : {"gl", "cta", "sys", "sc", "acq_rel", "gpu", "cluster"}) m.take(k);
        i.flow = Flow::Fence;
    } else {  // call
        m.take("uni");
        i.flow = Flow::Call;
        calls.push_back({u32(prog_.code.size()), arg(0).name, s_, f_});
    }
    m.finish();
    emit(i);
}

void Lower::statement(FuncNames& f, const Stmt& s) {
    f_ = &f;
    s_ = &s;
    const std::string& op = s.op;
    auto has = [&](const char* mod) {
        for (const std::string& m : s.mods)
            if (m == mod) return true;
        return false;
    };
    bool pred = !s.mods.empty() && s.mods.back() == "pred" && !has("red");
    if (op == "ld" || op == "ldu") return memory(false);
    if (op == "st") return memory(true);
    if (op == "atom") return atomicMemory(true);
    if (op == "red") return atomicMemory(false);
    if (op == "mov") return move();
    if (op == "setp") return compare(false);
    if (op == "set") return compare(true);
    if (op == "selp" || op == "slct") return select();
    if (op == "cvt") return convert();
    if (op == "cvta") return cvta();
    if ((op == "bar" || op == "barrier") && has("warp")) return warp();
    if (op == "bar" || op == "barrier") {
        Mods m(s);
        return barrier(m);
    }
    for (const char* n : {"shfl", "vote", "match", "redux", "activemask"})
        if (op == n) return warp();
    for (const char* n : {"bra", "brx", "ret", "exit", "trap", "brkpt", "membar", "fence", "call"})
        if (op == n) return flow();
    if (pred && (op == "and" || op == "or" || op == "xor" || op == "not")) return predicateOp();
    if (op == "addc" || op == "subc" || has("cc")) return carryOp();
    arithmeticOp();
}

}  // namespace emu
