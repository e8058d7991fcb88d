#include "faults.h"

#include <stdexcept>

#include "text.h"

namespace emu {
namespace {

const char* const kNames[kFaultKinds] = {"call", "alloc",  "hostalloc", "free",  "copy",  "launch",
                                         "sync", "module", "stream",    "event", "graph", "context"};

u32 kindNamed(const std::string& name) {
    for (int k = 0; k < kFaultKinds; ++k)
        if (name == kNames[k]) return 1u << k;
    throw std::invalid_argument("unknown kind " + name);
}

Fault faultNamed(const std::string& what, u32 kind) {
    if (what == "hang") return {Fault::Hang, 0};
    if (what == "lost") return {Fault::Lost, 0};
    if (what == "nan") {
        if (kind != kLaunch) throw std::invalid_argument("only a launch can write a NaN");
        return {Fault::NaN, 0};
    }
    u64 code = number(what);
    if (code == 0 || code > 999) throw std::invalid_argument("not an error code");
    return {Fault::Code, int(code)};
}

}  // namespace

void Faults::set(const std::string& script) {
    std::vector<Item> items;
    for (const std::string& text : split(script, ',')) {
        if (text.empty()) continue;
        size_t at = text.find('@'), eq = text.find('=');
        try {
            if (at == std::string::npos || eq == std::string::npos || eq < at)
                throw std::invalid_argument("not like KIND@K=WHAT");
            u32 kind = kindNamed(text.substr(0, at));
            u64 k = number(text.substr(at + 1, eq - at - 1));
            if (k == 0) throw std::invalid_argument("calls are counted from 1");
            items.push_back({kind, k, faultNamed(text.substr(eq + 1), kind)});
        } catch (const std::exception& e) {
            throw std::invalid_argument("fault \"" + text + "\": " + e.what());
        }
    }
    items_ = std::move(items);
    for (u64& n : count_) n = 0;
}

Fault Faults::next(u32 kinds) {
    kinds |= kCall;
    for (int k = 0; k < kFaultKinds; ++k)
        if (kinds & (1u << k)) ++count_[k];
    for (const Item& i : items_)
        if ((i.kind & kinds) && count_[__builtin_ctz(i.kind)] == i.k) return i.fault;
    return {};
}

}  // namespace emu
