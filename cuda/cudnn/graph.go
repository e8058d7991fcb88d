package cudnn

// DType is the type of a tensor's elements.
type DType int

// The element types.
const (
	Float32 DType = iota
	Float16
	BFloat16
)

// Size is the bytes of an element.
func (t DType) Size() int64 {
	if t == Float32 {
		return 4
	}
	return 2
}

// String names the type as NumPy and PyTorch do.
func (t DType) String() string {
	switch t {
	case Float32:
		return "float32"
	case Float16:
		return "float16"
	case BFloat16:
		return "bfloat16"
	}
	return "unknown"
}

// Tensor is an operand of an operation graph. Its memory is given when a plan is bound,
// by ID, unless it is virtual or a scalar.
type Tensor struct {
	ID      int64  // positive, one tensor of a graph each
	Name    string // for messages
	Type    DType
	Dims    []int64 // images are N, C, H, W whatever their strides; matrices batch..., rows, columns
	Strides []int64 // in elements, as many as Dims
	Virtual bool    // exists within the graph only: the engine keeps it in registers
	Scalar  bool    // one number given by value: Value
	Value   float32
}

// Op is one operation of a graph. The concrete types of this package are the only ones.
type Op interface {
	// Kind is the operation's name, for messages.
	Kind() string
	// Reads and Writes are the operands and the result.
	Reads() []*Tensor
	Writes() *Tensor
}

// Graph is an operation graph: what one execution plan computes. Operations are in
// execution order. All arithmetic is in float32; the tensors' types say how values are
// rounded where they are stored.
type Graph struct {
	Name string // the layer, for messages
	Ops  []Op
}

// Conv is a cross-correlation of images: X [N, C, H, W], W [K, C, R, S], Y [N, K, P, Q].
// Pre and Post are the zeros before and after, Stride the step, each by height and width.
type Conv struct {
	X, W, Y           *Tensor
	Pre, Post, Stride [2]int64
}

// Matmul is C = A B: [..., M, K] times [..., K, N], with up to two batch dimensions; a
// batch dimension of 1 is repeated.
type Matmul struct {
	A, B, C *Tensor
}

// PointwiseMode is an element-wise function.
type PointwiseMode int

// The functions.
const (
	PointwiseAdd  PointwiseMode = iota // x + b
	PointwiseMul                       // x * b
	PointwiseSiLU                      // x / (1 + exp(-x)), "swish" in cuDNN
	PointwiseGELU                      // x/2 (1 + erf(x/sqrt 2))
	PointwiseReLU                      // max(x, 0)
)

// String names the mode.
func (m PointwiseMode) String() string {
	names := [...]string{"add", "mul", "silu", "gelu", "relu"}
	if m < 0 || int(m) >= len(names) {
		return "unknown"
	}
	return names[m]
}

// Pointwise is Y = f(X) or f(X, B). A dimension of B that is 1 is repeated.
type Pointwise struct {
	Mode PointwiseMode
	X, B *Tensor // B is nil for functions of one operand
	Y    *Tensor
}

// ReductionMode is what a reduction computes.
type ReductionMode int

// The reductions.
const (
	ReduceAdd ReductionMode = iota
	ReduceMax
)

// String names the mode.
func (m ReductionMode) String() string {
	names := [...]string{"sum", "max"}
	if m < 0 || int(m) >= len(names) {
		return "unknown"
	}
	return names[m]
}

// Reduction reduces every dimension in which Y is 1 and X is not.
type Reduction struct {
	Mode ReductionMode
	X, Y *Tensor
}

// LayerNorm normalises X over the dimensions in which Scale is not 1, then multiplies by
// Scale and adds Bias. Epsilon is a scalar.
type LayerNorm struct {
	X, Scale, Bias, Epsilon, Y *Tensor
}

// SDPA is scaled dot-product attention: O = softmax(Scale * Q K^T) V over
// [batch, heads, tokens, dim], K and V of their own number of tokens. Scale is a scalar.
type SDPA struct {
	Q, K, V, O *Tensor
	Scale      *Tensor
}

// ResampleMode is how an image's size changes.
type ResampleMode int

// The modes.
const (
	ResampleNearest ResampleMode = iota // each pixel becomes Window pixels
	ResampleAverage                     // the mean of each Window
)

// Resample changes the size of images by a whole factor.
type Resample struct {
	Mode   ResampleMode
	X, Y   *Tensor
	Window [2]int64
}

// Kind implements [Op].
func (Conv) Kind() string { return "convolution" }

// Kind implements [Op].
func (Matmul) Kind() string { return "matmul" }

// Kind implements [Op].
func (o Pointwise) Kind() string { return o.Mode.String() }

// Kind implements [Op].
func (o Reduction) Kind() string { return "reduction " + o.Mode.String() }

// Kind implements [Op].
func (LayerNorm) Kind() string { return "layer norm" }

// Kind implements [Op].
func (SDPA) Kind() string { return "attention" }

// Kind implements [Op].
func (Resample) Kind() string { return "resample" }

// Reads implements [Op].
func (o Conv) Reads() []*Tensor { return []*Tensor{o.X, o.W} }

// Reads implements [Op].
func (o Matmul) Reads() []*Tensor { return []*Tensor{o.A, o.B} }

// Reads implements [Op].
func (o Pointwise) Reads() []*Tensor {
	if o.B == nil {
		return []*Tensor{o.X}
	}
	return []*Tensor{o.X, o.B}
}

// Reads implements [Op].
func (o Reduction) Reads() []*Tensor { return []*Tensor{o.X} }

// Reads implements [Op].
func (o LayerNorm) Reads() []*Tensor { return []*Tensor{o.X, o.Scale, o.Bias, o.Epsilon} }

// Reads implements [Op].
func (o SDPA) Reads() []*Tensor { return []*Tensor{o.Q, o.K, o.V, o.Scale} }

// Reads implements [Op].
func (o Resample) Reads() []*Tensor { return []*Tensor{o.X} }

// Writes implements [Op].
func (o Conv) Writes() *Tensor { return o.Y }

// Writes implements [Op].
func (o Matmul) Writes() *Tensor { return o.C }

// Writes implements [Op].
func (o Pointwise) Writes() *Tensor { return o.Y }

// Writes implements [Op].
func (o Reduction) Writes() *Tensor { return o.Y }

// Writes implements [Op].
func (o LayerNorm) Writes() *Tensor { return o.Y }

// Writes implements [Op].
func (o SDPA) Writes() *Tensor { return o.O }

// Writes implements [Op].
func (o Resample) Writes() *Tensor { return o.Y }
