// Arithmetic of the emulated cuDNN: operands become packed float32, sums are float32, in one fixed order.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "cudnn_graph.h"

namespace emu::cudnn {

using Shape = std::vector<i64>;

// Source is an operand that is read: elements of its tensor's type at data, or float32 when values is set.
struct Source {
    const Tensor* tensor = nullptr;
    const u8* data = nullptr;
    const float* values = nullptr;
    Shape strides;  // in elements
};

// Value is a result, float32 in an order of dimensions like its tensor's in memory.
struct Value {
    std::unique_ptr<float[]> data;
    Shape strides;
    Source source(const Tensor& t) const { return {&t, nullptr, data.get(), strides}; }
};

// makeValue packs a tensor's dimensions as it does, the one with the smallest stride innermost.
Value makeValue(const Tensor& t);

// Walk goes over the elements of a box for N operands with strides of their own, in runs of the innermost dimension:
// f(count, offset of each operand, stride of each operand). Dimensions that lie behind each other for all are one.
template <size_t N>
struct Walk {
    Shape dims;
    std::array<Shape, N> strides;

    Walk(const Shape& d, const std::array<Shape, N>& s);
    template <class F>
    void run(F f) const {
        std::array<i64, N> at{}, inner{};
        size_t n = dims.size();
        for (size_t k = 0; k < N; ++k) inner[k] = n ? strides[k][n - 1] : 0;
        Shape index(n, 0);
        for (;;) {
            f(n ? dims[n - 1] : 1, at, inner);
            size_t d = n < 2 ? 0 : n - 1;
            for (; d > 0; --d) {
                for (size_t k = 0; k < N; ++k) at[k] += strides[k][d - 1];
                if (++index[d - 1] < dims[d - 1]) break;
                for (size_t k = 0; k < N; ++k) at[k] -= strides[k][d - 1] * dims[d - 1];
                index[d - 1] = 0;
            }
            if (d == 0) return;
        }
    }
};
extern template struct Walk<1>;
extern template struct Walk<2>;
extern template struct Walk<3>;

// unpack writes a source as float32 at to, with strides of to's own.
void unpack(const Source& s, float* to, const Shape& strides);
// number is a source of one element.
float number(const Source& s);
// roundTo rounds n floats to a type's values.
void roundTo(int type, float* v, i64 n);
// pack stores a value in a tensor's type.
void pack(const Value& v, const Tensor& t, u8* data);

// strideOf is a tensor's strides for walking over dims: 0 where it is repeated.
Shape repeated(const Shape& strides, const Shape& of, const Shape& dims);
Shape packedStrides(const Shape& dims);  // the last dimension innermost

// parallel calls f(begin, end) for parts of 0..n on several host threads when work, in operations, is worth it.
void parallel(i64 n, i64 work, const std::function<void(i64, i64)>& f);

// Products of many rows with one matrix. A row is given by its address: its elements lie in segments of depth, at
// offsets from there that are the same for all rows.
constexpr i64 kColumns = 16;
struct Product {
    std::vector<const float*> rows;
    std::vector<i64> offsets;
    i64 depth = 0, columns = 0;
    // matrix is [block of kColumns columns][segment][depth][kColumns], zeros behind the last column.
    std::vector<float> matrix;

    void shape(i64 segments, i64 depth, i64 columns);
    float* at(i64 segment, i64 d, i64 column) {
        i64 block = column / kColumns;
        return &matrix[size_t(((block * i64(offsets.size()) + segment) * depth + d) * kColumns + column % kColumns)];
    }
    // run writes row r to out + r*stride.
    void run(float* out, i64 stride) const;
    void run(float* out, i64 stride, i64 begin, i64 end) const;  // some of the rows, on this thread
};

// Each computes one operation. sources are of op.in.
Value convolve(const Operation& op, const std::vector<Source>& in);
Value multiply(const Operation& op, const std::vector<Source>& in);
Value pointwise(const Operation& op, const std::vector<Source>& in);
Value reduce(const Operation& op, const std::vector<Source>& in);
Value normalise(const Operation& op, const std::vector<Source>& in);
Value attend(const Operation& op, const std::vector<Source>& in);
Value resample(const Operation& op, const std::vector<Source>& in);

}  // namespace emu::cudnn
