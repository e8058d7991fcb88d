#include "compile.h"

#include <algorithm>

#include "lower.h"

namespace emu {
namespace {

// Compiler makes one kernel, with the code of every function it calls behind its own.
class Compiler {
public:
    Compiler(const Ptx& ptx, const Module& module) : ptx_(ptx), module_(module) {}

    std::unique_ptr<Program> kernel(const Func& f) {
        auto prog = std::make_unique<Program>();
        prog->name = f.name;
        prog->maxntid = f.maxntid;
        prog->reqntid = f.reqntid;
        prog->files = ptx_.files;
        Names names(ptx_, module_, *prog);
        Lower lower(names, *prog);
        std::vector<const Func*> order;
        std::vector<const Func*> path;
        reach(f, order, path);
        std::vector<std::unique_ptr<FuncNames>> funcs;
        for (const Func* g : order) funcs.push_back(std::make_unique<FuncNames>(names.declare(*g)));
        for (auto& g : funcs) body(*g, lower, *prog);
        for (auto& b : lower.branches) prog->code[b.pc].target = label(b, b.label, prog->code[b.pc].line);
        for (auto& t : lower.tables) {
            prog->tables.emplace_back();
            for (const std::string& l : t.second)
                prog->tables.back().push_back(label(t.first, l, prog->code[t.first.pc].line));
        }
        for (auto& c : lower.calls) call(c, funcs, names, *prog);
        names.finish();
        return prog;
    }

private:
    const Ptx& ptx_;
    const Module& module_;

    const Func* find(const std::string& name) const {
        for (const auto& f : ptx_.funcs)
            if (f->name == name && f->defined) return f.get();
        return nullptr;
    }

    // reach lists a function and those it calls, each once; recursion has no frame here and is refused.
    void reach(const Func& f, std::vector<const Func*>& order, std::vector<const Func*>& path) {
        for (const Func* p : path)
            if (p == &f) throw LoadError(f.line, "recursive function " + f.name);
        bool known = false;
        for (const Func* o : order) known = known || o == &f;
        if (!known) order.push_back(&f);
        path.push_back(&f);
        for (const Stmt& s : f.body) {
            if (s.op != "call" || s.args.empty()) continue;
            const Func* g = find(s.args[0].name);
            if (!g) throw LoadError(s.line, "call of " + s.args[0].name + ", which the module does not define");
            reach(*g, order, path);
        }
        path.pop_back();
    }

    void body(FuncNames& f, Lower& lower, Program& prog) {
        f.entryPc = u32(prog.code.size());
        for (const Stmt& s : f.func->body) {
            f.pcOf.push_back(u32(prog.code.size()));
            lower.statement(f, s);
        }
        f.pcOf.push_back(u32(prog.code.size()));
        Inst end;  // a function may end without ret
        end.flow = f.func->entry ? Flow::Exit : Flow::Return;
        end.a = f.returnUnit;
        end.line = f.func->body.empty() ? f.func->line : f.func->body.back().line;
        prog.code.push_back(end);
    }

    u32 label(const Lower::Fix& at, const std::string& name, u32 line) const {
        for (int k = at.scope; k >= 0; k = at.func->func->scopes[size_t(k)].parent) {
            const auto& labels = at.func->func->scopes[size_t(k)].labels;
            auto it = labels.find(name);
            if (it != labels.end()) return at.func->pcOf[it->second];
        }
        throw LoadError(line, "unknown label " + name);
    }

    void call(const Lower::CallFix& c, std::vector<std::unique_ptr<FuncNames>>& funcs, Names& names, Program& prog) {
        FuncNames* callee = nullptr;
        for (auto& f : funcs)
            if (f->func->name == c.callee) callee = f.get();
        const Func& g = *callee->func;
        const auto& groups = c.stmt->groups;
        bool results = !g.returns.empty();
        size_t k = 0;
        const std::vector<Operand> none;
        const auto& outs = results && k < groups.size() ? groups[k++] : none;
        const auto& ins = k < groups.size() ? groups[k] : none;
        if (outs.size() != g.returns.size() || ins.size() != g.params.size())
            throw LoadError(c.stmt->line, "wrong number of arguments of " + c.callee);
        CallInfo info;
        info.returnUnit = callee->returnUnit;
        for (size_t n = 0; n < ins.size(); ++n) pass(c, *callee, g.params[n], ins[n], names, true, info);
        for (size_t n = 0; n < outs.size(); ++n) pass(c, *callee, g.returns[n], outs[n], names, false, info);
        prog.code[c.pc].aux = u32(prog.calls.size());
        prog.code[c.pc].target = callee->entryPc;
        prog.calls.push_back(info);
    }

    void pass(const Lower::CallFix& c, FuncNames& callee, const Var& formal, const Operand& actual, Names& names,
              bool in, CallInfo& info) {
        if (formal.space == Space::Reg) {
            const Reg& r = callee.paramRegs.at(formal.name);
            u32 u = names.operand(*c.caller, *c.stmt, actual, r.type);
            (in ? info.regIn : info.regOut)
                .push_back(in ? CallInfo::Move{u, r.unit, r.wide()} : CallInfo::Move{r.unit, u, r.wide()});
            return;
        }
        VarPlace v, p = callee.params.at(formal.name);
        if (!names.var(*c.caller, *c.stmt, actual.name, v) || v.space != Space::Local || v.size < p.size)
            throw LoadError(c.stmt->line, "argument " + actual.name + " of " + c.callee);
        if (in) info.in.push_back({u32(v.offset), u32(p.offset), u32(p.size)});
        else info.out.push_back({u32(p.offset), u32(v.offset), u32(p.size)});
    }
};

void placeVariables(const Ptx& ptx, Memory& memory, const void* owner, Module& module) {
    for (const auto& entry : ptx.vars) {
        const Var& v = entry.second;
        if (v.space != Space::Global && v.space != Space::Const) continue;
        Alloc* a = memory.alloc(std::max<u64>(v.size, 1), owner);
        if (!a) throw std::bad_alloc();
        a->label = v.name;
        a->readOnly = v.space == Space::Const;
        memset(a->data, 0, v.size);  // what has no initialiser is zero
        std::copy(v.init.begin(), v.init.end(), a->data);
        a->mark(0, v.size, true);
        module.vars[v.name] = a;
    }
    for (const auto& entry : ptx.vars)
        for (const Var::Fixup& f : entry.second.fixups) {
            auto it = module.vars.find(f.symbol);
            if (it == module.vars.end()) throw LoadError(0, "initialiser of " + entry.first + " names " + f.symbol);
            u64 at = it->second->base + u64(f.addend);
            memcpy(module.vars[entry.first]->data + f.offset, &at, 8);
        }
}

}  // namespace

std::unique_ptr<Module> loadModule(const std::string& text, Memory& memory, const void* owner) {
    Ptx ptx = parse(text);
    auto module = std::make_unique<Module>();
    try {
        placeVariables(ptx, memory, owner, *module);
        for (const auto& f : ptx.funcs)
            if (f->entry && f->defined) module->kernels[f->name] = Compiler(ptx, *module).kernel(*f);
    } catch (...) {
        for (auto& v : module->vars) memory.free(v.second->base);
        throw;
    }
    return module;
}

}  // namespace emu
