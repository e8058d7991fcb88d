#include "ptx_lexer.h"

#include <cctype>
#include <cstdlib>

namespace emu {
namespace {

bool wordStart(char c) { return isalpha((unsigned char)c) || c == '_' || c == '$' || c == '%' || c == '.'; }
bool wordPart(char c) { return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '%' || c == '.'; }

// The literal forms of the PTX ISA, section 4.5: 0x, 0b, octal and decimal integers with an optional U, hexadecimal
// floats 0f (32 bits) and 0d (64 bits), and decimal floats.
Token number(const std::string& s, size_t& at, u32 line) {
    Token t;
    t.line = line;
    size_t end = at;
    while (end < s.size() && (isalnum((unsigned char)s[end]) || s[end] == '.' ||
                              ((s[end] == '+' || s[end] == '-') && (s[end - 1] == 'e' || s[end - 1] == 'E') &&
                               s.compare(at, 2, "0x") != 0 && s.compare(at, 2, "0d") != 0)))
        ++end;
    t.text = s.substr(at, end - at);
    at = end;
    char kind = t.text.size() > 1 && t.text[0] == '0' ? t.text[1] : 0;
    char* stop = nullptr;
    std::string digits = t.text;
    if (kind == 'f' || kind == 'F') {
        t.kind = Token::Float;
        t.single = true;
        t.value = strtoul(digits.c_str() + 2, &stop, 16);
    } else if (kind == 'd' || kind == 'D') {
        t.kind = Token::Float;
        t.value = strtoull(digits.c_str() + 2, &stop, 16);
    } else if (kind != 'x' && kind != 'X' && digits.find_first_of(".eE") != std::string::npos) {
        t.kind = Token::Float;
        t.value = bits<u64>(strtod(digits.c_str(), &stop));
    } else {
        t.kind = Token::Int;
        if (digits.back() == 'U') digits.pop_back();
        bool binary = kind == 'b' || kind == 'B';
        t.value = strtoull(digits.c_str() + (binary ? 2 : 0), &stop, binary ? 2 : 0);
    }
    if (stop == nullptr || *stop != 0) throw LoadError(line, "bad number " + t.text);
    return t;
}

// skipBlank passes white space and both kinds of comment.
void skipBlank(const std::string& s, size_t& at, u32& line) {
    for (;;) {
        if (at < s.size() && isspace((unsigned char)s[at])) {
            line += s[at++] == '\n';
        } else if (s.compare(at, 2, "//") == 0) {
            while (at < s.size() && s[at] != '\n') ++at;
        } else if (s.compare(at, 2, "/*") == 0) {
            size_t end = s.find("*/", at + 2);
            if (end == std::string::npos) throw LoadError(line, "comment without end");
            for (; at < end; ++at) line += s[at] == '\n';
            at += 2;
        } else {
            return;
        }
    }
}

}  // namespace

std::vector<Token> lex(const std::string& s) {
    std::vector<Token> out;
    out.reserve(s.size() / 4);  // a token is about four characters
    u32 line = 1;
    for (size_t at = 0;;) {
        skipBlank(s, at, line);
        Token t;
        t.line = line;
        if (at >= s.size() || s[at] == 0) {
            out.push_back(t);
            return out;
        }
        if (isdigit((unsigned char)s[at])) {
            out.push_back(number(s, at, line));
            continue;
        }
        size_t start = at;
        if (wordStart(s[at])) {
            // "L1::evict_last" is one modifier: a double colon does not end a word.
            // ".reg.b32" is two directives.
            bool directive = s[at++] == '.';
            while (at < s.size() && (wordPart(s[at]) || (s.compare(at, 2, "::") == 0 && at++ > 0)) &&
                   !(directive && s[at] == '.'))
                ++at;
            t.kind = Token::Word;
        } else if (s[at] == '"') {
            at = s.find('"', at + 1);
            if (at == std::string::npos) throw LoadError(line, "string without end");
            ++at;
            t.kind = Token::String;
        } else if (strchr("{}[]()<>,;:@!|+-=*&^~", s[at])) {
            ++at;
            t.kind = Token::Punct;
        } else {
            throw LoadError(line, std::string("unexpected character '") + s[at] + "'");
        }
        t.text = s.substr(start, at - start);
        out.push_back(t);
    }
}

}  // namespace emu
