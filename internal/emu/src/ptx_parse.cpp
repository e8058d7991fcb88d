#include "ptx_parse.h"

#include <algorithm>

#include "ptx_reader.h"

namespace emu {

u32 typeSize(const std::string& t) {
    static const std::map<std::string, u32> sizes = {
        {"b8", 1}, {"u8", 1}, {"s8", 1}, {"b16", 2}, {"u16", 2}, {"s16", 2}, {"f16", 2}, {"bf16", 2},
        {"b32", 4}, {"u32", 4}, {"s32", 4}, {"f32", 4}, {"f16x2", 4}, {"bf16x2", 4},
        {"b64", 8}, {"u64", 8}, {"s64", 8}, {"f64", 8}};
    auto it = sizes.find(t);
    return it == sizes.end() ? 0 : it->second;
}

namespace {

const std::map<std::string, Space> kSpaces = {
    {".param", Space::Param}, {".local", Space::Local}, {".shared", Space::Shared},
    {".global", Space::Global}, {".const", Space::Const}};

class Parser : Reader {
public:
    explicit Parser(const std::string& text) : Reader(text) {}

    Ptx run() {
        while (!atEnd()) topLevel();
        return std::move(ptx_);
    }

private:
    Ptx ptx_;
    Func* fn_ = nullptr;
    std::vector<int> scopeStack_;
    u32 source_ = 0, file_ = 0;

    void topLevel() {
        std::string w = word();
        if (w == ".version") {
            // The lexer reads "9.0" as a float, so the text is taken apart.
            std::string v = next().text;
            ptx_.major = u32(std::stoul(v));
            ptx_.minor = u32(std::stoul(v.substr(v.find('.') + 1)));
        } else if (w == ".target") {
            ptx_.target = word();
            while (accept(",")) word();
        } else if (w == ".address_size") {
            if (next().value != 64) fail("only 64-bit addresses");
        } else if (w == ".file") {
            u32 n = u32(next().value);
            ptx_.files[n] = next().text;
            while (accept(",")) next();
        } else if (w == ".section") {
            next();
            skipBraces();
        } else if (w == ".pragma") {
            while (!accept(";")) next();
        } else if (w == ".visible" || w == ".extern" || w == ".weak" || w == ".common") {
        } else if (w == ".entry" || w == ".func") {
            function(w == ".entry");
        } else if (kSpaces.count(w)) {
            Var v;
            do {
                v = variable(kSpaces.at(w), v);
                ptx_.vars[v.name] = v;
            } while (accept(","));
            expect(";");
        } else {
            fail("unknown directive " + w);
        }
    }

    std::vector<Var> paramList() {
        std::vector<Var> out;
        if (!accept("(")) return out;
        while (!accept(")")) {
            std::string w = word();
            if (w != ".param" && w != ".reg") fail("unknown parameter space " + w);
            out.push_back(variable(w == ".reg" ? Space::Reg : Space::Param, {}));
            accept(",");
        }
        return out;
    }

    void function(bool entry) {
        auto f = std::make_unique<Func>();
        f->entry = entry;
        f->line = line();
        f->returns = paramList();
        f->name = word();
        f->params = paramList();
        fn_ = f.get();
        for (;;) {
            if (accept(";")) break;
            if (peek("{")) {
                f->defined = true;
                f->scopes.emplace_back();
                scopeStack_ = {0};
                source_ = file_ = 0;
                expect("{");
                block();
                break;
            }
            tuning(word());
        }
        if (f->defined) {
            for (auto& old : ptx_.funcs)
                if (old->name == f->name && old->defined) fail("function " + f->name + " defined twice");
        }
        ptx_.funcs.push_back(std::move(f));
    }

    void tuning(const std::string& w) {
        if (w == ".noreturn") return;
        if (w == ".pragma") {
            while (!accept(";")) next();
            return;
        }
        u32 n[3] = {1, 1, 1};
        int k = 0;
        do n[k++ < 3 ? k - 1 : 2] = u32(next().value);
        while (accept(","));
        if (w == ".maxntid") fn_->maxntid = {n[0], n[1], n[2]};
        else if (w == ".reqntid") fn_->reqntid = {n[0], n[1], n[2]};
        else if (w != ".minnctapersm" && w != ".maxnreg" && w != ".maxnctapersm") fail("unknown directive " + w);
    }

    void block() {
        while (!accept("}")) {
            if (accept("{")) {
                fn_->scopes.emplace_back();
                fn_->scopes.back().parent = scopeStack_.back();
                scopeStack_.push_back(int(fn_->scopes.size()) - 1);
                block();
                scopeStack_.pop_back();
                continue;
            }
            item();
        }
    }

    Scope& scope() { return fn_->scopes[scopeStack_.back()]; }

    void item() {
        if (peek("@")) return statement();
        std::string w = word();
        if (accept(":")) {
            if (accept_word(".branchtargets")) {
                do fn_->branchTargets[w].push_back(word());
                while (accept(","));
                expect(";");
                return;
            }
            scope().labels[w] = u32(fn_->body.size());
            return;
        }
        if (w == ".reg") return registers();
        if (w == ".loc") {
            file_ = u32(next().value);
            source_ = u32(next().value);
            next();
            while (accept(",")) {  // function_name and inlined_at of an inlined call
                word();
                while (!peek(",") && token().line == prevLine()) next();
            }
            return;
        }
        if (w == ".pragma") {
            while (!accept(";")) next();
            return;
        }
        if (kSpaces.count(w)) {
            Var v;
            do {
                v = variable(kSpaces.at(w), v);
                scope().vars[v.name] = v;
            } while (accept(","));
            return expect(";");
        }
        if (w[0] == '.') fail("unknown directive " + w);
        back();
        statement();
    }

    void registers() {
        std::string type = word().substr(1);
        do {
            std::string name = word();
            RegDecl d{type, 0};
            if (accept("<")) {
                d.count = u32(next().value);
                expect(">");
            }
            scope().regs[name] = d;
        } while (accept(","));
        expect(";");
    }

    void statement() {
        Stmt s;
        s.scope = scopeStack_.back();
        s.source = source_;
        s.file = file_;
        if (accept("@")) {
            s.guardNeg = accept("!");
            s.guard = word();
        }
        s.line = line();
        std::string w = word();
        for (size_t at = 0; at != std::string::npos;) {
            size_t dot = w.find('.', at);
            std::string part = w.substr(at, dot == std::string::npos ? dot : dot - at);
            if (at == 0) s.op = part;
            else s.mods.push_back(part);
            at = dot == std::string::npos ? dot : dot + 1;
        }
        while (!accept(";")) {
            if (peek("(")) s.groups.push_back(group());
            else s.args.push_back(operand());
            if (!peek(";")) expect(",");
        }
        fn_->body.push_back(std::move(s));
    }
};

}  // namespace

Ptx parse(const std::string& text) { return Parser(text).run(); }

}  // namespace emu
