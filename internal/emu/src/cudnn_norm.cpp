// Layer and RMS normalisation, and resampling.
#include <cmath>

#include "cudnn_compute.h"

namespace emu::cudnn {
namespace {

// total is a sum of f(element) over n elements: sixteen sums of every sixteenth, then theirs.
template <class F>
float total(const float* v, i64 n, F f) {
    constexpr i64 kParts = 16;
    float part[kParts] = {}, sum = 0;
    i64 k = 0;
    for (; k + kParts <= n; k += kParts)
        for (i64 j = 0; j < kParts; ++j) part[j] += f(v[k + j]);
    for (; k < n; ++k) part[k % kParts] += f(v[k]);
    for (float p : part) sum += p;
    return sum;
}

}  // namespace

// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over the dimensions in which scale is not 1; RMS_NORM takes
// the mean as 0.
Value normalise(const Operation& op, const std::vector<Source>& in) {
    const Shape &x = in[0].tensor->dims, &s = in[1].tensor->dims;
    bool rms = op.numbers[0] == CUDNN_RMS_NORM;
    float epsilon = number(in[2]);
    Shape outer, inner;  // groups, and the elements of one
    for (size_t k = 0; k < x.size(); ++k) {
        outer.push_back(s[k] == 1 ? x[k] : 1);
        inner.push_back(s[k]);
    }
    i64 n = in[1].tensor->count(), groups = in[0].tensor->count() / n;
    // Groups one behind the other, each packed.
    Shape strides = packedStrides(inner), of = packedStrides(outer);
    for (size_t k = 0; k < x.size(); ++k)
        if (s[k] == 1) strides[k] = of[k] * n;
    std::vector<float> v(size_t(groups * n)), scale(static_cast<size_t>(n)), bias(size_t(n), 0.0f);
    unpack(in[0], v.data(), strides);
    unpack(in[1], scale.data(), packedStrides(s));
    if (in.size() > 3) unpack(in[3], bias.data(), packedStrides(s));
    parallel(groups, groups * n * 4, [&](i64 begin, i64 end) {
        for (i64 g = begin; g < end; ++g) {
            float* row = &v[size_t(g * n)];
            float mean = rms ? 0 : total(row, n, [](float e) { return e; }) / float(n);
            float variance = total(row, n, [mean](float e) { return (e - mean) * (e - mean); }) / float(n);
            float r = 1.0f / std::sqrt(variance + epsilon);
            for (i64 k = 0; k < n; ++k) row[k] = (row[k] - mean) * r * scale[size_t(k)] + bias[size_t(k)];
        }
    });
    Value y = makeValue(*op.out);
    unpack({op.out.get(), nullptr, v.data(), strides}, y.data.get(), y.strides);
    return y;
}

Value resample(const Operation& op, const std::vector<Source>& in) {
    const Shape &x = in[0].tensor->dims, &y = op.out->dims, &p = op.numbers;
    Value from = makeValue(*in[0].tensor), to = makeValue(*op.out);
    unpack(in[0], from.data.get(), from.strides);
    // first is where the window of element k begins: floor(k*step - pre).
    auto first = [&](size_t axis, i64 k) {
        i64 up = k * p[5 + 2 * axis] * p[10 + 2 * axis] - p[9 + 2 * axis] * p[6 + 2 * axis];
        i64 down = p[6 + 2 * axis] * p[10 + 2 * axis];
        return up >= 0 ? up / down : -((-up + down - 1) / down);
    };
    bool nearest = p[0] == CUDNN_RESAMPLE_NEAREST, inside = p[0] == CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING;
    i64 high = nearest ? 1 : p[1] / p[2], wide = nearest ? 1 : p[3] / p[4];
    for (i64 h = 0; h < y[2]; ++h)
        for (i64 w = 0; w < y[3]; ++w) {
            i64 top = first(0, h), left = first(1, w), count = 0;
            std::vector<i64> pixels;
            for (i64 a = top; a < top + high; ++a)
                for (i64 b = left; b < left + wide; ++b) {
                    bool there = a >= 0 && a < x[2] && b >= 0 && b < x[3];
                    if (there) pixels.push_back(a * from.strides[2] + b * from.strides[3]);
                    count += there || !inside;
                }
            for (i64 n = 0; n < y[0]; ++n)
                for (i64 c = 0; c < y[1]; ++c) {
                    const float* base = from.data.get() + n * from.strides[0] + c * from.strides[1];
                    float sum = 0;
                    for (i64 at : pixels) sum += base[at];
                    to.data[size_t(n * to.strides[0] + c * to.strides[1] + h * to.strides[2] + w * to.strides[3])] =
                        nearest ? sum : sum / float(count);
                }
        }
    return to;
}

}  // namespace emu::cudnn
