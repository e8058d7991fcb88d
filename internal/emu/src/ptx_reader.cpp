#include "ptx_reader.h"

namespace emu {

const Token& Reader::next() {
    if (atEnd()) fail("unexpected end of text");
    return toks_[at_++];
}

bool Reader::accept(const char* punct) {
    if (!peek(punct)) return false;
    ++at_;
    return true;
}

bool Reader::accept_word(const char* w) {
    if (token().kind != Token::Word || token().text != w) return false;
    ++at_;
    return true;
}

void Reader::expect(const char* punct) {
    if (!accept(punct)) fail(std::string("expected '") + punct + "', found '" + token().text + "'");
}

std::string Reader::word() {
    if (atEnd()) fail("unexpected end of text");
    if (token().kind != Token::Word) fail("expected a name, found '" + token().text + "'");
    return next().text;
}

void Reader::fail(const std::string& what) const { throw LoadError(line(), what); }

void Reader::skipBraces() {
    expect("{");
    for (int depth = 1; depth > 0;) {
        const Token& t = next();
        if (t.kind == Token::Punct) depth += (t.text == "{") - (t.text == "}");
    }
}

std::vector<Operand> Reader::group() {
    std::vector<Operand> out;
    expect("(");
    while (!accept(")")) {
        out.push_back(operand());
        accept(",");
    }
    return out;
}

Operand Reader::operand() {
    Operand o;
    if (accept("{")) {
        o.kind = Operand::Vector;
        while (!accept("}")) {
            o.parts.push_back(operand());
            accept(",");
        }
        return o;
    }
    if (accept("[")) {
        o.kind = Operand::Address;
        if (token().kind == Token::Word) o.name = word();
        bool neg = false;
        while (!accept("]")) {
            if (accept("+")) neg = false;
            else if (accept("-")) neg = true;
            else if (token().kind == Token::Int) o.value += neg ? 0 - next().value : next().value;
            else fail("unsupported address operand '" + token().text + "'");
        }
        return o;
    }
    o.negated = accept("!");
    bool minus = accept("-");
    const Token& t = next();
    if (t.kind == Token::Int) {
        o.kind = Operand::Imm;
        o.value = minus ? 0 - t.value : t.value;
    } else if (t.kind == Token::Float) {
        o.kind = Operand::Float;
        o.single = t.single;
        o.value = minus ? t.value ^ (t.single ? 1ull << 31 : 1ull << 63) : t.value;
    } else if (t.kind == Token::Word && !minus) {
        o.name = t.text;
        if (accept("|")) o.second = word();
        else if (accept("+")) o.value = next().value;
    } else {
        fail("unexpected '" + t.text + "'");
    }
    return o;
}

Var Reader::variable(Space space, const Var& earlier) {
    Var v;
    v.space = space;
    v.type = earlier.type;
    v.align = earlier.align;
    u32 vec = 1;
    while (token().kind == Token::Word && token().text[0] == '.') {
        std::string w = word();
        if (w == ".align") v.align = next().value;
        else if (w == ".v2" || w == ".v4") vec = u32(w[2] - '0');
        else if (w == ".ptr" || w == ".global" || w == ".const" || w == ".shared" || w == ".local") continue;
        else if (w == ".attribute") fail("unsupported .attribute");
        else v.type = w.substr(1);
    }
    u32 size = typeSize(v.type) * vec;
    if (size == 0 && v.type != "pred") fail("unknown type ." + v.type);
    if (v.align < size) v.align = size;
    v.name = word();
    v.size = size;
    while (accept("[")) {
        if (accept("]")) {
            v.unsized = true;
            v.size = 0;
            continue;
        }
        v.size *= next().value;
        expect("]");
    }
    if (accept("=")) initialiser(v);
    return v;
}

void Reader::initialiser(Var& v) {
    u32 size = typeSize(v.type);
    if (accept("{")) {
        for (int depth = 1; depth > 0;) {
            if (accept("{")) ++depth;
            else if (accept("}")) --depth;
            else if (!accept(",")) scalar(v, size);
        }
    } else {
        scalar(v, size);
    }
    if (v.unsized) v.size = v.init.size();
    v.unsized = false;
}

void Reader::scalar(Var& v, u32 size) {
    Operand o;
    if (accept_word("generic")) {
        expect("(");
        o = operand();
        expect(")");
        if (accept("+")) o.value = next().value;
    } else {
        o = operand();
    }
    u64 raw = o.value;
    if (o.kind == Operand::Name) {
        if (size != 8) fail("address in an initialiser of less than 64 bits");
        v.fixups.push_back({v.init.size(), o.name, i64(o.value)});
        raw = 0;
    } else if (o.kind == Operand::Float && !o.single && v.type == "f32") {
        raw = bits<u32>(float(bits<double>(o.value)));
    }
    for (u32 i = 0; i < size; ++i) v.init.push_back(u8(raw >> (8 * i)));
}

}  // namespace emu
