// Statements that change the flow or wait for other threads, and the table of all opcodes.
#include "lower.h"

namespace emu {

void Lower::branch() {
    Mods m(*s_);
    m.take("uni");
    m.finish();
    expectArgs(1);
    Inst i = begin();
    i.flow = Flow::Branch;
    branches.push_back({u32(prog_.code.size()), f_, arg(0).name, s_->scope});
    emit(i);
}

void Lower::branchTable() {
    Mods m(*s_);
    if (!m.take("idx")) refuse();
    m.take("uni");
    m.finish();
    expectArgs(2);
    Inst i = begin();
    i.flow = Flow::BranchTable;
    i.a = value(arg(0), Type::U32);
    auto targets = f_->func->branchTargets.find(arg(1).name);
    if (targets == f_->func->branchTargets.end()) throw LoadError(s_->line, "unknown branch targets " + arg(1).name);
    i.aux = u32(tables.size());
    tables.push_back({{u32(prog_.code.size()), f_, "", s_->scope}, targets->second});
    emit(i);
}

void Lower::leave() {
    Mods m(*s_);
    if (s_->op == "ret") m.take("uni");
    m.finish();
    expectArgs(0);
    Inst i = begin();
    i.flow = s_->op == "exit" || f_->func->entry ? Flow::Exit : Flow::Return;
    i.a = f_->returnUnit;
    emit(i);
}

void Lower::stop() {
    Mods(*s_).finish();
    expectArgs(0);
    Inst i = begin();
    i.flow = Flow::Trap;
    i.aux = s_->op == "brkpt";
    emit(i);
}

void Lower::fence() {
    Mods m(*s_);
    for (const char* k : {"gl", "cta", "sys", "sc", "acq_rel", "acquire", "release", "gpu", "cluster"}) m.take(k);
    m.finish();
    expectArgs(0);
    Inst i = begin();
    i.flow = Flow::Fence;
    emit(i);
}

void Lower::callFunction() {
    Mods m(*s_);
    m.take("uni");
    m.finish();
    if (s_->args.size() != 1) refuse();  // a call through a pointer names its prototype too
    Inst i = begin();
    i.flow = Flow::Call;
    calls.push_back({u32(prog_.code.size()), arg(0).name, s_, f_});
    emit(i);
}

// barrier is bar and barrier; without .aligned the lanes of a warp may come to it one by one.
void Lower::barrier() {
    Mods m(*s_);
    if (m.take("warp")) {
        if (!m.take("sync")) refuse();
        m.finish();
        expectArgs(1);
        Inst i = begin();
        i.flow = Flow::WarpSync;
        i.fn = warpOp("bar", m);
        i.e = value(arg(0), Type::U32);
        return emit(i);
    }
    blockBarrier(m);
}

void Lower::blockBarrier(Mods& m) {
    Inst i = begin();
    i.flow = Flow::Barrier;
    prog_.usesBarrier = true;
    m.take("cta");
    std::string what = m.any({"sync", "arrive", "red"}), how;
    Type t = Type::None;
    if (what == "red") {
        how = m.any({"popc", "and", "or"});
        t = m.type();
        if (how.empty() || t != (how == "popc" ? Type::U32 : Type::Pred)) refuse();
    } else if (what.empty()) {
        refuse();
    }
    i.aux = what == "sync"     ? kBarSync
            : what == "arrive" ? kBarArrive
            : how == "popc"    ? kBarRedPopc
            : how == "and"     ? kBarRedAnd
                               : kBarRedOr;
    bool aligned = m.take("aligned") || s_->op == "bar";
    i.mem.sext = !aligned;
    m.finish();
    size_t first = what == "red" ? 1 : 0, last = s_->args.size() - first;  // operands between result and predicate
    if (what == "red" && last > 0) --last;
    if (last < 1 || last > 2 || (what == "arrive" && last != 2)) refuse();
    i.a = value(arg(first), Type::U32);
    if (last == 2) i.b = value(arg(first + 1), Type::U32);
    if (what == "red") {
        i.d = result(arg(0), t);
        i.c = value(s_->args.back(), Type::Pred);
        i.e = s_->args.back().negated;
    }
    emit(i);
}

void Lower::shuffle() {
    Mods m(*s_);
    Inst i = begin();
    i.flow = Flow::WarpSync;
    i.fn = warpOp("shfl", m);
    m.finish();
    expectArgs(5);
    i.d = result(arg(0), Type::B32);
    i.aux = second(arg(0));
    i.a = value(arg(1), Type::B32);
    i.b = value(arg(2), Type::U32);
    i.c = value(arg(3), Type::U32);
    i.e = value(arg(4), Type::U32);
    emit(i);
}

void Lower::vote() {
    Mods m(*s_);
    Inst i = begin();
    i.flow = Flow::WarpSync;
    bool ballot = has("ballot");
    i.fn = warpOp("vote", m);
    m.finish();
    expectArgs(3);
    i.d = result(arg(0), ballot ? Type::B32 : Type::Pred);
    i.a = value(arg(1), Type::Pred);
    i.aux = arg(1).negated;
    i.e = value(arg(2), Type::U32);
    emit(i);
}

void Lower::matchLanes() {
    Mods m(*s_);
    Inst i = begin();
    i.flow = Flow::WarpSync;
    Type t = has("b64") ? Type::B64 : Type::B32;
    i.fn = warpOp("match", m);
    m.finish();
    expectArgs(3);
    i.d = result(arg(0), Type::B32);
    i.aux = second(arg(0));
    i.a = value(arg(1), t);
    i.e = value(arg(2), Type::U32);
    emit(i);
}

void Lower::reduceLanes() {
    Mods m(*s_);
    Inst i = begin();
    i.flow = Flow::WarpSync;
    i.fn = warpOp("redux", m);
    m.finish();
    expectArgs(3);
    i.d = result(arg(0), Type::B32);
    i.a = value(arg(1), Type::B32);
    i.e = value(arg(2), Type::U32);
    emit(i);
}

void Lower::activeMask() {
    Mods m(*s_);
    Inst i = begin();
    i.fn = warpOp("activemask", m);
    m.finish();
    expectArgs(1);
    i.d = result(arg(0), Type::B32);
    emit(i);
}

// nothing is an instruction without effect but time: nanosleep.
void Lower::nothing() {
    Mods m(*s_);
    m.oneOf({Type::U32});
    m.finish();
    expectArgs(1);
    value(arg(0), Type::U32);
    Inst i = begin();
    i.flow = Flow::Fence;
    prog_.usesBarrier = true;
    emit(i);
}

void Lower::statement(FuncNames& f, const Stmt& s) {
    f_ = &f;
    s_ = &s;
    using Member = void (Lower::*)();
    static const std::map<std::string, Member> all = {
        {"ld", &Lower::load}, {"ldu", &Lower::load}, {"st", &Lower::store}, {"atom", &Lower::atomicMemory},
        {"red", &Lower::atomicMemory}, {"prefetch", &Lower::prefetch}, {"prefetchu", &Lower::prefetch},
        {"mov", &Lower::move}, {"setp", &Lower::compare}, {"set", &Lower::compare}, {"selp", &Lower::select},
        {"slct", &Lower::select}, {"cvt", &Lower::convert}, {"cvta", &Lower::cvta}, {"isspacep", &Lower::isSpace},
        {"bar", &Lower::barrier}, {"barrier", &Lower::barrier}, {"shfl", &Lower::shuffle}, {"vote", &Lower::vote},
        {"match", &Lower::matchLanes}, {"redux", &Lower::reduceLanes}, {"activemask", &Lower::activeMask},
        {"bra", &Lower::branch}, {"brx", &Lower::branchTable}, {"ret", &Lower::leave}, {"exit", &Lower::leave},
        {"trap", &Lower::stop}, {"brkpt", &Lower::stop}, {"membar", &Lower::fence}, {"fence", &Lower::fence},
        {"call", &Lower::callFunction}, {"nanosleep", &Lower::nothing}, {"addc", &Lower::carryOp},
        {"subc", &Lower::carryOp}, {"madc", &Lower::carryOp}};
    auto it = all.find(s.op);
    if (it != all.end()) return (this->*it->second)();
    bool logic = s.op == "and" || s.op == "or" || s.op == "xor" || s.op == "not";
    if (logic && has("pred")) return predicateOp();
    if ((s.op == "add" || s.op == "sub" || s.op == "mad") && has("cc")) return carryOp();
    arithmeticOp();
}

}  // namespace emu
