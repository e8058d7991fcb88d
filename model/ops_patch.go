package model

// The operations of diffusion transformers (Peebles and Xie, "Scalable Diffusion Models
// with Transformers", 2022, arXiv:2212.09748). Tokens are pixels, here of patches.

// AdaLayerNorm normalises over the channels of every pixel by itself, as [LayerNorm] does
// without weights, and modulates with what the row's condition gives:
//
//	y[n,c,p] = (x[n,c,p] - mean) / sqrt(var + eps) * (1 + v[n,Scale,c]) + v[n,Shift,c]
//
// The vector v is parts of C numbers, one after the other; Shift and Scale number them.
type AdaLayerNorm struct {
	Base
	X            TensorID
	V            TensorID // [N, K*C]
	Shift, Scale int      // 0..K-1
	Channels     int
	Eps          float32
}

// GatedAdd adds what the row's condition lets through: y[n,c,p] = a[n,c,p] + g[n,c]*b[n,c,p],
// each operation rounded, with g the part Gate of a vector as in [AdaLayerNorm].
type GatedAdd struct {
	Base
	A, B TensorID
	V    TensorID // [N, K*C]
	Gate int      // 0..K-1
}

// GridPositions adds the fixed positions of a grid, y[n,c,h,w] = x[n,c,h,w] + e[c,h,w]: the
// first half of the C channels tells the column, the second the row, of each the first half
// sines and the second cosines (diffusers' get_2d_sincos_pos_embed):
//
//	e[i,h,w]       = sin(a * 10000^(-4i/C)),  i < C/4,  a = w * Side/W / Interpolation
//	e[C/4+i,h,w]   = cos of the same
//	e[C/2+i,h,w], e[3C/4+i,h,w]    likewise with a = h * Side/H / Interpolation
//
// Side is the size of the grid the network was made for: larger ones are squeezed into it.
type GridPositions struct {
	Base
	X             TensorID
	Side          int
	Interpolation float64
}

// Unpatchify makes pixels of the channels of a patch: with P = Patch,
//
//	y[n,c,h*P+p,w*P+q] = x[n,(p*P+q)*C+c,h,w]
//
// Like is a tensor whose height and width the result must have; only its size counts.
type Unpatchify struct {
	Base
	X, Like TensorID
	Patch   int
}

// Kind implements [Op].
func (AdaLayerNorm) Kind() string { return "AdaLayerNorm" }

// Kind implements [Op].
func (GatedAdd) Kind() string { return "GatedAdd" }

// Kind implements [Op].
func (GridPositions) Kind() string { return "GridPositions" }

// Kind implements [Op].
func (Unpatchify) Kind() string { return "Unpatchify" }

// Reads implements [Op].
func (o AdaLayerNorm) Reads() []TensorID { return []TensorID{o.X, o.V} }

// Reads implements [Op].
func (o GatedAdd) Reads() []TensorID { return []TensorID{o.A, o.B, o.V} }

// Reads implements [Op].
func (o GridPositions) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o Unpatchify) Reads() []TensorID { return []TensorID{o.X, o.Like} }

// A pixel's result needs sums that are taken before and that pixel.
func (o AdaLayerNorm) inPlace() TensorID  { return o.X }
func (o GatedAdd) inPlace() TensorID      { return o.A }
func (o GridPositions) inPlace() TensorID { return o.X }

// holdsParts says that v is a vector of parts of c numbers with all of the given ones.
func holdsParts(v Shape, c int, parts ...int) bool {
	if v.H != 1 || v.W != 1 || c < 1 || v.C%c != 0 {
		return false
	}
	for _, p := range parts {
		if p < 0 || p >= v.C/c {
			return false
		}
	}
	return true
}

func (o AdaLayerNorm) infer(in func(TensorID) Shape) (Shape, error) {
	x, v := in(o.X), in(o.V)
	if x.C != o.Channels || !holdsParts(v, x.C, o.Shift, o.Scale) {
		return Shape{}, opShapeError(o, "operand %v and vector %v, wanted %d channels and their "+
			"parts %d and %d", x, v, o.Channels, o.Shift, o.Scale)
	}
	return x, nil
}

func (o GatedAdd) infer(in func(TensorID) Shape) (Shape, error) {
	a, b, v := in(o.A), in(o.B), in(o.V)
	if a != b || !holdsParts(v, a.C, o.Gate) {
		return Shape{}, opShapeError(o, "operands %v and %v and vector %v, wanted two of a shape "+
			"and part %d of their channels", a, b, v, o.Gate)
	}
	return a, nil
}

func (o GridPositions) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if x.C%4 != 0 || o.Side < 1 || !(o.Interpolation > 0) {
		return Shape{}, opShapeError(o, "operand %v in a grid of side %d divided by %g, wanted "+
			"a multiple of 4 channels and positive numbers", x, o.Side, o.Interpolation)
	}
	return x, nil
}

func (o Unpatchify) infer(in func(TensorID) Shape) (Shape, error) {
	x, like := in(o.X), in(o.Like)
	if o.Patch < 1 || o.Patch > maxSide || x.C%(o.Patch*o.Patch) != 0 {
		return Shape{}, opShapeError(o, "operand %v, wanted channels in patches of %dx%d",
			x, o.Patch, o.Patch)
	}
	y := Shape{x.C / (o.Patch * o.Patch), x.H * o.Patch, x.W * o.Patch}
	if y.H != like.H || y.W != like.W {
		return Shape{}, opShapeError(o, "patches make %dx%d of %dx%d, wanted sides that are "+
			"multiples of %d", y.H, y.W, like.H, like.W, o.Patch)
	}
	return y, nil
}
