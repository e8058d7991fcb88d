// The token cursor of the PTX parser, with the parts that do not depend on a function: operands and variables.
#pragma once

#include "ptx_parse.h"

namespace emu {

class Reader {
protected:
    explicit Reader(const std::string& text) : toks_(lex(text)) {}

    const Token& token() const { return toks_[at_]; }
    bool atEnd() const { return token().kind == Token::End; }
    u32 line() const { return token().line; }
    u32 prevLine() const { return at_ > 0 ? toks_[at_ - 1].line : 0; }
    const Token& next();
    void back() { --at_; }
    bool peek(const char* punct) const { return token().kind == Token::Punct && token().text == punct; }
    bool accept(const char* punct);
    bool accept_word(const char* w);
    void expect(const char* punct);
    std::string word();
    [[noreturn]] void fail(const std::string& what) const;

    void skipBraces();
    Operand operand();
    std::vector<Operand> group();
    // variable reads what follows a state space. Several names may share one type, so an earlier one is given.
    Var variable(Space space, const Var& earlier);

private:
    std::vector<Token> toks_;
    size_t at_ = 0;

    void initialiser(Var& v);
    void scalar(Var& v, u32 size);
};

}  // namespace emu
