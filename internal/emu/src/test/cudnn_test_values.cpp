// Convolutions, matrix products and element-wise functions against values in double precision.
#include "cudnn_test.h"

namespace {

// convolved is the cross-correlation of x and w at an index of y.
std::vector<double> convolved(const Tensor& x, const Tensor& w, const Tensor& y, Shape pre, Shape step,
                              Shape dilation = {1, 1}, bool mirrored = false) {
    std::vector<double> all;
    int64_t groups = x.dims[1] / w.dims[1], filters = w.dims[0] / groups;
    each(y.dims, [&](const Shape& i) {
        double sum = 0;
        each({w.dims[1], w.dims[2], w.dims[3]}, [&](const Shape& j) {
            int64_t h = i[2] * step[0] - pre[0] + j[1] * dilation[0], q = i[3] * step[1] - pre[1] + j[2] * dilation[1];
            if (h < 0 || h >= x.dims[2] || q < 0 || q >= x.dims[3]) return;
            Shape tap = mirrored ? Shape{i[1], j[0], w.dims[2] - 1 - j[1], w.dims[3] - 1 - j[2]}
                                 : Shape{i[1], j[0], j[1], j[2]};
            int64_t c = i[1] / filters * w.dims[1] + j[0];
            sum += x.v[size_t(flat(x.dims, {i[0], c, h, q}))] * w.v[size_t(flat(w.dims, tap))];
        });
        all.push_back(sum);
    });
    return all;
}

void checkConv(int type, bool last, Shape x, Shape w, Shape pre, Shape post, Shape step, Shape dilation,
               int mode = CUDNN_CROSS_CORRELATION) {
    Graph g;
    Shape y = {x[0], w[0]};
    for (size_t k = 0; k < 2; ++k)
        y.push_back(1 + (x[2 + k] + pre[k] + post[k] - (w[2 + k] - 1) * dilation[k] - 1) / step[k]);
    auto strides = [&](const Shape& d) { return last ? channelsLast(d) : packed(d); };
    Tensor &tx = g.tensor(type, x, strides(x)), &tw = g.tensor(type, w, strides(w)),
           &ty = g.tensor(type, y, strides(y));
    g.add(g.conv(tx, tw, ty, pre, post, step, dilation, mode));
    std::vector<double> want = convolved(tx, tw, ty, pre, step, dilation, mode == CUDNN_CONVOLUTION);
    rounded(want, type);
    g.check(ty, want, type == kF32 ? 1e-5 : 0);  // sums of these values are exact in float32, and so is one rounding
}

}  // namespace

TEST(CudnnConvolutions, "") {
    Machine m;
    for (int type : {kF32, kF16, kBF16})
        for (bool last : {false, true}) {
            checkConv(type, last, {2, 5, 7, 6}, {20, 5, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1});
            checkConv(type, last, {1, 1, 8, 8}, {17, 1, 3, 3}, {0, 0}, {1, 1}, {2, 2}, {1, 1});  // zeros on one side
            checkConv(type, last, {1, 33, 4, 4}, {3, 33, 1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1});
        }
    checkConv(kF32, true, {1, 4, 9, 11}, {8, 4, 3, 2}, {2, 1}, {0, 3}, {2, 1}, {2, 3});
    checkConv(kF32, true, {1, 6, 5, 5}, {4, 3, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1});  // groups
    checkConv(kF32, false, {1, 2, 5, 5}, {4, 2, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, CUDNN_CONVOLUTION);
}

TEST(CudnnConvolutionsOfViews, "") {
    Machine m;
    Graph g;
    // Channels 0 to 15 of images of 24 channels, and results into channels of images of 40.
    Tensor &x = g.tensor(kF16, {2, 16, 4, 5}, {480, 1, 120, 24}), &w = g.image(kF16, 8, 16, 3, 3);
    Tensor& y = g.tensor(kF16, {2, 8, 4, 5}, {800, 1, 200, 40});
    g.add(g.conv(x, w, y, {1, 1}, {1, 1}, {1, 1}));
    std::vector<double> want = convolved(x, w, y, {1, 1}, {1, 1});
    rounded(want, kF16);
    g.check(y, want, 0);
    std::vector<unsigned short> all(size_t(y.span() / 2));
    OK(cuMemcpyDtoH_v2(all.data(), y.at, all.size() * 2));
    for (size_t k = 0; k < all.size(); ++k) EXPECT(k % 40 < 8 || all[k] == 0xffff);  // the others stay
}

TEST(CudnnConvolutionWithEpilogue, "") {
    Machine m;
    for (int between : {kF32, kF16}) {
        Graph g;
        Tensor &x = g.image(kF16, 2, 16, 6, 6), &w = g.image(kF16, 24, 16, 3, 3), &bias = g.image(kF16, 1, 24, 1, 1);
        Tensor &t = g.image(between, 2, 24, 6, 6, true), &u = g.image(between, 2, 24, 6, 6, true),
               &v = g.image(between, 2, 24, 6, 6, true);
        Tensor &z = g.image(kF16, 2, 24, 6, 6), &y = g.image(kF16, 2, 24, 6, 6);
        g.add(g.pointwise(CUDNN_POINTWISE_SWISH_FWD, v, nullptr, y));  // the order is found
        g.add(g.pointwise(CUDNN_POINTWISE_ADD, u, &z, v));
        g.add(g.pointwise(CUDNN_POINTWISE_ADD, t, &bias, u));
        g.add(g.conv(x, w, t, {1, 1}, {1, 1}, {1, 1}));
        std::vector<double> want = convolved(x, w, y, {1, 1}, {1, 1});
        size_t k = 0;
        each(y.dims, [&](const Shape& i) {
            double e = roundedTo(between, want[k]);
            e = roundedTo(between, e + bias.v[size_t(i[1])]);
            e = roundedTo(between, e + z.v[k]);
            want[k++] = roundedTo(kF16, e / (1 + std::exp(-e)));
        });
        g.check(y, want, 0x1p-11);  // exp in float32 may turn a rounding
    }
}

TEST(CudnnMatmuls, "") {
    Machine m;
    struct Case {
        int type, out;
        Shape a, as, b, bs, c, cs;
    };
    for (const Case& k : {
             Case{kF32, kF32, {1, 7, 33}, {}, {1, 33, 20}, {660, 1, 33}, {1, 7, 20}, {}},
             Case{kF16, kF16, {3, 5, 8}, {}, {3, 8, 17}, {}, {3, 5, 17}, {85, 1, 5}},
             Case{kF16, kF32, {2, 3, 5, 8}, {}, {1, 3, 8, 9}, {}, {2, 3, 5, 9}, {}},
             Case{kBF16, kBF16, {1, 1, 40}, {}, {4, 40, 3}, {}, {4, 1, 3}, {}},
             Case{kF32, kF32, {1, 9, 4}, {36, 1, 9}, {1, 4, 6}, {100, 24, 4}, {1, 9, 6}, {}},
         }) {
        Graph g;
        Tensor &a = g.tensor(k.type, k.a, k.as), &b = g.tensor(k.type, k.b, k.bs), &c = g.tensor(k.out, k.c, k.cs);
        g.add(g.matmul(a, b, c));
        std::vector<double> want = product(a, b, c);
        rounded(want, k.out);
        g.check(c, want, k.out == kF32 ? 1e-5 : 0);
    }
}

TEST(CudnnMatmulWithEpilogue, "") {
    Machine m;
    Graph g;
    Tensor &a = g.tensor(kF16, {1, 9, 16}), &b = g.tensor(kF16, {1, 16, 24}, {384, 1, 16}),
           &bias = g.tensor(kF16, {1, 1, 24});
    Tensor &t = g.tensor(kF32, {1, 9, 24}, {}, true), &u = g.tensor(kF32, {1, 9, 24}, {}, true),
           &y = g.tensor(kF16, {1, 9, 24});
    g.add(g.matmul(a, b, t));
    g.add(g.pointwise(CUDNN_POINTWISE_ADD, t, &bias, u));
    g.add(g.pointwise(CUDNN_POINTWISE_GELU_FWD, u, nullptr, y));
    std::vector<double> want = product(a, b, y);
    for (size_t k = 0; k < want.size(); ++k) {
        double e = want[k] + bias.v[k % 24];
        want[k] = e / 2 * (1 + std::erf(e / std::sqrt(2.0)));
    }
    g.check(y, want, 0x1p-10);
}

TEST(CudnnPointwise, "") {
    Machine m;
    struct Case {
        int mode;
        bool two;
        std::function<double(double, double)> f;
    };
    const Case cases[] = {
        {CUDNN_POINTWISE_ADD, true, [](double x, double b) { return x + b; }},
        {CUDNN_POINTWISE_MUL, true, [](double x, double b) { return x * b; }},
        {CUDNN_POINTWISE_SUB, true, [](double x, double b) { return x - b; }},
        {CUDNN_POINTWISE_DIV, true, [](double x, double b) { return x / b; }},
        {CUDNN_POINTWISE_MIN, true, [](double x, double b) { return std::min(x, b); }},
        {CUDNN_POINTWISE_MAX, true, [](double x, double b) { return std::max(x, b); }},
        {CUDNN_POINTWISE_EXP, false, [](double x, double) { return std::exp(x); }},
        {CUDNN_POINTWISE_IDENTITY, false, [](double x, double) { return x; }},
        {CUDNN_POINTWISE_RELU_FWD, false, [](double x, double) { return std::max(x, 0.0); }},
        {CUDNN_POINTWISE_TANH_FWD, false, [](double x, double) { return std::tanh(x); }},
        {CUDNN_POINTWISE_SIGMOID_FWD, false, [](double x, double) { return 1 / (1 + std::exp(-x)); }},
        {CUDNN_POINTWISE_GELU_FWD, false, [](double x, double) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }},
        {CUDNN_POINTWISE_SWISH_FWD, false, [](double x, double) { return x / (1 + std::exp(-1.5 * x)); }},
    };
    for (const Case& c : cases)
        for (const Shape& of : {Shape{2, 5, 3, 4}, Shape{1, 5, 1, 1}, Shape{2, 1, 1, 4}}) {
            Graph g;
            Tensor &x = g.image(kF32, 2, 5, 3, 4), &b = g.tensor(kF32, of, channelsLast(of)),
                   &y = g.image(kF32, 2, 5, 3, 4);
            for (double& v : b.v) v = v == 0 ? 1 : v;
            g.add(g.pointwise(c.mode, x, c.two ? &b : nullptr, y, 1.5));
            std::vector<double> want;
            each(y.dims, [&](const Shape& i) {
                want.push_back(c.f(x.v[size_t(flat(x.dims, i))], b.v[size_t(flat(b.dims, i))]));
            });
            g.check(y, want, 1e-6);
        }
    Graph g;
    Tensor &x = g.image(kF16, 1, 8, 2, 2), &s = g.scalar(0.75f), &y = g.image(kF16, 1, 8, 2, 2);
    g.add(g.pointwise(CUDNN_POINTWISE_MUL, x, &s, y));
    std::vector<double> want = x.v;
    for (double& v : want) v = roundedTo(kF16, v * 0.75);
    g.check(y, want, 0);
}

TEST(CudnnGivesTheSameBitsOnAnyThreads, "") {
    Machine m;
    Graph g;
    Tensor &x = g.image(kF32, 1, 40, 17, 17), &w = g.image(kF32, 50, 40, 3, 3), &y = g.image(kF32, 1, 50, 17, 17);
    for (size_t k = 0; k < x.v.size(); ++k) x.v[k] = std::sin(double(k));  // sums that are rounded
    g.add(g.conv(x, w, y, {1, 1}, {1, 1}, {1, 1}));
    g.upload();
    D plan = g.plan(), pack = g.pack();
    std::vector<double> first;
    for (const char* threads : {"1", "2", "3", "8"}) {
        setenv("CUDIFFUSE_EMU_THREADS", threads, 1);
        OK(cuMemsetD8_v2(y.at, 0xff, size_t(y.span())));
        OK(cudnnBackendExecute(g.handle, plan, pack));
        std::vector<double> got = g.download(y);
        EXPECT(first.empty() || got == first);
        first = got;
    }
}
