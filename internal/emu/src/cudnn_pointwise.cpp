// Element-wise functions and reductions.
#include <algorithm>
#include <cmath>

#include "cudnn_compute.h"

namespace emu::cudnn {
namespace {

// apply computes y = f(x, b) over y's elements.
template <class F>
void apply(const Operation& op, const std::vector<Source>& in, Value& y, F f) {
    const Shape& dims = op.out->dims;
    std::array<std::unique_ptr<float[]>, 2> kept;
    std::array<const float*, 2> from{};
    std::array<Shape, 3> strides;
    for (size_t k = 0; k < 2; ++k) {
        const Source& s = in[std::min(k, in.size() - 1)];
        Value v;
        if (s.values) {
            from[k] = s.values;
            strides[k] = s.strides;
        } else {
            v = makeValue(*s.tensor);
            unpack(s, v.data.get(), v.strides);
            strides[k] = v.strides;
            kept[k] = std::move(v.data);
            from[k] = kept[k].get();
        }
        strides[k] = repeated(strides[k], s.tensor->dims, dims);
        if (s.tensor->byValue) std::fill(strides[k].begin(), strides[k].end(), 0);
    }
    strides[2] = y.strides;
    float* to = y.data.get();
    Walk<3>(dims, strides).run([&](i64 n, const auto& at, const auto& step) {
        const float *x = from[0] + at[0], *b = from[1] + at[1];
        float* o = to + at[2];
        if (step[0] == 1 && step[1] == 1 && step[2] == 1)
            for (i64 k = 0; k < n; ++k) o[k] = f(x[k], b[k]);
        else
            for (i64 k = 0; k < n; ++k) o[k * step[2]] = f(x[k * step[0]], b[k * step[1]]);
    });
}

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

}  // namespace

Value pointwise(const Operation& op, const std::vector<Source>& in) {
    Value y = makeValue(*op.out);
    float beta = bits<float>(u32(op.numbers[1]));
    switch (op.numbers[0]) {
        case CUDNN_POINTWISE_ADD: apply(op, in, y, [](float x, float b) { return x + b; }); break;
        case CUDNN_POINTWISE_MUL: apply(op, in, y, [](float x, float b) { return x * b; }); break;
        case CUDNN_POINTWISE_SUB: apply(op, in, y, [](float x, float b) { return x - b; }); break;
        case CUDNN_POINTWISE_DIV: apply(op, in, y, [](float x, float b) { return x / b; }); break;
        case CUDNN_POINTWISE_MIN: apply(op, in, y, [](float x, float b) { return x < b ? x : b; }); break;
        case CUDNN_POINTWISE_MAX: apply(op, in, y, [](float x, float b) { return x > b ? x : b; }); break;
        case CUDNN_POINTWISE_EXP: apply(op, in, y, [](float x, float) { return std::exp(x); }); break;
        case CUDNN_POINTWISE_SQRT: apply(op, in, y, [](float x, float) { return std::sqrt(x); }); break;
        case CUDNN_POINTWISE_IDENTITY: apply(op, in, y, [](float x, float) { return x; }); break;
        case CUDNN_POINTWISE_RELU_FWD: apply(op, in, y, [](float x, float) { return x < 0 ? 0.0f : x; }); break;
        case CUDNN_POINTWISE_TANH_FWD: apply(op, in, y, [](float x, float) { return std::tanh(x); }); break;
        case CUDNN_POINTWISE_SIGMOID_FWD: apply(op, in, y, [](float x, float) { return sigmoid(x); }); break;
        case CUDNN_POINTWISE_SWISH_FWD:
            apply(op, in, y, [beta](float x, float) { return x * sigmoid(beta * x); });
            break;
        case CUDNN_POINTWISE_GELU_FWD:
            apply(op, in, y, [](float x, float) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678f)); });
            break;
    }
    return y;
}

Value reduce(const Operation& op, const std::vector<Source>& in) {
    const Tensor &x = *in[0].tensor, &y = *op.out;
    bool max = op.numbers[0] == CUDNN_REDUCE_TENSOR_MAX;
    Value from = makeValue(x), to = makeValue(y);
    unpack(in[0], from.data.get(), from.strides);
    std::fill_n(to.data.get(), y.count(), max ? -HUGE_VALF : 0.0f);
    const float* f = from.data.get();
    float* t = to.data.get();
    Walk<2>(x.dims, {repeated(to.strides, y.dims, x.dims), from.strides})
        .run([&](i64 n, const auto& at, const auto& step) {
            const float* v = f + at[1];
            float* o = t + at[0];
            for (i64 k = 0; k < n; ++k) {
                float &sum = o[k * step[0]], e = v[k * step[1]];
                sum = !max ? sum + e : e > sum || e != e ? e : sum;
            }
        });
    return to;
}

}  // namespace emu::cudnn
