package model

// The operations of transformers whose text and image are one sequence, as FLUX has them.
// Tokens are pixels; a sequence that is joined is [N, C, T, 1], the text's tokens first.

// JoinTokens joins the tokens of A and B: y is [N, C, T, 1] with all pixels of a, and after
// them those of b, each row by row.
type JoinTokens struct {
	Base
	A, B TensorID
}

// TakeTokens takes tokens out of a sequence: as many as Like has pixels, in the height and
// width of Like, from the start of X or, with End, those at its end. Of Like only the size
// counts.
type TakeTokens struct {
	Base
	X, Like TensorID
	End     bool
}

// Rotary turns pairs of channels by angles that tell the position (Su et al., "RoFormer",
// 2021, arXiv:2104.09864), in a grid as FLUX has it: the last tokens of X are the pixels of
// Like, which only counts for its size, and have the position (0, row, column); those before
// have (0, 0, 0) and stay as they are. The d = C/Heads channels of a head are parted into
// Axes[a] for each coordinate. With k = 0, 1, ... the pairs of an axis, p the coordinate,
//
//	t = p * Theta^(-2k/Axes[a])
//	y[2k]   = x[2k] cos t - x[2k+1] sin t
//	y[2k+1] = x[2k+1] cos t + x[2k] sin t
//
// The angles are in float64, and cosines, sines and each operation rounded to float32.
type Rotary struct {
	Base
	X, Like TensorID
	Heads   int
	Axes    [3]int
	Theta   float64
}

// PixelUnshuffle makes channels of blocks of Side x Side pixels (torch's pixel_unshuffle, and
// the packing of diffusers' FluxPipeline): with S = Side,
//
//	y[n,(c*S+p)*S+q,h,w] = x[n,c,h*S+p,w*S+q]
type PixelUnshuffle struct {
	Base
	X    TensorID
	Side int
}

// PixelShuffle is the inverse of [PixelUnshuffle].
type PixelShuffle struct {
	Base
	X    TensorID
	Side int
}

// Kind implements [Op].
func (JoinTokens) Kind() string { return "JoinTokens" }

// Kind implements [Op].
func (TakeTokens) Kind() string { return "TakeTokens" }

// Kind implements [Op].
func (Rotary) Kind() string { return "Rotary" }

// Kind implements [Op].
func (PixelUnshuffle) Kind() string { return "PixelUnshuffle" }

// Kind implements [Op].
func (PixelShuffle) Kind() string { return "PixelShuffle" }

// Reads implements [Op].
func (o JoinTokens) Reads() []TensorID { return []TensorID{o.A, o.B} }

// Reads implements [Op].
func (o TakeTokens) Reads() []TensorID { return []TensorID{o.X, o.Like} }

// Reads implements [Op].
func (o Rotary) Reads() []TensorID { return []TensorID{o.X, o.Like} }

// Reads implements [Op].
func (o PixelUnshuffle) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o PixelShuffle) Reads() []TensorID { return []TensorID{o.X} }

// Both of a pair are read before one is written.
func (o Rotary) inPlace() TensorID { return o.X }

func (o JoinTokens) infer(in func(TensorID) Shape) (Shape, error) {
	a, b := in(o.A), in(o.B)
	if a.C != b.C {
		return Shape{}, opShapeError(o, "operands %v and %v, wanted as many channels", a, b)
	}
	return Shape{a.C, a.H*a.W + b.H*b.W, 1}, nil
}

func (o TakeTokens) infer(in func(TensorID) Shape) (Shape, error) {
	x, like := in(o.X), in(o.Like)
	if x.H*x.W < like.H*like.W {
		return Shape{}, opShapeError(o, "operand %v, wanted at least the %d tokens of %v",
			x, like.H*like.W, like)
	}
	return Shape{x.C, like.H, like.W}, nil
}

func (o Rotary) infer(in func(TensorID) Shape) (Shape, error) {
	x, like := in(o.X), in(o.Like)
	sum := 0
	for _, a := range o.Axes {
		if a < 0 || a > maxChannels || a%2 != 0 {
			return Shape{}, opShapeError(o, "axes of %v channels, wanted even numbers", o.Axes)
		}
		sum += a
	}
	if o.Heads < 1 || o.Heads > maxChannels || x.C != o.Heads*sum || !(o.Theta > 0) {
		return Shape{}, opShapeError(o, "operand %v in %d heads of %v channels, theta %g, wanted "+
			"all of its channels and a positive theta", x, o.Heads, o.Axes, o.Theta)
	}
	if x.H*x.W < like.H*like.W {
		return Shape{}, opShapeError(o, "operand %v, wanted at least the %d tokens of %v",
			x, like.H*like.W, like)
	}
	return x, nil
}

func (o PixelUnshuffle) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if o.Side < 1 || o.Side > maxPatch || x.H%o.Side != 0 || x.W%o.Side != 0 {
		return Shape{}, opShapeError(o, "operand %v, wanted sides that are multiples of %d", x, o.Side)
	}
	return Shape{x.C * o.Side * o.Side, x.H / o.Side, x.W / o.Side}, nil
}

func (o PixelShuffle) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if o.Side < 1 || o.Side > maxPatch || x.C%(o.Side*o.Side) != 0 {
		return Shape{}, opShapeError(o, "operand %v, wanted channels in blocks of %dx%d",
			x, o.Side, o.Side)
	}
	return Shape{x.C / (o.Side * o.Side), x.H * o.Side, x.W * o.Side}, nil
}
