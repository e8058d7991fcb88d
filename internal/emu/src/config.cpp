#include "config.h"

#include <stdexcept>
#include <vector>

#include "text.h"

namespace emu {
namespace {

u64 bytes(const std::string& s) {
    if (s.empty()) throw std::invalid_argument("empty");
    u64 unit = 1;
    std::string digits = s;
    switch (s.back()) {
        case 'K': unit = u64(1) << 10; break;
        case 'M': unit = u64(1) << 20; break;
        case 'G': unit = u64(1) << 30; break;
        default: return number(s);
    }
    digits.pop_back();
    return number(digits) * unit;
}

// version reads "9.0" as 90.
u32 version(const std::string& s) {
    std::vector<std::string> part = split(s, '.');
    if (part.size() != 2) throw std::invalid_argument("not like 9.0");
    return u32(number(part[0]) * 10 + number(part[1]));
}

void set(Config& c, const std::string& key, const std::string& value) {
    if (key == "devices") c.devices = u32(number(value));
    else if (key == "sm") c.sm = u32(number(value));
    else if (key == "memory") c.memory = bytes(value);
    else if (key == "driver") c.driver = u32(number(value));
    else if (key == "ptx") c.ptx = version(value);
    else if (key == "init") c.init = u32(number(value));
    else if (key == "cudnn") c.cudnn = u32(number(value));
    else if (key == "cudnnfail") c.cudnnFail = u32(number(value));
    else if (key == "cudnnnearest") c.cudnnNearest = number(value) != 0;
    else if (key == "name") c.name = value;
    else if (key == "uninit" && value == "allow") c.uninit = true;
    else if (key == "uninit" && value == "trap") c.uninit = false;
    else throw std::invalid_argument("unknown setting");
}

}  // namespace

Config parseConfig(const std::string& text) {
    Config c;
    for (const std::string& item : split(text, ',')) {
        if (item.empty()) continue;
        size_t eq = item.find('=');
        try {
            if (eq == std::string::npos) throw std::invalid_argument("no value");
            set(c, item.substr(0, eq), item.substr(eq + 1));
        } catch (const std::exception& e) {
            throw std::invalid_argument("CUDIFFUSE_EMU: \"" + item + "\": " + e.what());
        }
    }
    if (c.name.empty()) c.name = "cudiffuse emulated GPU sm_" + std::to_string(c.sm);
    if (c.devices > 16) throw std::invalid_argument("CUDIFFUSE_EMU: more than 16 devices");
    return c;
}

}  // namespace emu
