// The attributes of each kind of descriptor.
#include "cudnn_descriptor.h"

namespace emu::cudnn {
namespace {

constexpr i64 kMaxRank = 8, kMaxOps = 64, kMany = i64(1) << 40;
constexpr auto R = Spec::Required;
constexpr auto O = Spec::Optional;
constexpr auto G = Spec::ReadOnly;

Spec one(int name, const char* label, int type, Spec::Use use, int other = -1) {
    return {name, label, type, other, 1, 1, use, -1};
}
Spec many(int name, const char* label, int type, i64 most, Spec::Use use, int other = -1) {
    return {name, label, type, other, 1, most, use, -1};
}
Spec ref(int name, const char* label, int of, Spec::Use use, i64 most = 1) {
    return {name, label, CUDNN_TYPE_BACKEND_DESCRIPTOR, -1, 1, most, use, of};
}

constexpr int kTensor = CUDNN_BACKEND_TENSOR_DESCRIPTOR, kInt = CUDNN_TYPE_INT64, kType = CUDNN_TYPE_DATA_TYPE;
constexpr int kGraphDesc = CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR;

#define AT(NAME) CUDNN_ATTR_##NAME, #NAME

const std::map<int, std::vector<Spec>>& table() {
    static const std::map<int, std::vector<Spec>> all = {
        {CUDNN_BACKEND_TENSOR_DESCRIPTOR,
         {one(AT(TENSOR_DATA_TYPE), kType, R), many(AT(TENSOR_DIMENSIONS), kInt, kMaxRank, R),
          many(AT(TENSOR_STRIDES), kInt, kMaxRank, R), one(AT(TENSOR_UNIQUE_ID), kInt, R),
          one(AT(TENSOR_BYTE_ALIGNMENT), kInt, R), one(AT(TENSOR_IS_VIRTUAL), CUDNN_TYPE_BOOLEAN, O),
          one(AT(TENSOR_IS_BY_VALUE), CUDNN_TYPE_BOOLEAN, O)}},
        {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR,
         {one(AT(CONVOLUTION_COMP_TYPE), kType, R), one(AT(CONVOLUTION_CONV_MODE), CUDNN_TYPE_CONVOLUTION_MODE, R),
          one(AT(CONVOLUTION_SPATIAL_DIMS), kInt, R), many(AT(CONVOLUTION_PRE_PADDINGS), kInt, 3, R),
          many(AT(CONVOLUTION_POST_PADDINGS), kInt, 3, R), many(AT(CONVOLUTION_FILTER_STRIDES), kInt, 3, R),
          many(AT(CONVOLUTION_DILATIONS), kInt, 3, R)}},
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
         {ref(AT(OPERATION_CONVOLUTION_FORWARD_CONV_DESC), CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, R),
          ref(AT(OPERATION_CONVOLUTION_FORWARD_X), kTensor, R), ref(AT(OPERATION_CONVOLUTION_FORWARD_W), kTensor, R),
          ref(AT(OPERATION_CONVOLUTION_FORWARD_Y), kTensor, R),
          one(AT(OPERATION_CONVOLUTION_FORWARD_ALPHA), CUDNN_TYPE_FLOAT, R, CUDNN_TYPE_DOUBLE),
          one(AT(OPERATION_CONVOLUTION_FORWARD_BETA), CUDNN_TYPE_FLOAT, R, CUDNN_TYPE_DOUBLE)}},
        {CUDNN_BACKEND_MATMUL_DESCRIPTOR, {one(AT(MATMUL_COMP_TYPE), kType, R)}},
        {CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR,
         {ref(AT(OPERATION_MATMUL_DESC), CUDNN_BACKEND_MATMUL_DESCRIPTOR, R),
          ref(AT(OPERATION_MATMUL_ADESC), kTensor, R), ref(AT(OPERATION_MATMUL_BDESC), kTensor, R),
          ref(AT(OPERATION_MATMUL_CDESC), kTensor, R)}},
        {CUDNN_BACKEND_POINTWISE_DESCRIPTOR,
         {one(AT(POINTWISE_MODE), CUDNN_TYPE_POINTWISE_MODE, R), one(AT(POINTWISE_MATH_PREC), kType, R),
          one(AT(POINTWISE_SWISH_BETA), CUDNN_TYPE_DOUBLE, O, CUDNN_TYPE_FLOAT)}},
        {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR,
         {ref(AT(OPERATION_POINTWISE_PW_DESCRIPTOR), CUDNN_BACKEND_POINTWISE_DESCRIPTOR, R),
          ref(AT(OPERATION_POINTWISE_XDESC), kTensor, R), ref(AT(OPERATION_POINTWISE_BDESC), kTensor, O),
          ref(AT(OPERATION_POINTWISE_YDESC), kTensor, R)}},
        {CUDNN_BACKEND_REDUCTION_DESCRIPTOR,
         {one(AT(REDUCTION_OPERATOR), CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, R), one(AT(REDUCTION_COMP_TYPE), kType, R)}},
        {CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR,
         {ref(AT(OPERATION_REDUCTION_DESC), CUDNN_BACKEND_REDUCTION_DESCRIPTOR, R),
          ref(AT(OPERATION_REDUCTION_XDESC), kTensor, R), ref(AT(OPERATION_REDUCTION_YDESC), kTensor, R)}},
        {CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR,
         {one(AT(OPERATION_NORM_FWD_MODE), CUDNN_TYPE_NORM_MODE, R),
          one(AT(OPERATION_NORM_FWD_PHASE), CUDNN_TYPE_NORM_FWD_PHASE, R),
          ref(AT(OPERATION_NORM_FWD_XDESC), kTensor, R), ref(AT(OPERATION_NORM_FWD_SCALE_DESC), kTensor, R),
          ref(AT(OPERATION_NORM_FWD_BIAS_DESC), kTensor, O), ref(AT(OPERATION_NORM_FWD_EPSILON_DESC), kTensor, R),
          ref(AT(OPERATION_NORM_FWD_YDESC), kTensor, R)}},
        {CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR,
         {ref(AT(OPERATION_SDPA_FWD_QDESC), kTensor, R), ref(AT(OPERATION_SDPA_FWD_KDESC), kTensor, R),
          ref(AT(OPERATION_SDPA_FWD_VDESC), kTensor, R), ref(AT(OPERATION_SDPA_FWD_ODESC), kTensor, R),
          ref(AT(OPERATION_SDPA_FWD_SCALEDESC), kTensor, O)}},
        {CUDNN_BACKEND_RESAMPLE_DESCRIPTOR,
         {one(AT(RESAMPLE_MODE), CUDNN_TYPE_RESAMPLE_MODE, R), one(AT(RESAMPLE_COMP_TYPE), kType, R),
          one(AT(RESAMPLE_SPATIAL_DIMS), kInt, R), many(AT(RESAMPLE_POST_PADDINGS), kInt, 3, R, CUDNN_TYPE_FRACTION),
          many(AT(RESAMPLE_PRE_PADDINGS), kInt, 3, R, CUDNN_TYPE_FRACTION),
          many(AT(RESAMPLE_STRIDES), kInt, 3, R, CUDNN_TYPE_FRACTION),
          many(AT(RESAMPLE_WINDOW_DIMS), kInt, 3, R, CUDNN_TYPE_FRACTION),
          one(AT(RESAMPLE_PADDING_MODE), CUDNN_TYPE_PADDING_MODE, O)}},
        {CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR,
         {ref(AT(OPERATION_RESAMPLE_FWD_DESC), CUDNN_BACKEND_RESAMPLE_DESCRIPTOR, R),
          ref(AT(OPERATION_RESAMPLE_FWD_XDESC), kTensor, R), ref(AT(OPERATION_RESAMPLE_FWD_YDESC), kTensor, R)}},
        {kGraphDesc,
         {one(AT(OPERATIONGRAPH_HANDLE), CUDNN_TYPE_HANDLE, O), ref(AT(OPERATIONGRAPH_OPS), -1, R, kMaxOps),
          one(AT(OPERATIONGRAPH_ENGINE_GLOBAL_COUNT), kInt, G)}},
        {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR,
         {ref(AT(ENGINEHEUR_OPERATION_GRAPH), kGraphDesc, R), one(AT(ENGINEHEUR_MODE), CUDNN_TYPE_HEUR_MODE, R),
          ref(AT(ENGINEHEUR_DEVICEPROP), CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, O),
          ref(AT(ENGINEHEUR_RESULTS), CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, G, kMany)}},
        {CUDNN_BACKEND_ENGINE_DESCRIPTOR,
         {ref(AT(ENGINE_OPERATION_GRAPH), kGraphDesc, R), one(AT(ENGINE_GLOBAL_INDEX), kInt, R),
          many(AT(ENGINE_NUMERICAL_NOTE), CUDNN_TYPE_NUMERICAL_NOTE, kMany, G)}},
        {CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, {ref(AT(ENGINECFG_ENGINE), CUDNN_BACKEND_ENGINE_DESCRIPTOR, R)}},
        {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR,
         {one(AT(EXECUTION_PLAN_HANDLE), CUDNN_TYPE_HANDLE, O),
          ref(AT(EXECUTION_PLAN_ENGINE_CONFIG), CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, O),
          ref(AT(EXECUTION_PLAN_DEVICEPROP), CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, O),
          many(AT(EXECUTION_PLAN_JSON_REPRESENTATION), CUDNN_TYPE_CHAR, kMany, O),
          one(AT(EXECUTION_PLAN_WORKSPACE_SIZE), kInt, G)}},
        {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR,
         {many(AT(VARIANT_PACK_UNIQUE_IDS), kInt, kMany, R),
          many(AT(VARIANT_PACK_DATA_POINTERS), CUDNN_TYPE_VOID_PTR, kMany, R),
          one(AT(VARIANT_PACK_WORKSPACE), CUDNN_TYPE_VOID_PTR, O)}},
        {CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR,
         {one(AT(DEVICEPROP_DEVICE_ID), CUDNN_TYPE_INT32, O), one(AT(DEVICEPROP_HANDLE), CUDNN_TYPE_HANDLE, O),
          many(AT(DEVICEPROP_JSON_REPRESENTATION), CUDNN_TYPE_CHAR, kMany, O)}},
    };
    return all;
}
#undef AT

}  // namespace

const std::vector<Spec>* specs(int kind) {
    auto it = table().find(kind);
    return it == table().end() ? nullptr : &it->second;
}

const char* kindOf(int kind) {
    static const std::map<int, const char*> names = {
#define K(NAME) {CUDNN_BACKEND_##NAME##_DESCRIPTOR, #NAME}
        K(TENSOR),
        K(CONVOLUTION),
        K(OPERATION_CONVOLUTION_FORWARD),
        K(MATMUL),
        K(OPERATION_MATMUL),
        K(POINTWISE),
        K(OPERATION_POINTWISE),
        K(REDUCTION),
        K(OPERATION_REDUCTION),
        K(OPERATION_NORM_FORWARD),
        K(OPERATION_SDPA_FWD),
        K(RESAMPLE),
        K(OPERATION_RESAMPLE_FWD),
        K(OPERATIONGRAPH),
        K(ENGINEHEUR),
        K(ENGINE),
        K(ENGINECFG),
        K(EXECUTION_PLAN),
        K(VARIANT_PACK),
        K(DEVICEPROP)
#undef K
    };
    auto it = names.find(kind);
    return it == names.end() ? "OPERATION" : it->second;
}

size_t elementSize(int type) {
    switch (type) {
        case CUDNN_TYPE_BOOLEAN:
        case CUDNN_TYPE_CHAR: return 1;
        case CUDNN_TYPE_HANDLE:
        case CUDNN_TYPE_INT64:
        case CUDNN_TYPE_DOUBLE:
        case CUDNN_TYPE_VOID_PTR:
        case CUDNN_TYPE_BACKEND_DESCRIPTOR: return 8;
        case CUDNN_TYPE_FRACTION: return sizeof(cudnnFraction_t);
    }
    return 4;  // enumerations, FLOAT and INT32
}

}  // namespace emu::cudnn
