// The operations' descriptors.
#include "cudnn_test.h"

namespace cudnntest {

#define A(NAME) CUDNN_ATTR_##NAME

D Graph::conv(Tensor& x, Tensor& w, Tensor& y, Shape pre, Shape post, Shape step, Shape dilation, int mode) {
    D c = make(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR), o = make(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    put<int>(c, A(CONVOLUTION_COMP_TYPE), CUDNN_TYPE_DATA_TYPE, {kF32});
    put<int>(c, A(CONVOLUTION_CONV_MODE), CUDNN_TYPE_CONVOLUTION_MODE, {mode});
    put<int64_t>(c, A(CONVOLUTION_SPATIAL_DIMS), CUDNN_TYPE_INT64, {2});
    put(c, A(CONVOLUTION_PRE_PADDINGS), CUDNN_TYPE_INT64, pre);
    put(c, A(CONVOLUTION_POST_PADDINGS), CUDNN_TYPE_INT64, post);
    put(c, A(CONVOLUTION_FILTER_STRIDES), CUDNN_TYPE_INT64, step);
    put(c, A(CONVOLUTION_DILATIONS), CUDNN_TYPE_INT64, dilation);
    OK(finish(c));
    link(o, A(OPERATION_CONVOLUTION_FORWARD_CONV_DESC), c);
    link(o, A(OPERATION_CONVOLUTION_FORWARD_X), x.d);
    link(o, A(OPERATION_CONVOLUTION_FORWARD_W), w.d);
    link(o, A(OPERATION_CONVOLUTION_FORWARD_Y), y.d);
    put<float>(o, A(OPERATION_CONVOLUTION_FORWARD_ALPHA), CUDNN_TYPE_FLOAT, {1});
    put<double>(o, A(OPERATION_CONVOLUTION_FORWARD_BETA), CUDNN_TYPE_DOUBLE, {0});
    return o;
}

D Graph::matmul(Tensor& a, Tensor& b, Tensor& c) {
    D m = make(CUDNN_BACKEND_MATMUL_DESCRIPTOR), o = make(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    put<int>(m, A(MATMUL_COMP_TYPE), CUDNN_TYPE_DATA_TYPE, {kF32});
    OK(finish(m));
    link(o, A(OPERATION_MATMUL_DESC), m);
    link(o, A(OPERATION_MATMUL_ADESC), a.d);
    link(o, A(OPERATION_MATMUL_BDESC), b.d);
    link(o, A(OPERATION_MATMUL_CDESC), c.d);
    return o;
}

D Graph::pointwise(int mode, Tensor& x, Tensor* b, Tensor& y, double swish) {
    D p = make(CUDNN_BACKEND_POINTWISE_DESCRIPTOR), o = make(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    put<int>(p, A(POINTWISE_MODE), CUDNN_TYPE_POINTWISE_MODE, {mode});
    put<int>(p, A(POINTWISE_MATH_PREC), CUDNN_TYPE_DATA_TYPE, {kF32});
    if (swish != 1) put<double>(p, A(POINTWISE_SWISH_BETA), CUDNN_TYPE_DOUBLE, {swish});
    OK(finish(p));
    link(o, A(OPERATION_POINTWISE_PW_DESCRIPTOR), p);
    link(o, A(OPERATION_POINTWISE_XDESC), x.d);
    if (b) link(o, A(OPERATION_POINTWISE_BDESC), b->d);
    link(o, A(OPERATION_POINTWISE_YDESC), y.d);
    return o;
}

D Graph::reduction(int op, Tensor& x, Tensor& y) {
    D r = make(CUDNN_BACKEND_REDUCTION_DESCRIPTOR), o = make(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    put<int>(r, A(REDUCTION_OPERATOR), CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, {op});
    put<int>(r, A(REDUCTION_COMP_TYPE), CUDNN_TYPE_DATA_TYPE, {kF32});
    OK(finish(r));
    link(o, A(OPERATION_REDUCTION_DESC), r);
    link(o, A(OPERATION_REDUCTION_XDESC), x.d);
    link(o, A(OPERATION_REDUCTION_YDESC), y.d);
    return o;
}

D Graph::norm(int mode, Tensor& x, Tensor& scale, Tensor* bias, Tensor& epsilon, Tensor& y) {
    D o = make(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
    put<int>(o, A(OPERATION_NORM_FWD_MODE), CUDNN_TYPE_NORM_MODE, {mode});
    put<int>(o, A(OPERATION_NORM_FWD_PHASE), CUDNN_TYPE_NORM_FWD_PHASE, {CUDNN_NORM_FWD_INFERENCE});
    link(o, A(OPERATION_NORM_FWD_XDESC), x.d);
    link(o, A(OPERATION_NORM_FWD_SCALE_DESC), scale.d);
    if (bias) link(o, A(OPERATION_NORM_FWD_BIAS_DESC), bias->d);
    link(o, A(OPERATION_NORM_FWD_EPSILON_DESC), epsilon.d);
    link(o, A(OPERATION_NORM_FWD_YDESC), y.d);
    return o;
}

D Graph::attention(Tensor& q, Tensor& k, Tensor& v, Tensor& y, Tensor* scale) {
    D o = make(CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR);
    link(o, A(OPERATION_SDPA_FWD_QDESC), q.d);
    link(o, A(OPERATION_SDPA_FWD_KDESC), k.d);
    link(o, A(OPERATION_SDPA_FWD_VDESC), v.d);
    link(o, A(OPERATION_SDPA_FWD_ODESC), y.d);
    if (scale) link(o, A(OPERATION_SDPA_FWD_SCALEDESC), scale->d);
    return o;
}

D Graph::average(Tensor& x, Tensor& y, Shape window, Shape pre, int mode) {
    D r = make(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR), o = make(CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR);
    put<int>(r, A(RESAMPLE_MODE), CUDNN_TYPE_RESAMPLE_MODE, {mode});
    put<int>(r, A(RESAMPLE_COMP_TYPE), CUDNN_TYPE_DATA_TYPE, {kF32});
    put<int>(r, A(RESAMPLE_PADDING_MODE), CUDNN_TYPE_PADDING_MODE, {CUDNN_ZERO_PAD});
    put<int64_t>(r, A(RESAMPLE_SPATIAL_DIMS), CUDNN_TYPE_INT64, {2});
    put(r, A(RESAMPLE_WINDOW_DIMS), CUDNN_TYPE_INT64, window);
    put(r, A(RESAMPLE_STRIDES), CUDNN_TYPE_INT64, window);
    put(r, A(RESAMPLE_PRE_PADDINGS), CUDNN_TYPE_INT64, pre);
    put(r, A(RESAMPLE_POST_PADDINGS), CUDNN_TYPE_INT64, pre);
    OK(finish(r));
    link(o, A(OPERATION_RESAMPLE_FWD_DESC), r);
    link(o, A(OPERATION_RESAMPLE_FWD_XDESC), x.d);
    link(o, A(OPERATION_RESAMPLE_FWD_YDESC), y.d);
    return o;
}

D Graph::nearest(Tensor& x, Tensor& y, int64_t by) {
    D r = make(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR), o = make(CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR);
    put<int>(r, A(RESAMPLE_MODE), CUDNN_TYPE_RESAMPLE_MODE, {CUDNN_RESAMPLE_NEAREST});
    put<int>(r, A(RESAMPLE_COMP_TYPE), CUDNN_TYPE_DATA_TYPE, {kF32});
    put<int>(r, A(RESAMPLE_PADDING_MODE), CUDNN_TYPE_PADDING_MODE, {CUDNN_EDGE_VAL_PAD});
    put<int64_t>(r, A(RESAMPLE_SPATIAL_DIMS), CUDNN_TYPE_INT64, {2});
    put<cudnnFraction_t>(r, A(RESAMPLE_WINDOW_DIMS), CUDNN_TYPE_FRACTION, {{1, 1}, {1, 1}});
    put<cudnnFraction_t>(r, A(RESAMPLE_STRIDES), CUDNN_TYPE_FRACTION, {{1, by}, {1, by}});
    put<cudnnFraction_t>(r, A(RESAMPLE_PRE_PADDINGS), CUDNN_TYPE_FRACTION, {{0, 1}, {0, 1}});
    put<cudnnFraction_t>(r, A(RESAMPLE_POST_PADDINGS), CUDNN_TYPE_FRACTION, {{by - 1, by}, {by - 1, by}});
    OK(finish(r));
    link(o, A(OPERATION_RESAMPLE_FWD_DESC), r);
    link(o, A(OPERATION_RESAMPLE_FWD_XDESC), x.d);
    link(o, A(OPERATION_RESAMPLE_FWD_YDESC), y.d);
    return o;
}

}  // namespace cudnntest
