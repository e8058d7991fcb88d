// Norms, attention, reductions and resampling against values in double precision.
#include "cudnn_test.h"

TEST(CudnnNorms, "") {
    Machine m;
    struct Case {
        int mode, type, affine;
        Shape x, xs, scale;
        bool bias;
    };
    for (const Case& k : {
             Case{CUDNN_LAYER_NORM, kF16, kF32, {7, 40, 1, 1}, {}, {1, 40, 1, 1}, true},
             Case{CUDNN_LAYER_NORM, kF32, kF32, {2, 5, 33}, {200, 40, 1}, {1, 1, 33}, true},
             Case{CUDNN_LAYER_NORM, kF32, kF16, {3, 4, 2, 5}, {40, 1, 20, 4}, {1, 4, 2, 5}, false},
             Case{CUDNN_RMS_NORM, kF16, kF32, {7, 40, 1, 1}, {}, {1, 40, 1, 1}, false},
             Case{CUDNN_RMS_NORM, kBF16, kF32, {3, 4, 2, 5}, {40, 1, 20, 4}, {1, 4, 1, 1}, true},
         }) {
        Graph g;
        Tensor &x = g.tensor(k.type, k.x, k.xs), &s = g.tensor(k.affine, k.scale), &e = g.scalar(0.01f, k.x.size());
        Tensor &b = g.tensor(k.affine, k.scale), &y = g.tensor(k.type, k.x, k.xs);
        g.add(g.norm(k.mode, x, s, k.bias ? &b : nullptr, e, y));
        // The group of an element: its index in the dimensions that are not normalised.
        Shape outer;
        for (size_t d = 0; d < k.x.size(); ++d) outer.push_back(k.scale[d] == 1 ? k.x[d] : 1);
        std::map<int64_t, double> sum, squares;
        double n = double(s.count());
        each(k.x, [&](const Shape& i) { sum[flat(outer, i)] += x.v[size_t(flat(k.x, i))]; });
        auto mean = [&](const Shape& i) { return k.mode == CUDNN_RMS_NORM ? 0 : sum[flat(outer, i)] / n; };
        each(k.x, [&](const Shape& i) { squares[flat(outer, i)] += std::pow(x.v[size_t(flat(k.x, i))] - mean(i), 2); });
        std::vector<double> want;
        each(k.x, [&](const Shape& i) {
            double v = (x.v[size_t(flat(k.x, i))] - mean(i)) / std::sqrt(squares[flat(outer, i)] / n + 0.01);
            v = v * s.v[size_t(flat(k.scale, i))] + (k.bias ? b.v[size_t(flat(k.scale, i))] : 0);
            want.push_back(roundedTo(k.type, v));
        });
        g.check(y, want, k.type == kF32 ? 2e-6 : k.type == kF16 ? 0x1p-10 : 0x1p-7);
    }
}

TEST(CudnnAttention, "") {
    Machine m;
    struct Case {
        int type;
        int64_t b, heads, shared, tokens, keys, dim;
        bool scaled, mixed;
    };
    for (const Case& k : {Case{kF16, 2, 3, 3, 49, 49, 32, true, true}, Case{kF16, 1, 4, 2, 5, 77, 40, true, false},
                          Case{kBF16, 1, 2, 1, 70, 9, 8, false, true}}) {
        Graph g;
        // Memory is [batch, tokens, heads, dim] when the heads are mixed.
        auto head = [&](int64_t heads, int64_t n) -> Tensor& {
            Shape d = {k.b, heads, n, k.dim};
            return g.tensor(k.type, d, k.mixed ? Shape{n * heads * k.dim, k.dim, heads * k.dim, 1} : packed(d));
        };
        Tensor &q = head(k.heads, k.tokens), &kk = head(k.shared, k.keys), &v = head(k.shared, k.keys),
               &o = head(k.heads, k.tokens);
        Tensor& scale = g.scalar(0.3f);
        g.add(g.attention(q, kk, v, o, k.scaled ? &scale : nullptr));
        std::vector<double> want;
        each({k.b, k.heads, k.tokens}, [&](const Shape& i) {
            std::vector<double> p;
            int64_t h = i[1] / (k.heads / k.shared);
            double total = 0;
            for (int64_t t = 0; t < k.keys; ++t) {
                double s = 0;
                for (int64_t d = 0; d < k.dim; ++d)
                    s +=
                        q.v[size_t(flat(q.dims, {i[0], i[1], i[2], d}))] * kk.v[size_t(flat(kk.dims, {i[0], h, t, d}))];
                p.push_back(std::exp(s * (k.scaled ? double(0.3f) : 1)));
                total += p.back();
            }
            for (int64_t d = 0; d < k.dim; ++d) {
                double sum = 0;
                for (int64_t t = 0; t < k.keys; ++t)
                    sum += p[size_t(t)] / total * v.v[size_t(flat(v.dims, {i[0], h, t, d}))];
                want.push_back(roundedTo(k.type, sum));
            }
        });
        g.check(o, want, k.type == kF16 ? 0x1p-11 : 0x1p-8);
    }
}

TEST(CudnnReductions, "") {
    Machine m;
    for (int op : {CUDNN_REDUCE_TENSOR_ADD, CUDNN_REDUCE_TENSOR_MAX})
        for (const Shape& to : {Shape{1, 5, 1, 1}, Shape{3, 1, 4, 2}, Shape{1, 1, 1, 1}}) {
            Graph g;
            Tensor &x = g.image(kF32, 3, 5, 4, 2), &y = g.tensor(kF32, to, channelsLast(to));
            g.add(g.reduction(op, x, y));
            std::vector<double> want(size_t(y.count()), op == CUDNN_REDUCE_TENSOR_ADD ? 0 : -HUGE_VAL);
            each(x.dims, [&](const Shape& i) {
                double &w = want[size_t(flat(to, i))], v = x.v[size_t(flat(x.dims, i))];
                w = op == CUDNN_REDUCE_TENSOR_ADD ? w + v : std::max(w, v);
            });
            g.check(y, want, 1e-6);
        }
    Graph g;
    Tensor &a = g.tensor(kF16, {1, 9, 16}), &b = g.tensor(kF16, {1, 16, 24}), &t = g.tensor(kF32, {1, 9, 24}, {}, true);
    Tensor& y = g.tensor(kF32, {1, 9, 1});
    g.add(g.matmul(a, b, t));
    g.add(g.reduction(CUDNN_REDUCE_TENSOR_MAX, t, y));
    std::vector<double> all = product(a, b, t), want(9, -HUGE_VAL);
    for (size_t k = 0; k < all.size(); ++k) want[k / 24] = std::max(want[k / 24], all[k]);
    g.check(y, want, 1e-6);
}

TEST(CudnnResampling, "cudnnnearest=1") {
    Machine m;
    for (bool last : {true, false}) {
        Graph g, h, p;
        auto image = [&](Graph& of, int64_t size, int64_t wide) -> Tensor& {
            Shape d = {2, 5, size, wide};
            return of.tensor(kF16, d, last ? channelsLast(d) : packed(d));
        };
        Tensor &x = image(g, 4, 6), &y = image(g, 2, 3);
        g.add(g.average(x, y, {2, 2}));
        std::vector<double> want;
        each(y.dims, [&](const Shape& i) {
            double sum = 0;
            each({2, 2}, [&](const Shape& j) {
                sum += x.v[size_t(flat(x.dims, {i[0], i[1], 2 * i[2] + j[0], 2 * i[3] + j[1]}))];
            });
            want.push_back(roundedTo(kF16, sum / 4));
        });
        g.check(y, want, 0);

        Tensor &a = image(h, 4, 6), &b = image(h, 12, 18);
        h.add(h.nearest(a, b, 3));
        want.clear();
        each(b.dims,
             [&](const Shape& i) { want.push_back(a.v[size_t(flat(a.dims, {i[0], i[1], i[2] / 3, i[3] / 3}))]); });
        h.check(b, want, 0);

        // One row and column of zeros around: only what is inside counts, or all.
        for (int mode : {CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING, CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING}) {
            Graph e;
            Tensor &c = image(e, 4, 6), &d = image(e, 3, 4);
            e.add(e.average(c, d, {2, 2}, {1, 1}, mode));
            want.clear();
            each(d.dims, [&](const Shape& i) {
                double sum = 0, n = 0;
                each({2, 2}, [&](const Shape& j) {
                    int64_t r = 2 * i[2] + j[0] - 1, s = 2 * i[3] + j[1] - 1;
                    if (r < 0 || s < 0 || r >= 4 || s >= 6) return;
                    sum += c.v[size_t(flat(c.dims, {i[0], i[1], r, s}))];
                    ++n;
                });
                want.push_back(roundedTo(kF16, sum / (mode == CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING ? n : 4)));
            });
            e.check(d, want, 0);
        }
    }
}
