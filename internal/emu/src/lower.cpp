#include "lower.h"

namespace emu {

Inst Lower::begin() const {
    Inst i;
    i.line = s_->line;
    i.source = s_->source;
    i.file = s_->file;
    if (!s_->guard.empty()) {
        Operand o;
        o.name = s_->guard;
        i.guard = names_.operand(*f_, *s_, o, Type::Pred);
        i.guardNeg = s_->guardNeg;
    }
    return i;
}

bool Lower::has(const char* mod) const {
    for (const std::string& m : s_->mods)
        if (m == mod) return true;
    return false;
}

const Operand& Lower::arg(size_t k) const {
    if (k >= s_->args.size()) throw LoadError(s_->line, "too few operands of " + Mods(*s_).text());
    return s_->args[k];
}

void Lower::expectArgs(size_t n) const {
    if (s_->args.size() != n || !s_->groups.empty())
        throw LoadError(s_->line, std::to_string(s_->args.size()) + " operands of " + Mods(*s_).text() + ": want " +
                        std::to_string(n));
}

const Reg& Lower::regArg(const Operand& o) const {
    const Reg* r = o.kind == Operand::Name ? names_.reg(*f_, *s_, o.name) : nullptr;
    if (!r) throw LoadError(s_->line, "want a register, found " + (o.name.empty() ? "another operand" : o.name));
    return *r;
}

u32 Lower::result(const Operand& o, Type t) {
    if (o.kind == Operand::Name && o.name == "_") return names_.temporary(sizeOf(t) == 8);
    regArg(o);
    Operand plain;
    plain.name = o.name;
    return value(plain, t);
}

// second is the unit of the q of p|q, 0 when there is none.
u32 Lower::second(const Operand& o) {
    if (o.second.empty()) return 0;
    Operand q;
    q.name = o.second;
    return result(q, Type::Pred);
}

// operate emits an operation whose operands have the sizes of its types.
void Lower::operate(Inst i, const Operation& o) {
    expectArgs(o.args + 1);
    i.fn = o.fn;
    i.aux = o.aux;
    u32* units[4] = {&i.a, &i.b, &i.c, &i.e};
    for (u32 k = 0; k < o.args; ++k) {
        if (arg(k + 1).negated) refuse();
        *units[k] = value(arg(k + 1), o.src[k]);
    }
    i.d = result(arg(0), o.dst);
    emit(i);
}

void Lower::arithmeticOp() {
    Mods m(*s_);
    Operation o = arithmetic(s_->op, m);
    m.finish();
    if (s_->op == "lop3" && s_->args.size() == 5 && arg(4).kind != Operand::Imm) refuse();
    operate(begin(), o);
}

void Lower::carryOp() {
    Mods m(*s_);
    Inst i = begin();
    Operation o = carryOperation(s_->op, m);
    m.finish();
    if (!prog_.carryUnit) prog_.carryUnit = names_.temporary(false);
    i.e = prog_.carryUnit;
    i.mem.sext = isSigned(o.dst);
    operate(i, o);
}

// narrowed is the unit of a source of cvt: a register that is wider than t is cut first.
u32 Lower::narrowed(const Operand& o, Type t) {
    const Reg* r = o.kind == Operand::Name ? names_.reg(*f_, *s_, o.name) : nullptr;
    if (!r || sizeOf(r->type) <= sizeOf(t) || t == Type::Pred) return value(o, t);
    if (sizeOf(r->type) <= 4) return r->unit;
    Inst i = begin();
    i.fn = truncateOp();
    i.a = r->unit;
    u32 d = i.d = names_.temporary(false);
    emit(i);
    return d;
}

void Lower::convert() {
    Mods m(*s_);
    Operation o = conversion(m);
    m.finish();
    expectArgs(o.args + 1);
    Inst i = begin();
    i.fn = o.fn;
    i.aux = o.aux;
    i.a = narrowed(arg(1), o.src[0]);
    if (o.args > 1) i.b = narrowed(arg(2), o.src[1]);
    const Reg& r = regArg(arg(0));
    u32 want = sizeOf(r.type), have = sizeOf(o.dst);
    if (want <= have) {
        i.d = result(arg(0), o.dst);
        return emit(i);
    }
    if (isFloat(o.dst) || r.type == Type::Pred) refuse();
    i.d = have <= 4 && want == 8 ? names_.temporary(false) : r.unit;
    emit(i);
    if (want <= 4 && !isSigned(o.dst)) return;  // a cell holds zeros above a result
    Inst e = begin();
    e.fn = extendOp(o.dst, want == 8);
    e.a = i.d;
    e.d = r.unit;
    emit(e);
}

void Lower::compare() {
    Mods m(*s_);
    std::string combine = m.any({"and", "or", "xor"});
    Inst i = begin();
    Comparison c = comparison(m, s_->op == "set");
    m.finish();
    expectArgs(combine.empty() ? 3 : 4);
    i.fn = c.fn;
    i.test = c.test;
    i.imm = c.value;
    i.aux = c.pair ? u32(kCombinePair) : 0;
    i.a = value(arg(1), c.src);
    i.b = value(arg(2), c.src);
    if (!combine.empty()) {
        i.c = value(arg(3), Type::Pred);
        i.aux |= combine == "and" ? kCombineAnd : combine == "or" ? kCombineOr : kCombineXor;
        if (arg(3).negated) i.aux |= kCombineNegated;
    }
    i.d = result(arg(0), c.dst);
    i.e = second(arg(0));
    if (i.e && c.dst != Type::Pred) refuse();
    emit(i);
}

void Lower::select() {
    Mods m(*s_);
    Operation o = selection(s_->op, m);
    m.finish();
    expectArgs(4);
    Inst i = begin();
    i.fn = o.fn;
    i.aux = o.src[2] == Type::Pred ? arg(3).negated : o.aux;
    i.a = value(arg(1), o.src[0]);
    i.b = value(arg(2), o.src[1]);
    i.c = value(arg(3), o.src[2]);
    i.d = result(arg(0), o.dst);
    emit(i);
}

void Lower::predicateOp() {
    Mods m(*s_);
    m.type();
    m.finish();
    Inst i = begin();
    i.fn = logicOp();
    bool two = s_->op == "and" || s_->op == "or" || s_->op == "xor";
    expectArgs(two ? 3 : 2);
    i.a = value(arg(1), Type::Pred);
    i.b = two ? value(arg(2), Type::Pred) : i.a;
    bool na = arg(1).negated, nb = two && arg(2).negated;
    for (u32 k = 0; k < 4; ++k) {
        bool a = bool(k & 2) != na, b = bool(k & 1) != nb;
        bool r = s_->op == "and"   ? a && b
                 : s_->op == "or"  ? a || b
                 : s_->op == "xor" ? a != b
                 : s_->op == "not" ? !a
                                   : a;
        if (r && (two || bool(k & 2) == bool(k & 1))) i.aux |= 1u << k;
    }
    i.d = result(arg(0), Type::Pred);
    emit(i);
}

void Lower::pack(const Operand& to, const Operand& from, Type t) {
    bool unpack = to.kind == Operand::Vector;
    if (unpack && from.kind == Operand::Vector) refuse();
    const auto& parts = unpack ? to.parts : from.parts;
    u32 size = parts.empty() ? 0 : sizeOf(t) / u32(parts.size());
    if (size == 0 || parts.size() * size != sizeOf(t)) refuse();
    Type part = size == 4 ? Type::B32 : size == 2 ? Type::B16 : Type::B8;
    u32 whole = unpack ? value(from, t) : names_.temporary(sizeOf(t) == 8);
    for (size_t k = 0; k < parts.size(); ++k) {
        if (unpack && parts[k].name == "_") continue;
        Inst i = begin();
        i.mem.size = u8(size);
        i.mem.wideAddr = sizeOf(t) == 8;
        i.aux = u32(8 * size * k);
        i.fn = unpack ? unpackOp() : packOp();
        i.a = unpack ? whole : value(parts[k], part);
        i.d = unpack ? result(parts[k], part) : whole;
        emit(i);
    }
    if (unpack) return;
    Inst i = begin();
    i.fn = moveOf(t);
    i.a = whole;
    i.d = result(to, t);
    emit(i);
}

void Lower::move() {
    Mods m(*s_);
    Type t = m.type();
    if (t == Type::Pred) return predicateOp();
    m.finish();
    expectArgs(2);
    if (t == Type::None || sizeOf(t) < 2) refuse();
    if (arg(0).kind == Operand::Vector || arg(1).kind == Operand::Vector) return pack(arg(0), arg(1), t);
    const std::string& from = arg(1).name;
    Inst i = begin();
    bool wideClock = from == "%clock64" || from == "%globaltimer";
    if (wideClock || from == "%clock") {
        if (sizeOf(t) != (wideClock ? 8 : 4)) refuse();
        i.fn = clockOp(wideClock);
    } else {
        i.fn = moveOf(t);
        i.a = value(arg(1), t);
    }
    i.d = result(arg(0), t);
    emit(i);
}

}  // namespace emu
