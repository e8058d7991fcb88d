package lower

import (
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// The results of a ControlNet: times a number of the row, added to those of a U-Net.

// findScaled gives the product with a number of the row to the sum that alone reads it.
func (c *compiler) findScaled() {
	for i, op := range c.g.Ops {
		mul, ok := op.(model.MulRow)
		if !ok {
			continue
		}
		next, ok := c.only(mul.Y)
		if !ok {
			continue
		}
		sum, ok := c.g.Ops[next].(model.Add)
		if _, taken := c.scaled[next]; ok && !taken && sum.Div == 1 && sum.A != sum.B {
			c.scaled[next], c.inside[i] = i, true
		}
	}
}

// addScaled makes the one step of a sum and of the product with a number of the row before it: what a gate of the same
// number in all channels does.
func (c *compiler) addScaled(o model.Add, i, before int) error {
	mul := c.g.Ops[before].(model.MulRow)
	to := o.A
	if to == mul.Y {
		to = o.B
	}
	a, b, y := c.read(to), c.read(mul.X), c.write(o.Y)
	factor, err := c.factor(mul, a.shape.C)
	if err != nil {
		return err
	}
	err = c.kernel(mul.Name, i, []Ref{c.ref(a), c.ref(b), factor}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Pointwise{Type: kernelType(c.Type), Op: netkernels.Gate, Rows: c.pixels(a),
			RowsPerImage: a.shape.H * a.shape.W, Channels: a.shape.C, X: c.tensor(a, at), B: c.tensor(b, at),
			G: netkernels.Tensor{At: at(factor), Stride: a.shape.C}, Y: c.tensor(y, at)}
	})
	if err == nil {
		c.program.Steps[len(c.program.Steps)-1].layers = []int{before, i}
	}
	return err
}

// factor makes the place of a number of the row as a vector of channels.
func (c *compiler) factor(o model.MulRow, channels int) (Ref, error) {
	for _, in := range c.g.Inputs {
		if in.Tensor == o.T && in.Kind == model.InputControlScale {
			b := c.buffer(o.Name, 1, channels)
			c.program.Inputs = append(c.program.Inputs, Input{Kind: in.Kind, Buffer: b, Length: in.Channels, Index: o.Index,
				Repeat: channels})
			return Ref{Region: Arena, Index: b}, nil
		}
	}
	return Ref{}, errorf(o.Kind(), o.Name, "a factor that is not of a ControlNet's results is not supported")
}
