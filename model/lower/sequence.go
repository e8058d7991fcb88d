package lower

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// The operations of transformers over sequences of image and text.

// headed are norm and rotation of heads, which are done on the way to where their result goes.
type headed struct {
	from   model.TensorID
	norm   *model.HeadRMSNorm
	rotary *model.Rotary
	layers []int
}

// findHeads gives norms and rotations of heads to the operation that alone reads them, if it moves tokens itself.
func (c *compiler) findHeads() {
	give := func(id model.TensorID, to int) {
		w := c.writer[id]
		if next, ok := c.only(id); !ok || next != to || w < 0 {
			return
		}
		switch o := c.g.Ops[w].(type) {
		case model.HeadRMSNorm:
			r, turned := c.g.Ops[to].(model.Rotary)
			c.inside[w] = !turned || r.Heads == o.Heads
		case model.Rotary:
			_, c.inside[w] = c.g.Ops[to].(model.JoinTokens)
		}
	}
	for i, op := range c.g.Ops {
		switch o := op.(type) {
		case model.Rotary:
			give(o.X, i)
		case model.JoinTokens:
			give(o.A, i)
			give(o.B, i)
		}
	}
}

// heads is what becomes a tensor on its way.
func (c *compiler) heads(id model.TensorID) headed {
	h := headed{from: id}
	for w := c.writer[id]; w >= 0 && c.inside[w]; w = c.writer[h.from] {
		switch o := c.g.Ops[w].(type) {
		case model.Rotary:
			h.rotary, h.from = &o, o.X
		case model.HeadRMSNorm:
			h.norm, h.from = &o, o.X // of as many heads as the rotation, see findHeads
		default:
			return h
		}
		h.layers = append(h.layers, w)
	}
	return h
}

// moveTokens appends the step that brings tokens `first`.. of the result of h to rows from `at` on of the images of y,
// with what h says. layer is the operation, -1 for none.
func (c *compiler) moveTokens(name string, layer int, h headed, first, tokens int, y view, at int) error {
	x := c.read(h.from)
	k := netkernels.HeadNorm{Type: kernelType(c.Type), Images: c.Rows, Tokens: tokens, Heads: 1, Dim: x.shape.C,
		XTokens: x.shape.H * x.shape.W, YTokens: y.shape.H * y.shape.W, Norm: h.norm != nil, Turn: h.rotary != nil}
	from, to := c.rowRef(x, first), c.rowRef(y, at)
	reads := []Ref{from}
	var gamma, angles Ref
	if h.norm != nil {
		k.Heads, k.Eps = h.norm.Heads, h.norm.Eps
		gamma = c.weight(h.norm.Name+".weight", cudnn.Float32, c.plain(h.norm.Gamma))
		reads = append(reads, gamma)
	}
	if h.rotary != nil {
		grid := c.shapes[h.rotary.Like]
		k.Heads, k.Still = h.rotary.Heads, tokens-grid.H*grid.W
		angles = c.angles(*h.rotary)
		reads = append(reads, angles)
	}
	k.Dim /= k.Heads
	err := c.kernel(name, layer, reads, []Ref{to}, func(at locator, _ uint64) netkernels.Op {
		o := k
		o.X, o.Y = netkernels.Tensor{At: at(from), Stride: x.stride}, netkernels.Tensor{At: at(to), Stride: y.stride}
		if o.Norm {
			o.Gamma = at(gamma)
		}
		if o.Turn {
			o.Angles = at(angles)
		}
		return o
	})
	if err == nil {
		s := &c.program.Steps[len(c.program.Steps)-1]
		s.layers = append(s.layers, h.layers...)
	}
	return err
}

// rowRef is the address of a pixel of a view's first image.
func (c *compiler) rowRef(v view, pixel int) Ref {
	v.off += pixel * v.stride
	return c.ref(v)
}

// angles are the cosines and sines of a rotation, which layers share.
func (c *compiler) angles(o model.Rotary) Ref {
	grid := c.shapes[o.Like]
	key := fmt.Sprint(grid, o.Axes, o.Theta)
	b, ok := c.turns[key]
	if !ok {
		n := grid.H * grid.W * c.shapes[o.X].C / o.Heads
		b = c.table(fmt.Sprintf("angles of %v", grid), n, cudnn.Float32, func(dst []byte) {
			Store(cudnn.Float32, dst, o.Angles(grid.H, grid.W))
		})
		c.turns[key] = b
	}
	return Ref{Region: Arena, Index: b}
}

func (c *compiler) headRMSNorm(o model.HeadRMSNorm, i int) error {
	x, y := c.shapes[o.X], c.write(o.Y)
	return c.moveTokens(o.Name, i, headed{from: o.X, norm: &o}, 0, x.H*x.W, y, 0)
}

func (c *compiler) rotary(o model.Rotary, i int) error {
	h, x, y := c.heads(o.X), c.shapes[o.X], c.write(o.Y)
	h.rotary = &o
	return c.moveTokens(o.Name, i, h, 0, x.H*x.W, y, 0)
}

// joinTokens brings both operands into place.
func (c *compiler) joinTokens(o model.JoinTokens, i int) error {
	y, at := c.write(o.Y), 0
	for _, id := range []model.TensorID{o.A, o.B} {
		tokens := c.shapes[id].H * c.shapes[id].W
		if err := c.moveTokens(o.Name, i, c.heads(id), 0, tokens, y, at); err != nil {
			return err
		}
		at, i = tokens, -1 // one of the steps does the operation
	}
	return nil
}

func (c *compiler) takeTokens(o model.TakeTokens, i int) error {
	x, y := c.shapes[o.X], c.write(o.Y)
	tokens, first := y.shape.H*y.shape.W, 0
	if o.End {
		first = x.H*x.W - tokens
	}
	return c.moveTokens(o.Name, i, headed{from: o.X}, first, tokens, y, 0)
}

// croppedPositions adds the middle of a table, which is taken out once: rows of a grid are sequences of its columns.
func (c *compiler) croppedPositions(o model.CroppedPositions, i int) error {
	x := c.shapes[o.X]
	table := c.weight(o.Name, c.Type, c.plain(o.Table))
	middle := Ref{Region: Arena, Index: c.rawBuffer(o.Name+" positions", int64(x.Len())*c.Type.Size())}
	from := table
	from.Offset = int64(((o.Side-x.H)/2*o.Side+(o.Side-x.W)/2)*x.C) * c.Type.Size()
	err := c.kernel(o.Name+" positions", -1, []Ref{from}, []Ref{middle}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.HeadNorm{Type: kernelType(c.Type), Images: x.H, Tokens: x.W, XTokens: o.Side, YTokens: x.W, Heads: 1,
			Dim: x.C, X: netkernels.Tensor{At: at(from), Stride: x.C}, Y: netkernels.Tensor{At: at(middle), Stride: x.C}}
	})
	if err != nil {
		return err
	}
	return c.addImage(o.Name, i, o.X, o.Y, middle)
}

// shuffle makes channels of pixels, in torch's order, or back.
func (c *compiler) shuffle(name string, i int, from, to model.TensorID, side int, back bool) error {
	x, y := c.read(from), c.write(to)
	blocks, pixels := y, x
	if back {
		blocks, pixels = x, y
	}
	return c.kernel(name, i, []Ref{c.ref(x)}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Shuffle{Type: kernelType(c.Type), Back: back, ChannelsFirst: true, Images: c.Rows, H: blocks.shape.H,
			W: blocks.shape.W, Side: side, Channels: pixels.shape.C, X: c.tensor(x, at), Y: c.tensor(y, at)}
	})
}

// emitSequence makes the step of an operation on sequences, or an element-wise one.
func (c *compiler) emitSequence(i int) error {
	switch o := c.g.Ops[i].(type) {
	case model.HeadRMSNorm:
		return c.headRMSNorm(o, i)
	case model.Rotary:
		return c.rotary(o, i)
	case model.JoinTokens:
		return c.joinTokens(o, i)
	case model.TakeTokens:
		return c.takeTokens(o, i)
	case model.CroppedPositions:
		return c.croppedPositions(o, i)
	case model.PixelUnshuffle:
		return c.shuffle(o.Name, i, o.X, o.Y, o.Side, false)
	case model.PixelShuffle:
		return c.shuffle(o.Name, i, o.X, o.Y, o.Side, true)
	}
	return c.emitPointwise(i)
}
