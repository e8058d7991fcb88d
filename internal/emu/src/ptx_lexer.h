// PTX text to tokens.
#pragma once

#include <vector>

#include "types.h"

namespace emu {

struct Token {
    enum Kind { Word, Int, Float, String, Punct, End } kind = End;
    std::string text;  // a Word keeps its dots: "ld.global.nc.f32"
    u64 value = 0;        // Int: two's complement; Float: its bits, of a float64 unless single
    bool single = false;  // Float written as 0f........: a conversion would change a signalling NaN
    u32 line = 0;
};

// lex splits a PTX text. It throws LoadError on a character or literal that PTX does not have.
std::vector<Token> lex(const std::string& ptx);

}  // namespace emu
