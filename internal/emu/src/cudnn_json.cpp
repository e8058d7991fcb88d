#include "cudnn_json.h"

#include <cstdlib>

namespace emu::cudnn {
namespace {

struct Reader {
    const char* p;
    int depth = 0;

    [[noreturn]] void fail(const std::string& what) { throw std::invalid_argument("JSON: " + what); }
    void blank() {
        while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r') ++p;
    }
    bool take(char c) {
        blank();
        if (*p != c) return false;
        ++p;
        return true;
    }
    void need(char c) {
        if (!take(c)) fail(std::string("no '") + c + "'");
    }
    std::string string() {
        need('"');
        std::string s;
        for (; *p != '"'; ++p) {
            if (!*p) fail("a text without an end");
            if (*p == '\\' && !*++p) fail("a text without an end");
            s += *p;
        }
        ++p;
        return s;
    }
    Json value() {
        constexpr int kDeep = 32;
        if (++depth > kDeep) fail("too deep");
        Json j;
        blank();
        if (*p == '{') {
            j.kind = Json::Object;
            ++p;
            while (!take('}')) {
                if (!j.object.empty()) need(',');
                blank();
                std::string name = string();
                need(':');
                j.object[name] = value();
            }
        } else if (*p == '[') {
            j.kind = Json::Array;
            ++p;
            while (!take(']')) {
                if (!j.array.empty()) need(',');
                j.array.push_back(value());
            }
        } else if (*p == '"') {
            j.kind = Json::Text;
            j.text = string();
        } else {
            char* end;
            j.number = strtoll(p, &end, 10);
            if (end == p) fail("no value");
            p = end;
        }
        --depth;
        return j;
    }
};

void check(bool ok, const std::string& what) {
    if (!ok) throw std::invalid_argument("JSON: " + what);
}

}  // namespace

Json parseJson(const std::string& text) {
    Reader r{text.c_str()};
    Json j = r.value();
    r.blank();
    check(!*r.p, "text behind the value");
    return j;
}

const Json& Json::member(const std::string& name) const {
    check(kind == Object && object.count(name), "no \"" + name + "\"");
    return object.at(name);
}

i64 Json::integer() const {
    check(kind == Number, "no number");
    return number;
}

const std::vector<Json>& Json::elements() const {
    check(kind == Array, "no array");
    return array;
}

std::vector<i64> Json::integers() const {
    std::vector<i64> all;
    for (const Json& e : elements()) all.push_back(e.integer());
    return all;
}

}  // namespace emu::cudnn
