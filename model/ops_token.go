package model

// The operations of transformer blocks. Tokens are pixels: a sequence of T tokens of D
// features is [N, D, H, W] with H*W = T, so that no reshape is needed between them and
// convolutions, and a linear layer over tokens is a 1x1 convolution.

// LayerNorm normalises over the channels of every pixel by itself,
//
//	y = (x - mean) / sqrt(var + eps) * gamma[c] + beta[c]
//
// with the biased variance (Ba et al., "Layer Normalization", 2016, arXiv:1607.06450).
type LayerNorm struct {
	Base
	X           TensorID
	Gamma, Beta ParamID // [C]
	Channels    int
	Eps         float32
}

// GEGLU is the gated linear unit of Shazeer, "GLU Variants Improve Transformer", 2020,
// arXiv:2002.05202, without its linear layer: y[n,c] = x[n,c] * gelu(x[n,C+c]) for an
// operand of 2C channels, with the exact GELU.
type GEGLU struct {
	Base
	X TensorID
}

// SwapAxes is y[n,c,h,0] = x[n,h,c,0]: it brings a sequence of features, as text
// encoders give it, into the layout of a graph. In memory that holds channels last it
// moves nothing.
type SwapAxes struct {
	Base
	X TensorID
}

// UpsampleLike doubles height and width, each pixel becoming 2x2, and leaves out the
// last row or column where Like has one less: the inverse of a convolution of stride 2
// that rounded an odd size up.
type UpsampleLike struct {
	Base
	X, Like TensorID // of Like only the size counts
}

// Kind implements [Op].
func (LayerNorm) Kind() string { return "LayerNorm" }

// Kind implements [Op].
func (GEGLU) Kind() string { return "GEGLU" }

// Kind implements [Op].
func (SwapAxes) Kind() string { return "SwapAxes" }

// Kind implements [Op].
func (UpsampleLike) Kind() string { return "UpsampleLike" }

// Reads implements [Op].
func (o LayerNorm) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o GEGLU) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o SwapAxes) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o UpsampleLike) Reads() []TensorID { return []TensorID{o.X, o.Like} }

func (o LayerNorm) params() []paramUse {
	return []paramUse{{o.Gamma, []int{o.Channels}}, {o.Beta, []int{o.Channels}}}
}

// A pixel's result needs sums that are taken before and that pixel.
func (o LayerNorm) inPlace() TensorID { return o.X }

func (o LayerNorm) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if x.C != o.Channels {
		return Shape{}, opShapeError(o, "operand %v, wanted %d channels", x, o.Channels)
	}
	return x, nil
}

func (o GEGLU) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if x.C%2 != 0 {
		return Shape{}, opShapeError(o, "operand %v, wanted an even number of channels", x)
	}
	return Shape{x.C / 2, x.H, x.W}, nil
}

func (o SwapAxes) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if x.W != 1 {
		return Shape{}, opShapeError(o, "operand %v, wanted a width of 1", x)
	}
	return Shape{x.H, x.C, 1}, nil
}

func (o UpsampleLike) infer(in func(TensorID) Shape) (Shape, error) {
	x, like := in(o.X), in(o.Like)
	if dh, dw := 2*x.H-like.H, 2*x.W-like.W; dh < 0 || dh > 1 || dw < 0 || dw > 1 {
		return Shape{}, opShapeError(o, "%v cannot be doubled to the size of %v", x, like)
	}
	return Shape{x.C, like.H, like.W}, nil
}
