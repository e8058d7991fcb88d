// Scaled dot-product attention: O = softmax(scale Q K^T) V.
#include <algorithm>
#include <cmath>

#include "cudnn_compute.h"

namespace emu::cudnn {
namespace {

// softmax makes the exponentials of a row less its maximum, and returns their sum: of every eighth element, and then of
// those eight sums.
float softmax(float* row, i64 n, float scale) {
    float largest = -HUGE_VALF;
    for (i64 k = 0; k < n; ++k) {
        row[k] *= scale;
        largest = std::max(largest, row[k]);
    }
    float part[8] = {}, sum = 0;
    for (i64 k = 0; k < n; ++k) part[k % 8] += row[k] = std::exp(row[k] - largest);
    for (float p : part) sum += p;
    return sum;
}

}  // namespace

Value attend(const Operation& op, const std::vector<Source>& in) {
    const Shape &q = in[0].tensor->dims, &k = in[1].tensor->dims, &o = op.out->dims;
    const i64 heads = q[1], tokens = q[2], dim = q[3], keys = k[2], wide = o[3], shared = heads / k[1];
    float scale = in.size() > 3 ? number(in[3]) : 1.0f;
    std::vector<float> qs(size_t(q[0] * heads * tokens * dim)), ks(size_t(q[0] * k[1] * keys * dim)),
        vs(size_t(q[0] * k[1] * keys * wide));
    unpack(in[0], qs.data(), packedStrides(q));
    unpack(in[1], ks.data(), packedStrides(k));
    unpack(in[2], vs.data(), packedStrides(in[2].tensor->dims));
    std::vector<float> out(size_t(op.out->count()));
    parallel(q[0] * heads, op.out->count() * keys * 2, [&](i64 begin, i64 end) {
        constexpr i64 kRows = 64;  // queries at a time
        std::vector<float> scores(size_t(kRows * keys));
        for (i64 h = begin; h < end; ++h) {
            i64 of = h / heads * k[1] + h % heads / shared;  // head of K and V
            Product first, second;
            first.shape(1, dim, keys);
            second.shape(1, keys, wide);
            for (i64 t = 0; t < keys; ++t) {
                for (i64 d = 0; d < dim; ++d) *first.at(0, d, t) = ks[size_t((of * keys + t) * dim + d)];
                for (i64 d = 0; d < wide; ++d) *second.at(0, t, d) = vs[size_t((of * keys + t) * wide + d)];
            }
            for (i64 t = 0; t < tokens; t += kRows) {
                i64 n = std::min(kRows, tokens - t);
                first.rows.clear();
                second.rows.clear();
                for (i64 r = 0; r < n; ++r) {
                    first.rows.push_back(&qs[size_t((h * tokens + t + r) * dim)]);
                    second.rows.push_back(&scores[size_t(r * keys)]);
                }
                first.run(scores.data(), keys, 0, n);
                float sums[kRows];
                for (i64 r = 0; r < n; ++r) sums[r] = softmax(&scores[size_t(r * keys)], keys, scale);
                float* to = &out[size_t((h * tokens + t) * wide)];
                second.run(to, wide, 0, n);
                for (i64 r = 0; r < n; ++r)
                    for (i64 d = 0; d < wide; ++d) to[r * wide + d] /= sums[r];
            }
        }
    });
    Value v = makeValue(*op.out);
    unpack({op.out.get(), nullptr, out.data(), packedStrides(o)}, v.data.get(), v.strides);
    return v;
}

}  // namespace emu::cudnn
