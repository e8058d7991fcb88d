package lower

import (
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// emitPointwise makes the step of an element-wise operation that no product took with
// it.
func (c *compiler) emitPointwise(i int) error {
	op := c.g.Ops[i]
	switch o := op.(type) {
	case model.Act:
		act, err := activation(o, o.Fn)
		if err != nil {
			return err
		}
		return c.pointwise(op, i, o.X, model.NoTensor, netkernels.Pointwise{Op: netkernels.Activate, Act: act})
	case model.Affine:
		return c.pointwise(op, i, o.X, model.NoTensor, netkernels.Pointwise{Op: netkernels.Affine, Mul: o.Mul, Add: o.Add})
	case model.Add:
		if m, ok := c.scaled[i]; ok {
			return c.addScaled(o, i, m)
		}
		return c.pointwise(op, i, o.A, o.B, netkernels.Pointwise{Op: netkernels.Sum, Add: o.Div})
	case model.AddChannel:
		return c.pointwise(op, i, o.X, o.V, netkernels.Pointwise{Op: netkernels.AddRow})
	case model.DivRow:
		if !c.isTime(o.T) {
			return errorf(o.Kind(), o.Name, "a divisor that is not the time is not supported")
		}
		return c.pointwise(op, i, o.X, o.T, netkernels.Pointwise{Op: netkernels.DivRow})
	}
	return errorf(op.Kind(), op.Label(), "has no GPU implementation")
}

// isTime says whether a tensor is the time of the rows, which is in the caller's memory.
func (c *compiler) isTime(id model.TensorID) bool {
	for _, in := range c.g.Inputs {
		if in.Tensor == id {
			return in.Kind == model.InputTimestep
		}
	}
	return false
}

// pointwise completes an element-wise step: its second operand b is a tensor, the time,
// or none.
func (c *compiler) pointwise(op model.Op, i int, from, b model.TensorID, k netkernels.Pointwise) error {
	x, y := c.read(from), c.write(op.Writes())
	k.Type, k.Rows, k.RowsPerImage, k.Channels = kernelType(c.Type), c.pixels(x), x.shape.H*x.shape.W, x.shape.C
	reads := []Ref{c.ref(x)}
	var second view
	switch {
	case k.Op == netkernels.DivRow:
		reads = append(reads, Ref{Region: Timestep})
	case b != model.NoTensor:
		second = c.read(b)
		reads = append(reads, c.ref(second))
	}
	return c.kernel(op.Label(), i, reads, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		o := k
		o.X, o.Y = c.tensor(x, at), c.tensor(y, at)
		switch {
		case o.Op == netkernels.DivRow:
			o.T = at(Ref{Region: Timestep})
		case b != model.NoTensor:
			o.B = c.tensor(second, at)
		}
		return o
	})
}

// copyChannels copies an operand of a concatenation that could not be written into place.
func (c *compiler) copyChannels(name string, x, y view) error {
	return c.copyPixels(name, x, c.ref(y), y.stride)
}

// copyTo copies a tensor to somewhere without gaps.
func (c *compiler) copyTo(name string, x view, to Ref) error {
	return c.copyPixels(name, x, to, x.shape.C)
}

func (c *compiler) copyPixels(name string, x view, to Ref, stride int) error {
	return c.kernel(name, -1, []Ref{c.ref(x)}, []Ref{to}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Pointwise{Type: kernelType(c.Type), Op: netkernels.Copy, Rows: c.pixels(x),
			RowsPerImage: x.shape.H * x.shape.W, Channels: x.shape.C, X: c.tensor(x, at),
			Y: netkernels.Tensor{At: at(to), Stride: stride}}
	})
}
