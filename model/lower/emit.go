package lower

import "github.com/cudiffuse/cudiffuse/model"

// emit makes the step of an operation, unless another does it.
func (c *compiler) emit(i int) error {
	if ch := c.chains[i]; ch != nil {
		if s := c.siblings[i]; s != nil {
			return c.emitSiblings(s)
		}
		return c.emitChain(ch)
	}
	if c.inside[i] {
		return nil
	}
	switch o := c.g.Ops[i].(type) {
	case model.Concat:
		return c.emitConcat(o)
	case model.Attention:
		return c.emitAttention(o, i)
	case model.SwapAxes:
		c.swapAxes(o)
		return nil
	case model.TokenEmbedding:
		return c.embedded(o)
	}
	return c.emitKernel(i)
}

// emitConcat copies the operands that were not written into place.
func (c *compiler) emitConcat(o model.Concat) error {
	y, off := c.write(o.Y), 0
	for _, id := range []model.TensorID{o.A, o.B} {
		x := c.read(id)
		to := y
		to.off, to.shape = y.off+off, x.shape
		if x.buffer != to.buffer || x.off != to.off {
			if err := c.copyChannels(o.Name, x, to); err != nil {
				return err
			}
		}
		off += x.shape.C
	}
	return nil
}

// swapAxes moves nothing: tokens are pixels, and their features are channels last.
func (c *compiler) swapAxes(o model.SwapAxes) {
	x, y := c.read(o.X), c.shapes[o.Y]
	c.views[o.Y] = view{buffer: x.buffer, off: x.off, stride: y.C, shape: y}
}
