// Operations: what cuDNN 9.28 refuses as they are finalised is refused here.
#include "cudnn_graph.h"

namespace emu::cudnn {

namespace {

TensorRef tensor(const Descriptor& d, int name) { return d.refMade<Tensor>(name); }

void convolution(const Descriptor& d, Operation& op) {
    std::shared_ptr<Descriptor> c = d.ref(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
    TensorRef x = tensor(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X),
              w = tensor(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W);
    TensorRef y = tensor(d, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y);
    op.in = {x, w};
    op.out = y;
    auto factor = [&](int name) {
        const Attribute& a = d.need(name);
        return a.type == CUDNN_TYPE_FLOAT ? double(d.one<float>(name)) : d.one<double>(name);
    };
    want(factor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA) == 1 &&
             factor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA) == 0,
         "an alpha other than 1 or a beta other than 0 is not emulated", CUDNN_STATUS_NOT_SUPPORTED);
    want(c->one<i64>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS) == 2, "other than 2 spatial dimensions are not emulated",
         CUDNN_STATUS_NOT_SUPPORTED);
    want(x->dims.size() == 4 && w->dims.size() == 4 && y->dims.size() == 4,
         "X " + text(x->dims) + ", W " + text(w->dims) + ", Y " + text(y->dims) + ": want 4 dimensions");
    int lists[] = {CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS,
                   CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_ATTR_CONVOLUTION_DILATIONS};
    for (int name : lists) {
        std::vector<i64> v = c->list<i64>(name);
        want(v.size() == 2, "a parameter of " + std::to_string(v.size()) + " elements for 2 spatial dimensions");
        op.numbers.insert(op.numbers.end(), v.begin(), v.end());
    }
    const std::vector<i64>& p = op.numbers;
    op.numbers.push_back(c->one<i32>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) == CUDNN_CONVOLUTION);
    want(x->dims[1] % w->dims[1] == 0,
         "channels: X has " + std::to_string(x->dims[1]) + ", W has " + std::to_string(w->dims[1]));
    want(w->dims[0] % (x->dims[1] / w->dims[1]) == 0,
         "W's " + std::to_string(w->dims[0]) + " filters in " + std::to_string(x->dims[1] / w->dims[1]) + " groups");
    want(y->dims[1] == w->dims[0],
         "channels: Y has " + std::to_string(y->dims[1]) + ", W has " + std::to_string(w->dims[0]) + " filters");
    want(y->dims[0] == x->dims[0],
         "images: Y has " + std::to_string(y->dims[0]) + ", X has " + std::to_string(x->dims[0]));
    for (size_t k = 0; k < 2; ++k) {
        want(p[k] >= 0 && p[2 + k] >= 0 && p[4 + k] > 0 && p[6 + k] > 0,
             "negative zeros, or a step that is not positive");
        i64 room = x->dims[2 + k] + p[k] + p[2 + k] - ((w->dims[2 + k] - 1) * p[6 + k] + 1);
        i64 size = room < 0 ? 0 : 1 + room / p[4 + k];
        want(y->dims[2 + k] == size, "size: Y has " + std::to_string(y->dims[2 + k]) + " in dimension " +
                                         std::to_string(2 + k) + ", X " + text(x->dims) + " and W " + text(w->dims) +
                                         " give " + std::to_string(size));
    }
}

void matmul(const Descriptor& d, Operation& op) {
    TensorRef a = tensor(d, CUDNN_ATTR_OPERATION_MATMUL_ADESC), b = tensor(d, CUDNN_ATTR_OPERATION_MATMUL_BDESC);
    TensorRef c = tensor(d, CUDNN_ATTR_OPERATION_MATMUL_CDESC);
    op.in = {a, b};
    op.out = c;
    std::string shapes = "A " + text(a->dims) + ", B " + text(b->dims) + ", C " + text(c->dims);
    size_t n = a->dims.size();
    want(n >= 2 && b->dims.size() == n && c->dims.size() == n, shapes + ": the ranks differ");
    want(a->dims[n - 1] == b->dims[n - 2] && a->dims[n - 2] == c->dims[n - 2] && b->dims[n - 1] == c->dims[n - 1],
         shapes + ": the matrices do not fit");
    for (size_t k = 0; k + 2 < n; ++k) {
        i64 x = a->dims[k], y = b->dims[k];
        want(x % y == 0 || y % x == 0, shapes + ": neither batch divides the other");
        want(c->dims[k] == std::max(x, y), shapes + ": C's batch is not the larger one");
    }
}

void pointwise(const Descriptor& d, Operation& op) {
    std::shared_ptr<Descriptor> p = d.ref(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    int mode = p->one<i32>(CUDNN_ATTR_POINTWISE_MODE);
    float beta = 1;
    if (p->has(CUDNN_ATTR_POINTWISE_SWISH_BETA))
        beta = p->need(CUDNN_ATTR_POINTWISE_SWISH_BETA).type == CUDNN_TYPE_FLOAT
                   ? p->one<float>(CUDNN_ATTR_POINTWISE_SWISH_BETA)
                   : float(p->one<double>(CUDNN_ATTR_POINTWISE_SWISH_BETA));
    TensorRef x = tensor(d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC), b = tensor(d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    TensorRef y = tensor(d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    op.numbers = {mode, i64(bits<u32>(beta))};
    op.in = {x};
    op.out = y;
    want(x->dims.size() == y->dims.size(), "X " + text(x->dims) + ", Y " + text(y->dims) + ": the ranks differ");
    if (!binary(mode)) return;  // cuDNN ignores a B here
    want(b != nullptr, "a function of two operands without B");
    want(b->dims.size() == x->dims.size(), "X " + text(x->dims) + ", B " + text(b->dims) + ": the ranks differ");
    op.in.push_back(b);
}

void reduction(const Descriptor& d, Operation& op) {
    TensorRef x = tensor(d, CUDNN_ATTR_OPERATION_REDUCTION_XDESC), y = tensor(d, CUDNN_ATTR_OPERATION_REDUCTION_YDESC);
    op.numbers = {d.ref(CUDNN_ATTR_OPERATION_REDUCTION_DESC)->one<i32>(CUDNN_ATTR_REDUCTION_OPERATOR)};
    op.in = {x};
    op.out = y;
    want(x->dims.size() == y->dims.size(), "X " + text(x->dims) + ", Y " + text(y->dims) + ": the ranks differ");
}

void norm(const Descriptor& d, Operation& op) {
    TensorRef x = tensor(d, CUDNN_ATTR_OPERATION_NORM_FWD_XDESC), y = tensor(d, CUDNN_ATTR_OPERATION_NORM_FWD_YDESC);
    TensorRef scale = tensor(d, CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC);
    TensorRef bias = tensor(d, CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC);
    TensorRef epsilon = tensor(d, CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC);
    op.numbers = {d.one<i32>(CUDNN_ATTR_OPERATION_NORM_FWD_MODE)};
    op.in = {x, scale, epsilon};
    if (bias) op.in.push_back(bias);
    op.out = y;
    want(d.one<i32>(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE) == CUDNN_NORM_FWD_INFERENCE, "training is not emulated",
         CUDNN_STATUS_NOT_SUPPORTED);
    want(epsilon->byValue, "epsilon is not given by value");
    want(x->dims == y->dims, "X " + text(x->dims) + ", Y " + text(y->dims), CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    want(!bias || bias->dims == scale->dims, "scale " + text(scale->dims) + " and bias of another shape",
         CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
    want(scale->dims.size() == x->dims.size(),
         "X " + text(x->dims) + ", scale " + text(scale->dims) + ": the ranks differ");
}

void attention(const Descriptor& d, Operation& op) {
    TensorRef q = tensor(d, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC), k = tensor(d, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC);
    TensorRef v = tensor(d, CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC), o = tensor(d, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC);
    TensorRef scale = tensor(d, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC);
    op.in = {q, k, v};
    if (scale) op.in.push_back(scale);
    op.out = o;
    for (const TensorRef& t : {q, k, v, o}) want(t->dims.size() == 4, text(t->dims) + ": want 4 dimensions");
    std::string shapes =
        "Q " + text(q->dims) + ", K " + text(k->dims) + ", V " + text(v->dims) + ", O " + text(o->dims);
    want(q->dims[3] == k->dims[3], shapes + ": the heads' dimensions differ");
    want(k->dims[2] == v->dims[2] && k->dims[1] == v->dims[1], shapes + ": K and V differ");
    want(q->dims[1] % k->dims[1] == 0, shapes + ": the heads of Q are no multiple of those of K");
    want(k->dims[0] == q->dims[0] && v->dims[0] == q->dims[0], shapes + ": the batches differ");
    want(o->dims == std::vector<i64>({q->dims[0], q->dims[1], q->dims[2], v->dims[3]}), shapes + ": O does not fit");
    want(!scale || scale->byValue, "the scale is not given by value", CUDNN_STATUS_NOT_SUPPORTED);
}

// Rational numbers of a resampling, of either type.
std::vector<cudnnFraction_t> fractions(const Descriptor& d, int name) {
    if (d.need(name).type == CUDNN_TYPE_FRACTION) return d.list<cudnnFraction_t>(name);
    std::vector<cudnnFraction_t> all;
    for (i64 v : d.list<i64>(name)) all.push_back({v, 1});
    return all;
}

void resample(const Descriptor& d, Operation& op) {
    std::shared_ptr<Descriptor> r = d.ref(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC);
    TensorRef x = tensor(d, CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC),
              y = tensor(d, CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC);
    op.in = {x};
    op.out = y;
    op.numbers = {r->one<i32>(CUDNN_ATTR_RESAMPLE_MODE)};
    want(r->one<i64>(CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS) == 2 && x->dims.size() == 4 && y->dims.size() == 4,
         "X " + text(x->dims) + ", Y " + text(y->dims) + ": want 2 spatial dimensions of 4");
    std::vector<cudnnFraction_t> window = fractions(*r, CUDNN_ATTR_RESAMPLE_WINDOW_DIMS);
    std::vector<cudnnFraction_t> step = fractions(*r, CUDNN_ATTR_RESAMPLE_STRIDES);
    std::vector<cudnnFraction_t> pre = fractions(*r, CUDNN_ATTR_RESAMPLE_PRE_PADDINGS);
    std::vector<cudnnFraction_t> post = fractions(*r, CUDNN_ATTR_RESAMPLE_POST_PADDINGS);
    want(window.size() == 2 && step.size() == 2 && pre.size() == 2 && post.size() == 2,
         "parameters for other than 2 spatial dimensions");
    want(y->dims[0] == x->dims[0] && y->dims[1] == x->dims[1],
         "X " + text(x->dims) + ", Y " + text(y->dims) + ": images and channels differ");
    for (const auto* list : {&window, &step, &pre})
        for (const cudnnFraction_t& f : *list) {
            want(f.denominator > 0 && f.numerator >= 0, "a window, a step or zeros below 0");
            op.numbers.insert(op.numbers.end(), {f.numerator, f.denominator});
        }
    for (size_t k = 0; k < 2; ++k) {
        want(window[k].numerator > 0 && step[k].numerator > 0 && post[k].denominator > 0,
             "an empty window, or no step");
        // 1 + floor((in + pre + post - window) / step), over one denominator.
        i64 all = window[k].denominator * pre[k].denominator * post[k].denominator;
        i64 room = x->dims[2 + k] * all + pre[k].numerator * (all / pre[k].denominator) +
                   post[k].numerator * (all / post[k].denominator) -
                   window[k].numerator * (all / window[k].denominator);
        i64 size = room < 0 ? 0 : 1 + room * step[k].denominator / (all * step[k].numerator);
        want(y->dims[2 + k] == size, "size: Y " + text(y->dims) + ", X " + text(x->dims) + " gives " +
                                         std::to_string(size) + " in dimension " + std::to_string(2 + k));
    }
}

}  // namespace

bool binary(int mode) {
    switch (mode) {
        case CUDNN_POINTWISE_ADD:
        case CUDNN_POINTWISE_MUL:
        case CUDNN_POINTWISE_MIN:
        case CUDNN_POINTWISE_MAX:
        case CUDNN_POINTWISE_DIV:
        case CUDNN_POINTWISE_SUB: return true;
    }
    return false;
}

OperationRef makeOperation(const Descriptor& d) {
    auto op = std::make_shared<Operation>();
    op->kind = d.kind;
    switch (d.kind) {
        case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR: convolution(d, *op); break;
        case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR: matmul(d, *op); break;
        case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: pointwise(d, *op); break;
        case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR: reduction(d, *op); break;
        case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR: norm(d, *op); break;
        case CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR: attention(d, *op); break;
        case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR: resample(d, *op); break;
    }
    return op;
}

}  // namespace emu::cudnn
