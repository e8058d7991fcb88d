// Tests of the emulated cuDNN, in the frame of the driver's tests: driver_test.cpp.
#include "cudnn_test.h"

namespace cudnntest {

void refused(const char* file, int line, const char* call, int status, const char* word,
             const std::function<int()>& f) {
    char message[1024];
    cudnnGetLastErrorString(message, sizeof message);
    emutest::expectCode(file, line, call, status, f());
    cudnnGetLastErrorString(message, sizeof message);
    if (!strstr(message, word)) emutest::failed(file, line, std::string("no \"") + word + "\" in: " + message);
    cudnnGetLastErrorString(message, sizeof message);
    if (message[0]) emutest::failed(file, line, "reading the message does not forget it");
}

int64_t Tensor::count() const {
    int64_t n = 1;
    for (int64_t d : dims) n *= d;
    return n;
}

int64_t Tensor::span() const {
    int64_t last = 0;
    for (size_t k = 0; k < dims.size(); ++k) last += (dims[k] - 1) * strides[k];
    return (last + 1) * size();
}

// The nearest number with p bits and a least exponent, ties to even: quanta of the number's binade.
double roundedTo(int type, double v) {
    if (v == 0 || !std::isfinite(v)) return v;
    int p = type == kF16 ? 11 : type == kBF16 ? 8 : 24, least = type == kF16 ? -14 : -126;
    int e = std::max(std::ilogb(v), least);
    double q = std::ldexp(1.0, e - (p - 1)), r = std::nearbyint(v / q) * q;
    return type == kF16 && std::fabs(r) > 65504 ? std::copysign(HUGE_VAL, v) : r;
}

Shape packed(const Shape& dims) {
    Shape s(dims.size());
    int64_t n = 1;
    for (size_t k = dims.size(); k-- > 0; n *= dims[k]) s[k] = n;
    return s;
}

Shape channelsLast(const Shape& d) { return {d[1] * d[2] * d[3], 1, d[1] * d[3], d[1]}; }

void each(const Shape& dims, const std::function<void(const Shape&)>& f) {
    Shape i(dims.size(), 0);
    for (;;) {
        f(i);
        size_t k = dims.size();
        while (k > 0 && ++i[k - 1] == dims[k - 1]) i[--k] = 0;
        if (k == 0) return;
    }
}

int64_t flat(const Shape& dims, const Shape& index) {
    int64_t at = 0;
    for (size_t k = 0; k < dims.size(); ++k) at = at * dims[k] + (dims[k] == 1 ? 0 : index[k]);
    return at;
}

std::vector<double> product(const Tensor& a, const Tensor& b, const Tensor& c) {
    std::vector<double> all;
    each(c.dims, [&](const Shape& i) {
        double sum = 0;
        Shape l = i, r = i;
        for (int64_t k = 0; k < a.dims.back(); ++k) {
            l[l.size() - 1] = r[r.size() - 2] = k;
            sum += a.v[size_t(flat(a.dims, l))] * b.v[size_t(flat(b.dims, r))];
        }
        all.push_back(sum);
    });
    return all;
}

void rounded(std::vector<double>& v, int type) {
    for (double& e : v) e = roundedTo(type, e);
}

Graph::Graph(bool withHandle) : onHandle(withHandle) {
    if (onHandle) OK(cudnnCreate(&handle));
}

Graph::~Graph() {
    for (D d : made) OK(cudnnBackendDestroyDescriptor(d));
    for (Tensor* t : tensors) {
        if (t->at && !lost) OK(cuMemFree_v2(t->at));
        delete t;
    }
    if (handle) CODE(lost ? 5001 : 0, cudnnDestroy(handle));
}

D Graph::make(int kind) {
    D d = nullptr;
    OK(cudnnBackendCreateDescriptor(kind, &d));
    made.push_back(d);
    return d;
}

void Graph::set(D d, int name, int type, int64_t n, const void* v) {
    OK(cudnnBackendSetAttribute(d, name, type, n, v));
}

Tensor& Graph::tensor(int type, Shape dims, Shape strides, bool isVirtual) {
    auto* t = new Tensor;
    tensors.push_back(t);
    t->uid = int64_t(tensors.size());
    t->type = type;
    t->dims = dims;
    t->strides = strides.empty() ? packed(dims) : strides;
    t->d = make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    put<int>(t->d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, {type});
    put(t->d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, t->dims);
    put(t->d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, t->strides);
    put<int64_t>(t->d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, {t->uid});
    put<int64_t>(t->d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, {16});
    if (isVirtual) put<char>(t->d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, {1});
    OK(finish(t->d));
    if (isVirtual) {
        t->uid = -t->uid;  // has no memory
        return *t;
    }
    for (int64_t k = 0; k < t->count(); ++k) t->v.push_back(double((k * 37 + t->uid * 11) % 61 - 30) / 32);
    return *t;
}

Tensor& Graph::scalar(float v, size_t rank) {
    auto* t = new Tensor;
    tensors.push_back(t);
    t->uid = int64_t(tensors.size());
    t->dims = t->strides = Shape(rank, 1);
    t->host = v;
    t->d = make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    put<int>(t->d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, {kF32});
    put(t->d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, t->dims);
    put(t->d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, t->strides);
    put<int64_t>(t->d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, {t->uid});
    put<int64_t>(t->d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, {16});
    put<char>(t->d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, {1});
    OK(finish(t->d));
    return *t;
}

D Graph::graph() {
    D g = make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    if (onHandle) put<cudnnHandle_t>(g, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, {handle});
    put(g, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, ops);
    return g;
}

D Graph::heuristic(D graph, int mode) {
    D h = make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    link(h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    put<int>(h, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, {mode});
    if (target) link(h, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, target);
    return h;
}

std::vector<D> Graph::configs(int mode) {
    D g = graph();
    OK(finish(g));
    D h = heuristic(g, mode);
    OK(finish(h));
    int64_t n = -1, got = -1;
    OK(cudnnBackendGetAttribute(h, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &n, nullptr));
    std::vector<D> all;
    for (int64_t k = 0; k < n; ++k) all.push_back(make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
    if (n > 0)
        OK(cudnnBackendGetAttribute(h, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, n, &got,
                                    all.data()));
    EXPECT(n <= 0 || got == n);
    return all;
}

D Graph::plan(D config, int want) {
    D p = make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    if (onHandle) put<cudnnHandle_t>(p, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, {handle});
    link(p, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    CODE(want, finish(p));
    return p;
}

namespace {

std::vector<unsigned char> encoded(const Tensor& t) {
    std::vector<unsigned char> bytes(size_t(t.span()), 0);
    int64_t k = 0;
    each(t.dims, [&](const Shape& i) {
        int64_t at = 0;
        for (size_t d = 0; d < i.size(); ++d) at += i[d] * t.strides[d];
        double v = t.v[size_t(k++)];
        float f = float(v);
        unsigned bits;
        memcpy(&bits, &f, 4);
        if (t.type == kF32) memcpy(&bytes[size_t(at * 4)], &f, 4);
        if (t.type == kBF16) memcpy(&bytes[size_t(at * 2)], reinterpret_cast<char*>(&bits) + 2, 2);
        if (t.type != kF16) return;
        // Normal numbers and 0 only.
        int e = v == 0 ? 0 : std::ilogb(v);
        unsigned h = v == 0 ? 0 : unsigned((e + 15) << 10) | unsigned(std::ldexp(std::fabs(v), 10 - e) - 1024);
        unsigned short s = (unsigned short)(h | (v < 0 ? 0x8000u : 0));
        memcpy(&bytes[size_t(at * 2)], &s, 2);
    });
    return bytes;
}

double decoded(const Tensor& t, const unsigned char* p) {
    if (t.type == kF32) {
        float f;
        memcpy(&f, p, 4);
        return f;
    }
    unsigned s = unsigned(p[0]) | unsigned(p[1]) << 8;
    if (t.type == kBF16) {
        unsigned bits = s << 16;
        float f;
        memcpy(&f, &bits, 4);
        return f;
    }
    int e = int(s >> 10 & 31), m = int(s & 1023);
    double v = e == 31 ? (m ? NAN : HUGE_VAL) : e ? std::ldexp(m + 1024, e - 25) : std::ldexp(m, -24);
    return s & 0x8000 ? -v : v;
}

}  // namespace

void Graph::upload() {
    for (Tensor* t : tensors) {
        if (t->v.empty() || t->at) continue;
        OK(cuMemAlloc_v2(&t->at, size_t(t->span())));
        std::vector<unsigned char> bytes = encoded(*t);
        OK(cuMemcpyHtoD_v2(t->at, bytes.data(), bytes.size()));
    }
}

D Graph::pack(CUdeviceptr workspace) {
    D p = make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    Shape ids;
    std::vector<CUdeviceptr> at;
    for (Tensor* t : tensors) {
        if (t->uid < 0) continue;
        ids.push_back(t->uid);
        at.push_back(t->v.empty() ? CUdeviceptr(&t->host) : t->at);
    }
    put(p, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, ids);
    put(p, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, at);
    put<CUdeviceptr>(p, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, {workspace});
    OK(finish(p));
    return p;
}

std::vector<double> Graph::download(const Tensor& t) {
    std::vector<unsigned char> bytes(size_t(t.span()));
    OK(cuMemcpyDtoH_v2(bytes.data(), t.at, bytes.size()));
    std::vector<double> v;
    each(t.dims, [&](const Shape& i) {
        int64_t at = 0;
        for (size_t d = 0; d < i.size(); ++d) at += i[d] * t.strides[d];
        v.push_back(decoded(t, &bytes[size_t(at * t.size())]));
    });
    return v;
}

void Graph::check(Tensor& y, const std::vector<double>& want, double tolerance) {
    upload();
    std::vector<double> before;
    CUdeviceptr workspace = 0;
    OK(cuMemAlloc_v2(&workspace, 64 << 10));
    std::vector<D> all = configs();
    EXPECT(all.size() == 3);
    for (D c : all) {
        OK(cuMemsetD8_v2(y.at, 0xff, size_t(y.span())));
        OK(execute(plan(c), workspace));
        std::vector<double> got = download(y);
        EXPECT(before.empty() || got == before);  // engines give the same bits
        before = got;
        EXPECT(got.size() == want.size());
        for (size_t k = 0; k < got.size() && k < want.size(); ++k) {
            if (std::fabs(got[k] - want[k]) <= tolerance * (1 + std::fabs(want[k]))) continue;
            emutest::failed(__FILE__, __LINE__,
                            "element " + std::to_string(k) + ": want " + std::to_string(want[k]) + ", got " +
                                std::to_string(got[k]));
            break;
        }
    }
    OK(cuMemFree_v2(workspace));
}

}  // namespace cudnntest
