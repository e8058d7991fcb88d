// What finalised descriptors mean: tensors, operations, graphs, plans.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "cudnn_descriptor.h"

namespace emu::cudnn {

// Tensor is an operand. Strides are in elements.
struct Tensor {
    i64 uid = 0, align = 1;
    int type = CUDNN_DATA_FLOAT;
    bool isVirtual = false, byValue = false;
    std::vector<i64> dims, strides;

    i64 size() const { return type == CUDNN_DATA_FLOAT ? 4 : 2; }
    i64 count() const;  // elements
    i64 span() const;   // bytes from the first to behind the last
    bool operator==(const Tensor& t) const;
};
using TensorRef = std::shared_ptr<const Tensor>;

std::string describe(const Tensor& t);  // "tensor 3 [2, 32, 8, 8] float16"

// Operation is one operation. What its numbers and inputs mean goes by kind, the kind of its descriptor:
//
//   CONVOLUTION_FORWARD  X, W; zeros before, zeros after, steps, dilations (2 each), 1 when the filter is mirrored
//   MATMUL               A, B
//   POINTWISE            X, B if there are two; mode, bits of swish's beta
//   REDUCTION            X; operator
//   NORM_FORWARD         X, scale, epsilon, bias if any; mode
//   SDPA_FWD             Q, K, V, scale if any
//   RESAMPLE_FWD         X; mode, then numerator and denominator of window, step and zeros before (2 each)
struct Operation {
    int kind = 0;
    std::vector<TensorRef> in;
    TensorRef out;
    std::vector<i64> numbers;
};
using OperationRef = std::shared_ptr<const Operation>;

// Graph is an operation graph: operations in an order in which they can be computed.
struct Graph {
    std::vector<OperationRef> ops;
    std::vector<TensorRef> operands;  // not virtual, one of each number
    u32 sm = 0;                       // of the handle, 0 when there is none
    std::string name() const;         // "convolution, add, swish"
};
using GraphRef = std::shared_ptr<const Graph>;

const char* opName(const Operation& op);
bool binary(int pointwiseMode);

// graphOf orders operations and checks that they are one graph.
GraphRef graphOf(std::vector<OperationRef> ops, u32 sm);
// unsupported says why there is no engine for a graph, "" when there is one. nearest is the setting cudnnnearest.
std::string unsupported(const Graph& g, u32 sm, bool nearest);

// Device is what a plan is made for.
struct DeviceProperties {
    u32 sm = 0;
};

// Engine computes graphs; all give the same bits.
struct Engine {
    GraphRef graph;
    i64 index = 0;
    u32 sm = 0;
    // workspace is that of the second engine; as in cuDNN 9.28, those of norms need it too.
    u64 workspace() const;
};

// Plan is an engine that is ready to run. Numbers of operands are found in the variant pack.
struct Plan {
    Engine engine;
    const Graph& graph() const { return *engine.graph; }
};

// Pack is a variant pack.
struct Pack {
    std::map<i64, u64> pointers;
    u64 workspace = 0;
};

// Each makes the result of a kind of descriptor, or throws.
TensorRef makeTensor(const Descriptor& d);
OperationRef makeOperation(const Descriptor& d);
void finishGraph(Descriptor& d);
void finishHeuristic(Descriptor& d);
void finishPlan(Descriptor& d);
void finishPack(Descriptor& d);
void finishDevice(Descriptor& d);
// engineConfig makes a finalised ENGINECFG descriptor.
std::shared_ptr<Descriptor> engineConfig(const Engine& e);

// planText and planFrom write and read a plan as JSON. The second throws for a text that is no plan of this version.
std::string planText(const Plan& p, u64 version);
std::shared_ptr<const Plan> planFrom(const std::string& text, u64 version);

u64 version();                // as cudnnGetVersion tells
u32 smOf(void* cudnnHandle);  // architecture of a handle's device; throws for what is no handle

}  // namespace emu::cudnn
