package model

// Activation is an element-wise non-linearity.
type Activation int

// The activations of diffusers' act_fn. With s(x) = 1/(1+exp(-x)):
const (
	Identity  Activation = iota // x
	SiLU                        // x * s(x); diffusers: silu, swish
	Mish                        // x * tanh(log(1+exp(x)))
	GELU                        // x/2 * (1 + erf(x/sqrt(2))), the exact form
	ReLU                        // max(x, 0)
	QuickGELU                   // x * s(1.702 x), which CLIP's first text encoders use
	Tanh
	GELUTanh // x/2 * (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); diffusers: gelu-approximate
)

// String names the activation as diffusers does.
func (a Activation) String() string {
	names := [...]string{"identity", "silu", "mish", "gelu", "relu", "quick_gelu", "tanh", "gelu-approximate"}
	if a < 0 || int(a) >= len(names) {
		return "unknown"
	}
	return names[a]
}

// Conv2D is a two-dimensional cross-correlation with zero padding,
// y[n,o] = bias[o] + sum over i,u,v of w[o,i,u,v] * x[n,i,...].
type Conv2D struct {
	Base
	X            TensorID
	Weight, Bias ParamID // [OutC, InC, KH, KW] (or [OutC, InC] for 1x1) and [OutC]
	Shape        ConvShape
}

// ConvShape is the geometry of a convolution: channels, kernel, stride and padding
// with zeros at the top, left, bottom and right.
type ConvShape struct {
	OutC, InC, KH, KW, Stride, PadT, PadL, PadB, PadR int
}

// Linear is y[n] = w * x[n] + bias over vectors.
type Linear struct {
	Base
	X            TensorID
	Weight, Bias ParamID // [OutF, InF], [OutF]
	InF, OutF    int
}

// GroupNorm normalises over groups of channels, then applies the affine map of the
// weights, optionally a scale and shift of the row, and optionally an activation:
//
//	z = (x - mean) / sqrt(var + eps) * gamma[c] + beta[c]
//	y = act(z * (1 + s[c]) + s[C+c])              s only if ScaleShift is there
//
// mean and the biased variance are over the C/Groups channels of a group and all
// pixels (Wu and He, "Group Normalization", 2018, arXiv:1803.08494).
type GroupNorm struct {
	Base
	X           TensorID
	ScaleShift  TensorID // [N, 2C] or NoTensor
	Gamma, Beta ParamID  // [C]
	Channels    int
	Groups      int
	Eps         float32
	Act         Activation
}

// Act applies an activation.
type Act struct {
	Base
	X  TensorID
	Fn Activation
}

// Add is y = (a + b) / Div.
type Add struct {
	Base
	A, B TensorID
	Div  float32 // 1 for a plain sum
}

// AddChannel adds a vector of the row to every pixel: y[n,c,h,w] = x[n,c,h,w] + v[n,c].
type AddChannel struct {
	Base
	X, V TensorID
}

// Concat joins along the channels: the channels of A, then those of B.
type Concat struct {
	Base
	A, B TensorID
}

// Attention is multi-head attention over pixels as tokens, of the image to itself or
// (K and V of another size than Q) to another sequence,
//
//	y = v * softmax(k^T q / sqrt(d))^T        per head of d = C/Heads channels
//
// (Vaswani et al., "Attention Is All You Need", 2017, eq. 1). Q, K, V and the result
// are [N, C, H, W], K and V of the same H and W: a head is d consecutive channels.
//
// Causal lets a token attend to itself and those before it only; there are then as many
// keys as queries.
type Attention struct {
	Base
	Q, K, V TensorID
	Heads   int
	Causal  bool
}

// ResampleMode is how [Resample] changes the size.
type ResampleMode int

// The modes. The FIR modes use the kernel (1,3,3,1) in both directions, zeros outside
// the image: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN",
// 2020, as used by Song et al., "Score-Based Generative Modeling", 2021.
const (
	UpNearest ResampleMode = iota // each pixel becomes 2x2
	DownMean                      // mean of 2x2, an odd last row or column is dropped
	UpFIR                         // zeros between pixels, then the kernel / 16
	DownFIR                       // the kernel / 64, then every second pixel
)

// String names the mode.
func (m ResampleMode) String() string {
	names := [...]string{"up nearest", "down mean", "up fir", "down fir"}
	if m < 0 || int(m) >= len(names) {
		return "unknown"
	}
	return names[m]
}

// Resample doubles or halves height and width.
type Resample struct {
	Base
	X    TensorID
	Mode ResampleMode
}

// TimestepEmbedding is the sinusoidal embedding of diffusers' Timesteps, in float32:
//
//	f[i] = exp(-ln(10000) * i / (Dim/2 - FreqShift)),  i < Dim/2
//	y    = [sin(t f), cos(t f)]     or [cos, sin] with Flip; a last 0 if Dim is odd
//
// Of K numbers a row, the embeddings follow one another: the result is [N, K*Dim].
type TimestepEmbedding struct {
	Base
	T         TensorID // [N, K], Float32 or (K = 1) Int64; K is 1 for a time
	Dim       int
	Flip      bool
	FreqShift float64
}

// FourierEmbedding is the Gaussian Fourier embedding of score-SDE networks, in float32:
// y = [sin(a), cos(a)], a = ln(t) * w * 2 * pi.
type FourierEmbedding struct {
	Base
	T      TensorID // [N], Float32 or Int64
	Weight ParamID  // [Dim]
	Dim    int      // the result has 2*Dim
}

// Lookup copies a row of a table: y[n] = table[class[n]]. A class outside the table
// is an [InputError] of the run.
type Lookup struct {
	Base
	Class     TensorID // [N], Int64
	Table     ParamID  // [Rows, Dim]
	Rows, Dim int
}

// Affine is y = Mul*x + Add, each operation rounded.
type Affine struct {
	Base
	X        TensorID
	Mul, Add float32
}

// DivRow divides a row by a number of the row: y[n] = x[n] / t[n].
type DivRow struct {
	Base
	X, T TensorID // T is [N, 1, 1, 1]
}
