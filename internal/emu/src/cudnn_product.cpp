// Convolutions and matrix products.
#include <algorithm>

#include "cudnn_compute.h"

namespace emu::cudnn {

void Product::shape(i64 segments, i64 d, i64 n) {
    offsets.assign(size_t(segments), 0);
    depth = d;
    columns = n;
    matrix.assign(size_t((n + kColumns - 1) / kColumns * segments * d * kColumns), 0.0f);
}

namespace {

typedef float Vector __attribute__((vector_size(32), aligned(4), may_alias));
constexpr i64 kLanesOf = 8;

// tile is n rows by one block of columns: acc[r] += row[r][d] * matrix[d], the sums in registers.
template <int n>
void tile(const float* const* rows, const i64* offsets, i64 segments, i64 depth, const float* matrix,
          float (*out)[kColumns]) {
    Vector lo[n], hi[n];
    for (int r = 0; r < n; ++r) lo[r] = hi[r] = Vector{};
    for (i64 s = 0; s < segments; ++s) {
        const float* from[n];
        for (int r = 0; r < n; ++r) from[r] = rows[r] + offsets[s];
        for (i64 d = 0; d < depth; ++d, matrix += kColumns) {
            Vector a = *reinterpret_cast<const Vector*>(matrix),
                   b = *reinterpret_cast<const Vector*>(matrix + kLanesOf);
#pragma GCC unroll 4
            for (int r = 0; r < n; ++r) {
                lo[r] += from[r][d] * a;
                hi[r] += from[r][d] * b;
            }
        }
    }
    for (int r = 0; r < n; ++r) {
        *reinterpret_cast<Vector*>(out[r]) = lo[r];
        *reinterpret_cast<Vector*>(out[r] + kLanesOf) = hi[r];
    }
}

}  // namespace

void Product::run(float* out, i64 stride, i64 begin, i64 end) const {
    constexpr i64 kRows = 4;
    i64 segments = i64(offsets.size());
    float sums[kRows][kColumns];
    for (i64 c = 0; c < columns; c += kColumns) {
        const float* m = matrix.data() + c * segments * depth;
        i64 wide = std::min(kColumns, columns - c);
        for (i64 r = begin; r < end; r += kRows) {
            i64 n = std::min(kRows, end - r);
            if (n == kRows) tile<kRows>(&rows[size_t(r)], offsets.data(), segments, depth, m, sums);
            else
                for (i64 k = 0; k < n; ++k) tile<1>(&rows[size_t(r + k)], offsets.data(), segments, depth, m, sums + k);
            for (i64 k = 0; k < n; ++k) std::copy_n(sums[k], wide, out + (r + k) * stride + c);
        }
    }
}

void Product::run(float* out, i64 stride) const {
    i64 n = i64(rows.size());
    parallel(n, n * i64(matrix.size()), [&](i64 begin, i64 end) { run(out, stride, begin, end); });
}

Value convolve(const Operation& op, const std::vector<Source>& in) {
    const Shape &x = in[0].tensor->dims, &w = in[1].tensor->dims, &y = op.out->dims, &p = op.numbers;
    // The images with their zeros, channels innermost.
    i64 height = x[2] + p[0] + p[2], width = x[3] + p[1] + p[3], channels = x[1];
    std::vector<float> image(size_t(x[0] * height * width * channels));
    Shape strides = {height * width * channels, 1, width * channels, channels};
    unpack(in[0], image.data() + p[0] * strides[2] + p[1] * strides[3], strides);
    std::vector<float> filters(size_t(w[0] * w[1] * w[2] * w[3]));  // [R][S][C][K]
    unpack(in[1], filters.data(), {1, w[0], w[3] * w[1] * w[0], w[1] * w[0]});

    i64 groups = channels / w[1], each = w[0] / groups, pixels = y[0] * y[2] * y[3];
    std::vector<float> out(size_t(pixels * w[0]));
    for (i64 g = 0; g < groups; ++g) {
        Product m;
        m.shape(w[2] * w[3], w[1], each);
        for (i64 r = 0; r < w[2]; ++r)
            for (i64 s = 0; s < w[3]; ++s) {
                i64 segment = r * w[3] + s;
                i64 tap = p[8] ? w[2] * w[3] - 1 - segment : segment;  // a convolution mirrors its filter
                m.offsets[size_t(segment)] = r * p[6] * strides[2] + s * p[7] * strides[3];
                for (i64 c = 0; c < w[1]; ++c)
                    for (i64 k = 0; k < each; k += kColumns)
                        std::copy_n(&filters[size_t((tap * w[1] + c) * w[0] + g * each + k)],
                                    std::min(kColumns, each - k), m.at(segment, c, k));
            }
        m.rows.reserve(size_t(pixels));
        for (i64 n = 0; n < y[0]; ++n)
            for (i64 h = 0; h < y[2]; ++h)
                for (i64 q = 0; q < y[3]; ++q)
                    m.rows.push_back(image.data() + n * strides[0] + h * p[4] * strides[2] + q * p[5] * strides[3] +
                                     g * w[1]);
        m.run(out.data() + g * each, w[0]);
    }
    Value v = makeValue(*op.out);
    unpack({op.out.get(), nullptr, out.data(), {y[2] * y[3] * w[0], 1, y[3] * w[0], w[0]}}, v.data.get(), v.strides);
    return v;
}

Value multiply(const Operation& op, const std::vector<Source>& in) {
    const Shape &a = in[0].tensor->dims, &b = in[1].tensor->dims, &c = op.out->dims;
    size_t rank = c.size();
    i64 m = c[rank - 2], n = c[rank - 1], depth = a[rank - 1];
    Shape aStrides = packedStrides(a), bStrides = packedStrides(b), cStrides = packedStrides(c);
    std::vector<float> left(size_t(in[0].tensor->count())), right(size_t(in[1].tensor -> count()));
    std::vector<float> out(size_t(op.out->count()));
    unpack(in[0], left.data(), aStrides);
    unpack(in[1], right.data(), bStrides);
    // The matrices of the batch; one that is repeated stays where it is.
    Shape batch(c.begin(), c.end() - 2);
    auto outer = [&](const Shape& strides, const Shape& dims) {
        Shape s = repeated(strides, dims, c);
        s.resize(rank - 2);
        return s;
    };
    Walk<3> walk(batch, {outer(aStrides, a), outer(bStrides, b), outer(cStrides, c)});
    walk.run([&](i64 count, const auto& at, const auto& step) {
        for (i64 k = 0; k < count; ++k) {
            const float *l = left.data() + at[0] + k * step[0], *r = right.data() + at[1] + k * step[1];
            Product p;
            p.shape(1, depth, n);
            for (i64 d = 0; d < depth; ++d)
                for (i64 j = 0; j < n; j += kColumns)
                    std::copy_n(r + d * n + j, std::min(kColumns, n - j), p.at(0, d, j));
            for (i64 i = 0; i < m; ++i) p.rows.push_back(l + i * depth);
            p.run(out.data() + at[2] + k * step[2], n);
        }
    });
    Value v = makeValue(*op.out);
    unpack({op.out.get(), nullptr, out.data(), cStrides}, v.data.get(), v.strides);
    return v;
}

}  // namespace emu::cudnn
