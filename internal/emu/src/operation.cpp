#include "operation.h"

namespace emu {

Type typeOf(const std::string& n) {
    static const std::map<std::string, Type> types = {
        {"pred", Type::Pred}, {"b8", Type::B8}, {"u8", Type::U8}, {"s8", Type::S8}, {"b16", Type::B16},
        {"u16", Type::U16}, {"s16", Type::S16}, {"f16", Type::F16}, {"bf16", Type::BF16}, {"b32", Type::B32},
        {"u32", Type::U32}, {"s32", Type::S32}, {"f32", Type::F32}, {"f16x2", Type::F16x2}, {"bf16x2", Type::BF16x2},
        {"b64", Type::B64}, {"u64", Type::U64}, {"s64", Type::S64}, {"f64", Type::F64}};
    auto it = types.find(n);
    return it == types.end() ? Type::None : it->second;
}

u32 sizeOf(Type t) {
    switch (t) {
    case Type::None: return 0;
    case Type::Pred: case Type::B8: case Type::U8: case Type::S8: return 1;
    case Type::B16: case Type::U16: case Type::S16: case Type::F16: case Type::BF16: return 2;
    case Type::B64: case Type::U64: case Type::S64: case Type::F64: return 8;
    default: return 4;
    }
}

bool Mods::take(const char* name) { return !any({name}).empty(); }

Type Mods::type() {
    for (size_t k = 0; k < used_.size(); ++k)
        if (!used_[k] && typeOf(stmt_.mods[k]) != Type::None) {
            used_[k] = true;
            return typeOf(stmt_.mods[k]);
        }
    return Type::None;
}

Type Mods::oneOf(std::initializer_list<Type> types) {
    Type t = type();
    for (Type want : types)
        if (t == want) return t;
    refuse();
}

std::string Mods::any(std::initializer_list<const char*> names) {
    for (size_t k = 0; k < used_.size(); ++k)
        for (const char* n : names)
            if (!used_[k] && stmt_.mods[k] == n) {
                used_[k] = true;
                return n;
            }
    return "";
}

void Mods::finish() const {
    for (size_t k = 0; k < used_.size(); ++k)
        if (!used_[k]) throw LoadError(stmt_.line, "unsupported modifier ." + stmt_.mods[k] + " of " + text());
}

std::string Mods::text() const {
    std::string t = stmt_.op;
    for (const std::string& m : stmt_.mods) t += "." + m;
    return t;
}

void Mods::refuse() const { throw LoadError(stmt_.line, "unsupported instruction " + text()); }

Operation arithmetic(const std::string& op, Mods& m) {
    Type t = m.type();
    if (t == Type::None) m.refuse();
    Operation o = isFloat(t) ? floatOperation(op, t, m) : integerOperation(op, t, m);
    if (!o.fn && !isFloat(t)) o = bitOperation(op, t, m);
    if (!o.fn) m.refuse();
    return o;
}

}  // namespace emu
