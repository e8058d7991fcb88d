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
        i.guard = regArg(o).unit;
        i.guardNeg = s_->guardNeg;
    }
    return i;
}

void Lower::refuse() const { Mods(*s_).refuse(); }

const Operand& Lower::arg(size_t k) const {
    if (k >= s_->args.size()) throw LoadError(s_->line, "too few operands of " + Mods(*s_).text());
    return s_->args[k];
}

void Lower::expectArgs(size_t n) const {
    if (s_->args.size() != n)
        throw LoadError(s_->line, std::to_string(s_->args.size()) + " operands of " + Mods(*s_).text() + ": want " +
                        std::to_string(n));
}

const Reg& Lower::regArg(const Operand& o) const {
    const Reg* r = o.kind == Operand::Name ? names_.reg(*f_, *s_, o.name) : nullptr;
    if (!r) throw LoadError(s_->line, "want a register, found " + o.name);
    return *r;
}

namespace {

template <class T> struct Same { static T f(T a) { return a; } };
template <class R, class A> struct Cast { static R f(A a) { return R(a); } };
template <class T> Exec moveExec() { return unary<T, T, Same<T>>; }
Exec moveOf(Type t) { return sizeOf(t) == 8 ? moveExec<u64>() : sizeOf(t) == 2 ? moveExec<u16>() : moveExec<u32>(); }

}  // namespace

// source is the unit of an operand of type t; a register that is wider than t is narrowed first.
u32 Lower::source(const Operand& o, Type t) {
    if (o.kind == Operand::Name && sizeOf(t) < 8 && t != Type::Pred)
        if (const Reg* r = names_.reg(*f_, *s_, o.name); r && r->wide()) {
            Inst i = begin();
            i.fn = unary<u32, u64, Cast<u32, u64>>;
            i.a = r->unit;
            u32 d = i.d = names_.temporary(false);
            emit(i);
            return d;
        }
    return names_.operand(*f_, *s_, o, t);
}

// destination is the unit that an operation of type t writes. A register that is wider takes the result afterwards.
u32 Lower::destination(const Operand& o, Type t, u32& final) {
    const Reg& r = regArg(o);
    final = r.unit;
    return r.wide() && sizeOf(t) < 8 ? names_.temporary(false) : r.unit;
}

// extendResult widens a result of type t to its register: with the sign when t has one.
void Lower::extendResult(const Inst& done, const Reg& r, Type t) {
    u32 have = sizeOf(t), want = sizeOf(r.type);
    bool sign = t == Type::S8 || t == Type::S16 || t == Type::S32;
    if (have >= want || (!sign && done.d == r.unit)) return;
    Inst i = begin();
    i.a = done.d;
    i.d = r.unit;
    if (want == 8) i.fn = t == Type::S8 ? unary<u64, i8, Cast<i64, i8>> : t == Type::S16 ? unary<u64, i16, Cast<i64, i16>>
                        : t == Type::S32 ? unary<u64, i32, Cast<i64, i32>> : unary<u64, u32, Cast<u64, u32>>;
    else i.fn = t == Type::S8 ? unary<u32, i8, Cast<i32, i8>> : unary<u32, i16, Cast<i32, i16>>;
    emit(i);
}

void Lower::arithmeticOp() {
    Mods m(*s_);
    Type dst, src[3];
    Inst i = begin();
    i.fn = arithmetic(s_->op, m, dst, src);
    m.finish();
    size_t n = s_->args.size();
    if (n < 2 || n > 5) refuse();
    i.a = source(arg(1), src[0]);
    if (n > 2) i.b = source(arg(2), src[1]);
    if (n > 3) i.c = source(arg(3), src[2]);
    if (n > 4) i.e = source(arg(4), Type::U32);
    u32 final;
    i.d = destination(arg(0), dst, final);
    emit(i);
    extendResult(i, regArg(arg(0)), dst);
}

namespace {

// Chains of additions: the carry of each lane lies in a predicate unit, e.
template <class T, bool sub, bool in, bool out> void carryExec(Warp& w, const Inst& i, u32 m) {
    u32 poison = w.poison[i.a] | w.poison[i.b] | (in ? w.poison[i.e] : 0), carry = w.pred(i.e);
    each(m, [&](u32 l) {
        T a = w.r<T>(i.a)[l], b = w.r<T>(i.b)[l];
        unsigned __int128 c = in ? carry >> l & 1 : 0, s = sub ? (unsigned __int128)a - b - c : (unsigned __int128)a + b + c;
        w.r<T>(i.d)[l] = T(s);
        if (out) carry = (carry & ~(1u << l)) | u32(s >> (8 * sizeof(T)) & 1) << l;
    });
    taint(w, i.d, poison, m);
    if (out) {
        w.pred(i.e) = carry;
        taint(w, i.e, poison, m);
    }
}

template <class T> Exec carryOf(bool sub, bool in, bool out) {
    if (sub) return in ? (out ? carryExec<T, true, true, true> : carryExec<T, true, true, false>) : carryExec<T, true, false, true>;
    return in ? (out ? carryExec<T, false, true, true> : carryExec<T, false, true, false>) : carryExec<T, false, false, true>;
}

}  // namespace

void Lower::carryOp() {
    Mods m(*s_);
    bool in = s_->op == "addc" || s_->op == "subc", out = m.take("cc"), sub = s_->op[0] == 's';
    Type t = m.type();
    m.finish();
    expectArgs(3);
    Inst i = begin();
    bool wide = sizeOf(t) == 8;
    i.fn = wide ? carryOf<u64>(sub, in, out) : carryOf<u32>(sub, in, out);
    i.a = source(arg(1), t);
    i.b = source(arg(2), t);
    i.d = regArg(arg(0)).unit;
    if (!prog_.carryUnit) prog_.carryUnit = names_.temporary(false);
    i.e = prog_.carryUnit;
    emit(i);
}

void Lower::convert() {
    Mods m(*s_);
    Type dst, src;
    Inst i = begin();
    i.fn = conversion(m, dst, src);
    m.finish();
    i.a = source(arg(1), src);
    if (s_->args.size() > 2) i.b = source(arg(2), src);
    u32 final;
    i.d = destination(arg(0), dst, final);
    emit(i);
    extendResult(i, regArg(arg(0)), dst);
}

void Lower::compare(bool set) {
    Mods m(*s_);
    std::string combine = m.any({"and", "or", "xor"});
    Type dst = set ? m.type() : Type::Pred, t = m.type();
    Inst i = begin();
    i.fn = comparison(m, t, set, dst);
    m.finish();
    expectArgs(combine.empty() ? 3 : 4);
    i.a = source(arg(1), t);
    i.b = source(arg(2), t);
    if (!combine.empty()) {
        i.c = names_.operand(*f_, *s_, arg(3), Type::Pred);
        i.aux = (combine == "and" ? 1 : combine == "or" ? 2 : 4) | (arg(3).negated ? 8 : 0);
    }
    i.d = arg(0).name == "_" ? names_.temporary(false) : regArg(arg(0)).unit;
    if (!arg(0).second.empty()) {
        Operand q;
        q.name = arg(0).second;
        i.e = regArg(q).unit;
    }
    emit(i);
}

namespace {

template <class T> void selectExec(Warp& w, const Inst& i, u32 m) {
    const Cell<T>*a = w.r<Cell<T>>(i.a), *b = w.r<Cell<T>>(i.b);
    Cell<T>* d = w.r<Cell<T>>(i.d);
    u32 p = i.aux ? ~w.pred(i.c) : w.pred(i.c);
    each(m, [&](u32 l) { d[l] = p >> l & 1 ? a[l] : b[l]; });
    taint(w, i.d, (w.poison[i.a] & p) | (w.poison[i.b] & ~p) | w.poison[i.c], m);
}
template <class T, class C> void slctExec(Warp& w, const Inst& i, u32 m) {
    const Cell<T>*a = w.r<Cell<T>>(i.a), *b = w.r<Cell<T>>(i.b);
    const Cell<C>* c = w.r<Cell<C>>(i.c);
    Cell<T>* d = w.r<Cell<T>>(i.d);
    u32 p = 0;
    for (u32 l = 0; l < kLanes; ++l) p |= u32(get<C>(c[l]) >= 0) << l;
    each(m, [&](u32 l) { d[l] = p >> l & 1 ? a[l] : b[l]; });
    taint(w, i.d, (w.poison[i.a] & p) | (w.poison[i.b] & ~p) | w.poison[i.c], m);
}

// Logic of predicates: aux is a truth table over (a, b), bit 2a+b.
void logicExec(Warp& w, const Inst& i, u32 m) {
    u32 a = w.pred(i.a), b = w.pred(i.b), r = 0;
    for (u32 k = 0; k < 4; ++k)
        if (i.aux >> k & 1) r |= (k & 2 ? a : ~a) & (k & 1 ? b : ~b);
    w.pred(i.d) = (w.pred(i.d) & ~m) | (r & m);
    taint(w, i.d, w.poison[i.a] | w.poison[i.b], m);
}

}  // namespace

void Lower::select() {
    Mods m(*s_);
    expectArgs(4);
    Inst i = begin();
    Type t = m.type();
    bool wide = sizeOf(t) == 8;
    if (s_->op == "selp") {
        i.fn = wide ? selectExec<u64> : selectExec<u32>;
        i.c = names_.operand(*f_, *s_, arg(3), Type::Pred);
        i.aux = arg(3).negated;
    } else {
        m.take("ftz");
        Type c = m.type();
        if (c == Type::S32) i.fn = wide ? slctExec<u64, i32> : slctExec<u32, i32>;
        else if (c == Type::F32) i.fn = wide ? slctExec<u64, float> : slctExec<u32, float>;
        else refuse();
        i.c = source(arg(3), c);
    }
    m.finish();
    i.a = source(arg(1), t);
    i.b = source(arg(2), t);
    i.d = regArg(arg(0)).unit;
    emit(i);
}

void Lower::predicateOp() {
    Mods m(*s_);
    m.type();
    m.finish();
    Inst i = begin();
    i.fn = logicExec;
    bool two = s_->op == "and" || s_->op == "or" || s_->op == "xor";
    expectArgs(two ? 3 : 2);
    i.a = names_.operand(*f_, *s_, arg(1), Type::Pred);
    i.b = two ? names_.operand(*f_, *s_, arg(2), Type::Pred) : i.a;
    bool na = arg(1).negated, nb = two && arg(2).negated;
    for (u32 k = 0; k < 4; ++k) {
        bool a = bool(k & 2) != na, b = bool(k & 1) != nb;
        bool r = s_->op == "and" ? a && b : s_->op == "or" ? a || b : s_->op == "xor" ? a != b : s_->op == "not" ? !a : a;
        if (r && (two || bool(k & 2) == bool(k & 1))) i.aux |= 1u << k;
    }
    i.d = regArg(arg(0)).unit;
    emit(i);
}

namespace {

// Parts of a register: aux is the shift, mem.size the bytes of a part.
void unpackExec(Warp& w, const Inst& i, u32 m) {
    for (u32 rest = m; rest; rest &= rest - 1) {
        u32 l = u32(__builtin_ctz(rest));
        u64 v = (i.mem.wideAddr ? w.r<u64>(i.a)[l] : w.r<u32>(i.a)[l]) >> i.aux;
        if (i.mem.size == 8) w.r<u64>(i.d)[l] = v;
        else w.r<u32>(i.d)[l] = u32(v & ((1ull << (8 * i.mem.size)) - 1));
    }
    taint(w, i.d, w.poison[i.a], m);
}
void packExec(Warp& w, const Inst& i, u32 m) {
    u64 keep = (1ull << (8 * i.mem.size)) - 1;
    for (u32 rest = m; rest; rest &= rest - 1) {
        u32 l = u32(__builtin_ctz(rest));
        u64 v = (w.r<u32>(i.a)[l] & keep) << i.aux;
        if (i.mem.wideAddr) w.r<u64>(i.d)[l] = (i.aux ? w.r<u64>(i.d)[l] : 0) | v;
        else w.r<u32>(i.d)[l] = (i.aux ? w.r<u32>(i.d)[l] : 0) | u32(v);
    }
    taint(w, i.d, w.poison[i.a] | (i.aux ? w.poison[i.d] : 0), m);
}

}  // namespace

void Lower::pack(const Operand& to, const Operand& from, Type t) {
    bool unpack = to.kind == Operand::Vector;
    const auto& parts = unpack ? to.parts : from.parts;
    u32 size = sizeOf(t) / u32(parts.size());
    if (parts.size() * size != sizeOf(t)) refuse();
    Type part = size == 4 ? Type::B32 : size == 2 ? Type::B16 : Type::B8;
    u32 whole = unpack ? source(from, t) : names_.temporary(sizeOf(t) == 8);
    for (size_t k = 0; k < parts.size(); ++k) {
        if (unpack && parts[k].name == "_") continue;
        Inst i = begin();
        i.mem.size = u8(size);
        i.mem.wideAddr = sizeOf(t) == 8;
        i.aux = u32(8 * size * k);
        i.fn = unpack ? unpackExec : packExec;
        i.a = unpack ? whole : source(parts[k], part);
        i.d = unpack ? regArg(parts[k]).unit : whole;
        emit(i);
    }
    if (unpack) return;
    Inst i = begin();
    i.fn = moveOf(t);
    i.a = whole;
    i.d = regArg(to).unit;
    emit(i);
}

void Lower::move() {
    Mods m(*s_);
    Type t = m.type();
    if (t == Type::Pred) return predicateOp();
    m.finish();
    expectArgs(2);
    if (arg(0).kind == Operand::Vector || arg(1).kind == Operand::Vector) return pack(arg(0), arg(1), t);
    Inst i = begin();
    i.fn = moveOf(t);
    i.a = source(arg(1), t);
    i.d = regArg(arg(0)).unit;
    emit(i);
}

void Lower::cvta() {
    Mods m(*s_);
    bool to = m.take("to");
    std::string space = m.any({"global", "shared", "local", "const"});
    Type t = m.type();
    m.finish();
    expectArgs(2);
    if (sizeOf(t) != 8 || space.empty()) refuse();
    Inst i = begin();
    i.a = source(arg(1), t);
    i.d = regArg(arg(0)).unit;
    u64 base = space == "shared" ? kSharedBase : space == "local" ? kLocalBase : 0;
    struct Plus { static u64 f(u64 a, u64 b) { return a + b; } };
    i.b = names_.constant(to ? 0 - base : base, true);
    i.fn = base ? binary<u64, u64, u64, Plus> : moveExec<u64>();
    emit(i);
}

}  // namespace emu
