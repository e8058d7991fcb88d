#include "names.h"

#include <algorithm>

namespace emu {

constexpr u64 kDynamic = ~0ull;

void Names::finish() {
    prog_.sharedBytes = (prog_.sharedBytes + 15) / 16 * 16;
    for (auto& d : dynamic_) prog_.consts[d.first].value = prog_.sharedBytes + d.second;
}

u32 Names::unit(bool wide) {
    u32 u = prog_.units;
    prog_.units += wide ? 2 : 1;
    return u;
}

u64 Names::place(u32& top, const Var& v, u32* align) {
    u32 a = u32(std::max<u64>(v.align, 1));
    top = (top + a - 1) / a * a;
    u64 at = top;
    top += u32(v.size);
    if (align) *align = std::max(*align, a);
    return at;
}

void Names::declareVar(std::map<std::string, VarPlace>& into, const Var& v) {
    if (v.space == Space::Shared)
        into[v.name] = {Space::Shared, place(prog_.sharedBytes, v, &prog_.sharedAlign), v.size};
    else into[v.name] = {Space::Local, place(prog_.localBytes, v), v.size};  // .local, and the .param of a call
}

FuncNames Names::declare(const Func& f) {
    FuncNames n;
    n.func = &f;
    n.regs.resize(f.scopes.size());
    n.vars.resize(f.scopes.size());
    for (size_t k = 0; k < f.scopes.size(); ++k) {
        for (const auto& r : f.scopes[k].regs) prog_.registers += r.second.count ? r.second.count : 1;
        for (const auto& v : f.scopes[k].vars) declareVar(n.vars[k], v.second);
    }
    if (f.entry) {
        for (const Var& v : f.params) {
            u64 at = place(prog_.paramBytes, v);
            n.params[v.name] = {Space::Param, at, v.size};
            prog_.params.push_back({v.name, u32(at), u32(v.size)});
        }
        return n;
    }
    for (const auto* list : {&f.params, &f.returns})
        for (const Var& v : *list) {
            if (v.space == Space::Reg) {
                Type t = typeOf(v.type);
                n.paramRegs[v.name] = {unit(sizeOf(t) == 8), t};
            } else {
                n.params[v.name] = {Space::Local, place(prog_.localBytes, v), v.size};
            }
        }
    n.returnUnit = unit(false);
    return n;
}

const Reg* Names::reg(FuncNames& f, const Stmt& s, const std::string& name) {
    size_t digits = name.size();
    while (digits > 0 && isdigit(u8(name[digits - 1]))) --digits;
    for (int k = s.scope; k >= 0; k = f.func->scopes[size_t(k)].parent) {
        auto& known = f.regs[size_t(k)];
        auto it = known.find(name);
        if (it != known.end()) return &it->second;
        const auto& decls = f.func->scopes[size_t(k)].regs;
        auto exact = decls.find(name);
        const RegDecl* d = exact != decls.end() && exact->second.count == 0 ? &exact->second : nullptr;
        if (!d && digits < name.size()) {
            auto family = decls.find(name.substr(0, digits));
            if (family != decls.end() && std::stoul(name.substr(digits)) < family->second.count) d = &family->second;
        }
        if (!d) continue;
        Type t = typeOf(d->type);
        if (t == Type::None) throw LoadError(s.line, "register " + name + " of unknown type ." + d->type);
        return &(known[name] = {unit(sizeOf(t) == 8), t});
    }
    auto p = f.paramRegs.find(name);
    return p == f.paramRegs.end() ? nullptr : &p->second;
}

bool Names::var(FuncNames& f, const Stmt& s, const std::string& name, VarPlace& out) {
    for (int k = s.scope; k >= 0; k = f.func->scopes[size_t(k)].parent) {
        auto it = f.vars[size_t(k)].find(name);
        if (it != f.vars[size_t(k)].end()) {
            out = it->second;
            return true;
        }
    }
    auto p = f.params.find(name);
    if (p != f.params.end()) {
        out = p->second;
        return true;
    }
    auto g = module_.vars.find(name);
    if (g != module_.vars.end()) {
        out = {Space::Global, g->second->base, g->second->size};
        return true;
    }
    auto v = ptx_.vars.find(name);
    if (v == ptx_.vars.end()) return false;
    if (v->second.space != Space::Shared) throw LoadError(s.line, "variable " + name + " has no memory");
    if (v->second.unsized) {  // the dynamic shared memory of a launch, placed by finish
        out = {Space::Shared, kDynamic, 0};
        return true;
    }
    if (!shared_.count(name)) declareVar(shared_, v->second);
    out = shared_[name];
    return true;
}

u32 Names::constant(u64 value, bool wide, bool mask) {
    auto key = std::make_pair(value, wide + 2 * mask);
    auto it = consts_.find(key);
    if (it != consts_.end()) return it->second;
    u32 u = unit(wide);
    prog_.consts.push_back({u, value, wide, mask});
    return consts_[key] = u;
}

u32 Names::special(const std::string& name) {
    static const std::map<std::string, Special> names = {{"%tid.x", Special::TidX},
                                                         {"%tid.y", Special::TidY},
                                                         {"%tid.z", Special::TidZ},
                                                         {"%ntid.x", Special::NtidX},
                                                         {"%ntid.y", Special::NtidY},
                                                         {"%ntid.z", Special::NtidZ},
                                                         {"%ctaid.x", Special::CtaX},
                                                         {"%ctaid.y", Special::CtaY},
                                                         {"%ctaid.z", Special::CtaZ},
                                                         {"%nctaid.x", Special::NctaX},
                                                         {"%nctaid.y", Special::NctaY},
                                                         {"%nctaid.z", Special::NctaZ},
                                                         {"%laneid", Special::LaneId},
                                                         {"%warpid", Special::WarpId},
                                                         {"%nwarpid", Special::NWarpId},
                                                         {"%smid", Special::SmId},
                                                         {"%nsmid", Special::NSmId},
                                                         {"%lanemask_eq", Special::LaneEq},
                                                         {"%lanemask_lt", Special::LaneLt},
                                                         {"%lanemask_le", Special::LaneLe},
                                                         {"%lanemask_gt", Special::LaneGt},
                                                         {"%lanemask_ge", Special::LaneGe},
                                                         {"%dynamic_smem_size", Special::DynSmem},
                                                         {"%total_smem_size", Special::TotalSmem}};
    auto it = names.find(name);
    if (it == names.end()) return 0;
    u32& u = specials_[name];
    if (!u) {
        u = unit(false);
        prog_.specials.push_back({it->second, u, false});
    }
    return u;
}

u32 Names::operand(FuncNames& f, const Stmt& s, const Operand& o, Type t) {
    switch (o.kind) {
    case Operand::Name: return named(f, s, o, t);
    case Operand::Imm:
        if (t == Type::Pred) return constant(o.value ? kAllLanes : 0, false, true);
        if (t == Type::F32 || t == Type::F64) break;
        return constant(sizeOf(t) == 8 ? o.value : sizeOf(t) == 2 ? o.value & 0xffff : u32(o.value), sizeOf(t) == 8);
    case Operand::Float:
        if (sizeOf(t) == 8) return constant(o.single ? bits<u64>(double(bits<float>(u32(o.value)))) : o.value, true);
        if (sizeOf(t) != 4) break;
        return constant(o.single ? o.value : bits<u32>(float(bits<double>(o.value))), false);
    default: break;
    }
    throw LoadError(s.line, "unsupported operand");
}

u32 Names::named(FuncNames& f, const Stmt& s, const Operand& o, Type t) {
    bool wide = sizeOf(t) == 8;
    if (const Reg* r = reg(f, s, o.name)) {
        bool fits = sizeOf(r->type) == sizeOf(t) || (sizeOf(t) == 1 && sizeOf(r->type) <= 4);
        if (!fits || (t == Type::Pred) != (r->type == Type::Pred) || o.value)
            throw LoadError(s.line, "register " + o.name + " has not the size of the operation");
        return r->unit;
    }
    if (o.name == "WARP_SZ") return constant(32, wide);
    if (u32 u = special(o.name)) {
        if (sizeOf(t) != 4) throw LoadError(s.line, "register " + o.name + " has 32 bits");
        return u;
    }
    VarPlace v;
    if (!var(f, s, o.name, v)) throw LoadError(s.line, "unknown name " + o.name);
    if (sizeOf(t) < 4) throw LoadError(s.line, "the address of " + o.name + " does not fit the operation");
    if (v.offset == kDynamic) {
        dynamic_.push_back({prog_.consts.size(), o.value});
        prog_.consts.push_back({unit(wide), 0, wide, false});
        return prog_.consts.back().unit;
    }
    return constant(v.offset + o.value, wide);
}

}  // namespace emu
