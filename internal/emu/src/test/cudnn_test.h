// Graphs of cuDNN for its tests, and reference values in double precision.
#pragma once

#include <algorithm>
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "../cudnn_api.h"
#include "driver_api.h"

extern "C" {
size_t cudnnGetVersion(void);
size_t cudnnGetCudartVersion(void);
const char* cudnnGetErrorString(cudnnStatus_t);
void cudnnGetLastErrorString(char*, size_t);
cudnnStatus_t cudnnCreate(cudnnHandle_t*);
cudnnStatus_t cudnnDestroy(cudnnHandle_t);
cudnnStatus_t cudnnSetStream(cudnnHandle_t, cudaStream_t);
cudnnStatus_t cudnnGetStream(cudnnHandle_t, cudaStream_t*);
cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t, cudnnBackendDescriptor_t*);
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t);
cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t);
cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t, cudnnBackendAttributeName_t,
                                       cudnnBackendAttributeType_t, int64_t, const void*);
cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t, cudnnBackendAttributeName_t,
                                       cudnnBackendAttributeType_t, int64_t, int64_t*, void*);
cudnnStatus_t cudnnBackendExecute(cudnnHandle_t, cudnnBackendDescriptor_t, cudnnBackendDescriptor_t);
}

namespace cudnntest {

using Shape = std::vector<int64_t>;
using D = cudnnBackendDescriptor_t;
constexpr int kF32 = CUDNN_DATA_FLOAT, kF16 = CUDNN_DATA_HALF, kBF16 = CUDNN_DATA_BFLOAT16;

// MESSAGE expects a status and a word of the last error's message.
#define REFUSED(STATUS, WORD, CALL) \
    cudnntest::refused(__FILE__, __LINE__, #CALL, int(STATUS), WORD, [&] { return int(CALL); })
void refused(const char* file, int line, const char* call, int status, const char* word, const std::function<int()>& f);

// Tensor is an operand with its values in the order of its dimensions, the last innermost.
struct Tensor {
    D d = nullptr;
    int64_t uid = 0;
    int type = kF32;
    Shape dims, strides;
    std::vector<double> v;
    CUdeviceptr at = 0;
    float host = 0;  // by value

    int64_t count() const;
    int64_t span() const;  // bytes
    int64_t size() const { return type == kF32 ? 4 : 2; }
};

double roundedTo(int type, double v);
Shape packed(const Shape& dims);
Shape channelsLast(const Shape& dims);  // of [N, C, H, W]
// each calls f(index) for every index of dims, in order.
void each(const Shape& dims, const std::function<void(const Shape&)>& f);
int64_t flat(const Shape& dims, const Shape& index);  // 0 in a dimension of 1

// product is the matrix product of a and b, with c's dimensions.
std::vector<double> product(const Tensor& a, const Tensor& b, const Tensor& c);
void rounded(std::vector<double>& v, int type);

// Graph owns descriptors, tensors and device memory. It has a handle on the legacy stream.
struct Graph {
    cudnnHandle_t handle = nullptr;
    std::vector<D> made, ops;
    std::vector<Tensor*> tensors;
    bool onHandle = true;  // else for the device property target
    bool lost = false;     // the context failed: what it owns goes with it
    D target = nullptr;
    explicit Graph(bool withHandle = true);
    ~Graph();

    D make(int kind);
    void set(D d, int name, int type, int64_t n, const void* v);
    template <class T>
    void put(D d, int name, int type, std::vector<T> v) {
        set(d, name, type, int64_t(v.size()), v.data());
    }
    void link(D d, int name, D to) { set(d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &to); }
    // finish finalises and returns the status; op is put into the graph.
    int finish(D d) { return int(cudnnBackendFinalize(d)); }

    // tensor has small values that float16 holds, different for every tensor.
    Tensor& tensor(int type, Shape dims, Shape strides = {}, bool isVirtual = false);
    Tensor& image(int type, int64_t n, int64_t c, int64_t h, int64_t w, bool isVirtual = false) {
        return tensor(type, {n, c, h, w}, channelsLast({n, c, h, w}), isVirtual);
    }
    Tensor& scalar(float v, size_t rank = 4);

    // Each makes an operation, not finalised.
    D conv(Tensor& x, Tensor& w, Tensor& y, Shape pre, Shape post, Shape step, Shape dilation = {1, 1},
           int mode = CUDNN_CROSS_CORRELATION);
    D matmul(Tensor& a, Tensor& b, Tensor& c);
    D pointwise(int mode, Tensor& x, Tensor* b, Tensor& y, double swish = 1);
    D reduction(int op, Tensor& x, Tensor& y);
    D norm(int mode, Tensor& x, Tensor& scale, Tensor* bias, Tensor& epsilon, Tensor& y);
    D attention(Tensor& q, Tensor& k, Tensor& v, Tensor& o, Tensor* scale);
    D average(Tensor& x, Tensor& y, Shape window, Shape pre = {0, 0},
              int mode = CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING);
    D nearest(Tensor& x, Tensor& y, int64_t by);
    void add(D op) {
        OK(finish(op));
        ops.push_back(op);
    }

    // graph, heuristic and configs are the way to plans; count is the number of configurations.
    D graph();
    D heuristic(D graph, int mode = CUDNN_HEUR_MODE_A);
    std::vector<D> configs(int mode = CUDNN_HEUR_MODE_A);
    D plan(D config, int want = 0);
    D plan() { return planOf(0); }
    D planOf(size_t which) { return plan(configs().at(which)); }

    void upload();  // makes every operand's memory and writes its values
    D pack(CUdeviceptr workspace = 0);
    int execute(D plan, CUdeviceptr workspace = 0) { return int(cudnnBackendExecute(handle, plan, pack(workspace))); }
    std::vector<double> download(const Tensor& t);
    // check runs plans of all configurations and compares y with want, each within tolerance * (1 + |want|).
    void check(Tensor& y, const std::vector<double>& want, double tolerance);
};

// Sum is y = x + b on 64 numbers, ready to run.
struct Sum : Graph {
    Tensor *x, *b, *y;
    std::vector<double> want;
    explicit Sum(bool withHandle = true) : Graph(withHandle) {
        x = &tensor(kF32, {1, 64, 1, 1});
        b = &tensor(kF32, {1, 64, 1, 1});
        y = &tensor(kF32, {1, 64, 1, 1});
        add(pointwise(CUDNN_POINTWISE_ADD, *x, b, *y));
        for (size_t k = 0; k < 64; ++k) want.push_back(x->v[k] + b->v[k]);
        upload();
    }
};

}  // namespace cudnntest

using namespace cudnntest;
