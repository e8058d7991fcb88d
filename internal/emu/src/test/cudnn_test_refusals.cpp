// What is refused, when, and with which status.
#include "cudnn_test.h"

namespace {

// TensorBy is a tensor descriptor before it is finalised, with one attribute left out.
D incomplete(Graph& g, int without) {
    D d = g.make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    if (without != CUDNN_ATTR_TENSOR_DATA_TYPE)
        g.put<int>(d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, {kF32});
    if (without != CUDNN_ATTR_TENSOR_DIMENSIONS)
        g.put<int64_t>(d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, {2, 3});
    if (without != CUDNN_ATTR_TENSOR_STRIDES) g.put<int64_t>(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, {3, 1});
    if (without != CUDNN_ATTR_TENSOR_UNIQUE_ID) g.put<int64_t>(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, {1});
    if (without != CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)
        g.put<int64_t>(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, {16});
    return d;
}

// results is the number of configurations of a graph with the one operation.
size_t results(Graph& g, D op) {
    OK(g.finish(op));
    g.ops = {op};
    return g.configs().size();
}

}  // namespace

TEST(CudnnAttributes, "") {
    Machine m;
    Graph g;
    D none = nullptr, d = g.make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    int type = kF32;
    int64_t dims[] = {2, 3, 4}, got[8], n = 0;
    const int T = CUDNN_ATTR_TENSOR_DATA_TYPE, DT = CUDNN_TYPE_DATA_TYPE, I = CUDNN_TYPE_INT64,
              S = CUDNN_ATTR_TENSOR_STRIDES;
    REFUSED(3000, "1000", cudnnBackendCreateDescriptor(1000, &none));
    REFUSED(2002, "no place", cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, nullptr));
    REFUSED(2010, "TENSOR_DATA_TYPE", cudnnBackendSetAttribute(d, T, I, 1, dims));
    REFUSED(2000, "2 elements", cudnnBackendSetAttribute(d, T, DT, 2, dims));
    REFUSED(2000, "0 elements", cudnnBackendSetAttribute(d, T, DT, 0, &type));
    REFUSED(2000, "9 elements", cudnnBackendSetAttribute(d, S, I, 9, dims));
    REFUSED(2002, "no elements", cudnnBackendSetAttribute(d, T, DT, 1, nullptr));
    REFUSED(2000, "no attribute 1500", cudnnBackendSetAttribute(d, CUDNN_ATTR_MATMUL_COMP_TYPE, DT, 1, &type));
    REFUSED(2002, "no descriptor", cudnnBackendSetAttribute(nullptr, T, DT, 1, &type));
    REFUSED(2002, "no descriptor", cudnnBackendFinalize(nullptr));
    REFUSED(1001, "not finalized", cudnnBackendGetAttribute(d, S, I, 4, &n, got));
    for (int without : {T, S, int(CUDNN_ATTR_TENSOR_DIMENSIONS), int(CUDNN_ATTR_TENSOR_UNIQUE_ID),
                        int(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)})
        REFUSED(2000, "was not set", cudnnBackendFinalize(incomplete(g, without)));
    D t = incomplete(g, -1), op = g.make(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    const int B = CUDNN_ATTR_OPERATION_MATMUL_ADESC, BD = CUDNN_TYPE_BACKEND_DESCRIPTOR;
    g.put<int64_t>(t, S, I, {1});
    REFUSED(2000, "2 dimensions and 1 strides", cudnnBackendFinalize(t));
    g.put<int64_t>(t, S, I, {3, 1});
    REFUSED(2004, "not finalized", cudnnBackendSetAttribute(op, B, BD, 1, &t));
    OK(cudnnBackendFinalize(t));
    REFUSED(2000, "already", cudnnBackendFinalize(t));
    REFUSED(2000, "already", cudnnBackendSetAttribute(t, S, I, 2, dims));
    OK(cudnnBackendGetAttribute(t, S, I, 0, &n, nullptr));
    EXPECT(n == 2);
    OK(cudnnBackendGetAttribute(t, S, I, 1, &n, got));
    EXPECT(n == 1 && got[0] == 3);
    OK(cudnnBackendGetAttribute(t, S, I, 8, &n, got));
    EXPECT(n == 2 && got[1] == 1);
    REFUSED(2010, "STRIDES", cudnnBackendGetAttribute(t, S, CUDNN_TYPE_FLOAT, 8, &n, got));
    OK(cudnnBackendSetAttribute(op, B, BD, 1, &t));
    REFUSED(2012, "MATMUL", cudnnBackendSetAttribute(op, B, BD, 1, &op));
    REFUSED(2000, "no descriptor", cudnnBackendSetAttribute(op, B, BD, 1, &none));
    D graph = g.make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    REFUSED(2012, "TENSOR", cudnnBackendSetAttribute(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, BD, 1, &t));
    REFUSED(2004, "not finalized", cudnnBackendSetAttribute(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, BD, 1, &op));
    REFUSED(2000, "was not set", cudnnBackendFinalize(graph));
    D plan = g.make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    REFUSED(3000, "cannot be set", cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, I, 1, got));
    REFUSED(2000, "was not set", cudnnBackendFinalize(plan));
    OK(cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, &none));
    OK(cudnnBackendDestroyDescriptor(none));
    REFUSED(2000, "destroyed", cudnnBackendDestroyDescriptor(none));
    REFUSED(2000, "destroyed", cudnnBackendFinalize(none));
    EXPECT(std::string(cudnnGetErrorString(cudnnStatus_t(2008))) == "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH");
}

TEST(CudnnShapes, "") {
    Machine m;
    Graph g;
    auto conv = [&](Shape x, Shape w, Shape y) {
        return g.finish(g.conv(g.tensor(kF16, x), g.tensor(kF16, w), g.tensor(kF16, y), {1, 1}, {1, 1}, {1, 1}));
    };
    OK(conv({2, 32, 8, 8}, {16, 32, 3, 3}, {2, 16, 8, 8}));
    OK(conv({2, 32, 8, 8}, {16, 16, 3, 3}, {2, 16, 8, 8}));  // two groups
    REFUSED(2000, "channels", conv({2, 32, 8, 8}, {16, 31, 3, 3}, {2, 16, 8, 8}));
    REFUSED(2000, "channels", conv({2, 32, 8, 8}, {16, 32, 3, 3}, {2, 17, 8, 8}));
    REFUSED(2000, "images", conv({2, 32, 8, 8}, {16, 32, 3, 3}, {3, 16, 8, 8}));
    REFUSED(2000, "size", conv({2, 32, 8, 8}, {16, 32, 3, 3}, {2, 16, 7, 8}));
    REFUSED(2000, "4 dimensions", conv({2, 32, 8}, {16, 32, 3}, {2, 16, 8}));
    auto matmul = [&](Shape a, Shape b, Shape c) {
        return g.finish(g.matmul(g.tensor(kF16, a), g.tensor(kF16, b), g.tensor(kF16, c)));
    };
    OK(matmul({4, 64, 32}, {2, 32, 16}, {4, 64, 16}));
    REFUSED(2000, "do not fit", matmul({1, 64, 32}, {1, 31, 16}, {1, 64, 16}));
    REFUSED(2000, "do not fit", matmul({1, 64, 32}, {1, 32, 16}, {1, 63, 16}));
    REFUSED(2000, "do not fit", matmul({1, 64, 32}, {1, 32, 16}, {1, 64, 15}));
    REFUSED(2000, "batch", matmul({2, 64, 32}, {3, 32, 16}, {2, 64, 16}));
    REFUSED(2000, "ranks", matmul({64, 32}, {1, 32, 16}, {1, 64, 16}));
    Tensor &x = g.image(kF16, 2, 8, 4, 4), &flatOne = g.tensor(kF16, {1, 1, 1});
    REFUSED(2000, "without B", g.finish(g.pointwise(CUDNN_POINTWISE_ADD, x, nullptr, g.image(kF16, 2, 8, 4, 4))));
    REFUSED(2000, "ranks", g.finish(g.pointwise(CUDNN_POINTWISE_ADD, x, &flatOne, g.image(kF16, 2, 8, 4, 4))));
    OK(g.finish(
        g.pointwise(CUDNN_POINTWISE_SWISH_FWD, x, &flatOne, g.image(kF16, 2, 8, 4, 4))));  // a B that is not read
    auto norm = [&](Shape y, Shape scale, Shape bias, Tensor& e) {
        Tensor& b = g.tensor(kF32, bias);
        return g.finish(
            g.norm(CUDNN_LAYER_NORM, g.tensor(kF16, {64, 32, 1, 1}), g.tensor(kF32, scale), &b, e, g.tensor(kF16, y)));
    };
    REFUSED(2008, "X", norm({63, 32, 1, 1}, {1, 32, 1, 1}, {1, 32, 1, 1}, g.scalar(1)));
    REFUSED(2008, "bias", norm({64, 32, 1, 1}, {1, 32, 1, 1}, {1, 31, 1, 1}, g.scalar(1)));
    REFUSED(2000, "epsilon", norm({64, 32, 1, 1}, {1, 32, 1, 1}, {1, 32, 1, 1}, g.tensor(kF32, {1, 1, 1, 1})));
    auto attention = [&](Shape q, Shape k, Shape v, Shape o) {
        return g.finish(
            g.attention(g.tensor(kF16, q), g.tensor(kF16, k), g.tensor(kF16, v), g.tensor(kF16, o), nullptr));
    };
    OK(attention({1, 4, 9, 8}, {1, 2, 7, 8}, {1, 2, 7, 8}, {1, 4, 9, 8}));
    REFUSED(2000, "dimensions differ", attention({1, 4, 9, 8}, {1, 4, 7, 16}, {1, 4, 7, 8}, {1, 4, 9, 8}));
    REFUSED(2000, "K and V", attention({1, 4, 9, 8}, {1, 4, 7, 8}, {1, 4, 6, 8}, {1, 4, 9, 8}));
    REFUSED(2000, "O does not", attention({1, 4, 9, 8}, {1, 4, 7, 8}, {1, 4, 7, 8}, {1, 4, 8, 8}));
    REFUSED(2000, "multiple", attention({1, 4, 9, 8}, {1, 3, 7, 8}, {1, 3, 7, 8}, {1, 4, 9, 8}));
    REFUSED(2000, "size", g.finish(g.average(x, g.image(kF16, 2, 8, 2, 1), {2, 2})));
    REFUSED(2000, "channels differ", g.finish(g.average(x, g.image(kF16, 2, 9, 2, 2), {2, 2})));
    REFUSED(2000, "size", g.finish(g.nearest(x, g.image(kF16, 2, 8, 8, 9), 2)));
}

TEST(CudnnGraphs, "") {
    Machine m;
    Graph g;
    Tensor &x = g.image(kF16, 2, 8, 4, 4), &t = g.image(kF32, 2, 8, 4, 4, true), &u = g.image(kF32, 2, 8, 4, 4, true);
    Tensor &y = g.image(kF16, 2, 8, 4, 4), &z = g.image(kF16, 2, 8, 4, 4);
    auto relu = [&](Tensor& from, Tensor& to) {
        D op = g.pointwise(CUDNN_POINTWISE_RELU_FWD, from, nullptr, to);
        OK(g.finish(op));
        return op;
    };
    auto ends = [&](std::vector<D> ops) {
        g.ops = ops;
        return g.finish(g.graph());
    };
    OK(ends({relu(x, t), relu(t, y)}));
    REFUSED(2000, "no operation makes it", ends({relu(t, y)}));
    REFUSED(2000, "two operations", ends({relu(x, y), relu(x, y)}));
    REFUSED(2000, "wait for each other", ends({relu(t, u), relu(u, t)}));
    auto none = [&](std::vector<D> ops) {
        g.ops = ops;
        EXPECT(g.configs().empty());
    };
    none({relu(x, y), relu(x, z)});              // two graphs
    none({relu(x, t), relu(t, y), relu(t, z)});  // two results
    none({relu(x, y), relu(y, z)});              // stored in between
    none({relu(x, t), relu(t, u)});              // nothing is stored
    Tensor &a = g.tensor(kF16, {1, 16, 16}), &s = g.tensor(kF32, {1, 16, 16}, {}, true),
           &r = g.tensor(kF32, {1, 16, 1}, {}, true);
    Tensor &p = g.tensor(kF16, {1, 16, 16}, {}, true), &o = g.tensor(kF16, {1, 16, 16}),
           &b = g.tensor(kF16, {1, 16, 16});
    std::vector<D> parts = {g.matmul(a, b, s), g.reduction(CUDNN_REDUCE_TENSOR_MAX, s, r),
                            g.pointwise(CUDNN_POINTWISE_MUL, s, &r, p), g.matmul(p, b, o)};
    for (D d : parts) OK(g.finish(d));
    none(parts);  // attention by parts
    D heuristic = g.make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    REFUSED(2000, "was not set", cudnnBackendFinalize(heuristic));
    Graph h(false);
    h.add(h.pointwise(CUDNN_POINTWISE_RELU_FWD, h.image(kF16, 1, 8, 2, 2), nullptr, h.image(kF16, 1, 8, 2, 2)));
    D alone = h.graph();
    OK(h.finish(alone));
    REFUSED(2000, "neither", cudnnBackendFinalize(h.heuristic(alone)));
}

TEST(CudnnWithoutEngines, "sm=80") {
    Machine m;
    Graph g;
    auto half = [&](Shape d, Shape s = {}) -> Tensor& { return g.tensor(kF16, d, s); };
    EXPECT(results(g, g.attention(half({1, 2, 9, 8}), half({1, 2, 9, 8}), half({1, 2, 9, 8}), half({1, 2, 9, 8}),
                                  nullptr)) == 3);
    Shape q = {1, 2, 9, 8};
    EXPECT(results(g, g.attention(g.tensor(kF32, q), g.tensor(kF32, q), g.tensor(kF32, q), g.tensor(kF32, q),
                                  nullptr)) == 0);
    EXPECT(results(g, g.attention(half({1, 2, 9, 7}), half({1, 2, 9, 7}), half({1, 2, 9, 7}), half({1, 2, 9, 7}),
                                  nullptr)) == 0);
    Tensor &x = g.image(kF16, 2, 8, 4, 4), &y = g.image(kF16, 2, 8, 8, 8);
    EXPECT(results(g, g.nearest(x, y, 2)) == 0);
    EXPECT(results(g, g.reduction(CUDNN_REDUCE_TENSOR_ADD, x, g.tensor(kF32, {2, 8, 1, 1}))) ==
           0);  // the middle of memory
    EXPECT(results(g, g.reduction(CUDNN_REDUCE_TENSOR_ADD, x, g.image(kF32, 2, 2, 4, 4))) == 0);
    EXPECT(results(g, g.pointwise(CUDNN_POINTWISE_ADD, x, &half({1, 7, 1, 1}), g.image(kF16, 2, 8, 4, 4))) == 0);
    EXPECT(results(g, g.pointwise(CUDNN_POINTWISE_ADD, x, &half({2, 8, 4, 4}), g.image(kF16, 2, 8, 4, 4))) ==
           0);  // two layouts
    EXPECT(results(g, g.matmul(half({4, 6, 8}), half({2, 8, 8}), half({4, 6, 8}))) == 0);
    EXPECT(results(g, g.matmul(half({6, 8}), half({8, 8}), half({6, 8}))) == 0);
    EXPECT(results(g, g.conv(half({1, 8, 4, 4}), g.tensor(kF32, {8, 8, 1, 1}), half({1, 8, 4, 4}), {0, 0}, {0, 0},
                             {1, 1})) == 0);
    EXPECT(results(g, g.conv(half({1, 8, 4, 4}), half({8, 8, 1, 1}), g.tensor(kF32, {1, 8, 4, 4}), {0, 0}, {0, 0},
                             {1, 1})) == 0);
    D group =
        g.norm(CUDNN_GROUP_NORM, x, g.tensor(kF32, {1, 8, 1, 1}), nullptr, g.scalar(1), g.image(kF16, 2, 8, 4, 4));
    OK(g.finish(group));
    g.ops = {group};
    D graph = g.graph();
    OK(g.finish(graph));
    REFUSED(3000, "norm mode", cudnnBackendFinalize(g.heuristic(graph)));
}

TEST(CudnnOnOlderGPUs, "sm=75") {
    Machine m;
    Graph g;
    auto of = [&](int type, Shape d) -> Tensor& { return g.tensor(type, d); };
    Shape q = {1, 2, 9, 8};
    EXPECT(results(g, g.attention(of(kF16, q), of(kF16, q), of(kF16, q), of(kF16, q), nullptr)) == 0);
    EXPECT(results(g, g.matmul(of(kF16, {1, 6, 8}), of(kF16, {1, 8, 16}), of(kF16, {1, 6, 16}))) == 3);
    EXPECT(results(g, g.matmul(of(kF16, {1, 6, 8}), of(kF16, {1, 8, 77}), of(kF16, {1, 6, 77}))) == 0);
    EXPECT(results(g, g.matmul(of(kF32, {1, 6, 8}), of(kF32, {1, 8, 16}), of(kF32, {1, 6, 16}))) == 0);
    auto conv = [&](int type) {
        return results(
            g, g.conv(of(type, {1, 8, 4, 4}), of(type, {8, 8, 1, 1}), of(type, {1, 8, 4, 4}), {0, 0}, {0, 0}, {1, 1}));
    };
    EXPECT(conv(kF16) == 3 && conv(kF32) == 3 && conv(kBF16) == 0);
}
