// Tensors.
#include "cudnn_graph.h"

namespace emu::cudnn {

i64 Tensor::count() const {
    i64 n = 1;
    for (i64 d : dims) n *= d;
    return n;
}

i64 Tensor::span() const {
    i64 last = 0;
    for (size_t k = 0; k < dims.size(); ++k) last += (dims[k] - 1) * strides[k];
    return (last + 1) * size();
}

bool Tensor::operator==(const Tensor& t) const {
    return uid == t.uid && align == t.align && type == t.type && isVirtual == t.isVirtual && byValue == t.byValue &&
           dims == t.dims && strides == t.strides;
}

std::string describe(const Tensor& t) {
    const char* type = t.type == CUDNN_DATA_FLOAT ? "float32" : t.type == CUDNN_DATA_HALF ? "float16" : "bfloat16";
    return "tensor " + std::to_string(t.uid) + " " + text(t.dims) + " " + type;
}

TensorRef makeTensor(const Descriptor& d) {
    auto t = std::make_shared<Tensor>();
    t->type = d.one<i32>(CUDNN_ATTR_TENSOR_DATA_TYPE);
    t->dims = d.list<i64>(CUDNN_ATTR_TENSOR_DIMENSIONS);
    t->strides = d.list<i64>(CUDNN_ATTR_TENSOR_STRIDES);
    t->uid = d.one<i64>(CUDNN_ATTR_TENSOR_UNIQUE_ID);
    t->align = d.one<i64>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
    t->isVirtual = d.one<u8>(CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0) != 0;
    t->byValue = d.one<u8>(CUDNN_ATTR_TENSOR_IS_BY_VALUE, 0) != 0;
    std::string who = describe(*t);
    want(t->type == CUDNN_DATA_FLOAT || t->type == CUDNN_DATA_HALF || t->type == CUDNN_DATA_BFLOAT16,
         who + ": type " + std::to_string(t->type) + " is not emulated", CUDNN_STATUS_NOT_SUPPORTED);
    want(t->dims.size() == t->strides.size(), who + ": " + std::to_string(t->dims.size()) + " dimensions and " +
                                                  std::to_string(t->strides.size()) + " strides");
    i64 n = 1;
    for (size_t k = 0; k < t->dims.size(); ++k) {
        want(t->dims[k] > 0, who + ": a dimension is not positive");
        want(t->strides[k] >= 0 && t->strides[k] < i64(1) << 40, who + ": strides " + text(t->strides));
        want(t->dims[k] < (i64(1) << 40) / n, who + ": too large");
        n *= t->dims[k];
    }
    want(t->align > 0 && (t->align & (t->align - 1)) == 0, who + ": alignment " + std::to_string(t->align));
    want(!t->isVirtual || !t->byValue, who + " is virtual and given by value");
    want(!t->byValue || n == 1, who + ": more than one element by value");
    return t;
}

}  // namespace emu::cudnn
