package lower

import (
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// The operations of transformers over patches.

// part is channels of a view: part i of parts of n.
func (v view) part(i, n int) view {
	v.off += i * n
	v.shape.C = n
	return v
}

func (c *compiler) adaLayerNorm(o model.AdaLayerNorm, i int) error {
	x, y, v := c.read(o.X), c.write(o.Y), c.read(o.V)
	scale, shift := v.part(o.Scale, o.Channels), v.part(o.Shift, o.Channels)
	return c.kernel(o.Name, i, []Ref{c.ref(x), c.ref(scale), c.ref(shift)}, []Ref{c.ref(y)},
		func(at locator, _ uint64) netkernels.Op {
			return netkernels.AdaLayerNorm{Type: kernelType(c.Type), Rows: c.pixels(x), RowsPerImage: x.shape.H * x.shape.W,
				Channels: o.Channels, Eps: o.Eps, X: c.tensor(x, at), Y: c.tensor(y, at), Scale: c.tensor(scale, at),
				Shift: c.tensor(shift, at)}
		})
}

func (c *compiler) gatedAdd(o model.GatedAdd, i int) error {
	a, b, y := c.read(o.A), c.read(o.B), c.write(o.Y)
	gate := c.read(o.V).part(o.Gate, a.shape.C)
	return c.kernel(o.Name, i, []Ref{c.ref(a), c.ref(b), c.ref(gate)}, []Ref{c.ref(y)},
		func(at locator, _ uint64) netkernels.Op {
			return netkernels.Pointwise{Type: kernelType(c.Type), Op: netkernels.Gate, Rows: c.pixels(a),
				RowsPerImage: a.shape.H * a.shape.W, Channels: a.shape.C, X: c.tensor(a, at), B: c.tensor(b, at),
				G: c.tensor(gate, at), Y: c.tensor(y, at)}
		})
}

// gridPositions adds positions that follow from the size.
func (c *compiler) gridPositions(o model.GridPositions, i int) error {
	shape := c.shapes[o.X]
	table := c.table(o.Name+" positions", shape.Len(), c.Type, func(dst []byte) {
		Store(c.Type, dst, channelsLast(o.Positions(shape), shape))
	})
	return c.addImage(o.Name, i, o.X, o.Y, Ref{Region: Arena, Index: table})
}

// channelsLast is [C, H, W] as rows of pixels.
func channelsLast(x []float32, s model.Shape) []float32 {
	y, pixels := make([]float32, len(x)), s.H*s.W
	for c := range s.C {
		for p := range pixels {
			y[p*s.C+c] = x[c*pixels+p]
		}
	}
	return y
}

// addImage adds one image, without gaps, to all.
func (c *compiler) addImage(name string, i int, from, to model.TensorID, image Ref) error {
	x, y := c.read(from), c.write(to)
	return c.kernel(name, i, []Ref{c.ref(x), image}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Pointwise{Type: kernelType(c.Type), Op: netkernels.AddImage, Rows: c.pixels(x),
			RowsPerImage: x.shape.H * x.shape.W, Channels: x.shape.C, X: c.tensor(x, at), Y: c.tensor(y, at),
			B: netkernels.Tensor{At: at(image), Stride: x.shape.C}}
	})
}

func (c *compiler) unpatchify(o model.Unpatchify, i int) error {
	x, y := c.read(o.X), c.write(o.Y)
	return c.kernel(o.Name, i, []Ref{c.ref(x)}, []Ref{c.ref(y)}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Shuffle{Type: kernelType(c.Type), Back: true, Images: c.Rows, H: x.shape.H, W: x.shape.W,
			Side: o.Patch, Channels: y.shape.C, X: c.tensor(x, at), Y: c.tensor(y, at)}
	})
}

// addTable adds a table to a vector: at once, or part by part where one vector serves for all.
func (c *compiler) addTable(o model.AddTable, i int) error {
	x, y := c.read(o.X), c.write(o.Y)
	table := c.weight(o.Name, c.Type, c.plain(o.Table))
	if x.shape.C == y.shape.C {
		return c.addImage(o.Name, i, o.X, o.Y, table)
	}
	for p := range o.Parts {
		to, row := y.part(p, o.Channels), table
		row.Offset = int64(p*o.Channels) * c.Type.Size()
		err := c.kernel(o.Name, i, []Ref{c.ref(x), row}, []Ref{c.ref(to)}, func(at locator, _ uint64) netkernels.Op {
			return netkernels.Pointwise{Type: kernelType(c.Type), Op: netkernels.AddImage, Rows: c.Rows, RowsPerImage: 1,
				Channels: o.Channels, X: c.tensor(x, at), Y: c.tensor(to, at),
				B: netkernels.Tensor{At: at(row), Stride: o.Channels}}
		})
		if err != nil {
			return err
		}
		i = -1 // one of the steps does the operation
	}
	return nil
}

// takeChannel takes a number of each row out of those that are embedded as times are, in float32 as these.
func (c *compiler) takeChannel(o model.TakeChannel, i int) error {
	from, err := c.numbers(o, o.X)
	if err != nil {
		return err
	}
	k := c.shapes[o.X].C
	from.Offset += int64(o.Index) * cudnn.Float32.Size()
	b := c.rawBuffer(o.Name, int64(c.Rows)*cudnn.Float32.Size())
	to := Ref{Region: Arena, Index: b}
	c.views[o.Y].buffer, c.floats[o.Y] = b, true
	return c.kernel(o.Name, i, []Ref{from}, []Ref{to}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Pointwise{Type: netkernels.Float32, Op: netkernels.Copy, Rows: c.Rows, RowsPerImage: 1, Channels: 1,
			X: netkernels.Tensor{At: at(from), Stride: k}, Y: netkernels.Tensor{At: at(to), Stride: 1}}
	})
}
