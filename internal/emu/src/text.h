// Reading of small texts: settings, scripts, version lines.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "types.h"

namespace emu {

// number reads decimal digits and nothing else.
inline u64 number(const std::string& s) {
    if (s.empty() || s.size() > 18 || s.find_first_not_of("0123456789") != std::string::npos)
        throw std::invalid_argument("not a number");
    return std::stoull(s);
}

inline std::vector<std::string> split(const std::string& s, char by) {
    std::vector<std::string> out;
    size_t from = 0;
    for (size_t to; (to = s.find(by, from)) != std::string::npos; from = to + 1)
        out.push_back(s.substr(from, to - from));
    out.push_back(s.substr(from));
    return out;
}

}  // namespace emu
