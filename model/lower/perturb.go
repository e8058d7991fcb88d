package lower

import (
	"slices"

	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// checkPerturbed refuses rows that are not there or not in order, and tensors of which one cannot stand for the other.
func (o Options) checkPerturbed(g *model.Graph, shapes []model.Shape) error {
	last := -1
	for _, row := range o.Perturbed {
		if row <= last || row >= o.Rows {
			return errorf("", "", "perturbed row %d: want rows of 0..%d, in order", row, o.Rows-1)
		}
		last = row
	}
	for _, r := range o.Replace {
		if n := model.TensorID(len(shapes)); r.X < 0 || r.Y < 0 || r.X >= n || r.Y >= n || shapes[r.X] != shapes[r.Y] {
			return errorf("", "", "tensor %d in the place of %d: want two of one shape", r.X, r.Y)
		}
		if !slices.ContainsFunc(g.Ops, func(op model.Op) bool { return op.Writes() == r.Y }) {
			return errorf("", "", "tensor %d in the place of %d, which no operation writes", r.X, r.Y)
		}
	}
	return nil
}

// replace copies, after operation i, what stands for its result in perturbed rows: a launch for each run of such rows.
func (c *compiler) replace(i int) error {
	y := c.g.Ops[i].Writes()
	for _, r := range c.Replace {
		if r.Y != y || len(c.Perturbed) == 0 {
			continue
		}
		if c.inside[i] {
			return errorf(c.g.Ops[i].Kind(), c.g.Ops[i].Label(), "is computed with what follows it, and cannot be replaced")
		}
		from, to := c.read(r.X), c.read(y)
		for rows := c.Perturbed; len(rows) > 0; {
			n := 1
			for n < len(rows) && rows[n] == rows[0]+n {
				n++
			}
			if err := c.copyRows(c.g.Ops[i].Label()+" perturbed", from, to, rows[0], n); err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
	return nil
}

// copyRows copies n rows, of which one may be many pixels.
func (c *compiler) copyRows(name string, from, to view, row, n int) error {
	pixels := from.shape.H * from.shape.W
	at := func(v view) Ref {
		r := c.ref(v)
		r.Offset += int64(row) * int64(pixels*v.stride) * c.Type.Size()
		return r
	}
	x, y := at(from), at(to)
	return c.kernel(name, -1, []Ref{x}, []Ref{y}, func(at locator, _ uint64) netkernels.Op {
		return netkernels.Pointwise{Type: kernelType(c.Type), Op: netkernels.Copy, Rows: n * pixels, RowsPerImage: pixels,
			Channels: from.shape.C, X: netkernels.Tensor{At: at(x), Stride: from.stride},
			Y: netkernels.Tensor{At: at(y), Stride: to.stride}}
	})
}
