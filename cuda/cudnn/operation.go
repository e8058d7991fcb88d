//go:build cuda

package cudnn

// #include "native.h"
import "C"

import (
	"unsafe"
)

var dataTypes = map[DType]C.uint{
	Float32: C.CUDNN_DATA_FLOAT, Float16: C.CUDNN_DATA_HALF, BFloat16: C.CUDNN_DATA_BFLOAT16,
}

var pointwiseModes = map[PointwiseMode]C.uint{
	PointwiseAdd: C.CUDNN_POINTWISE_ADD, PointwiseMul: C.CUDNN_POINTWISE_MUL, PointwiseSiLU: C.CUDNN_POINTWISE_SWISH_FWD,
	PointwiseGELU: C.CUDNN_POINTWISE_GELU_FWD, PointwiseReLU: C.CUDNN_POINTWISE_RELU_FWD,
}

var reductionModes = map[ReductionMode]C.uint{
	ReduceAdd: C.CUDNN_REDUCE_TENSOR_ADD, ReduceMax: C.CUDNN_REDUCE_TENSOR_MAX,
}

// translation is a graph on its way into descriptors.
type translation struct {
	*descriptors
	number  map[int64]int64 // the library's number of each tensor, see operands
	tensors map[int64]descriptor
}

// operand returns the descriptor of a tensor.
func (t *translation) operand(x *Tensor) descriptor {
	if d, ok := t.tensors[x.ID]; ok || t.err != nil {
		return d
	}
	graph := t.layer
	t.layer = graph + ", tensor " + x.Name
	defer func() { t.layer = graph }()
	d := t.make(C.CUDNN_BACKEND_TENSOR_DESCRIPTOR, "tensor")
	t.setEnum(d, C.CUDNN_ATTR_TENSOR_DATA_TYPE, C.CUDNN_TYPE_DATA_TYPE, dataTypes[x.Type], "type")
	t.setInts(d, C.CUDNN_ATTR_TENSOR_DIMENSIONS, "dimensions", x.Dims...)
	t.setInts(d, C.CUDNN_ATTR_TENSOR_STRIDES, "strides", x.Strides...)
	t.setInts(d, C.CUDNN_ATTR_TENSOR_UNIQUE_ID, "number", t.number[x.ID])
	t.setInts(d, C.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, "alignment", alignment)
	if x.Virtual {
		t.setTrue(d, C.CUDNN_ATTR_TENSOR_IS_VIRTUAL, "virtual")
	}
	if x.Scalar {
		t.setTrue(d, C.CUDNN_ATTR_TENSOR_IS_BY_VALUE, "by value")
	}
	t.finalize(d, "tensor")
	t.tensors[x.ID] = d
	return d
}

// operation makes the descriptor of an operation.
func (t *translation) operation(op Op) descriptor {
	switch o := value(op).(type) {
	case Conv:
		return t.conv(o)
	case Matmul:
		return t.matmul(o)
	case Pointwise:
		return t.pointwise(o)
	case Reduction:
		return t.reduction(o)
	case LayerNorm:
		return t.layerNorm(o)
	case SDPA:
		return t.sdpa(o)
	case Resample:
		return t.resample(o)
	}
	return nil // Validate let it not through
}

func (t *translation) setType(d descriptor, name C.uint) {
	t.setEnum(d, name, C.CUDNN_TYPE_DATA_TYPE, C.CUDNN_DATA_FLOAT, "compute type")
}

// setOperand sets an operand of an operation; name is the attribute, which goes by the operand's letter.
func (t *translation) setOperand(of descriptor, name C.uint, x *Tensor, letter string) {
	t.setDescriptors(of, name, letter, t.operand(x))
}

func (t *translation) conv(o Conv) descriptor {
	c := t.make(C.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "convolution")
	t.setType(c, C.CUDNN_ATTR_CONVOLUTION_COMP_TYPE)
	t.setEnum(c, C.CUDNN_ATTR_CONVOLUTION_CONV_MODE, C.CUDNN_TYPE_CONVOLUTION_MODE, C.CUDNN_CROSS_CORRELATION, "mode")
	t.setInts(c, C.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, "spatial dimensions", 2)
	t.setInts(c, C.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, "zeros before", o.Pre[:]...)
	t.setInts(c, C.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, "zeros after", o.Post[:]...)
	t.setInts(c, C.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, "step", o.Stride[:]...)
	t.setInts(c, C.CUDNN_ATTR_CONVOLUTION_DILATIONS, "dilation", 1, 1)
	t.finalize(c, "convolution's parameters")

	d := t.make(C.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, "convolution")
	t.setDescriptors(d, C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, "convolution", c)
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, o.X, "X")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, o.W, "W")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, o.Y, "Y")
	t.setFloat(d, C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1, "alpha")
	t.setFloat(d, C.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0, "beta")
	t.finalize(d, "convolution")
	return d
}

func (t *translation) matmul(o Matmul) descriptor {
	m := t.make(C.CUDNN_BACKEND_MATMUL_DESCRIPTOR, "matmul")
	t.setType(m, C.CUDNN_ATTR_MATMUL_COMP_TYPE)
	t.finalize(m, "matmul's parameters")

	d := t.make(C.CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, "matmul")
	t.setDescriptors(d, C.CUDNN_ATTR_OPERATION_MATMUL_DESC, "matmul", m)
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_MATMUL_ADESC, o.A, "A")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_MATMUL_BDESC, o.B, "B")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_MATMUL_CDESC, o.C, "C")
	t.finalize(d, "matmul")
	return d
}

func (t *translation) pointwise(o Pointwise) descriptor {
	p := t.make(C.CUDNN_BACKEND_POINTWISE_DESCRIPTOR, o.Kind())
	t.setEnum(p, C.CUDNN_ATTR_POINTWISE_MODE, C.CUDNN_TYPE_POINTWISE_MODE, pointwiseModes[o.Mode], "mode")
	t.setType(p, C.CUDNN_ATTR_POINTWISE_MATH_PREC)
	t.finalize(p, o.Kind()+"'s parameters")

	d := t.make(C.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, o.Kind())
	t.setDescriptors(d, C.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, o.Kind(), p)
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_POINTWISE_XDESC, o.X, "X")
	if o.B != nil {
		t.setOperand(d, C.CUDNN_ATTR_OPERATION_POINTWISE_BDESC, o.B, "B")
	}
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_POINTWISE_YDESC, o.Y, "Y")
	t.finalize(d, o.Kind())
	return d
}

func (t *translation) reduction(o Reduction) descriptor {
	r := t.make(C.CUDNN_BACKEND_REDUCTION_DESCRIPTOR, o.Kind())
	t.setType(r, C.CUDNN_ATTR_REDUCTION_COMP_TYPE)
	t.setEnum(r, C.CUDNN_ATTR_REDUCTION_OPERATOR, C.CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, reductionModes[o.Mode], "mode")
	t.finalize(r, o.Kind()+"'s parameters")

	d := t.make(C.CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, o.Kind())
	t.setDescriptors(d, C.CUDNN_ATTR_OPERATION_REDUCTION_DESC, o.Kind(), r)
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_REDUCTION_XDESC, o.X, "X")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_REDUCTION_YDESC, o.Y, "Y")
	t.finalize(d, o.Kind())
	return d
}

func (t *translation) layerNorm(o LayerNorm) descriptor {
	d := t.make(C.CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR, "layer norm")
	t.setEnum(d, C.CUDNN_ATTR_OPERATION_NORM_FWD_MODE, C.CUDNN_TYPE_NORM_MODE, C.CUDNN_LAYER_NORM, "mode")
	t.setEnum(d, C.CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, C.CUDNN_TYPE_NORM_FWD_PHASE, C.CUDNN_NORM_FWD_INFERENCE, "phase")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, o.X, "X")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, o.Scale, "scale")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, o.Bias, "bias")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, o.Epsilon, "epsilon")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, o.Y, "Y")
	t.finalize(d, "layer norm")
	return d
}

func (t *translation) sdpa(o SDPA) descriptor {
	d := t.make(C.CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR, "attention")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, o.Q, "Q")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, o.K, "K")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, o.V, "V")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, o.O, "O")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, o.Scale, "scale")
	t.finalize(d, "attention")
	return d
}

// fraction is cudnnFraction_t.
type fraction struct{ numerator, denominator int64 }

func (t *translation) setFractions(d descriptor, name C.uint, what string, v ...fraction) {
	t.set(d, name, C.CUDNN_TYPE_FRACTION, len(v), unsafe.Pointer(unsafe.SliceData(v)), what)
}

// resample is a resampling by whole factors. cuDNN sizes the result as 1 + (size + zeros - window) / step.
func (t *translation) resample(o Resample) descriptor {
	r := t.make(C.CUDNN_BACKEND_RESAMPLE_DESCRIPTOR, "resample")
	t.setType(r, C.CUDNN_ATTR_RESAMPLE_COMP_TYPE)
	t.setInts(r, C.CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, "spatial dimensions", 2)
	if o.Mode == ResampleAverage {
		t.setEnum(r, C.CUDNN_ATTR_RESAMPLE_MODE, C.CUDNN_TYPE_RESAMPLE_MODE, C.CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING, "mode")
		t.setEnum(r, C.CUDNN_ATTR_RESAMPLE_PADDING_MODE, C.CUDNN_TYPE_PADDING_MODE, C.CUDNN_ZERO_PAD, "padding mode")
		t.setInts(r, C.CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, "window", o.Window[:]...)
		t.setInts(r, C.CUDNN_ATTR_RESAMPLE_STRIDES, "step", o.Window[:]...)
		t.setInts(r, C.CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, "zeros before", 0, 0)
		t.setInts(r, C.CUDNN_ATTR_RESAMPLE_POST_PADDINGS, "zeros after", 0, 0)
	} else {
		t.setEnum(r, C.CUDNN_ATTR_RESAMPLE_MODE, C.CUDNN_TYPE_RESAMPLE_MODE, C.CUDNN_RESAMPLE_NEAREST, "mode")
		t.setEnum(r, C.CUDNN_ATTR_RESAMPLE_PADDING_MODE, C.CUDNN_TYPE_PADDING_MODE, C.CUDNN_EDGE_VAL_PAD, "padding mode")
		step := []fraction{{1, o.Window[0]}, {1, o.Window[1]}}
		t.setFractions(r, C.CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, "window", fraction{1, 1}, fraction{1, 1})
		t.setFractions(r, C.CUDNN_ATTR_RESAMPLE_STRIDES, "step", step...)
		t.setFractions(r, C.CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, "before", fraction{0, 1}, fraction{0, 1})
		t.setFractions(r, C.CUDNN_ATTR_RESAMPLE_POST_PADDINGS, "after", fraction{o.Window[0] - 1, o.Window[0]},
			fraction{o.Window[1] - 1, o.Window[1]})
	}
	t.finalize(r, "resample's parameters")

	d := t.make(C.CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR, "resample")
	t.setDescriptors(d, C.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, "resample", r)
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, o.X, "X")
	t.setOperand(d, C.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, o.Y, "Y")
	t.finalize(d, "resample")
	return d
}
