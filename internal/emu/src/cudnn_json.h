// JSON as cuDNN's texts need it: whole numbers, strings, arrays and objects.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "types.h"

namespace emu::cudnn {

struct Json {
    enum Kind { Number, Text, Array, Object } kind = Number;
    i64 number = 0;
    std::string text;
    std::vector<Json> array;
    std::map<std::string, Json> object;

    // Each throws std::invalid_argument for another kind, a missing member, or an element that is not there.
    const Json& member(const std::string& name) const;
    i64 integer() const;
    const std::vector<Json>& elements() const;
    std::vector<i64> integers() const;
};

// parseJson throws std::invalid_argument for what it does not understand. Text behind a zero is not read.
Json parseJson(const std::string& text);

}  // namespace emu::cudnn
