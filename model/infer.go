package model

import (
	"fmt"
	"slices"
)

// Shape is the size of one row of a tensor: [C, H, W]. A vector has H = W = 1.
type Shape struct{ C, H, W int }

// Len is the number of elements of one row.
func (s Shape) Len() int { return s.C * s.H * s.W }

// String formats the shape as CxHxW.
func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.C, s.H, s.W) }

// maxSide bounds height, width and channels of a tensor, so that no product of them
// overflows and no hostile file makes a run take all memory.
const (
	maxSide     = 1 << 14
	maxChannels = 1 << 20
)

// Size is what the shapes depend on beside the graph: height and width of the sample,
// and the number of tokens of [InputContext] (without one, Tokens has no effect).
type Size struct{ H, W, Tokens int }

// DefaultTokens is the length of the texts that CLIP's encoders give (Radford et al.,
// 2021, arXiv:2103.00020).
const DefaultTokens = 77

// Shapes is [Graph.ShapesAt] for images of h x w and [DefaultTokens].
func (g *Graph) Shapes(h, w int) ([]Shape, error) {
	return g.ShapesAt(Size{h, w, DefaultTokens})
}

// ShapesAt returns the shape of every tensor for a size, indexed by [TensorID].
// Operands that do not fit together give a [*ShapeError].
func (g *Graph) ShapesAt(size Size) ([]Shape, error) {
	shapes, err := g.inputShapes(size)
	if err != nil {
		return nil, err
	}
	like := g.residuals()
	at := func(id TensorID) Shape {
		if of, ok := like[id]; ok {
			return shapes[of]
		}
		return shapes[id]
	}
	for _, op := range g.Ops {
		s, err := op.infer(at)
		if err != nil {
			return nil, err
		}
		if s.C < 1 || s.H < 1 || s.W < 1 || s.C > maxChannels || s.H > maxSide || s.W > maxSide {
			return nil, opShapeError(op, "the result would be %v", s)
		}
		shapes[op.Writes()] = s
	}
	for id, of := range like {
		shapes[id] = shapes[of]
	}
	return shapes, nil
}

// Validate checks that every tensor is written once and before it is read, that ids
// are within range, that weights have the shape their operations need, and that only
// operations that take integers read them. The error is a [*GraphError].
func (g *Graph) Validate() error {
	written := make([]bool, len(g.Tensors))
	write := func(who string, id TensorID) error {
		if id < 0 || int(id) >= len(g.Tensors) {
			return graphErrorf(who, "tensor %d does not exist", id)
		}
		if written[id] {
			return graphErrorf(who, "tensor %d (%s) is written twice", id, g.Tensors[id].Name)
		}
		written[id] = true
		return nil
	}
	for _, in := range g.Inputs {
		who := "input " + in.Kind.String()
		if err := write(who, in.Tensor); err != nil {
			return err
		}
		if in.Kind == InputResidual && (in.Like < 0 || int(in.Like) >= len(g.Tensors) || in.Like == in.Tensor) {
			return graphErrorf(who, "has the shape of tensor %d, which does not exist", in.Like)
		}
		if in.Kind.integer() != (g.Tensors[in.Tensor].Type == Int64) {
			return &GraphError{who, "has the wrong element type; classes and tokens are Int64, all else Float32"}
		}
	}
	inputs := slices.Clone(written)
	for _, op := range g.Ops {
		who := op.Kind() + " " + op.Label()
		for _, id := range op.Reads() {
			if id < 0 || int(id) >= len(g.Tensors) || !written[id] {
				return graphErrorf(who, "reads tensor %d before it is written", id)
			}
			if err := checkType(who, op, id, g.Tensors[id].Type); err != nil {
				return err
			}
		}
		if err := g.checkParams(who, op); err != nil {
			return err
		}
		if err := write(who, op.Writes()); err != nil {
			return err
		}
		if g.Tensors[op.Writes()].Type != Float32 {
			return &GraphError{who, "writes a tensor that is not Float32"}
		}
	}
	if len(g.Outputs) == 0 {
		return &GraphError{"", "no output"}
	}
	for _, id := range g.Outputs {
		if id < 0 || int(id) >= len(g.Tensors) || !written[id] {
			return graphErrorf("", "output tensor %d is never written", id)
		}
		if inputs[id] {
			return graphErrorf("", "output tensor %d is an input", id)
		}
	}
	return nil
}

// checkType refuses operands of a type that the operation does not take.
func checkType(who string, op Op, id TensorID, t ValType) error {
	switch o := op.(type) {
	case TimestepEmbedding, FourierEmbedding:
		return nil
	case Lookup:
		if t != Int64 {
			return &GraphError{who, "reads a class that is not Int64"}
		}
		return nil
	case TokenEmbedding:
		if t != Int64 {
			return &GraphError{who, "reads tokens that are not Int64"}
		}
		return nil
	case SelectToken:
		if id == o.Index {
			if t != Int64 || o.Index == o.X {
				return &GraphError{who, "reads an index that is not Int64"}
			}
			return nil
		}
	case T5Embedding, T5Attention:
		return checkT5Type(who, op, id, t)
	}
	if t != Float32 {
		return &GraphError{who, "reads integers"}
	}
	return nil
}

func (g *Graph) checkParams(who string, op Op) error {
	for _, u := range op.params() {
		if u.id < 0 || int(u.id) >= len(g.Params) {
			return graphErrorf(who, "weight %d does not exist", u.id)
		}
		p := g.Params[u.id]
		want := u.shape
		if len(p.Shape) == 2 && len(want) == 4 && want[2] == 1 && want[3] == 1 {
			want = want[:2] // a linear layer used as a 1x1 convolution
		}
		if !slices.Equal(want, p.Shape) {
			return graphErrorf(who, "weight %s is %v, the operation needs %v",
				p.Name, p.Shape, u.shape)
		}
	}
	return nil
}

func opShapeError(op Op, format string, args ...any) error {
	return shapeErrorf(op.Kind()+" "+op.Label(), format, args...)
}

func (o Conv2D) infer(in func(TensorID) Shape) (Shape, error) {
	x, s := in(o.X), o.Shape
	if s.Stride < 1 || s.KH < 1 || s.KW < 1 {
		return Shape{}, opShapeError(o, "kernel %dx%d stride %d", s.KH, s.KW, s.Stride)
	}
	h := x.H + s.PadT + s.PadB - s.KH
	w := x.W + s.PadL + s.PadR - s.KW
	if x.C != s.InC || h < 0 || w < 0 {
		return Shape{}, opShapeError(o, "operand %v does not fit a kernel of %d channels, %dx%d",
			x, s.InC, s.KH, s.KW)
	}
	return Shape{s.OutC, h/s.Stride + 1, w/s.Stride + 1}, nil
}

func (o Linear) infer(in func(TensorID) Shape) (Shape, error) {
	if x := in(o.X); x != (Shape{o.InF, 1, 1}) {
		return Shape{}, opShapeError(o, "operand %v, wanted a vector of %d", x, o.InF)
	}
	return Shape{o.OutF, 1, 1}, nil
}

func (o GroupNorm) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if x.C != o.Channels || o.Groups < 1 || x.C%o.Groups != 0 {
		return Shape{}, opShapeError(o, "operand %v, wanted %d channels in %d groups",
			x, o.Channels, o.Groups)
	}
	if o.ScaleShift != NoTensor {
		if v := in(o.ScaleShift); v != (Shape{2 * x.C, 1, 1}) {
			return Shape{}, opShapeError(o, "scale and shift %v, wanted a vector of %d", v, 2*x.C)
		}
	}
	return x, nil
}

func (o Act) infer(in func(TensorID) Shape) (Shape, error) { return in(o.X), nil }

func (o Affine) infer(in func(TensorID) Shape) (Shape, error) { return in(o.X), nil }

func (o Add) infer(in func(TensorID) Shape) (Shape, error) {
	a, b := in(o.A), in(o.B)
	if a != b {
		return Shape{}, opShapeError(o, "operands %v and %v differ", a, b)
	}
	return a, nil
}

func (o AddChannel) infer(in func(TensorID) Shape) (Shape, error) {
	x, v := in(o.X), in(o.V)
	if v != (Shape{x.C, 1, 1}) {
		return Shape{}, opShapeError(o, "vector %v does not fit %v", v, x)
	}
	return x, nil
}

func (o Concat) infer(in func(TensorID) Shape) (Shape, error) {
	a, b := in(o.A), in(o.B)
	if a.H != b.H || a.W != b.W {
		return Shape{}, opShapeError(o, "%v and %v differ in size; "+
			"the image's height and width must divide evenly at every level", a, b)
	}
	return Shape{a.C + b.C, a.H, a.W}, nil
}

func (o Attention) infer(in func(TensorID) Shape) (Shape, error) {
	q, k, v := in(o.Q), in(o.K), in(o.V)
	if k != v || q.C != k.C || o.Heads < 1 || q.C%o.Heads != 0 {
		return Shape{}, opShapeError(o, "q %v, k %v, v %v with %d heads", q, k, v, o.Heads)
	}
	if o.Causal && q != k {
		return Shape{}, opShapeError(o, "causal, but q is %v and k %v", q, k)
	}
	return q, nil
}

func (o Resample) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	switch o.Mode {
	case UpNearest, UpFIR:
		return Shape{x.C, 2 * x.H, 2 * x.W}, nil
	case DownMean:
		return Shape{x.C, x.H / 2, x.W / 2}, nil
	case DownFIR: // (H + pads 1 + 1 - 4)/2 + 1, as upfirdn2d counts
		if x.H < 2 || x.W < 2 {
			break
		}
		return Shape{x.C, (x.H-2)/2 + 1, (x.W-2)/2 + 1}, nil
	}
	return Shape{}, opShapeError(o, "%v cannot be resampled (%v)", x, o.Mode)
}

func (o TimestepEmbedding) infer(in func(TensorID) Shape) (Shape, error) {
	t := in(o.T)
	if t.H != 1 || t.W != 1 || t.C > maxChannels/max(1, o.Dim) {
		return Shape{}, opShapeError(o, "time is %v, wanted a number a row, or a vector", t)
	}
	return Shape{t.C * o.Dim, 1, 1}, nil
}

func (o FourierEmbedding) infer(in func(TensorID) Shape) (Shape, error) {
	if t := in(o.T); t.Len() != 1 {
		return Shape{}, opShapeError(o, "time is %v, wanted one number a row", t)
	}
	return Shape{2 * o.Dim, 1, 1}, nil
}

func (o Lookup) infer(in func(TensorID) Shape) (Shape, error) {
	if c := in(o.Class); c.Len() != 1 {
		return Shape{}, opShapeError(o, "class is %v, wanted one number a row", c)
	}
	return Shape{o.Dim, 1, 1}, nil
}

func (o DivRow) infer(in func(TensorID) Shape) (Shape, error) {
	if t := in(o.T); t.Len() != 1 {
		return Shape{}, opShapeError(o, "divisor is %v, wanted one number a row", t)
	}
	return in(o.X), nil
}
