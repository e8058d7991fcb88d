// Operation graphs, and which of them have engines: those that cuDNN 9.28 was seen to have, and no others.
#include "cudnn_graph.h"

#include <algorithm>
#include <set>

namespace emu::cudnn {

const char* opName(const Operation& op) {
    switch (op.kind) {
        case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR: return "convolution";
        case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR: return "matmul";
        case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR: return "reduction";
        case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR: return "norm";
        case CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR: return "attention";
        case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR: return "resample";
    }
    switch (op.numbers[0]) {
        case CUDNN_POINTWISE_ADD: return "add";
        case CUDNN_POINTWISE_MUL: return "mul";
        case CUDNN_POINTWISE_SUB: return "sub";
        case CUDNN_POINTWISE_RELU_FWD: return "relu";
        case CUDNN_POINTWISE_GELU_FWD: return "gelu";
        case CUDNN_POINTWISE_SWISH_FWD: return "swish";
    }
    return "pointwise";
}

std::string Graph::name() const {
    std::string s;
    for (const OperationRef& op : ops) s += std::string(s.empty() ? "" : ", ") + opName(*op);
    return s;
}

GraphRef graphOf(std::vector<OperationRef> ops, u32 sm) {
    auto g = std::make_shared<Graph>();
    g->sm = sm;
    std::map<i64, TensorRef> seen;
    std::set<i64> made, ready;
    auto meet = [&](const TensorRef& t) {
        TensorRef& first = seen[t->uid];
        if (!first) {
            first = t;
            if (!t->isVirtual) g->operands.push_back(t);
        }
        want(*first == *t,
             "two tensors with the number " + std::to_string(t->uid) + ": " + describe(*first) + ", " + describe(*t));
    };
    for (const OperationRef& op : ops) {
        for (const TensorRef& t : op->in) meet(t);
        meet(op->out);
        want(!op->out->byValue, describe(*op->out) + " is a result, and given by value");
        want(made.insert(op->out->uid).second, describe(*op->out) + " is the result of two operations");
    }
    for (const auto& [uid, t] : seen)
        want(!t->isVirtual || made.count(uid), describe(*t) + " is virtual, and no operation makes it");
    // Results before what reads them.
    while (!ops.empty()) {
        auto next = std::find_if(ops.begin(), ops.end(), [&](const OperationRef& op) {
            return std::all_of(op->in.begin(), op->in.end(),
                               [&](const TensorRef& t) { return !made.count(t->uid) || ready.count(t->uid); });
        });
        want(next != ops.end(), "operations wait for each other");
        ready.insert((*next)->out->uid);
        g->ops.push_back(*next);
        ops.erase(next);
    }
    for (const OperationRef& op : g->ops) {
        if (op->kind != CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR) continue;
        const Tensor &x = *op->in[0], &scale = *op->in[1];
        for (size_t k = 0; k < x.dims.size(); ++k)
            want(scale.dims[k] == 1 || scale.dims[k] == x.dims[k],
                 "norm: X " + text(x.dims) + ", scale " + text(scale.dims), CUDNN_STATUS_NOT_SUPPORTED);
    }
    return g;
}

namespace {

// order is the dimensions of more than one element, the outermost in memory first.
std::vector<size_t> order(const Tensor& t) {
    std::vector<size_t> o;
    for (size_t k = 0; k < t.dims.size(); ++k)
        if (t.dims[k] > 1) o.push_back(k);
    std::stable_sort(o.begin(), o.end(), [&](size_t a, size_t b) { return t.strides[a] > t.strides[b]; });
    return o;
}

bool repeats(const Tensor& t, const Tensor& y) {
    for (size_t k = 0; k < t.dims.size(); ++k)
        if (t.dims[k] != 1 && t.dims[k] != y.dims[k]) return false;
    return true;
}

std::string pointwiseOp(const Operation& op) {
    const Tensor& y = *op.out;
    switch (op.numbers[0]) {
        case CUDNN_POINTWISE_EXP:
        case CUDNN_POINTWISE_SQRT:
        case CUDNN_POINTWISE_IDENTITY:
        case CUDNN_POINTWISE_RELU_FWD:
        case CUDNN_POINTWISE_TANH_FWD:
        case CUDNN_POINTWISE_SIGMOID_FWD:
        case CUDNN_POINTWISE_GELU_FWD:
        case CUDNN_POINTWISE_SWISH_FWD: break;
        default:
            if (!binary(int(op.numbers[0])))
                return "pointwise mode " + std::to_string(op.numbers[0]) + " is not emulated";
    }
    for (const TensorRef& t : op.in) {
        if (t->byValue) continue;
        if (!repeats(*t, y)) return describe(*t) + " cannot be repeated to " + describe(y);
        if (t->dims == y.dims && order(*t) != order(y))
            return describe(*t) + " and " + describe(y) + " differ in layout";
    }
    return "";
}

// reductionOp: what is reduced must be the outer or the inner dimensions in memory.
std::string reductionOp(const Operation& op) {
    const Tensor &x = *op.in[0], &y = *op.out;
    if (op.numbers[0] != CUDNN_REDUCE_TENSOR_ADD && op.numbers[0] != CUDNN_REDUCE_TENSOR_MAX)
        return "reduction operator";
    if (!repeats(y, x)) return describe(y) + " is no reduction of " + describe(x);
    std::vector<bool> reduced;
    for (size_t k : order(x)) reduced.push_back(y.dims[k] == 1);
    int changes = 0;
    for (size_t k = 1; k < reduced.size(); ++k) changes += reduced[k] != reduced[k - 1];
    if (reduced.empty() || changes > 1 || std::find(reduced.begin(), reduced.end(), true) == reduced.end())
        return describe(x) + " to " + describe(y) + " reduces neither the outer nor the inner dimensions in memory";
    return "";
}

std::string head(const Operation& op, const Tensor& last, bool alone, u32 sm) {
    const Tensor &a = *op.in[0], &b = *op.in[1];
    if (a.isVirtual || b.isVirtual) return std::string(opName(op)) + " of a virtual tensor";
    if (a.type != b.type) return std::string(opName(op)) + " of two types";
    if (a.type == CUDNN_DATA_BFLOAT16 && sm < 80) return "bfloat16 before sm_80";
    if (op.kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
        return last.type == a.type || !alone ? "" : "convolution to another type";
    size_t n = a.dims.size();
    if (n < 3) return "matmul of rank 2";
    for (size_t k = 0; k + 2 < n; ++k)
        if (a.dims[k] != b.dims[k] && a.dims[k] != 1 && b.dims[k] != 1) return "matmul with batches that repeat";
    if (a.type == CUDNN_DATA_FLOAT && sm < 80) return "float32 matmul before sm_80";
    if (sm < 80 && b.dims[n - 1] % 8) return "matmul of " + std::to_string(b.dims[n - 1]) + " columns before sm_80";
    return "";
}

std::string attentionOp(const Operation& op, u32 sm) {
    if (sm < 80) return "attention before sm_80";
    for (size_t k = 0; k < 4; ++k) {
        const Tensor& t = k < 3 ? *op.in[k] : *op.out;
        if (t.type == CUDNN_DATA_FLOAT) return "attention in float32";
        if (t.type != op.in[0]->type) return "attention of two types";
        if (t.dims[3] % 8 || t.dims[3] > 512) return "attention with heads of " + std::to_string(t.dims[3]);
        if (t.strides[3] != 1) return "attention with heads that are not contiguous";
    }
    return "";
}

std::string single(const Operation& op, u32 sm, bool nearest) {
    switch (op.kind) {
        case CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR: return attentionOp(op, sm);
        case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR: return reductionOp(op);
        case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
            return op.numbers[0] == CUDNN_LAYER_NORM || op.numbers[0] == CUDNN_RMS_NORM ? ""
                                                                                        : "norm other than of layers";
    }
    if (op.numbers[0] == CUDNN_RESAMPLE_NEAREST) return nearest ? "" : "nearest neighbour";
    bool average = op.numbers[0] == CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING ||
                   op.numbers[0] == CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING;
    if (!average) return "resample mode";
    for (size_t k = 2; k < op.numbers.size(); k += 2)
        if (op.numbers[k] != 1) return "average over a broken window";
    return "";
}

bool isHead(const Operation& op) {
    return op.kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR ||
           op.kind == CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR;
}

}  // namespace

std::string unsupported(const Graph& g, u32 sm, bool nearest) {
    constexpr int kPointwise = CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR;
    const Operation &first = *g.ops.front(), &last = *g.ops.back();
    std::string pattern = "no engine for the pattern " + g.name() + ": ";
    if (!isHead(first) && first.kind != kPointwise)
        return g.ops.size() == 1 ? single(first, sm, nearest) : pattern + "nothing can follow";
    std::set<i64> made, used;
    for (const OperationRef& op : g.ops) {
        bool linked = false;
        for (const TensorRef& t : op->in) {
            linked = linked || made.count(t->uid);
            used.insert(t->uid);
        }
        made.insert(op->out->uid);
        if (op != g.ops.front() && !linked) return pattern + "it is not connected";
        if (op->out->isVirtual == (op == g.ops.back())) return pattern + "other than the last result is stored";
        std::string why;
        if (op->kind == kPointwise) why = pointwiseOp(*op);
        else if (op == g.ops.front()) why = head(*op, *last.out, g.ops.size() == 1, sm);
        else if (op == g.ops.back() && op->kind == CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR && isHead(first))
            why = reductionOp(*op);
        else return pattern + opName(*op) + " cannot follow";
        if (!why.empty()) return why;
    }
    for (i64 uid : made)
        if (uid != last.out->uid && !used.count(uid)) return pattern + "a result is not used";
    return "";
}

}  // namespace emu::cudnn
